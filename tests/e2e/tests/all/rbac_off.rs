//! When RBAC is not enabled, tokens inherit the full access of the account.

use patrol_support::{Answer, System, User, call, system::policy_without_rbac};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn without_rbac_tokens_carry_no_scopes_and_need_none() {
    let policy = policy_without_rbac();
    let system = System::start("rbac-off", &["--policy", policy.to_str().unwrap()]);
    let vic = User::sign_in(&system, "vic").await;
    assert_eq!(vic.get("/api/v1/me").await.body["rbac"], false);
    let scopes = vic.get("/api/v1/scopes?organization=acme").await;
    assert_eq!(scopes.body, json!({ "rbac": false, "groups": [] }));
    let wish = json!({ "name": "x", "organizations": ["acme"], "scopes": ["uns:read"] });
    assert_eq!(vic.create(&wish).await.outcome(), (422, "scopes-invalid"));
    let made = vic.token(&[]).await;
    assert_eq!(made.answer.body["scopes"], Value::Null);
    assert_eq!(made.claims().get("scope"), None);
    let publish = call(&system, Method::PUT, "/api/v1/uns/topics/a/b", &made.token);
    let answer = Answer::to(publish.json(&json!({ "value": 1 }))).await;
    assert!((200..300).contains(&answer.status), "{}", answer.status);
    let unknown = Answer::to(call(&system, Method::GET, "/api/v1/secrets", &made.token)).await;
    assert_eq!(unknown.outcome(), (403, "route-unknown"));
    vic.revoke(&made.id).await;
    let after = Answer::to(call(&system, Method::GET, "/api/v1/models", &made.token)).await;
    assert_eq!(after.outcome(), (401, "token-revoked"));
}
