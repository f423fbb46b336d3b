//! Accounts and sessions: rows of the registry, which decide.

use crate::{
    common::{authorize, start_cluster},
    variants::variant,
};
use patrol::session::MAX_SESSIONS;
use patrol_support::{Response, User, client, shared_system, wait_until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::fs;

const SESSIONS: &str = "/.patrol/api/v1/sessions";
const AUDIT: &str = "/.patrol/api/v1/audit";

/// Every endpoint that needs a session.
const GUARDED: [(Method, &str); 10] = [
    (Method::GET, "/api/v1/me"),
    (Method::GET, "/api/v1/scopes?organization=acme"),
    (Method::GET, "/api/v1/tokens"),
    (Method::POST, "/api/v1/tokens"),
    (Method::GET, "/api/v1/tokens/x"),
    (Method::DELETE, "/api/v1/tokens/x"),
    (Method::POST, "/api/v1/tokens/revoke"),
    (Method::GET, SESSIONS),
    (Method::DELETE, "/.patrol/api/v1/sessions/x"),
    (Method::GET, AUDIT),
];

async fn assert_ended(user: &User) {
    for (method, path) in GUARDED {
        let body = match path {
            "/api/v1/tokens" => crate::common::creation(),
            _ => json!({ "all": true }),
        };
        let response = Response::to(user.request(method.clone(), path).json(&body)).await;
        assert_eq!(
            response.outcome(),
            (401, "session-required"),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn copied_cookie_is_worth_nothing_after_sign_out() {
    let system = shared_system();
    let otto = User::sign_in(&system.url, "otto").await;
    let other = User::sign_in(&system.url, "otto").await;
    assert_eq!(otto.get("/api/v1/me").await.status, 200);
    let out = Response::to(otto.request(Method::POST, "/.patrol/auth/sign-out")).await;
    assert_eq!(out.status, 200);
    // `otto` still sends the cookie.
    assert_ended(&otto).await;
    let again = Response::to(otto.request(Method::POST, "/.patrol/auth/sign-out")).await;
    assert_eq!(again.status, 200, "there is nothing left to end");
    assert_eq!(other.get("/api/v1/me").await.status, 200);
}

#[tokio::test]
async fn nothing_is_done_in_the_name_of_another_user() {
    let system = shared_system();
    let otto = User::sign_in(&system.url, "otto").await;
    for (method, path) in [
        (Method::POST, "/api/v1/tokens"),
        (Method::POST, "/.patrol/auth/sign-out"),
        (Method::DELETE, "/.patrol/api/v1/sessions/x"),
    ] {
        let request = otto.request(method, path).json(&crate::common::creation());
        let request = request.header("X-Patrol-Expected-User", "ada");
        let response = Response::to(request).await;
        assert_eq!(response.outcome(), (409, "user-changed"), "{path}");
        assert_eq!(response.header("Set-Cookie"), "", "{path}");
    }
    let me = otto.request(Method::GET, "/api/v1/me");
    let me = Response::to(me.header("X-Patrol-Expected-User", "otto")).await;
    assert_eq!(me.status, 200);
}

#[tokio::test]
async fn sign_in_ends_the_session_that_it_replaces() {
    let system = shared_system();
    let otto = User::sign_in(&system.url, "otto").await;
    let again = otto.request(Method::POST, "/.patrol/auth/dev");
    let again = Response::to(again.json(&json!({ "user": "vic" }))).await;
    assert_eq!(again.status, 200);
    assert_ended(&otto).await;
}

#[tokio::test]
async fn user_lists_and_ends_sessions() {
    let url = variant("accounts").await;
    let vic = User::sign_in(&url, "vic").await;
    let sign_in = client()
        .post(format!("{url}/.patrol/auth/dev"))
        .header("User-Agent", "A browser \u{e4}".repeat(100))
        .header("CF-Connecting-IP", "203.0.113.7")
        .json(&json!({ "user": "vic" }));
    assert_eq!(Response::to(sign_in).await.status, 200);
    let list = vic.get(SESSIONS).await;
    let sessions = list.body["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let (newest, own) = (&sessions[0], &sessions[1]);
    assert_eq!(
        (&newest["current"], &own["current"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(newest["address"], "203.0.113.7");
    let user_agent = newest["user_agent"].as_str().unwrap();
    assert_eq!(user_agent.chars().count(), 256);

    let otto = User::sign_in(&url, "otto").await;
    let path = |session: &Value| format!("{SESSIONS}/{}", session["id"].as_str().unwrap());
    let foreign = Response::to(otto.request(Method::DELETE, &path(own))).await;
    assert_eq!(
        foreign.outcome(),
        (404, "not-found"),
        "another user's session"
    );
    let ended = Response::to(vic.request(Method::DELETE, &path(newest))).await;
    assert_eq!(ended.status, 204);
    let again = Response::to(vic.request(Method::DELETE, &path(newest))).await;
    assert_eq!(again.outcome(), (404, "not-found"));
    let ended = Response::to(vic.request(Method::DELETE, &path(own))).await;
    assert_eq!(ended.status, 204, "the session that asks");
    assert_ended(&vic).await;
}

#[tokio::test]
async fn oldest_session_ends_beyond_the_limit() {
    let url = variant("many-sessions").await;
    let first = User::sign_in(&url, "vic").await;
    let second = User::sign_in(&url, "vic").await;
    for _ in 2..MAX_SESSIONS {
        User::sign_in(&url, "vic").await;
    }
    assert_eq!(first.get("/api/v1/me").await.status, 200);
    User::sign_in(&url, "vic").await;
    assert_eq!(first.get("/api/v1/me").await.status, 401);
    assert_eq!(second.get("/api/v1/me").await.status, 200);
}

#[tokio::test]
async fn audit_log_has_a_line_for_each_change() {
    let url = variant("audit").await;
    let ada = User::sign_in(&url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let other = ada.create_token(&["pipelines:read"]).await;
    assert_eq!(ada.revoke(&created.id).await.status, 200);
    ada.revoke(&created.id).await;
    let itself = client()
        .delete(format!("{url}/.patrol/api/v1/tokens/current"))
        .bearer_auth(&other.token)
        .header("CF-Connecting-IP", "203.0.113.8");
    assert_eq!(Response::to(itself).await.status, 200);
    let page = ada.get(AUDIT).await;
    let entries = page.body["entries"].as_array().unwrap();
    let lines: Vec<_> = entries
        .iter()
        .map(|entry| {
            let text = |member: &str| entry[member].as_str().unwrap_or_default();
            (
                text("action"),
                text("actor"),
                text("token"),
                text("outcome"),
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            ("token-revocation", "token", &*other.id, "done"),
            ("token-revocation", "user", &created.id, "done"),
            ("token-creation", "user", &other.id, "done"),
            ("token-creation", "user", &created.id, "done"),
            ("sign-in", "user", "", "done"),
        ]
    );
    assert_eq!(entries[0]["address"], "203.0.113.8");
    assert_eq!(entries[0]["organizations"], json!(["acme"]));
    assert_eq!(entries[0]["user"], "ada");
    assert_eq!(page.body["next"], Value::Null);
    let text = page.body.to_string();
    for secret in [&created.token, &other.token, ada.cookie()] {
        let signature = secret.rsplit_once('.').unwrap().1;
        assert!(!text.contains(signature));
    }
    let otto = User::sign_in(&url, "otto").await;
    let others = otto.get(AUDIT).await;
    assert_eq!(others.body["entries"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn audit_log_is_read_in_pages() {
    let url = variant("audit-pages").await;
    let ada = User::sign_in(&url, "ada").await;
    for _ in 0..60 {
        User::sign_in(&url, "ada").await;
    }
    let first = ada.get(AUDIT).await;
    assert_eq!(first.body["entries"].as_array().unwrap().len(), 50);
    let next = &first.body["next"];
    let second = ada.get(&format!("{AUDIT}?before={next}")).await;
    let entries = second.body["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 11);
    assert!(entries[0]["number"].as_u64() < next.as_u64());
    assert_eq!(second.body["next"], Value::Null);
    for wrong in ["x", "-1", "", "99999999999999999999"] {
        let response = ada.get(&format!("{AUDIT}?before={wrong}")).await;
        assert_eq!(response.outcome(), (400, "parameter-invalid"), "{wrong}");
        assert_eq!(response.body["field"], "before");
    }
}

#[tokio::test]
async fn audit_entries_are_lines_of_the_log() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["models:read"]).await;
    let log = system.state().join("logs/wrangler.log");
    wait_until("the creation is in the log", || async {
        let text = fs::read_to_string(&log).ok()?;
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(&line[line.find('{')?..]).ok())
            .find(|line| line["audit"]["token"] == created.id.as_str())
    })
    .await;
    ada.revoke(&created.id).await;
}

/// A token lives on when its owner signs out, and the owner can still revoke it later.
#[tokio::test]
async fn sign_out_ends_no_token() {
    let cluster = start_cluster("sign-out", &[]).await;
    let url = cluster.management_url();
    let ada = User::sign_in(&url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    Response::to(ada.request(Method::POST, "/.patrol/auth/sign-out")).await;
    let edge = cluster.edge_urls().remove(0);
    assert_eq!(authorize(&edge, &created.token).await, StatusCode::OK);
    let ada = User::sign_in(&url, "ada").await;
    assert_eq!(ada.revoke(&created.id).await.status, 200);
    assert_eq!(
        authorize(&edge, &created.token).await,
        StatusCode::UNAUTHORIZED
    );
}
