//! Sessions: their life, and where a session or a token is refused.

use crate::common::{PIPELINES, creation, creation_with};
use patrol_support::{Response, User, api_request, client, shared_system};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn session_begins_with_sign_in_and_ends_with_sign_out() {
    let system = shared_system();
    let me = |cookie: &str| {
        client()
            .get(format!("{}/api/v1/me", system.url))
            .header("Cookie", cookie.to_owned())
    };
    let anonymous = Response::to(me("")).await;
    assert_eq!(anonymous.outcome(), (401, "session-required"));
    assert_eq!(
        anonymous.header("WWW-Authenticate"),
        "Bearer realm=\"patrol\"",
        "every 401 has a challenge"
    );
    let sign_in = client()
        .post(format!("{}/.patrol/auth/dev", system.url))
        .json(&json!({ "user": "otto" }));
    let sign_in = Response::to(sign_in).await;
    for attribute in ["HttpOnly", "SameSite=Lax", "Max-Age=43200", "Path=/"] {
        let mut attributes = sign_in.header("Set-Cookie").split("; ");
        assert!(attributes.any(|found| found == attribute), "{attribute}");
    }
    let otto = User::sign_in(&system.url, "otto").await;
    let (name, _) = otto.cookie().split_once('=').unwrap();
    assert_eq!(
        Response::to(me(&format!("{name}=x.y.z"))).await.outcome(),
        (401, "session-required")
    );
    let response = otto.get("/api/v1/me").await;
    assert_eq!(response.body["id"], "otto");
    assert_eq!(response.body["rbac"], true);
    assert_eq!(
        response.body["organizations"][0]["roles"],
        json!(["operator"])
    );
    assert_eq!(response.header("Cache-Control"), "no-store");
    let unknown = client()
        .post(format!("{}/.patrol/auth/dev", system.url))
        .json(&json!({ "user": "eve" }));
    let unknown = Response::to(unknown).await;
    assert_eq!(
        (unknown.outcome(), &unknown.body["field"]),
        ((422, "user-unknown"), &json!("user"))
    );
    let out = Response::to(otto.request(Method::POST, "/.patrol/auth/sign-out")).await;
    assert_eq!(out.status, 200);
    assert!(out.header("Set-Cookie").contains("Max-Age=0"));
    assert!(out.header("Set-Cookie").contains("HttpOnly"));
}

#[tokio::test]
async fn token_cannot_manage_tokens() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["organizations:members"]).await;
    for (method, path) in [
        (Method::GET, "/api/v1/me"),
        (Method::GET, "/api/v1/tokens"),
        (Method::POST, "/api/v1/tokens"),
        (Method::GET, "/api/v1/scopes?organization=acme"),
    ] {
        let response =
            Response::to(api_request(&system.url, method, path, &created.token).json(&creation()))
                .await;
        assert_eq!(response.outcome(), (401, "session-required"), "{path}");
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn session_is_not_a_token_and_a_token_is_not_a_session() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let (name, session) = ada.cookie().split_once('=').unwrap();
    let response = Response::to(api_request(&system.url, Method::GET, PIPELINES, session)).await;
    assert_eq!(response.outcome(), (401, "token-malformed"));
    let jwt = created.token.trim_start_matches("patrol_");
    let me = api_request(&system.url, Method::GET, "/api/v1/me", jwt)
        .header("Cookie", format!("{name}={jwt}"));
    assert_eq!(Response::to(me).await.outcome(), (401, "session-required"));
    // The prefix is optional, so that tokens from any JOSE library work.
    let bare = Response::to(api_request(&system.url, Method::GET, PIPELINES, jwt)).await;
    assert_eq!(bare.status, 200);
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn management_refuses_writes_from_another_site() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let before = ada.get("/api/v1/tokens").await.body["tokens"]
        .as_array()
        .unwrap()
        .len();
    for (name, value) in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        for request in [
            ada.request(Method::POST, "/api/v1/tokens")
                .json(&creation_with("name", json!("Forged"))),
            ada.request(Method::DELETE, "/api/v1/tokens/x"),
            ada.request(Method::POST, "/.patrol/auth/sign-out"),
        ] {
            let response = Response::to(request.header(name, value)).await;
            assert_eq!(
                response.outcome(),
                (403, "origin-forbidden"),
                "{name}: {value}"
            );
        }
    }
    let after = ada.get("/api/v1/tokens").await;
    let forged = |token: &Value| token["name"] == "Forged";
    assert!(!after.body["tokens"].as_array().unwrap().iter().any(forged));
    assert!(after.body["tokens"].as_array().unwrap().len() >= before);
}
