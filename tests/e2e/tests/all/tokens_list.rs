//! `GET /api/v1/tokens` and `GET /api/v1/tokens/{id}`: pages, when tokens were used, and when they
//! are deleted.

use crate::common::{PIPELINES, creation_with, start_cluster, use_token};
use patrol_support::{
    CreatedToken, Response, User, api_request, client, now,
    registries::{change_registries, many_tokens},
    shared_system, wait_until,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn last_used_is_the_time_of_the_last_authentication() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let unused = ada.create_token(&["pipelines:read"]).await;
    let record = |id: String| {
        let ada = &ada;
        async move { ada.get(&format!("/api/v1/tokens/{id}")).await.body }
    };
    assert_eq!(
        record(created.id.clone()).await["last_used_at"],
        Value::Null
    );
    let before = now();
    assert_eq!(use_token(&system.url, &created).await.status, 200);
    let used = wait_until("the use is in the record", || async {
        let record = record(created.id.clone()).await;
        record["last_used_at"].as_str().map(str::to_owned)
    })
    .await;
    let used = used.parse::<patrol::time::Timestamp>().unwrap().seconds();
    assert!((before..=now()).contains(&used));
    // A refused request counts as a use if the token was valid.
    let forbidden = api_request(
        &system.url,
        Method::PUT,
        "/api/v1/uns/topics/a/b",
        &unused.token,
    );
    assert_eq!(Response::to(forbidden).await.status, 403);
    wait_until("the refused use is in the record", || async {
        let record = record(unused.id.clone()).await;
        record["last_used_at"].as_str().map(|_| ())
    })
    .await;
}

#[tokio::test]
async fn last_used_address_is_the_one_that_the_proxy_forwards() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let request = client()
        .get(format!("{}/.patrol/authorize", system.url))
        .bearer_auth(&created.token)
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Uri", PIPELINES)
        .header("X-Forwarded-For", "198.51.100.1, 192.0.2.7")
        .header("X-Organization-ID", "acme");
    assert_eq!(Response::to(request).await.status, 200);
    wait_until("the address is in the record", || async {
        let record = ada
            .get(&format!("/api/v1/tokens/{}", created.id))
            .await
            .body;
        (record["last_used_address"] == "192.0.2.7").then_some(())
    })
    .await;
}

#[tokio::test]
async fn registry_forgets_tokens_after_400_days_and_never_reuses_their_indices() {
    let mut cluster = start_cluster("forgotten", &[]).await;
    let ada = User::sign_in(&cluster.management_url(), "ada").await;
    let mut created = Vec::new();
    for _ in 0..5 {
        created.push(ada.create_token(&["uns:read"]).await);
    }
    let ids: Vec<_> = created.iter().map(|created| created.id.clone()).collect();
    let set_times = |id: &str, expired: i64, revoked: Option<i64>| {
        let days_ago = |days: i64| format!("unixepoch() - {days} * 86400");
        let revoked = revoked.map_or("NULL".to_owned(), days_ago);
        let expired = days_ago(expired);
        format!(
            "UPDATE tokens SET expires_at = {expired}, revoked_at = {revoked},
                changed = CASE WHEN {revoked} IS NULL THEN NULL ELSE 1 END WHERE id = '{id}'"
        )
    };
    let statements = [
        set_times(&ids[0], 402, None),
        set_times(&ids[1], 100, Some(402)),
        set_times(&ids[2], 398, None),
        // No token lives that long, but if one did, its status would have to stay.
        set_times(&ids[3], -1, Some(402)),
        "UPDATE lists SET version = 1".to_owned(),
    ];
    cluster.kill_origin();
    let statements: Vec<_> = statements.iter().map(String::as_str).collect();
    change_registries(&cluster.objects(), &statements);
    cluster.start_origin().await;
    let left = wait_until("two tokens are forgotten", async || {
        let list = ada.get("/api/v1/tokens").await;
        let tokens = list.body["tokens"].as_array()?.clone();
        (tokens.len() == 3).then_some(tokens)
    })
    .await;
    let left: Vec<_> = left
        .iter()
        .filter_map(|token| token["id"].as_str())
        .collect();
    assert!(ids[2..].iter().all(|id| left.contains(&id.as_str())));
    let idx = |created: &CreatedToken| created.claims()["status"]["status_list"]["idx"].as_u64();
    let new = ada.create_token(&["uns:read"]).await;
    assert!(created.iter().all(|old| idx(old) != idx(&new)));
    let revoked = Response::to(api_request(
        &cluster.edge_urls()[0],
        Method::GET,
        "/api/v1/uns/topics/a",
        &created[3].token,
    ));
    assert_eq!(revoked.await.outcome(), (401, "token-revoked"));
}

/// Reads all pages of a query, and acts after each of them.
async fn pages(user: &User, query: &str, mut between: impl AsyncFnMut(&Value)) -> Vec<Value> {
    let mut tokens = Vec::new();
    let mut after = String::new();
    loop {
        let list = user.get(&format!("/api/v1/tokens?{query}{after}")).await;
        assert_eq!(list.status, 200, "{query}: {}", list.body);
        tokens.extend(list.body["tokens"].as_array().unwrap().clone());
        between(&list.body).await;
        match list.body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return tokens,
        }
    }
}

