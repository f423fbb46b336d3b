//! Routes that the policy opens to everybody: they need no token, and the upstream gets nobody's
//! identity.

use crate::variants::variant;
use patrol_support::{Response, User, api_request, client};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

/// Sends a request that the sample API echoes.
async fn echo(request: RequestBuilder) -> Response {
    Response::to(request.header("X-Echo-Headers", "1")).await
}

fn header<'a>(echoed: &'a Response, name: &str) -> Vec<&'a Value> {
    let headers = echoed.body["headers"].as_array().unwrap().iter();
    let named = headers.filter(|header| header[0] == name);
    named.map(|header| &header[1]).collect()
}

#[tokio::test]
async fn platform_keeps_its_own_pages_in_the_open() {
    let url = variant("platform-paths").await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::HEAD, "/"),
        (Method::GET, "/assets/x"),
        (Method::GET, "/assets/a/b.js?v=1"),
        (Method::POST, "/auth/login"),
        (Method::GET, "/profile"),
        (Method::GET, "/status/1"),
        (Method::GET, "/.well-known/security.txt"),
    ] {
        let request = client().request(method.clone(), format!("{url}{path}"));
        let echoed = echo(request).await;
        assert_eq!(echoed.status, 200, "{method} {path}");
        if method != Method::HEAD {
            assert_eq!(echoed.body["target"], path);
        }
    }
    for path in ["/reports/1", "/profile/x", "/auth/login", "/status"] {
        let refused = echo(client().get(format!("{url}{path}"))).await;
        assert_eq!(refused.outcome(), (401, "token-missing"), "{path}");
    }
}

#[tokio::test]
async fn public_request_carries_no_identity_and_no_credentials() {
    let url = variant("platform-paths").await;
    let ada = User::sign_in_below(&format!("{url}/.patrol"), "ada").await;
    let created = ada.create_token(&["models:read"]).await;
    let page = api_request(&url, Method::GET, "/%70rofile", &created.token);
    let page = page
        .header("X-Patrol-Subject", "eve")
        .header("X-Patrol-Organizations", "eve")
        .header("X_Organization_ID", "eve")
        .header("X-HTTP-Method-Override", "DELETE");
    let echoed = echo(page).await;
    assert_eq!(
        (echoed.status, &echoed.body["target"]),
        (200, &"/profile".into())
    );
    for name in [
        "authorization",
        "x-patrol-subject",
        "x-patrol-organizations",
        "x-organization-id",
        "x_organization_id",
        "x-http-method-override",
    ] {
        assert!(header(&echoed, name).is_empty(), "{name}");
    }
    // Where the route needs a token, the same headers are the edge's.
    let report = api_request(&url, Method::GET, "/reports/1", &created.token);
    let echoed = echo(report).await;
    assert_eq!(header(&echoed, "x-patrol-subject"), ["ada"]);
    assert_eq!(header(&echoed, "x-organization-id"), ["acme"]);
}

#[tokio::test]
async fn forward_auth_allows_a_public_request_with_empty_headers() {
    let url = variant("platform-paths").await;
    for round in 0..2 {
        let request = client().get(format!("{url}/.patrol/authorize"));
        let allowed = request
            .header("X-Forwarded-Method", "GET")
            .header("X-Forwarded-Uri", "/profile")
            .header("X-Organization-ID", "eve");
        let allowed = Response::to(allowed).await;
        assert_eq!(allowed.status, 200, "{round}");
        for name in ["X-Patrol-Subject", "X-Patrol-Scopes", "X-Organization-ID"] {
            assert_eq!(allowed.headers[name], "", "{name}");
        }
    }
}
