//! `GET /api/v1/tokens` and `GET /api/v1/tokens/{id}`: when tokens were used, and when they are
//! deleted.

use crate::common::{PIPELINES, change_registries, start_cluster, use_token};
use patrol_support::{
    CreatedToken, Response, User, api_request, client, now, shared_system, wait_until,
};
use reqwest::Method;
use serde_json::Value;

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
    assert_eq!(Response::to(request).await.status, 204);
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
