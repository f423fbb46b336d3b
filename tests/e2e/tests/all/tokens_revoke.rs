//! `DELETE /api/v1/tokens/{id}` and `POST /api/v1/tokens/revoke`.

use crate::common::{PIPELINES, start_cluster, use_token};
use crate::variants::variant;
use futures_util::future::join_all;
use patrol_support::{
    Response, User, api_request, client, now, registries::change_registries, shared_system,
    wait_until,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

const REVOKE: &str = "/api/v1/tokens/revoke";

#[tokio::test]
async fn revoked_tokens_remain_visible_and_cannot_be_reactivated() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["uns:read"]).await;
    let otto = User::sign_in(&system.url, "otto").await;
    let path = format!("/api/v1/tokens/{}", created.id);
    assert_eq!(
        otto.get(&path).await.outcome(),
        (404, "not-found"),
        "another user's token"
    );
    assert_eq!(otto.revoke(&created.id).await.outcome(), (404, "not-found"));
    let first = ada.revoke(&created.id).await;
    assert_eq!(first.body["status"], "revoked");
    assert!(first.body["effective_at"].is_string());
    assert!(first.body["waited_ms"].is_u64());
    let mut again = ada.revoke(&created.id).await;
    again.body["waited_ms"] = first.body["waited_ms"].clone();
    assert_eq!(
        (again.status, &again.body),
        (200, &first.body),
        "the same response, without the wait"
    );
    let list = ada.get("/api/v1/tokens").await;
    let listed = list.body["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .find(|t| t["id"] == created.id.as_str());
    assert_eq!(listed.unwrap()["status"], "revoked");
    assert_eq!(list.body["limit"], 50);
    let times: Vec<_> = list.body["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["created_at"].to_string())
        .collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "newest first");
}

#[tokio::test]
async fn bulk_revocation_revokes_the_listed_tokens() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let first = ada.create_token(&["pipelines:read"]).await;
    let second = ada.create_token(&["pipelines:read"]).await;
    let other = ada.create_token(&["pipelines:read"]).await;
    for created in [&first, &second, &other] {
        assert_eq!(use_token(&system.url, created).await.status, 200);
    }
    let body = json!({ "ids": [first.id, "none-of-hers", second.id] });
    let response = ada.post(REVOKE, &body).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.body["unknown"], json!(["none-of-hers"]));
    assert!(response.body["effective_at"].is_string() && response.body["waited_ms"].is_u64());
    let tokens = response.body["tokens"].as_array().unwrap();
    let revoked: Vec<_> = tokens.iter().map(|token| &token["id"]).collect();
    assert_eq!(revoked, [&first.id, &second.id]);
    assert!(tokens.iter().all(|token| token["status"] == "revoked"));
    for created in [&first, &second] {
        let response = use_token(&system.url, created).await;
        assert_eq!(response.outcome(), (401, "token-revoked"));
    }
    assert_eq!(use_token(&system.url, &other).await.status, 200);
    let otto = User::sign_in(&system.url, "otto").await;
    let response = otto.post(REVOKE, &json!({ "ids": [other.id] })).await;
    assert_eq!(response.body["unknown"], json!([other.id]), "not his token");
    assert_eq!(use_token(&system.url, &other).await.status, 200);
}

#[tokio::test]
async fn bulk_revocation_revokes_all_tokens_only_on_an_explicit_request() {
    let url = variant("revoke-all").await;
    let ada = User::sign_in(&url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let other = User::sign_in(&url, "otto").await;
    let others = other.create_token(&["pipelines:read"]).await;
    for wrong in [
        json!({}),
        json!({ "ids": [] }),
        json!({ "all": false }),
        json!({ "all": true, "ids": ["x"] }),
        json!({ "ids": "x" }),
    ] {
        let response = ada.post(REVOKE, &wrong).await;
        assert_eq!(response.outcome(), (400, "body-invalid"), "{wrong}");
    }
    assert_eq!(use_token(&url, &created).await.status, 200);
    let response = ada.post(REVOKE, &json!({ "all": true })).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.body["tokens"][0]["id"], created.id.as_str());
    let refused = use_token(&url, &created).await;
    assert_eq!(refused.outcome(), (401, "token-revoked"));
    assert_eq!(use_token(&url, &others).await.status, 200);
    let again = ada.post(REVOKE, &json!({ "all": true })).await;
    assert_eq!(again.body["tokens"], json!([]), "nothing is left to revoke");
    assert_eq!(ada.get("/api/v1/tokens").await.body["active"], 0);
    let get = Response::to(ada.request(Method::GET, REVOKE)).await;
    assert_eq!((get.status, get.header("Allow")), (405, "POST"));
}

#[tokio::test]
async fn second_bulk_revocation_waits_for_the_first_one() {
    let system = shared_system();
    let vic = User::sign_in(&system.url, "vic").await;
    let all = json!({ "all": true });
    let (first, second) = wait_until("both calls wait for one lease", || async {
        let created = vic.create_token(&["pipelines:read"]).await;
        assert_eq!(use_token(&system.url, &created).await.status, 200);
        let (first, second) = tokio::join!(vic.post(REVOKE, &all), vic.post(REVOKE, &all));
        let both = [&first, &second]
            .iter()
            .all(|response| response.body["waited_ms"].as_u64() > Some(0));
        both.then_some((first, second))
    })
    .await;
    let count = |response: &Response| response.body["tokens"].as_array().unwrap().len();
    assert_eq!(
        count(&first) + count(&second),
        1,
        "exactly one of them revoked it"
    );
    assert_eq!(first.body["effective_at"], second.body["effective_at"]);
}

