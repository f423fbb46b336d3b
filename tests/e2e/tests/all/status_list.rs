//! The public lists, as the Token Status List draft describes them (sections 8 and 9).

use patrol_support::{Answer, Made, User, client::client, read_claims, shared, system::root};
use std::process::{Command, Stdio};

/// The address of a token's list.
fn uri(made: &Made) -> String {
    let claims = made.claims();
    let uri = claims["status"]["status_list"]["uri"].as_str();
    uri.unwrap().to_owned()
}

/// The status that an independent library reads.
fn status_by_the_npm_package(base: &str, token: &str) -> String {
    // Secrets go through the environment: arguments are visible to every process.
    let output = Command::new(root().join("node_modules/.bin/node"))
        .arg(root().join("tests/e2e/status-list.mjs"))
        .env("BASE", base)
        .env("TOKEN", token)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "the package reads our list");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn the_npm_package_jwt_status_list_reads_the_status_of_our_tokens() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["pipelines:read"]).await;
    assert_eq!(status_by_the_npm_package(&system.base, &made.token), "0");
    assert_eq!(ada.revoke(&made.id).await.status, 200);
    assert_eq!(status_by_the_npm_package(&system.base, &made.token), "1");
}

#[tokio::test]
async fn a_list_is_served_for_other_sites_and_caches_compressed_where_that_is_welcome() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let uri = uri(&ada.token(&["uns:read"]).await);
    let plain = Answer::to(client().get(&uri)).await;
    for (name, value) in [
        ("Content-Type", "application/statuslist+jwt"),
        ("Access-Control-Allow-Origin", "*"),
        ("Cache-Control", "public, max-age=60"),
        ("Vary", "Accept-Encoding"),
        ("Content-Encoding", ""),
    ] {
        assert_eq!(plain.header(name), value, "{name}");
    }
    for (accepted, encoding) in [
        ("gzip", "gzip"),
        ("br, GZIP;q=0.5", "gzip"),
        ("gzip;q=0", ""),
        ("identity", ""),
    ] {
        let request = client().get(&uri).header("Accept-Encoding", accepted);
        let response = request.send().await.unwrap();
        let found = response.headers().get("Content-Encoding");
        let found = found.map_or("", |value| value.to_str().unwrap()).to_owned();
        assert_eq!(found, encoding, "{accepted}");
        let body = response.bytes().await.unwrap();
        assert_eq!(body.starts_with(&[0x1f, 0x8b]), encoding == "gzip");
    }
}

#[tokio::test]
async fn a_list_that_did_not_change_is_not_sent_again() {
    let system = shared();
    let otto = User::sign_in(system, "otto").await;
    let made = otto.token(&["uns:read"]).await;
    let uri = uri(&made);
    let ask = |tag: String| Answer::to(client().get(&uri).header("If-None-Match", tag));
    let tag = ask(String::new()).await.header("ETag").to_owned();
    let unchanged = ask(format!("\"other\", {tag}")).await;
    assert_eq!((unchanged.status, unchanged.header("ETag")), (304, &*tag));
    assert_eq!(otto.revoke(&made.id).await.status, 200);
    let changed = ask(tag.clone()).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("ETag"), tag);
}

#[tokio::test]
async fn lists_of_the_past_are_not_kept() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let uri = uri(&ada.token(&["uns:read"]).await);
    let answer = Answer::to(client().get(format!("{uri}?time=1700000000"))).await;
    assert_eq!(answer.outcome(), (501, "time-not-supported"));
}

#[tokio::test]
async fn the_aggregation_names_every_list_and_every_list_names_the_aggregation() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["uns:read"]).await;
    let aggregation = format!("{}/status/aggregation", system.base);
    let answer = Answer::to(client().get(&aggregation)).await;
    assert_eq!(answer.header("Content-Type"), "application/json");
    assert_eq!(answer.header("Access-Control-Allow-Origin"), "*");
    let lists = answer.body["status_lists"].as_array().unwrap();
    // It is put together once a minute; ada's list may be younger, but then others are there.
    assert!(!lists.is_empty());
    for uri in lists {
        let list = client().get(uri.as_str().unwrap()).send().await.unwrap();
        assert_eq!(list.status(), 200, "{uri}");
        let jwt = list.text().await.unwrap();
        let claims = read_claims(&jwt);
        assert_eq!(claims["sub"], *uri);
        assert_eq!(claims["status_list"]["aggregation_uri"], *aggregation);
    }
    drop(made);
}
