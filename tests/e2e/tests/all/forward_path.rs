//! Requests for the upstream: the path that is authorized is the path that is forwarded.

use crate::common::{PIPELINES, echo_headers};
use patrol_support::{Response, User, api_request, raw_http::send_raw, shared_system};
use reqwest::Method;

#[tokio::test]
async fn edge_refuses_a_path_with_a_second_spelling() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read", "models:read"]).await;
    for path in [
        "/api/v1/models//export",
        "/api/v1/models/",
        "/api/v1/models/a%2fb",
        "/api/v1/models/a%5cb",
        "/api/v1/models/a;b",
        "/api/v1/models/%65xport",
        "/api/v1/models/%c0%af",
        "/api/v1/models/%ff",
        "/api/v1/models/%252e%252e",
        "/api/v1/models/a%252fb",
        "/api/v1//models",
    ] {
        let response =
            Response::to(api_request(&system.url, Method::GET, path, &created.token)).await;
        assert_eq!(response.outcome(), (403, "route-unknown"), "{path}");
    }
    // Forward-auth gets the path as the client wrote it, with its dots.
    for uri in [
        "/api/v1/models/../engine/pipelines",
        "/api/v1/models/%2e%2e",
    ] {
        let request = api_request(
            &system.url,
            Method::GET,
            "/.patrol/authorize",
            &created.token,
        );
        let request = request
            .header("X-Forwarded-Method", "GET")
            .header("X-Forwarded-Uri", uri);
        assert_eq!(
            Response::to(request).await.outcome(),
            (403, "route-unknown"),
            "{uri}"
        );
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn edge_authorizes_the_path_that_it_forwards() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["models:read"]).await;
    let headers = echo_headers(&created.token);
    let plain = send_raw(&system.url, "GET", "/api/v1/models", &headers).await;
    assert!(plain.status() == 200 && plain.contains("\"target\""));
    // The runtime resolves some of these before the edge sees them; then the token lacks the scope
    // for the result. None of them is forwarded in any form.
    for target in [
        "/api/v1/models/../engine/pipelines",
        "/api/v1/models/%2e%2e/engine/pipelines",
        "/api/v1/models/.%2E/engine/pipelines",
        "/api/v1/models/a/..%2f..%2fengine/pipelines",
        "/api/v1/models%2f..%2fengine%2fpipelines",
        "/api/v1/models\\..\\engine\\pipelines",
        "/api/v1/models/..;/engine/pipelines",
        "/.patrol/../api/v1/engine/pipelines",
        "/.patrol/health/../../api/v1/engine/pipelines",
        "/api/v1/tokens/../engine/pipelines",
        "//api/v1/models",
        "/api//v1/models",
        "/api/v1/models/",
        "/api/v1/models%20",
        "/api/v1/models%00",
        "/api/v1/models/%",
        "/api/v1/models%3fx",
        "/api/v1/models/%c0%ae%c0%ae",
        "/api/v1/models/%252e%252e",
        "/API/v1/models",
        "/api/v1/modelsx",
        "http://127.0.0.1/api/v1/engine/pipelines",
        "http://user@other.example/api/v1/engine/pipelines",
    ] {
        let response = send_raw(&system.url, "GET", target, &headers).await;
        assert!(
            matches!(response.status(), 400 | 403 | 404),
            "{target}: {}",
            response.status()
        );
        assert!(!response.contains("\"target\""), "{target} was forwarded");
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn edge_refuses_methods_in_other_letters() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let headers = echo_headers(&created.token);
    for method in ["get", "Get", "TRACE", "PROPFIND", "CONNECT", "OPTIONS"] {
        let response = send_raw(&system.url, method, PIPELINES, &headers).await;
        assert!(
            !response.contains("\"target\""),
            "{method} was forwarded: {}",
            response.status()
        );
    }
    ada.revoke(&created.id).await;
}
