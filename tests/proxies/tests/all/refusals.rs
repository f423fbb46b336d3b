//! What a client gets that is refused: the same as from the edge itself.

use crate::setup::{PIPELINES, read_pipelines, send, system};
use patrol_support::{Response, client, now};
use reqwest::Method;

/// The headers of a refusal that matter to a client.
const HEADERS: [&str; 6] = [
    "Content-Type",
    "Cache-Control",
    "WWW-Authenticate",
    "Retry-After",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
];

#[tokio::test]
async fn refusal_reaches_the_client_as_the_edge_gives_it() {
    let system = system().await;
    let ada = system.ada().await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let both = ada
        .create_token_for(&["acme", "globex"], &["pipelines:read", "models:read"])
        .await;
    let revoked = ada.create_token(&["pipelines:read"]).await;
    ada.revoke(&revoked.id).await;
    let mut claims = created.claims();
    claims["iat"] = (now() - 86_400).into();
    claims["exp"] = (now() - 1).into();
    let expired = system.sign(claims);
    let acme = Some("acme");
    for (what, token, method, path, organization, status, code) in [
        (
            "no token",
            None,
            Method::GET,
            PIPELINES,
            acme,
            401,
            "token-missing",
        ),
        (
            "no token, with a body",
            None,
            Method::POST,
            PIPELINES,
            acme,
            401,
            "token-missing",
        ),
        (
            "malformed",
            Some("x"),
            Method::GET,
            PIPELINES,
            acme,
            401,
            "token-malformed",
        ),
        (
            "expired",
            Some(&*expired),
            Method::GET,
            PIPELINES,
            acme,
            401,
            "token-expired",
        ),
        (
            "revoked",
            Some(&*revoked.token),
            Method::GET,
            PIPELINES,
            acme,
            401,
            "token-revoked",
        ),
        (
            "scope",
            Some(&*created.token),
            Method::POST,
            PIPELINES,
            acme,
            403,
            "scope-insufficient",
        ),
        (
            "scope",
            Some(&*created.token),
            Method::PUT,
            "/api/v1/engine/pipelines/x",
            acme,
            403,
            "scope-insufficient",
        ),
        (
            "route",
            Some(&*created.token),
            Method::GET,
            "/api/v1/nothing",
            acme,
            403,
            "route-unknown",
        ),
        (
            "spelling",
            Some(&*created.token),
            Method::GET,
            "/api/v1/engine/pipelines/a%2Db",
            acme,
            403,
            "route-unknown",
        ),
        (
            "organization",
            Some(&*created.token),
            Method::GET,
            PIPELINES,
            Some("globex"),
            403,
            "organization-mismatch",
        ),
        (
            "no organization",
            Some(&*both.token),
            Method::GET,
            PIPELINES,
            None,
            400,
            "organization-required",
        ),
    ] {
        let request = |url: String, method: Method| {
            let request = client().request(method, url);
            let request = match token {
                Some(token) => request.bearer_auth(token),
                None => request,
            };
            match organization {
                Some(id) => request.header("X-Organization-ID", id),
                None => request,
            }
        };
        let asked = request(format!("{}/.patrol/authorize", system.edge()), Method::GET)
            .header("X-Forwarded-Method", method.as_str())
            .header("X-Forwarded-Uri", path);
        let wanted = Response::to(asked).await;
        assert_eq!(wanted.outcome(), (status, code), "{what}");
        system
            .on_each(async |proxy| {
                for body in ["", "{}"] {
                    if !body.is_empty() && method == Method::GET {
                        continue;
                    }
                    let sent = request(format!("{}{path}", proxy.url), method.clone()).body(body);
                    let got = Response::to(sent).await;
                    let about = format!("{} {what}", proxy.name);
                    assert_eq!(got.outcome(), (status, code), "{about}");
                    assert_eq!(got.body, wanted.body, "{about}");
                    for name in HEADERS {
                        assert_eq!(got.header(name), wanted.header(name), "{about} {name}");
                    }
                    for name in ["X-Patrol-Status", "X-Patrol-Problem", "X-Patrol-Subject"] {
                        assert!(!got.headers.contains_key(name), "{about} {name}");
                    }
                }
            })
            .await;
    }
    ada.revoke(&created.id).await;
    ada.revoke(&both.id).await;
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
                    "Authorization: Bearer {0}\r\nAuthorization: \r\n",
                    one.token
                ),
                format!(
                    "Authorization: Bearer {0}\r\n {1}\r\n",
                    one.token, two.token
                ),
            ] {
                let headers =
                    format!("{authorization}X-Organization-ID: acme\r\nX-Echo-Headers: 1\r\n");
                let (response, echo) = send(proxy, "GET", PIPELINES, &headers).await;
                let about = format!("{}: {}", proxy.name, response.status());
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
