//! Requests for the upstream: its responses, and its failures.

use crate::common::use_token;
use crate::variants::variant;
use patrol_support::{Response, User, api_request, client, shared_system};
use reqwest::Method;

#[tokio::test]
async fn edge_passes_redirects() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["models:read"]).await;
    let moved = Response::to(api_request(
        &system.url,
        Method::GET,
        "/api/v1/models/redirect",
        &created.token,
    ))
    .await;
    assert_eq!(
        (moved.status, moved.header("Location")),
        (302, "/api/v1/models")
    );
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn upstream_that_is_down_gives_502() {
    let url = variant("upstream-down").await;
    let health = client().get(format!("{url}/.patrol/health"));
    assert_eq!(Response::to(health).await.status, 200);
    let ada = User::sign_in(&url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    // If the edge hangs, the client times out and the test fails.
    let response = use_token(&url, &created).await;
    assert_eq!(response.outcome(), (502, "upstream-unreachable"));
    assert_eq!(response.header("Content-Type"), "application/problem+json");
}

#[tokio::test]
async fn upstream_that_never_responds_gives_504() {
    let url = variant("upstream-slow").await;
    let ada = User::sign_in(&url, "ada").await;
    let created = ada.create_token(&["models:read"]).await;
    let response = Response::to(api_request(
        &url,
        Method::GET,
        "/api/v1/models/slow",
        &created.token,
    ))
    .await;
    assert_eq!(response.outcome(), (504, "upstream-timeout"));
}
