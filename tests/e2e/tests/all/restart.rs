//! Nothing acknowledged is lost, and nothing is left behind.

use patrol_support::{Answer, System, User, call};
use reqwest::Method;

const PIPELINES: &str = "/api/v1/engine/pipelines";

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_of_every_process() {
    let mut system = System::start("restart", &[]);
    let ada = User::sign_in(&system, "ada").await;
    let ended = ada.token(&["pipelines:read"]).await;
    assert_eq!(ada.revoke(&ended.id).await.status, 200);
    let kept = ada.token(&["pipelines:read"]).await;
    let before = ada.get("/api/v1/tokens").await.body;
    system.crash_and_restart();
    assert_eq!(
        ada.get("/api/v1/tokens").await.body,
        before,
        "the session and the list are as before"
    );
    let works = Answer::to(call(&system, Method::GET, PIPELINES, &kept.token)).await;
    assert_eq!(works.status, 200);
    let dead = Answer::to(call(&system, Method::GET, PIPELINES, &ended.token)).await;
    assert_eq!(dead.outcome(), (401, "token-revoked"));
    assert_eq!(ada.revoke(&kept.id).await.status, 200);
    system.crash_and_restart();
    let dead = Answer::to(call(&system, Method::GET, PIPELINES, &kept.token)).await;
    assert_eq!(dead.outcome(), (401, "token-revoked"));
}

#[test]
fn ctrl_c_leaves_no_process_behind() {
    let mut system = System::start("ctrl-c", &[]);
    assert!(system.processes().len() > 2);
    system.interrupt();
}
