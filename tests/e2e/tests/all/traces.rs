//! What the system leaves on disk: the status lists, the log of denials, and never a token.

use patrol::jose::{
    keys::KeySet,
    signing::{Dalek, SigningKeys},
    status_list::{self, Status, StatusListId, VerifiedList},
};
use patrol_support::{Answer, System, User, call, client::client, shared, until};
use reqwest::Method;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

const PIPELINES: &str = "/api/v1/engine/pipelines";

/// Every file below the folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // Files come and go while the runtime runs.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) => found.push(entry.path()),
                Err(_) => {}
            }
        }
    }
    found
}

fn holds(path: &Path, needle: &str) -> bool {
    let bytes = fs::read(path).unwrap_or_default();
    bytes
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn a_denial_is_one_line_in_the_log_and_a_token_is_in_no_file() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["models:read"]).await;
    let get = |path| call(system, Method::GET, path, &made.token);
    assert_eq!(Answer::to(get("/api/v1/models")).await.status, 200);
    assert_eq!(Answer::to(get(PIPELINES)).await.status, 403);
    let (message, signature) = made.token.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", signature.chars().rev().collect::<String>());
    let forged = Answer::to(call(system, Method::GET, PIPELINES, &forged)).await;
    assert_eq!(forged.status, 401);
    assert_eq!(ada.revoke(&made.id).await.status, 200);
    assert_eq!(Answer::to(get(PIPELINES)).await.status, 401);

    let log = system.state().join("logs/wrangler.log");
    let line = |code: &'static str| {
        let (log, id) = (&log, &made.id);
        until("the denial is in the log", move || async move {
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

    // The record is written by now, and it is found: so the search would find the token too.
    let files = files(system.state());
    assert!(files.iter().any(|file| holds(file, &made.id)));
    // Backwards it is what the forged token ended in; forwards, the real one.
    let claims = message.rsplit_once('.').unwrap().1;
    let backwards: String = signature.chars().rev().collect();
    for secret in [claims, signature, &backwards] {
        for file in &files {
            assert!(!holds(file, secret), "a token is in {}", file.display());
        }
    }
}

/// The keys that the system serves.
async fn keys(system: &System) -> KeySet {
    let jwks = client().get(format!("{}/.well-known/jwks.json", system.base));
    KeySet::from_jwks(&Answer::to(jwks).await.body.to_string()).unwrap()
}

/// The list in KV, which keeps each value in a file of its own here, once it is one that `wanted`.
async fn list_in_kv(
    system: &System,
    id: StatusListId,
    keys: &KeySet,
    wanted: impl Fn(&VerifiedList) -> bool,
) -> VerifiedList {
    let kv = system.state().join("v3/kv");
    until("KV has the list", || async {
        files(&kv)
            .iter()
            .filter_map(|file| fs::read_to_string(file).ok())
            .filter_map(|text| status_list::verify(&text, id, &system.base, keys, &Dalek).ok())
            .find(&wanted)
    })
    .await
}

#[tokio::test]
async fn when_a_key_is_retired_kv_gets_lists_that_can_be_verified() {
    let mut system = System::start("retired-key", &[]);
    let ada = User::sign_in(&system, "ada").await;
    let made = ada.token(&["models:read"]).await;
    let uri = made.claims()["status"]["status_list"]["uri"].clone();
    let id = StatusListId::from_uri(&system.base, uri.as_str().unwrap()).unwrap();
    let before = list_in_kv(&system, id, &keys(&system).await, |_| true).await;

    let old = system.secret("SIGNING_KEYS");
    let new = SigningKeys::generate(&[8; 32]);
    system.crash_and_restart_after(|state| {
        let vars = state.join("config/origin/.dev.vars");
        let text = fs::read_to_string(&vars).unwrap();
        assert!(text.contains(&old));
        fs::write(&vars, text.replace(&old, &new)).unwrap();
    });
    let keys = keys(&system).await;
    assert_eq!(&keys, SigningKeys::from_jwks(&new).unwrap().public());
    // Any call wakes the registry; nothing of the list has changed.
    assert_eq!(ada.get("/api/v1/tokens").await.status, 200);
    let after = list_in_kv(&system, id, &keys, |_| true).await;
    assert_eq!(after.snapshot.version, before.snapshot.version);
}

#[tokio::test]
async fn the_status_list_in_kv_is_the_one_that_is_served() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["models:read"]).await;
    let claims = made.claims();
    let reference = &claims["status"]["status_list"];
    let uri = reference["uri"].as_str().unwrap();
    let idx = u32::try_from(reference["idx"].as_u64().unwrap()).unwrap();
    assert_eq!(ada.revoke(&made.id).await.status, 200);
    let id = StatusListId::from_uri(&system.base, uri).unwrap();
    list_in_kv(system, id, &keys(system).await, |signed| {
        signed.snapshot.list.get(idx) == Some(Status::Invalid)
    })
    .await;
}
