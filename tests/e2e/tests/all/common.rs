//! Helpers that several files share.

use patrol::routes::Paths;
use patrol_support::{
    CreatedToken, Response, System, api_request, client,
    cluster::{Cluster, ClusterConfig},
    root, shared_system,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A route that needs the scope `pipelines:read`.
pub(crate) const PIPELINES: &str = "/api/v1/engine/pipelines";

/// The paths of a system at its default prefix.
pub(crate) fn paths(system: &System) -> Paths {
    Paths::new(&system.url, None, None).unwrap()
}

/// Starts a cluster with one edge that has no leases and caches yet.
pub(crate) async fn start_cluster(name: &str, settings: &[(&str, &str)]) -> Cluster {
    start_cluster_with(name, settings, None).await
}

/// The same with a script in front of the Workers'.
pub(crate) async fn start_cluster_with(
    name: &str,
    settings: &[(&str, &str)],
    entry: Option<&str>,
) -> Cluster {
    // Its start builds the Workers.
    let _ = shared_system();
    Cluster::start(&ClusterConfig {
        name,
        processes: 1,
        isolates: 1,
        build: &root().join("build"),
        settings,
        entry,
    })
    .await
}

/// Asks an edge by forward-auth whether a token may read [`PIPELINES`]; returns the status.
pub(crate) async fn authorize(url: &str, token: &str) -> StatusCode {
    let request = client()
        .get(format!("{url}/.patrol/authorize"))
        .bearer_auth(token)
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Uri", PIPELINES)
        .header("X-Organization-ID", "acme");
    request.send().await.expect("no response").status()
}

/// Reads [`PIPELINES`] with a token.
pub(crate) async fn use_token(url: &str, created: &CreatedToken) -> Response {
    Response::to(api_request(url, Method::GET, PIPELINES, &created.token)).await
}

pub(crate) fn assert_denied(response: &Response, status: u16, code: &str, challenge: Option<&str>) {
    assert_eq!(response.outcome(), (status, code));
    assert_eq!(response.header("Content-Type"), "application/problem+json");
    assert_eq!(response.body["status"], status);
    assert_eq!(response.header("Cache-Control"), "no-store");
    match challenge {
        Some(part) => {
            let header = response.header("WWW-Authenticate");
            assert!(header.starts_with("Bearer realm=\"patrol\""), "{header}");
            assert!(header.contains(part), "{header}");
        }
        None => assert_eq!(response.header("WWW-Authenticate"), ""),
    }
}

/// The body of a valid creation.
pub(crate) fn creation() -> Value {
    json!({
        "name": "ERP Data Sync", "expires_in_days": 30,
        "organizations": ["acme"], "scopes": ["uns:read"],
    })
}

/// The body of a creation with another value for a member.
pub(crate) fn creation_with(member: &str, value: Value) -> Value {
    let mut body = creation();
    body[member] = value;
    body
}

pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // Files come and go while the runtime runs.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) => files.push(entry.path()),
                Err(_) => {}
            }
        }
    }
    files
}

/// The headers of a raw request that the sample API echoes.
pub(crate) fn echo_headers(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\nX-Organization-ID: acme\r\nX-Echo-Headers: 1\r\n")
}
