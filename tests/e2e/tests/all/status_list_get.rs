//! `GET status/{registry}/{list}`: the public lists, as the Token Status List draft describes them
//! (sections 8 and 9).

use crate::common::paths;
use patrol::jose::{
    keys::KeySet,
    signing::Dalek,
    status_list::{self, Status, StatusListId},
};
use patrol_support::{CreatedToken, Response, User, client, now, root, shared_system, wait_until};
use reqwest::Method;
use std::process::{Command, Stdio};

/// The URI of a token's list.
fn list_uri(created: &CreatedToken) -> String {
    let claims = created.claims();
    let uri = claims["status"]["status_list"]["uri"].as_str();
    uri.unwrap().to_owned()
}

fn status_by_the_npm_package(base: &str, token: &str) -> String {
    // Secrets go through the environment, as every process can read arguments.
    let output = Command::new(root().join("node_modules/.bin/node"))
        .arg(root().join("tests/e2e/status-list.mjs"))
        .env("BASE", base)
        .env("TOKEN", token)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "the package cannot read our list");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn anyone_can_check_a_token_with_the_key_set_and_the_status_list() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["uns:read"]).await;
    let public = |path: &str| client().get(format!("{}{path}", system.url));
    let jwks = Response::to(public("/.well-known/jwks.json")).await;
    assert_eq!(jwks.header("Content-Type"), "application/jwk-set+json");
    assert!(!jwks.body.to_string().contains("\"d\""), "a private key");
    let keys = KeySet::from_jwks(&jwks.body.to_string()).unwrap();
    let claims = created.claims();
    let reference = &claims["status"]["status_list"];
    let uri = reference["uri"].as_str().unwrap();
    let idx = u32::try_from(reference["idx"].as_u64().unwrap()).unwrap();
    let status = || async {
        let response = client().get(uri).send().await.unwrap();
        assert_eq!(
            response.headers()["Content-Type"],
            "application/statuslist+jwt"
        );
        let text = response.text().await.unwrap();
        let id = StatusListId::from_uri(&paths(system), uri).unwrap();
        let signed = status_list::verify(&text, id, &paths(system), &keys, &Dalek).unwrap();
        assert!(now() - signed.signed_at.seconds() < 60);
        signed.snapshot.list.get(idx).unwrap()
    };
    assert_eq!(status().await, Status::Valid);
    ada.revoke(&created.id).await;
    assert_eq!(status().await, Status::Invalid);
    for unknown in [
        "/.patrol/status/5/77",
        "/.patrol/status/99/0",
        "/.patrol/status/x",
        "/.patrol/status/05/0",
    ] {
        let response = Response::to(public(unknown)).await;
        assert_eq!(response.outcome(), (404, "not-found"), "{unknown}");
    }
}

#[tokio::test]
async fn npm_package_jwt_status_list_reads_the_status_of_our_tokens() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    assert_eq!(status_by_the_npm_package(&system.url, &created.token), "0");
    assert_eq!(ada.revoke(&created.id).await.status, 200);
    assert_eq!(status_by_the_npm_package(&system.url, &created.token), "1");
}

#[tokio::test]
async fn status_list_is_cacheable_readable_cross_origin_and_gzipped_on_request() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let uri = list_uri(&ada.create_token(&["uns:read"]).await);
    let plain = Response::to(client().get(&uri)).await;
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
async fn unchanged_status_list_gets_304() {
    let system = shared_system();
    let otto = User::sign_in(&system.url, "otto").await;
    let created = otto.create_token(&["uns:read"]).await;
    let uri = list_uri(&created);
    let ask = |tag: String| Response::to(client().get(&uri).header("If-None-Match", tag));
    let tag = ask(String::new()).await.header("ETag").to_owned();
    let unchanged = ask(format!("\"other\", {tag}")).await;
    assert_eq!((unchanged.status, unchanged.header("ETag")), (304, &*tag));
    let opaque = tag.trim_start_matches("W/");
    for (known, status) in [
        (opaque.to_owned(), 304),
        (format!("\"a,b\",{opaque}"), 304),
        ("*".to_owned(), 304),
        ("\"other\"".to_owned(), 200),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let request = client()
                .request(method, &uri)
                .header("If-None-Match", &known);
            // It does not count beside the other.
            let request = request.header("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT");
            assert_eq!(Response::to(request).await.status, status, "{known}");
        }
    }
    assert_eq!(otto.revoke(&created.id).await.status, 200);
    let changed = ask(tag.clone()).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("ETag"), tag);
}

#[tokio::test]
async fn whatever_has_an_entity_tag_gets_304_by_weak_comparison() {
    let system = shared_system();
    for path in [
        "/.patrol/jwks.json",
        "/.well-known/jwks.json",
        "/.patrol/status/aggregation",
        "/.patrol/ui/assets/patrol-tokens.js",
        "/.patrol/ui/pkg/form.js",
        "/favicon.svg",
    ] {
        let ask = |method, known: &str| {
            let request = client().request(method, format!("{}{path}", system.url));
            Response::to(request.header("If-None-Match", known))
        };
        let first = ask(Method::GET, "").await;
        let tag = first.header("ETag").to_owned();
        assert!(tag.ends_with('"'), "{path} {tag}");
        let opaque = tag.trim_start_matches("W/");
        for (known, status) in [
            (tag.clone(), 304),
            (opaque.to_owned(), 304),
            (format!("W/{opaque}"), 304),
            (format!("\"a, b\", W/{opaque}"), 304),
            ("*".to_owned(), 304),
            ("\"other\"".to_owned(), 200),
            (opaque.trim_matches('"').to_owned(), 200),
        ] {
            for method in [Method::GET, Method::HEAD] {
                let found = ask(method, &known).await;
                assert_eq!(found.status, status, "{path} {known}");
                for name in ["ETag", "Cache-Control"] {
                    assert_eq!(found.header(name), first.header(name), "{path} {known}");
                }
            }
        }
    }
}

#[tokio::test]
async fn status_list_is_cached_for_ten_seconds_with_its_age() {
    let system = shared_system();
    let otto = User::sign_in(&system.url, "otto").await;
    let claims = otto.create_token(&["uns:read"]).await.claims();
    let uri = claims["status"]["status_list"]["uri"].as_str().unwrap();
    let age = || async {
        let response = Response::to(client().get(uri)).await;
        assert_eq!(response.status, 200);
        response.header("Age").parse::<u64>().unwrap()
    };
    wait_until("a response comes from the cache", || async {
        let age = age().await;
        assert!(age <= 10, "{age}");
        (age > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn status_list_refuses_requests_for_a_past_time() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let uri = list_uri(&ada.create_token(&["uns:read"]).await);
    let response = Response::to(client().get(format!("{uri}?time=1700000000"))).await;
    assert_eq!(response.outcome(), (501, "time-not-supported"));
}