#[tokio::test]
async fn expired_token_can_be_revoked() {
    let mut cluster = start_cluster("expired", &[]).await;
    let ada = User::sign_in(&cluster.management_url(), "ada").await;
    let expired = ada.create_token(&["uns:read"]).await;
    let active = ada.create_token(&["uns:read"]).await;
    let expire = format!(
        "UPDATE tokens SET expires_at = unixepoch() - 86400 WHERE id = '{}'",
        expired.id
    );
    cluster.kill_origin();
    let statements = [
        expire.as_str(),
        // Ada's list is full, and its last token has expired.
        "UPDATE lists SET issued = 131072, retired_at = 1 WHERE EXISTS
            (SELECT * FROM tokens WHERE tokens.list = lists.list AND owner = 'ada')",
    ];
    change_registries(&cluster.objects(), &statements);
    cluster.start_origin().await;

    // One token is in a retired list: the other is revoked all the same.
    let ids = json!({ "ids": [active.id, expired.id] });
    let response = ada.post("/api/v1/tokens/revoke", &ids).await;
    assert_eq!(response.status, 200);
    let tokens = response.body["tokens"].as_array().unwrap();
    let revoked: Vec<_> = tokens.iter().map(|token| &token["status"]).collect();
    assert_eq!(revoked, ["revoked", "revoked"]);
}

#[tokio::test]
async fn revocations_are_rate_limited_but_a_token_can_still_revoke_itself() {
    let base = variant("default").await;
    let ada = User::sign_in(&base, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let unknown = "AAAAAAAAAAAAAAAAAAAAAA";
    let mut refused = None;
    while refused.is_none() {
        let calls = (0..50).map(|_| ada.revoke(unknown));
        for response in join_all(calls).await {
            match response.outcome() {
                (404, "not-found") => {}
                (429, "rate-limited") => refused = Some(response),
                other => panic!("{other:?}"),
            }
        }
    }
    let refused = refused.expect("no limit");
    assert_eq!(
        refused.header("RateLimit-Policy"),
        "\"revocation\";q=1000;w=6000"
    );
    let url = format!("{base}/api/v1/tokens/current");
    let revoked = Response::to(client().delete(url).bearer_auth(&created.token)).await;
    assert_eq!(revoked.status, 200);
}

#[tokio::test]
async fn revocation_without_leases_takes_effect_by_the_announced_time() {
    let url = variant("kv-mode").await;
    let ada = User::sign_in(&url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    wait_until("KV has the list", || async {
        (use_token(&url, &created).await.status == 200).then_some(())
    })
    .await;
    let response = ada.revoke(&created.id).await;
    assert_eq!(response.status, 202);
    assert_eq!(response.body["effective_at"], Value::Null);
    let by = response.body["effective_by"].as_str().unwrap();
    let by = by.parse::<patrol::time::Timestamp>().unwrap().seconds();
    wait_until("the revocation has taken effect", || async {
        // Read before sending: the response to a request in time may come late.
        let sent = now();
        let request = api_request(&url, Method::GET, PIPELINES, &created.token);
        let response = Response::whole(request).await;
        let outcome = response.as_ref().map(Response::outcome);
        if outcome == Some((401, "token-revoked")) {
            return Some(());
        }
        assert!(sent < by, "{outcome:?} after the announced time");
        None
    })
    .await;
    let fresh = ada.create_token(&["pipelines:read"]).await;
    assert_eq!(use_token(&url, &fresh).await.status, 200);
}

#[tokio::test]
async fn edge_refuses_every_request_sent_after_the_revocation_response() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    for _ in 0..5 {
        let created = ada.create_token(&["pipelines:read"]).await;
        let has_response = AtomicBool::new(false);
        let callers = (0..8).map(|_| async {
            let (mut before, mut after) = (0, 0);
            while after < 5 {
                let late = has_response.load(Ordering::SeqCst);
                let request = api_request(&system.url, Method::GET, PIPELINES, &created.token);
                match Response::whole(request)
                    .await
                    .as_ref()
                    .map(Response::outcome)
                {
                    Some((401, "token-revoked")) => {}
                    // The revocation cuts off a body that is on its way.
                    Some((200, _)) | None if !late => {}
                    outcome => panic!("{outcome:?}, late: {late}"),
                }
                before += u32::from(!late);
                after += u32::from(late);
            }
            before
        });
        let revoke = async {
            let response = use_token(&system.url, &created).await;
            assert_eq!(response.status, 200);
            assert_eq!(ada.revoke(&created.id).await.status, 200);
            has_response.store(true, Ordering::SeqCst);
        };
        let (calls, ()) = tokio::join!(join_all(callers), revoke);
        assert!(
            calls.iter().any(|&before| before > 0),
            "no request came before the revocation"
        );
    }
}
