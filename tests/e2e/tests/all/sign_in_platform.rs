//! `POST auth/session`: sign-in by an assertion of the platform.

use crate::{
    common::{PIPELINES, use_token},
    fronts::{Fronts, PLATFORM_ISSUER, PLATFORM_SECRET, fronts},
};
use patrol_support::{Response, User, api_request, client, now, variants::PUBLIC_URL, wait_until};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

const SESSION: &str = "/.patrol/auth/session";

/// The variants with a platform, and how it signs there.
fn platforms() -> [(&'static str, Value); 2] {
    let secret = json!({ "secret": PLATFORM_SECRET });
    [("fronts", json!("ES256")), ("platform-secret", secret)]
}

/// A new assertion, with other members in place of the usual ones.
fn assertion(sign: &Value, changes: &Value) -> Value {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut jwt = json!({
        "sign": sign,
        "claims": {
            "iss": PLATFORM_ISSUER, "aud": PUBLIC_URL, "sub": "paula", "name": "Paula",
            "jti": format!("assertion-{id}"), "iat": now(), "exp": now() + 60,
            "memberships": [{ "id": "acme", "name": "Acme", "roles": ["viewer"] }],
        },
    });
    for (member, value) in changes.as_object().into_iter().flatten() {
        match (member.as_str(), value.as_object()) {
            ("claims", Some(claims)) => {
                for (name, value) in claims {
                    jwt["claims"][name] = value.clone();
                }
            }
            _ => jwt[member] = value.clone(),
        }
    }
    jwt
}

fn request(url: &str, assertion: &str) -> RequestBuilder {
    let request = client().post(format!("{url}{SESSION}"));
    request.json(&json!({ "assertion": assertion }))
}

async fn send(fronts: &Fronts, variant: &str, jwt: &Value) -> Response {
    let jwt = fronts.evil.forge(jwt).await;
    Response::to(request(&fronts.url(variant), &jwt)).await
}

#[tokio::test]
async fn assertion_begins_a_session_without_a_cookie() {
    let fronts = fronts().await;
    for (variant, sign) in platforms() {
        let url = fronts.url(variant);
        let response = send(fronts, variant, &assertion(&sign, &json!({}))).await;
        assert_eq!(response.outcome(), (200, ""), "{variant}");
        assert_eq!(response.header("Set-Cookie"), "");
        assert_eq!(response.header("Cache-Control"), "no-store");
        assert!(response.body["expires_at"].is_string());
        let session = response.body["session"].as_str().unwrap();
        let paula = User::with_header(&url, "X-Patrol-Session", session);
        let me = paula.get("/api/v1/me").await;
        assert_eq!(me.body["name"], "Paula");
        assert_eq!(me.body["organizations"][0]["name"], "Acme");
        let created = paula.create_token(&["pipelines:read"]).await;
        assert_eq!(use_token(&url, &created).await.status, 200);
        assert_eq!(paula.revoke(&created.id).await.status, 200);
        assert_eq!(use_token(&url, &created).await.status, 401);
        let out = paula.post("/.patrol/auth/sign-out", &json!({})).await;
        assert_eq!((out.status, &out.body["next"]), (200, &Value::Null));
        let ended = paula.get("/api/v1/me").await;
        assert_eq!(ended.outcome(), (401, "session-required"));
    }
}

#[tokio::test]
async fn session_of_an_assertion_lives_for_15_minutes() {
    let fronts = fronts().await;
    let (variant, sign) = &platforms()[0];
    let response = send(fronts, variant, &assertion(sign, &json!({}))).await;
    let session = response.body["session"].as_str().unwrap();
    let claims = patrol_support::read_claims(session);
    let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(life, 15 * 60);
}

#[tokio::test]
async fn assertion_counts_once() {
    let fronts = fronts().await;
    for (variant, sign) in platforms() {
        let jwt = fronts.evil.forge(&assertion(&sign, &json!({}))).await;
        let url = fronts.url(variant);
        let at_once: Vec<_> = (0..8)
            .map(|_| tokio::spawn(Response::to(request(&url, &jwt))))
            .collect();
        let mut accepted = 0;
        for response in at_once {
            let response = response.await.unwrap();
            match response.outcome() {
                (200, _) => accepted += 1,
                outcome => assert_eq!(outcome, (401, "assertion-rejected"), "{variant}"),
            }
        }
        assert_eq!(accepted, 1, "{variant}");
        let again = Response::to(request(&url, &jwt)).await;
        assert_eq!(again.outcome(), (401, "assertion-rejected"), "{variant}");
        assert!(again.body["session"].is_null());
    }
}

/// Another site may send an assertion, because nothing but the assertion counts.
#[tokio::test]
async fn page_of_another_site_may_send_an_assertion() {
    let fronts = fronts().await;
    let (variant, sign) = &platforms()[0];
    let jwt = fronts.evil.forge(&assertion(sign, &json!({}))).await;
    let url = fronts.url(variant);
    let request = request(&url, &jwt)
        .header("Origin", "https://platform.example")
        .header("Sec-Fetch-Site", "cross-site");
    let response = Response::to(request).await;
    assert_eq!(response.outcome(), (200, ""));
    let session = response.body["session"].as_str().unwrap();
    let paula = User::with_header(&url, "X-Patrol-Session", session);
    let body = json!({
        "name": "Elsewhere", "expires_in_days": 30,
        "organizations": ["acme"], "scopes": ["pipelines:read"],
    });
    let creation = paula
        .request(Method::POST, "/api/v1/tokens")
        .header("Origin", "https://platform.example")
        .json(&body);
    assert_eq!(Response::to(creation).await.status, 201);
    let out = paula
        .request(Method::POST, "/.patrol/auth/sign-out")
        .header("Origin", "https://platform.example");
    assert_eq!(Response::to(out).await.outcome(), (200, ""));
    assert_eq!(paula.get("/api/v1/me").await.status, 401);
}

/// Assertions that are refused in every variant, and why.
fn refused() -> Vec<(&'static str, Value)> {
    let now = now();
    vec![
        (
            "jwt-issuer",
            json!({ "claims": { "iss": "https://other.example" } }),
        ),
        (
            "claims-audience",
            json!({ "claims": { "aud": "https://other.example" } }),
        ),
        (
            "claims-audience",
            json!({ "claims": { "aud": [PUBLIC_URL, "other"] } }),
        ),
        (
            "claims-expired",
            json!({ "claims": { "iat": now - 160, "exp": now - 100 } }),
        ),
        (
            "claims-future",
            json!({ "claims": { "iat": now + 100, "exp": now + 160 } }),
        ),
        ("claims-lifetime", json!({ "claims": { "exp": now + 600 } })),
        ("claims-missing", json!({ "claims": { "jti": null } })),
        ("claims-missing", json!({ "claims": { "iat": null } })),
        ("claims-subject", json!({ "claims": { "sub": null } })),
        (
            "claims-memberships",
            json!({ "claims": { "memberships": "acme" } }),
        ),
        ("claims-type", json!({ "header": { "typ": "session+jwt" } })),
        ("jwt-algorithm", json!({ "sign": "none" })),
        (
            "jwt-algorithm",
            json!({ "sign": "public key", "header": { "alg": "HS512" } }),
        ),
        ("jwt-critical", json!({ "header": { "crit": ["x"] } })),
    ]
}

#[tokio::test]
async fn assertion_that_is_wrong_in_any_way_is_refused() {
    let fronts = fronts().await;
    let of_one_variant = [
        ("fronts", "jwt-signature", json!({ "sign": "stranger" })),
        ("fronts", "jwt-algorithm", json!({ "sign": "public key" })),
        (
            "fronts",
            "jwt-algorithm",
            json!({ "sign": { "secret": PLATFORM_SECRET } }),
        ),
        (
            "fronts",
            "jwt-key-unknown",
            json!({ "header": { "kid": "other" } }),
        ),
        (
            "platform-secret",
            "jwt-signature",
            json!({ "sign": { "secret": "another secret of the tests, long enough" } }),
        ),
        (
            "platform-secret",
            "jwt-algorithm",
            json!({ "sign": "RS256" }),
        ),
    ];
    for (variant, sign) in platforms() {
        let of_variant = of_one_variant.iter().filter(|(name, ..)| *name == variant);
        let of_variant = of_variant.map(|(_, reason, changes)| (*reason, changes.clone()));
        for (reason, changes) in refused().into_iter().chain(of_variant) {
            let response = send(fronts, variant, &assertion(&sign, &changes)).await;
            let case = format!("{variant}: {changes}: {}", response.body);
            assert_eq!(response.outcome(), (401, "assertion-rejected"), "{case}");
            let detail = response.body["detail"].as_str().unwrap_or_default();
            assert!(detail.contains(&format!("[{reason}]")), "{case}");
            assert!(!detail.contains("eyJ"), "{case}");
        }
    }
}

#[tokio::test]
async fn other_bodies_are_refused() {
    let fronts = fronts().await;
    let url = fronts.url("fronts");
    for (body, outcome) in [
        (json!({ "assertion": "x" }), (401, "assertion-rejected")),
        (json!({ "assertion": "" }), (401, "assertion-rejected")),
        (json!({ "assertion": 1 }), (400, "body-invalid")),
        (json!({}), (400, "body-invalid")),
        (
            json!({ "assertion": "x", "user": "ada" }),
            (400, "body-invalid"),
        ),
        (
            json!({ "assertion": "x".repeat(17_000) }),
            (413, "body-too-large"),
        ),
    ] {
        let request = client().post(format!("{url}{SESSION}")).json(&body);
        assert_eq!(Response::to(request).await.outcome(), outcome);
    }
    let elsewhere = fronts.url("access-warm");
    let response = Response::to(request(&elsewhere, "x")).await;
    assert_eq!(response.outcome(), (404, "not-found"));
}

#[tokio::test]
async fn nobody_signs_in_without_the_keys_of_the_platform() {
    let fronts = fronts().await;
    let jwt = assertion(&json!("ES256"), &json!({}));
    let jwt = fronts.evil.forge(&jwt).await;
    let url = fronts.url("down");
    let lies = json!({ "jwks": { "status": 500 } });
    fronts.evil.publish("platform-down", &lies).await;
    let response = Response::to(request(&url, &jwt)).await;
    assert_eq!(response.outcome(), (502, "provider-unavailable"));
    // The assertion was not used up.
    fronts.evil.publish("platform-down", &json!({})).await;
    wait_until("the keys are there again", async || {
        let response = Response::to(request(&url, &jwt)).await;
        (response.outcome() == (200, "")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn session_header_stays_at_the_edge() {
    let fronts = fronts().await;
    let (variant, sign) = &platforms()[0];
    let url = fronts.url(variant);
    let response = send(fronts, variant, &assertion(sign, &json!({}))).await;
    let session = response.body["session"].as_str().unwrap();
    let paula = User::with_header(&url, "X-Patrol-Session", session);
    let created = paula.create_token(&["pipelines:read"]).await;
    let echo = api_request(&url, Method::GET, PIPELINES, &created.token)
        .header("X-Patrol-Session", session)
        .header("Cookie", "patrol_session_pending_x=1; theirs=2")
        .header("X-Echo-Headers", "1");
    let echoed = Response::to(echo).await;
    assert_eq!(echoed.status, 200);
    let headers = echoed.body["headers"].as_array().unwrap();
    let value = |name: &str| headers.iter().find(|pair| pair[0] == name);
    assert!(value("x-patrol-session").is_none());
    assert!(value("cookie") == Some(&json!(["cookie", "theirs=2"])));
}

/// A cookie is believed only with a request of this site, so a header must not make it count.
#[tokio::test]
async fn header_does_not_open_the_way_for_a_cookie() {
    let fronts = fronts().await;
    let user = fronts.browser().sign_in("es256", "vic").await;
    for session in ["", "x", "x.y.z"] {
        let request = user
            .request(Method::POST, "/.patrol/api/v1/tokens/revoke")
            .header("X-Patrol-Session", session)
            .header("Origin", "https://evil.example")
            .json(&json!({ "all": true }));
        let response = Response::to(request).await;
        let (status, _) = response.outcome();
        assert!(matches!(status, 401 | 403), "{session:?}: {status}");
    }
}
