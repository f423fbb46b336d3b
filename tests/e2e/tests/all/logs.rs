//! What the system leaves on disk: a log of denials, and never a token.

use crate::common::{PIPELINES, files_below};
use patrol_support::{Response, User, api_request, shared_system, wait_until};
use reqwest::Method;
use serde_json::Value;
use std::{fs, path::Path};

fn file_contains(path: &Path, needle: &str) -> bool {
    let bytes = fs::read(path).unwrap_or_default();
    bytes
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn denial_is_one_log_line_and_no_file_contains_a_token() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["models:read"]).await;
    let get = |path| api_request(&system.url, Method::GET, path, &created.token);
    assert_eq!(Response::to(get("/api/v1/models")).await.status, 200);
    assert_eq!(Response::to(get(PIPELINES)).await.status, 403);
    let (message, signature) = created.token.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", signature.chars().rev().collect::<String>());
    let forged = Response::to(api_request(&system.url, Method::GET, PIPELINES, &forged)).await;
    assert_eq!(forged.status, 401);
    assert_eq!(ada.revoke(&created.id).await.status, 200);
    assert_eq!(Response::to(get(PIPELINES)).await.status, 401);

    let log = system.state().join("logs/wrangler.log");
    let line = |code: &'static str| {
        let (log, id) = (&log, &created.id);
        wait_until("the denial is in the log", move || async move {
            let text = fs::read_to_string(log).ok()?;
            text.lines()
                .filter_map(|line| serde_json::from_str::<Value>(&line[line.find('{')?..]).ok())
                .find(|line| line["code"] == code && line["token"] == id.as_str())
        })
    };
    for code in ["scope-insufficient", "token-revoked"] {
        let line = line(code).await;
        assert_eq!(line["event"], "denied");
        assert_eq!(line["route"], PIPELINES);
    }

    // The search finds the record, so it would find the token too.
    let files = files_below(system.state());
    assert!(files.iter().any(|file| file_contains(file, &created.id)));
    // The real token ended in the signature, the forged one in its reverse.
    let claims = message.rsplit_once('.').unwrap().1;
    let backwards: String = signature.chars().rev().collect();
    for secret in [claims, signature, &backwards] {
        for file in &files {
            assert!(
                !file_contains(file, secret),
                "a token is in {}",
                file.display()
            );
        }
    }
}
