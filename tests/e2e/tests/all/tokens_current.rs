//! `GET` and `DELETE /api/v1/tokens/current`: a token asks about itself.

use crate::common::{authorize, start_cluster};
use patrol::time::Timestamp;
use patrol_support::{Response, User, api_request, client, link::LinkFault, now, shared_system};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn token_reads_and_revokes_itself() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["uns:read"]).await;
    let current =
        |method| client().request(method, format!("{}/api/v1/tokens/current", system.url));
    let own = Response::to(current(Method::GET).bearer_auth(&created.token)).await;
    assert_eq!((own.status, &own.body["id"]), (200, &json!(created.id)));
    assert_eq!(
        Response::to(current(Method::GET)).await.outcome(),
        (401, "token-missing")
    );
    let revoked = Response::to(current(Method::DELETE).bearer_auth(&created.token)).await;
    assert_eq!(
        (revoked.status, &revoked.body["status"]),
        (200, &json!("revoked"))
    );
    let again = Response::to(current(Method::DELETE).bearer_auth(&created.token)).await;
    assert_eq!(again.outcome(), (401, "token-revoked"));
    let after = Response::to(current(Method::GET).bearer_auth(&created.token)).await;
    assert_eq!(after.outcome(), (401, "token-revoked"));
    let used = Response::to(api_request(
        &system.url,
        Method::GET,
        "/api/v1/uns/topics/a",
        &created.token,
    ))
    .await;
    assert_eq!(used.outcome(), (401, "token-revoked"));
}

#[tokio::test]
async fn token_that_asks_about_itself_was_used() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    for (method, path) in [
        (Method::GET, "/api/v1/tokens/current"),
        (Method::HEAD, "/.patrol/api/v1/tokens/current"),
        (Method::DELETE, "/api/v1/tokens/current"),
    ] {
        let created = ada.create_token(&["uns:read"]).await;
        let record = async || {
            ada.get(&format!("/api/v1/tokens/{}", created.id))
                .await
                .body
        };
        assert_eq!(record().await["last_used_at"], Value::Null);
        let request = client().request(method.clone(), format!("{}{path}", system.url));
        let request = request.header("CF-Connecting-IP", "192.0.2.7");
        let own = Response::to(request.bearer_auth(&created.token)).await;
        assert_eq!(own.status, 200, "{method}");
        let record = record().await;
        if method == Method::GET {
            assert_eq!(own.body, record, "it says so itself");
        }
        let used: Timestamp = record["last_used_at"].as_str().unwrap().parse().unwrap();
        assert!(now().abs_diff(used.seconds()) < 60, "{method}");
        assert!(record["last_used_address"].is_string(), "{method}");
        // Once it is revoked, nothing is a use.
        ada.revoke(&created.id).await;
        let request = client().get(format!("{}/api/v1/tokens/current", system.url));
        let refused = Response::to(request.bearer_auth(&created.token)).await;
        assert_eq!(refused.outcome(), (401, "token-revoked"));
    }
}

#[tokio::test]
async fn edge_refuses_a_dead_token_without_asking_the_origin() {
    let cluster = start_cluster("dead-token", &[]).await;
    let ada = User::sign_in(&cluster.management_url(), "ada").await;
    let live = ada.create_token(&["pipelines:read"]).await;
    let dead = ada.create_token(&["pipelines:read"]).await;
    let base = cluster.edge_urls().remove(0);
    assert!(authorize(&base, &dead.token).await.is_success());
    assert_eq!(ada.revoke(&dead.id).await.status, 200);
    let (signed, signature) = live.token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{signed}.{other}{}", &signature[1..]);
    // A request that reaches the link to the origin gets a 502.
    cluster.origin_link.set_fault(LinkFault::Reset);
    for method in [Method::GET, Method::DELETE] {
        for (token, expected) in [
            (dead.token.as_str(), (401, "token-revoked")),
            (&forged, (401, "signature-invalid")),
            ("x", (401, "token-malformed")),
            (&live.token, (502, "origin-unreachable")),
        ] {
            let url = format!("{base}/api/v1/tokens/current");
            let request = client().request(method.clone(), url).bearer_auth(token);
            let response = Response::to(request).await;
            assert_eq!(response.outcome(), expected, "{method}");
        }
    }
    cluster.origin_link.set_fault(LinkFault::None);
    let request = client().get(format!("{base}/api/v1/tokens/current"));
    let own = Response::to(request.bearer_auth(&live.token)).await;
    assert_eq!((own.status, &own.body["id"]), (200, &json!(live.id)));
}
