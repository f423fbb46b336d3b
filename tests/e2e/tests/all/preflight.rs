//! `OPTIONS`: CORS preflights.

use crate::common::PIPELINES;
use patrol_support::{Response, client, shared_system};
use reqwest::Method;

#[tokio::test]
async fn preflight_passes_where_the_policy_has_a_route_and_carries_nothing_else() {
    let system = shared_system();
    let preflight = |path: &str, wanted: &'static str| {
        client()
            .request(Method::OPTIONS, format!("{}{path}", system.url))
            .header("Origin", "https://app.example")
            .header("Access-Control-Request-Method", wanted)
            .header("Access-Control-Request-Headers", "authorization")
    };
    for wanted in ["GET", "HEAD", "POST"] {
        let request = preflight(PIPELINES, wanted)
            .header("Authorization", "Bearer x")
            .header("Cookie", "theme=dark")
            .header("X-Custom", "x")
            .body("a body");
        let response = Response::to(request).await;
        assert_eq!(response.status, 204, "{wanted}");
        assert_ne!(response.header("Access-Control-Allow-Origin"), "");
        let got: Vec<_> = response.header("X-Got-Headers").split(' ').collect();
        for name in [
            "origin",
            "access-control-request-method",
            "access-control-request-headers",
        ] {
            assert!(got.contains(&name), "{name}");
        }
        for name in [
            "authorization",
            "cookie",
            "x-custom",
            "content-type",
            "transfer-encoding",
        ] {
            assert!(!got.contains(&name), "{name} was forwarded");
        }
    }
    for (path, wanted) in [
        ("/api/v1/secrets", "GET"),
        ("/admin", "GET"),
        (PIPELINES, "DELETE"),
        (PIPELINES, "get"),
        (PIPELINES, "GET, DELETE"),
        ("/api/v1/models/a;b", "GET"),
        ("/api/v1/models//b", "GET"),
        ("/api/v1/models/a%2f..%2fb", "GET"),
    ] {
        let response = Response::to(preflight(path, wanted)).await;
        assert_eq!(
            response.outcome(),
            (403, "route-unknown"),
            "{wanted} {path}"
        );
    }
    // No browser sends these, so they are not preflights.
    let plain = client().request(Method::OPTIONS, format!("{}{PIPELINES}", system.url));
    assert_eq!(Response::to(plain).await.outcome(), (401, "token-missing"));
    let without_origin = client()
        .request(Method::OPTIONS, format!("{}{PIPELINES}", system.url))
        .header("Access-Control-Request-Method", "GET");
    assert_eq!(
        Response::to(without_origin).await.outcome(),
        (401, "token-missing")
    );
}
