//! Our tokens are JWTs to an independent library, and we accept the tokens that it signs.

use patrol_support::{Response, User, api_request, root, shared_system};
use reqwest::Method;
use std::process::{Command, Stdio};

#[tokio::test]
async fn npm_package_jose_reads_our_tokens_and_creates_tokens_that_we_accept() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    // Secrets go through the environment, as every process can read arguments. Node is the version
    // from the lock file, not the machine's.
    let output = Command::new(root().join("node_modules/.bin/node"))
        .arg(root().join("tests/e2e/jose.mjs"))
        .env("BASE", &system.url)
        .env("TOKEN", &created.token)
        .env("SIGNING_KEYS", system.secret("SIGNING_KEYS"))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "jose refuses our token");
    let theirs = String::from_utf8(output.stdout).unwrap();
    let response = Response::to(api_request(
        &system.url,
        Method::GET,
        "/api/v1/engine/pipelines",
        theirs.trim(),
    ))
    .await;
    assert_eq!(response.status, 200, "a token that jose signed");
    ada.revoke(&created.id).await;
    let response = Response::to(api_request(
        &system.url,
        Method::GET,
        "/api/v1/engine/pipelines",
        theirs.trim(),
    ))
    .await;
    assert_eq!(
        response.outcome(),
        (401, "token-revoked"),
        "both have the same index"
    );
}
