//! What a client gets that is refused: the same as from the edge itself.

use crate::setup::{PIPELINES, Proxy, read_pipelines, send, system};
use patrol_support::{Response, client, now};
use reqwest::{Method, RequestBuilder};

/// The headers of a refusal that matter to a client.
const HEADERS: [&str; 6] = [
    "Content-Type",
    "Cache-Control",
    "WWW-Authenticate",
    "Retry-After",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
];

/// A request with a token and an organization, unless they are empty.
fn request(url: String, method: &str, token: &str, organization: &str) -> RequestBuilder {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = client().request(method, url);
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    if !organization.is_empty() {
        request = request.header("X-Organization-ID", organization);
    }
    request
}

fn assert_same(proxy: &Proxy, got: &Response, wanted: &Response) {
    let about = format!("{} {:?}", proxy.name, wanted.outcome());
    assert_eq!(got.outcome(), wanted.outcome(), "{about}");
    assert_eq!(got.body, wanted.body, "{about}");
    for name in HEADERS {
        assert_eq!(got.header(name), wanted.header(name), "{about} {name}");
    }
    for name in ["X-Patrol-Status", "X-Patrol-Problem", "X-Patrol-Subject"] {
        assert!(!got.headers.contains_key(name), "{about} {name}");
    }
}

#[tokio::test]
async fn refusal_reaches_the_client_as_the_edge_gives_it() {
    const PIPELINE: &str = "/api/v1/engine/pipelines/x";
    let system = system().await;
    let ada = system.ada().await;
    let one = ada.create_token(&["pipelines:read"]).await;
    let scopes = ["pipelines:read", "models:read"];
    let two = ada.create_token_for(&["acme", "globex"], &scopes).await;
    let revoked = ada.create_token(&["pipelines:read"]).await;
    ada.revoke(&revoked.id).await;
    let mut claims = one.claims();
    claims["iat"] = (now() - 86_400).into();
    claims["exp"] = (now() - 1).into();
    let expired = system.sign(claims);
    for (method, path, token, organization, status, code) in [
        ("GET", PIPELINES, "", "acme", 401, "token-missing"),
        ("POST", PIPELINES, "", "acme", 401, "token-missing"),
        ("GET", PIPELINES, "x", "acme", 401, "token-malformed"),
        ("GET", PIPELINES, &*expired, "acme", 401, "token-expired"),
        (
            "GET",
            PIPELINES,
            &*revoked.token,
            "acme",
            401,
            "token-revoked",
        ),
        (
            "POST",
            PIPELINES,
            &*one.token,
            "acme",
            403,
            "scope-insufficient",
        ),
        (
            "PUT",
            PIPELINE,
            &*one.token,
            "acme",
            403,
            "scope-insufficient",
        ),
        ("GET", "/nothing", &*one.token, "acme", 403, "route-unknown"),
        (
            "GET",
            "/api/v1/models/a;b",
            &*one.token,
            "acme",
            403,
            "route-unknown",
        ),
        (
            "GET",
            PIPELINES,
            &*one.token,
            "globex",
            403,
            "organization-mismatch",
        ),
        (
            "GET",
            PIPELINES,
            &*two.token,
            "",
            400,
            "organization-required",
        ),
    ] {
        let edge = format!("{}/.patrol/authorize", system.edge());
        let asked = request(edge, "GET", token, organization)
            .header("X-Forwarded-Method", method)
            .header("X-Forwarded-Uri", path);
        let wanted = Response::to(asked).await;
        assert_eq!(wanted.outcome(), (status, code));
        system
            .on_each(async |proxy| {
                let sent = || {
                    let url = format!("{}{path}", proxy.url);
                    request(url, method, token, organization)
                };
                assert_same(proxy, &Response::to(sent()).await, &wanted);
                if method != "GET" {
                    assert_same(proxy, &Response::to(sent().body("{}")).await, &wanted);
                }
            })
            .await;
    }
    ada.revoke(&one.id).await;
    ada.revoke(&two.id).await;
}

/// The detail names a part of the path, in any script.
#[tokio::test]
async fn refusal_may_have_any_characters() {
    let system = system().await;
    let ada = system.ada().await;
    let created = ada.create_token(&["models:read"]).await;
    system
        .on_each(async |proxy| {
            for path in [
                "/api/v1/models/%22%5C'",
                "/api/v1/models/%22;%5C",
                "/api/v1/models/a$b;c",
            ] {
                let headers = format!("Authorization: Bearer {}\r\n", created.token);
                let (response, echo) = send(proxy, "GET", path, &headers).await;
                assert!(echo.is_none(), "{} {path}", proxy.name);
                let about = format!("{} {path}: {}", proxy.name, response.status());
                assert!(matches!(response.status(), 400 | 403), "{about}");
                if response.status() == 403 {
                    assert_eq!(response.json().unwrap()["code"], "route-unknown", "{about}");
                }
            }
        })
        .await;
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn two_tokens_are_refused() {
    let system = system().await;
    let ada = system.ada().await;
    let one = ada.create_token(&["pipelines:read"]).await;
    let two = ada.create_token(&["pipelines:read"]).await;
    let (one, two) = (&one, &two);
    system
        .on_each(async |proxy| {
            for authorization in [
                format!(
                    "Authorization: Bearer {0}\r\nAuthorization: Bearer {1}\r\n",
                    one.token, two.token
                ),
                format!(
                    "Authorization: Bearer {0}\r\nAuthorization: Bearer {0}\r\n",
                    one.token
                ),
                format!(
                    "Authorization: Bearer {0}, Bearer {1}\r\n",
                    one.token, two.token
                ),
                format!(
                    "Authorization: Bearer {0}\r\n {1}\r\n",
                    one.token, two.token
                ),
            ] {
                let headers =
                    format!("{authorization}X-Organization-ID: acme\r\nX-Echo-Headers: 1\r\n");
                let (response, echo) = send(proxy, "GET", PIPELINES, &headers).await;
                let shape = authorization
                    .replace(&one.token, "1")
                    .replace(&two.token, "2");
                let about = format!("{} {shape}: {}", proxy.name, response.status());
                assert!(matches!(response.status(), 400 | 401), "{about}");
                assert!(echo.is_none(), "{about}");
            }
        })
        .await;
    for created in [one, two] {
        ada.revoke(&created.id).await;
    }
}

#[tokio::test]
async fn token_is_refused_as_soon_as_its_revocation_returns() {
    let system = system().await;
    let ada = system.ada().await;
    system
        .on_each(async |proxy| {
            let created = ada.create_token(&["pipelines:read"]).await;
            for _ in 0..2 {
                assert_eq!(
                    read_pipelines(proxy, &created.token).await.status,
                    200,
                    "{}",
                    proxy.name
                );
            }
            assert_eq!(ada.revoke(&created.id).await.status, 200);
            let refused = read_pipelines(proxy, &created.token).await;
            assert_eq!(refused.outcome(), (401, "token-revoked"), "{}", proxy.name);
        })
        .await;
}
