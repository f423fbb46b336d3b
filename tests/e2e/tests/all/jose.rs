//! Our tokens are JWTs to an independent library, and its tokens are tokens to us.

use patrol_support::{Answer, User, call, shared, system::root};
use reqwest::Method;
use std::process::{Command, Stdio};

#[tokio::test]
async fn the_npm_package_jose_reads_our_tokens_and_writes_tokens_that_we_read() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["pipelines:read"]).await;
    // Secrets go through the environment: arguments are visible to every process.
    // The Node that the lock file names, which is not always the machine's own.
    let output = Command::new(root().join("node_modules/.bin/node"))
        .arg(root().join("tests/e2e/jose.mjs"))
        .env("BASE", &system.base)
        .env("TOKEN", &made.token)
        .env("SIGNING_KEYS", system.secret("SIGNING_KEYS"))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "jose accepts our token");
    let theirs = String::from_utf8(output.stdout).unwrap();
    let answer = Answer::to(call(
        system,
        Method::GET,
        "/api/v1/engine/pipelines",
        theirs.trim(),
    ))
    .await;
    assert_eq!(answer.status, 200, "we accept a token that jose signed");
    ada.revoke(&made.id).await;
    let answer = Answer::to(call(
        system,
        Method::GET,
        "/api/v1/engine/pipelines",
        theirs.trim(),
    ))
    .await;
    assert_eq!(
        answer.outcome(),
        (401, "token-revoked"),
        "it has the same place in the list"
    );
}
