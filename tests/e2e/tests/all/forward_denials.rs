//! Requests for the upstream: tokens, organizations and routes that are refused.

use crate::common::{PIPELINES, assert_denied, use_token};
use patrol::{
    jose::signing::SigningKeys,
    time::DAY,
    token::{Claims, claims},
};
use patrol_support::{
    Response, System, User, api_request, client, now, raw_http::send_raw, shared_system,
};
use reqwest::Method;
use serde_json::{Value, json};

/// Signs claims with the key of a system.
fn sign(system: &System, claims: &Value) -> String {
    let keys = SigningKeys::from_jwks(&system.secret("SIGNING_KEYS")).unwrap();
    let claims: Claims = serde_json::from_value(claims.clone()).unwrap();
    claims::issue(&claims, keys.first())
        .unwrap()
        .reveal()
        .to_owned()
}

#[tokio::test]
async fn token_works_until_it_is_revoked() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let good = use_token(&system.url, &created).await;
    assert_eq!(good.status, 200);
    assert!(good.body["pipelines"].as_array().unwrap().len() > 1);
    let publish = api_request(
        &system.url,
        Method::PUT,
        "/api/v1/uns/topics/plant/line/speed",
        &created.token,
    );
    let refused = Response::to(publish.json(&json!({ "value": 1 }))).await;
    assert_denied(
        &refused,
        403,
        "scope-insufficient",
        Some("scope=\"uns:publish\""),
    );
    assert_eq!(ada.revoke(&created.id).await.status, 200);
    let after = use_token(&system.url, &created).await;
    assert_denied(
        &after,
        401,
        "token-revoked",
        Some("error=\"invalid_token\""),
    );
}

#[tokio::test]
async fn edge_refuses_a_request_without_exactly_one_token() {
    let system = shared_system();
    let url = format!("{}{PIPELINES}", system.url);
    let with = |value: &str| client().get(&url).header("Authorization", value);
    let response = Response::to(client().get(&url)).await;
    assert_denied(&response, 401, "token-missing", Some(""));
    assert!(
        !response.header("WWW-Authenticate").contains("error"),
        "RFC 6750, section 3.1"
    );
    let invalid = Some("error=\"invalid_token\"");
    for header in ["Bearer", "Bearer x", "Bearer patrol_a.b.c", "Bearer a b"] {
        assert_denied(
            &Response::to(with(header)).await,
            401,
            "token-malformed",
            invalid,
        );
    }
    // The last is longer than the buffer for the strings of a request usually is.
    for length in [5_000, 40_000] {
        let long = format!("Bearer {}", "a".repeat(length));
        assert_denied(
            &Response::to(with(&long)).await,
            401,
            "token-malformed",
            invalid,
        );
    }
    let twice = with("Bearer x").header("Authorization", "Bearer y");
    let several = Some("error=\"invalid_request\"");
    assert_denied(&Response::to(twice).await, 401, "token-malformed", several);
}

#[tokio::test]
async fn edge_refuses_foreign_expired_and_future_tokens() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let claims = created.claims();
    let changed = |changes: Value| {
        let mut claims = claims.clone();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        sign(system, &claims)
    };
    let (message, signature) = created.token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{message}.{first}{}", &signature[1..]);
    let other = SigningKeys::from_jwks(&SigningKeys::generate(&[9; 32])).unwrap();
    let by_other: Claims = serde_json::from_value(claims.clone()).unwrap();
    let by_other = claims::issue(&by_other, other.first())
        .unwrap()
        .reveal()
        .to_owned();
    let later = now() + 1_000;
    for (token, code) in [
        (changed(json!({})), ""),
        (forged, "signature-invalid"),
        (by_other, "signature-invalid"),
        (
            changed(json!({ "iat": now() - DAY, "nbf": now() - DAY, "exp": now() - 1 })),
            "token-expired",
        ),
        (changed(json!({ "nbf": later })), "token-not-yet-valid"),
        (
            changed(json!({ "iss": "https://other.example" })),
            "token-malformed",
        ),
        (
            changed(json!({ "aud": "https://other.example" })),
            "token-malformed",
        ),
        (
            changed(json!({ "exp": now() + 400 * DAY })),
            "token-malformed",
        ),
        (changed(json!({ "iat": now() + 60 })), ""),
        (
            changed(json!({ "scope": "pipelines:read\r" })),
            "token-malformed",
        ),
        (
            changed(json!({ "scope": "pipelines:read\0" })),
            "token-malformed",
        ),
        (
            changed(json!({ "scope": "pipelines:read\nmodels:read" })),
            "token-malformed",
        ),
    ] {
        let response = Response::to(api_request(&system.url, Method::GET, PIPELINES, &token)).await;
        if code.is_empty() {
            assert_eq!(response.status, 200);
        } else {
            assert_denied(&response, 401, code, Some("error=\"invalid_token\""));
        }
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn edge_refuses_a_token_for_a_list_its_registry_lacks() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    // Signed by our key, but for a list of another user's registry, for one of a registry that does
    // not exist, and for one that Ada's registry lacks.
    for list in [
        "/.patrol/status/5/0",
        "/.patrol/status/99/0",
        "/.patrol/status/14/77",
    ] {
        let mut claims = created.claims();
        claims["status"]["status_list"]["uri"] = json!(format!("{}{list}", system.url));
        let token = sign(system, &claims);
        for _ in 0..3 {
            let response =
                Response::to(api_request(&system.url, Method::GET, PIPELINES, &token)).await;
            assert_denied(&response, 401, "token-malformed", Some("invalid_token"));
        }
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn edge_accepts_only_spaces_around_the_token() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    for (before, behind, status) in [
        (" ", "", 200),
        ("  ", " \t", 200),
        (" \u{c}", "", 401),
        (" ", "\u{c}", 401),
        (" ", "\u{b}", 401),
        ("\t", "", 401),
    ] {
        let headers = format!(
            "Authorization: Bearer{before}{}{behind}\r\nX-Organization-ID: acme\r\n",
            created.token
        );
        let response = send_raw(&system.url, "GET", PIPELINES, &headers).await;
        let found = response.status();
        // The runtime itself refuses some of these.
        let refused = status == 401 && found == 400;
        assert!(found == status || refused, "{before:?} {behind:?}: {found}");
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn edge_checks_organization_and_route() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada
        .create_token_for(
            &["acme", "globex"],
            &["pipelines:read", "organizations:read"],
        )
        .await;
    let get = |path: &str| {
        client()
            .get(format!("{}{path}", system.url))
            .bearer_auth(&created.token)
    };
    let none = Response::to(get(PIPELINES)).await;
    assert_denied(&none, 400, "organization-required", None);
    let other = Response::to(get(PIPELINES).header("X-Organization-ID", "initech")).await;
    assert_denied(&other, 403, "organization-mismatch", None);
    assert_eq!(Response::to(get("/api/v1/organizations")).await.status, 200);
    let unknown = Response::to(get("/api/v1/secrets").header("X-Organization-ID", "acme")).await;
    assert_denied(&unknown, 403, "route-unknown", None);
    let head = api_request(&system.url, Method::HEAD, PIPELINES, &created.token);
    assert_eq!(Response::to(head).await.status, 200);
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn edge_refuses_two_organizations_in_one_request() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada
        .create_token_for(&["acme", "globex"], &["models:read"])
        .await;
    let both = api_request(&system.url, Method::GET, "/api/v1/models", &created.token)
        .header("X-Organization-ID", "globex");
    assert_eq!(
        Response::to(both).await.outcome(),
        (403, "organization-mismatch")
    );
    ada.revoke(&created.id).await;
}
