//! What the API gets is what was judged: method and target.

use crate::setup::{PIPELINES, echo_headers, send, system};
use patrol::routes;
use patrol_policy::example;
use patrol_support::raw_http::RawConnection;

/// Some lead to a route that the token may not use, or look as if they did.
const SUSPICIOUS: [&str; 45] = [
    PIPELINES,
    "/api/v1/models/../engine/pipelines",
    "/api/v1/models/%2e%2e/engine/pipelines",
    "/api/v1/models/.%2E/engine/pipelines",
    "/api/v1/models/a/..%2f..%2fengine/pipelines",
    "/api/v1/models%2f..%2fengine%2fpipelines",
    "/api/v1/models\\..\\engine\\pipelines",
    "/api/v1/models/..;/engine/pipelines",
    "/api/v1/models/%2e%2e;x/engine/pipelines",
    "/api/v1/models/%252e%252e/engine/pipelines",
    "/.patrol/../api/v1/engine/pipelines",
    "/.patrol/%2e%2e/api/v1/engine/pipelines",
    "/.patrol/health/../../api/v1/engine/pipelines",
    "/.patrol/..;/api/v1/engine/pipelines",
    "/.patrol%2f../api/v1/engine/pipelines",
    "/x/../../../../health",
    "/../../health",
    "/%2e%2e/%2e%2e/.patrol/health",
    "/../.patrol/jwks.json/../../api/v1/engine/pipelines",
    "//api/v1/models",
    "/api//v1/models",
    "/api/v1/models/",
    "/api/v1/models//export",
    "/api/v1/models#/../engine/pipelines",
    "/api/v1/models?x#/../engine/pipelines",
    "/api/v1/engine/pipelines#/../models",
    "/api/v1/models%23",
    "/api/v1/models%00",
    "/api/v1/models/%",
    "/api/v1/models/%zz",
    "/api/v1/models%3fx",
    "/api/v1/models/%c0%ae%c0%ae/engine",
    "/API/v1/models",
    "/api/v1/models/a b",
    "/api/v1/models/a\tb",
    "http://127.0.0.1/api/v1/models",
    "http://127.0.0.1/api/v1/engine/pipelines",
    "http://other.example/api/v1/engine/pipelines",
    "http://127.0.0.1/api/v1/models/../engine/pipelines",
    "http://user@127.0.0.1/api/v1/engine/pipelines",
    "http://127.0.0.1?/api/v1/models",
    "127.0.0.1:80",
    "*",
    "api/v1/models",
    "?/api/v1/models",
];

/// The token may read models only.
#[tokio::test]
async fn api_gets_the_path_that_was_judged() {
    let system = system().await;
    let ada = system.ada().await;
    let created = ada.create_token(&["models:read"]).await;
    let headers = echo_headers(&created.token);
    system
        .on_each(async |proxy| {
            for target in [
                "/api/v1/models",
                "/api/v1/models/a-b?x=%2F..%2F&y=//",
                "/api/v1/models/a%20b",
                "/api/v1/models/%C3%A4",
                "/api/v1/models/it's",
                "/api/v1/models/(a,b)=c:d@e!f$g*h+i",
            ] {
                let (response, echo) = send(proxy, "GET", target, &headers).await;
                assert_eq!(response.status(), 200, "{} {target}", proxy.name);
                assert_eq!(echo.unwrap().target(), target, "{}", proxy.name);
            }
            for target in SUSPICIOUS {
                let (response, echo) = send(proxy, "GET", target, &headers).await;
                let about = format!("{} {target}: {}", proxy.name, response.status());
                let Some(echo) = echo else {
                    assert!(!response.contains("\"pipelines\":["), "{about}");
                    continue;
                };
                // A proxy may have changed the path before it asked.
                let (path, _) = routes::split(echo.target());
                let judged = example().route("GET", path);
                let judged =
                    judged.unwrap_or_else(|error| panic!("{about} became {path}: {error}"));
                assert!(
                    judged.route.path.starts_with("/api/v1/models"),
                    "{about} became {path}"
                );
                assert_eq!(judged.path, path, "{about}");
            }
        })
        .await;
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn host_is_no_part_of_what_is_judged() {
    let system = system().await;
    let ada = system.ada().await;
    let created = ada.create_token(&["models:read"]).await;
    let headers = echo_headers(&created.token);
    system
        .on_each(async |proxy| {
            for host in [
                "x/api/v1/models?",
                "x?",
                "x#",
                "x, /api/v1/models",
                "127.0.0.1\\@x",
            ] {
                let headers = format!("{headers}Connection: close\r\n");
                let head = format!("GET {PIPELINES} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
                let mut connection = RawConnection::open(&proxy.url).await;
                connection.send(&head).await;
                let response = connection.read_until("").await;
                let about = format!("{} {host}: {}", proxy.name, response.status());
                assert!((400..600).contains(&response.status()), "{about}");
                assert!(!response.contains("\"target\""), "{about}");
            }
        })
        .await;
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn api_gets_the_method_that_was_judged() {
    let system = system().await;
    let ada = system.ada().await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let headers = echo_headers(&created.token);
    system
        .on_each(async |proxy| {
            for method in [
                "get", "Get", "TRACE", "PROPFIND", "OPTIONS", "DELETE", "PUT", "CONNECT",
                "M-SEARCH",
            ] {
                let (response, echo) = send(proxy, method, PIPELINES, &headers).await;
                assert!(echo.is_none(), "{} {method}", proxy.name);
                let status = response.status();
                assert!(status >= 400, "{} {method}: {status}", proxy.name);
            }
            let (response, _) = send(proxy, "HEAD", PIPELINES, &headers).await;
            assert_eq!(response.status(), 200, "{}", proxy.name);
        })
        .await;
    ada.revoke(&created.id).await;
}

/// Topics of MQTT have characters that a proxy may change. It must not forward another topic than was
/// judged.
#[tokio::test]
async fn raw_topic_goes_on_as_it_was_judged_or_not_at_all() {
    let system = system().await;
    let ada = system.ada().await;
    let created = ada.create_token(&["uns:read"]).await;
    let headers = echo_headers(&created.token);
    system
        .on_each(async |proxy| {
            let mut unchanged = Vec::new();
            for tail in [
                "a/b",
                "ns=2;s=Press",
                "ns=2%3Bs=Press",
                "a//b",
                "a%2Fb",
                "a%5Cb",
                "plant%2D1",
                "%c3%a4",
            ] {
                let target = format!("/api/v1/uns/topics/{tail}?q=1");
                let (_, echo) = send(proxy, "GET", &target, &headers).await;
                if let Some(echo) = echo {
                    let path = echo.target().split('?').next().unwrap_or_default();
                    assert!(
                        example().route("GET", path).is_ok(),
                        "{} {path}",
                        proxy.name
                    );
                    if echo.target() == target {
                        unchanged.push(tail);
                    }
                }
            }
            let all = 8;
            let expected = if proxy.name == "traefik" {
                3..=all
            } else {
                all..=all
            };
            assert!(
                expected.contains(&unchanged.len()),
                "{}: only {unchanged:?}",
                proxy.name
            );
        })
        .await;
    ada.revoke(&created.id).await;
}
