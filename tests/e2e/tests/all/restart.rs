//! Acknowledged changes survive every crash, and no process is left behind.

use crate::common::{PIPELINES, use_token};
use futures_util::{StreamExt, stream::FuturesUnordered};
use patrol_support::{Response, System, User, api_request};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The body of a successful response that arrived whole before the runtime died.
async fn read_acknowledged(request: reqwest::RequestBuilder) -> Option<Value> {
    let response = request.send().await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    serde_json::from_str(&response.text().await.ok()?).ok()
}

/// Kills the system after five responses, and returns all responses that arrived.
async fn crash_under_load(
    system: &mut System,
    requests: impl Iterator<Item = reqwest::RequestBuilder>,
) -> Vec<Value> {
    let mut running: FuturesUnordered<_> = requests.map(read_acknowledged).collect();
    let mut responses = Vec::new();
    while responses.len() < 5 {
        let response = running.next().await.expect("the runtime died early");
        responses.extend(response);
    }
    system.crash_and_restart();
    // Responses that were already under way count too.
    while let Some(response) = running.next().await {
        responses.extend(response);
    }
    responses
}

#[tokio::test]
async fn acknowledged_changes_survive_a_kill_of_every_process() {
    let mut system = System::start("restart", &[]);
    let ada = User::sign_in(&system.url, "ada").await;
    let revoked = ada.create_token(&["pipelines:read"]).await;
    assert_eq!(ada.revoke(&revoked.id).await.status, 200);
    let other = ada.create_token(&["pipelines:read"]).await;
    let before = ada.get("/api/v1/tokens").await.body;
    system.crash_and_restart();
    assert_eq!(
        ada.get("/api/v1/tokens").await.body,
        before,
        "the session or the list has changed"
    );
    let works = use_token(&system.url, &other).await;
    assert_eq!(works.status, 200);
    let dead = use_token(&system.url, &revoked).await;
    assert_eq!(dead.outcome(), (401, "token-revoked"));
    assert_eq!(ada.revoke(&other.id).await.status, 200);
    system.crash_and_restart();
    let dead = use_token(&system.url, &other).await;
    assert_eq!(dead.outcome(), (401, "token-revoked"));
}

#[tokio::test]
async fn acknowledged_changes_survive_a_crash_under_load() {
    let mut system = System::start("crash-of-the-runtime", &[]);
    let ada = User::sign_in(&system.url, "ada").await;
    let body = json!({ "name": "x", "organizations": ["acme"], "scopes": ["pipelines:read"] });
    let creations: Vec<_> = (0..40)
        .map(|_| ada.request(Method::POST, "/api/v1/tokens").json(&body))
        .collect();
    let created = crash_under_load(&mut system, creations.into_iter()).await;
    assert!(created.len() >= 5);
    let list = ada.get("/api/v1/tokens").await;
    let listed: BTreeMap<_, _> = list.body["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| (token["id"].as_str().unwrap(), &token["status"]))
        .collect();
    for token in &created {
        let id = token["id"].as_str().unwrap();
        assert_eq!(listed.get(id), Some(&&json!("active")), "{id}");
        let token = token["token"].as_str().unwrap();
        let response = Response::to(api_request(&system.url, Method::GET, PIPELINES, token)).await;
        assert_eq!(response.status, 200, "{id} is refused");
    }

    let revocations: Vec<_> = listed
        .keys()
        .map(|id| ada.request(Method::DELETE, &format!("/api/v1/tokens/{id}")))
        .collect();
    let revoked = crash_under_load(&mut system, revocations.into_iter()).await;
    assert!(revoked.len() >= 5);
    for record in &revoked {
        let id = record["id"].as_str().unwrap();
        let now = ada.get(&format!("/api/v1/tokens/{id}")).await;
        assert_eq!(now.body["revoked_at"], record["revoked_at"], "{id}");
        // Some tokens are unknown here: the response to their creation was lost.
        let known = created.iter().find(|token| token["id"] == id);
        if let Some(token) = known.and_then(|token| token["token"].as_str()) {
            let response =
                Response::to(api_request(&system.url, Method::GET, PIPELINES, token)).await;
            assert_eq!(response.outcome(), (401, "token-revoked"), "{id}");
        }
    }
}

#[test]
fn ctrl_c_leaves_no_process_behind() {
    let mut system = System::start("ctrl-c", &[]);
    assert!(system.processes().len() > 2);
    system.interrupt();
}
