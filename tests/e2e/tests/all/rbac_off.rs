//! Without RBAC tokens inherit the full access of the account.

use crate::variants::variant;
use patrol_support::{Response, User, api_request};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn tokens_without_rbac_carry_no_scopes_and_need_none() {
    let url = variant("rbac-off").await;
    let vic = User::sign_in(&url, "vic").await;
    assert_eq!(vic.get("/api/v1/me").await.body["rbac"], false);
    let scopes = vic.get("/api/v1/scopes?organization=acme").await;
    assert_eq!(scopes.body, json!({ "rbac": false, "groups": [] }));
    let body = json!({ "name": "x", "organizations": ["acme"], "scopes": ["uns:read"] });
    assert_eq!(vic.create(&body).await.outcome(), (422, "scopes-invalid"));
    let created = vic.create_token(&[]).await;
    assert_eq!(created.response.body["scopes"], Value::Null);
    assert_eq!(created.claims().get("scope"), None);
    let publish = api_request(&url, Method::PUT, "/api/v1/uns/topics/a/b", &created.token);
    let response = Response::to(publish.json(&json!({ "value": 1 }))).await;
    assert!((200..300).contains(&response.status), "{}", response.status);
    let unknown = Response::to(api_request(
        &url,
        Method::GET,
        "/api/v1/secrets",
        &created.token,
    ))
    .await;
    assert_eq!(unknown.outcome(), (403, "route-unknown"));
    vic.revoke(&created.id).await;
    let after = Response::to(api_request(
        &url,
        Method::GET,
        "/api/v1/models",
        &created.token,
    ))
    .await;
    assert_eq!(after.outcome(), (401, "token-revoked"));
}