fn ids(tokens: &[Value]) -> BTreeSet<&str> {
    let ids = tokens.iter().map(|token| token["id"].as_str().unwrap());
    ids.collect()
}

#[tokio::test]
async fn list_of_1000_tokens_comes_in_pages_in_every_order() {
    let mut cluster = start_cluster("many-tokens", &[]).await;
    let ada = User::sign_in(&cluster.management_url(), "ada").await;
    let template = ada.create(&creation_with("name", json!("Template"))).await;
    let otto = User::sign_in(&cluster.management_url(), "otto").await;
    otto.create(&creation_with("name", json!("Of otto"))).await;
    cluster.kill_origin();
    let statements = many_tokens("Template", 999);
    let statements = statements.each_ref().map(String::as_str);
    change_registries(&cluster.objects(), &statements);
    cluster.start_origin().await;

    let first = ada.get("/api/v1/tokens").await;
    assert_eq!(first.body["tokens"].as_array().unwrap().len(), 50);
    assert_eq!(first.body["tokens"][0]["id"], template.body["id"]);
    assert!(first.body.to_string().len() < 20_000, "a page is small");
    for (status, count) in [("active", 50), ("expired", 500), ("revoked", 450)] {
        assert_eq!(first.body[status], count, "{status}");
        let tokens = pages(&ada, &format!("status={status}&limit=200"), async |_| ()).await;
        assert_eq!(ids(&tokens).len(), count);
        assert!(tokens.iter().all(|token| token["status"] == status));
    }

    let key = |column: &str, token: &Value| -> (u64, String) {
        let name = token["name"].as_str().unwrap();
        let number = name
            .strip_prefix("Seeded ")
            .map_or(1_000, |i| i.parse().unwrap());
        let text = |member: &str| token[member].as_str().unwrap_or_default().to_owned();
        match column {
            "name" => (number, String::new()),
            "created" => (0, text("created_at")),
            "last_used" => (0, text("last_used_at")),
            "expires" => (0, text("expires_at")),
            "status" => (0, text("status")),
            _ => (
                token["scopes"].as_array().unwrap().len() as u64,
                String::new(),
            ),
        }
    };
    for column in [
        "name",
        "scopes",
        "created",
        "last_used",
        "expires",
        "status",
    ] {
        for sign in ["", "-"] {
            let query = format!("sort={sign}{column}&limit=200");
            let tokens = pages(&ada, &query, async |_| ()).await;
            assert_eq!(
                (tokens.len(), ids(&tokens).len()),
                (1_000, 1_000),
                "{query}"
            );
            let mut keys: Vec<_> = tokens.iter().map(|token| key(column, token)).collect();
            if sign == "-" {
                keys.reverse();
            }
            assert!(keys.is_sorted(), "{query}");
        }
    }
    let found = pages(&ada, "search=sEEDED%20777", async |_| ()).await;
    assert_eq!(found.len(), 1);

    // Tokens are added and revoked, and expire, while the list is read.
    for sort in [
        "-created", "created", "name", "status", "-status", "-expires",
    ] {
        let before = pages(&ada, "limit=200", async |_| ()).await;
        let mut turn = 0;
        let read = pages(&ada, &format!("sort={sort}&limit=200"), async |page| {
            turn += 1;
            let new = ada
                .create(&creation_with("name", json!(format!("{sort} {turn}"))))
                .await;
            // Makes room for the next one.
            let id = page["tokens"][0]["id"].as_str().unwrap().to_owned();
            let revoked = if new.status == 201 {
                new.body["id"].as_str().unwrap()
            } else {
                &id
            };
            ada.revoke(revoked).await;
        })
        .await;
        let read_ids = ids(&read);
        assert_eq!(read_ids.len(), read.len(), "{sort}: a token came twice");
        assert!(
            read_ids.is_superset(&ids(&before)),
            "{sort}: a token is missing"
        );
    }
}

#[tokio::test]
async fn list_names_an_invalid_parameter() {
    let ada = User::sign_in(&shared_system().url, "ada").await;
    for (query, parameter) in [
        ("limit=201", "limit"),
        ("limit=", "limit"),
        ("status=gone", "status"),
        ("sort=color", "sort"),
        ("after=x", "after"),
        ("sort=name&sort=name", "sort"),
        ("page=2", "page"),
        ("organization=acme", "organization"),
    ] {
        let list = ada.get(&format!("/api/v1/tokens?{query}")).await;
        assert_eq!(list.outcome(), (400, "parameter-invalid"), "{query}");
        assert_eq!(list.body["field"], parameter);
    }
}

#[tokio::test]
async fn cursor_of_another_user_shows_nothing_of_theirs() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    for _ in 0..2 {
        ada.create_token(&["uns:read"]).await;
    }
    let list = ada.get("/api/v1/tokens?limit=1").await.body;
    let next = list["next"].as_str().unwrap();
    let vic = User::sign_in(&system.url, "vic").await;
    let path = format!("/api/v1/tokens?after={next}&limit=200");
    let others = vic.get(&path).await.body;
    let own = ada.get(&path).await.body;
    let (others, own) = (&others["tokens"], &own["tokens"]);
    assert!(ids(others.as_array().unwrap()).is_disjoint(&ids(own.as_array().unwrap())));
}
