//! The promises, under pressure: a revocation holds from its answer on, and what was answered
//! is not lost when the runtime dies in the middle of its work.

use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use patrol_support::{Answer, System, User, call, shared};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

const PIPELINES: &str = "/api/v1/engine/pipelines";

#[tokio::test]
async fn no_request_that_begins_after_the_answer_passes() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    for _ in 0..5 {
        let made = ada.token(&["pipelines:read"]).await;
        let answered = AtomicBool::new(false);
        let callers = (0..8).map(|_| async {
            let (mut before, mut after) = (0, 0);
            while after < 5 {
                let late = answered.load(Ordering::SeqCst);
                let answer = Answer::to(call(system, Method::GET, PIPELINES, &made.token)).await;
                match answer.outcome() {
                    (401, "token-revoked") => {}
                    (200, _) if !late => {}
                    outcome => panic!("{outcome:?}, late: {late}"),
                }
                before += u32::from(!late);
                after += u32::from(late);
            }
            before
        });
        let revoke = async {
            let answer = Answer::to(call(system, Method::GET, PIPELINES, &made.token)).await;
            assert_eq!(answer.status, 200);
            assert_eq!(ada.revoke(&made.id).await.status, 200);
            answered.store(true, Ordering::SeqCst);
        };
        let (calls, ()) = tokio::join!(join_all(callers), revoke);
        assert!(calls.iter().any(|&before| before > 0), "some came before");
    }
}

/// The body of an answer that came, whole and good, before the runtime died.
async fn acknowledged(request: reqwest::RequestBuilder) -> Option<Value> {
    let response = request.send().await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    serde_json::from_str(&response.text().await.ok()?).ok()
}

/// Kills the system after some answers and gives all that came.
async fn until_the_crash(
    system: &mut System,
    requests: impl Iterator<Item = reqwest::RequestBuilder>,
) -> Vec<Value> {
    let mut running: FuturesUnordered<_> = requests.map(acknowledged).collect();
    let mut answers = Vec::new();
    while answers.len() < 5 {
        let answer = running.next().await.expect("the runtime still lives");
        answers.extend(answer);
    }
    system.crash_and_restart();
    // Answers that were on their way count too.
    while let Some(answer) = running.next().await {
        answers.extend(answer);
    }
    answers
}

#[tokio::test]
async fn what_was_answered_before_a_crash_in_the_middle_of_work_is_kept() {
    let mut system = System::start("crash-of-the-runtime", &[]);
    let ada = User::sign_in(&system, "ada").await;
    let wish = json!({ "name": "x", "organizations": ["acme"], "scopes": ["pipelines:read"] });
    let creations: Vec<_> = (0..40)
        .map(|_| ada.request(Method::POST, "/api/v1/tokens").json(&wish))
        .collect();
    let made = until_the_crash(&mut system, creations.into_iter()).await;
    assert!(made.len() >= 5);
    let list = ada.get("/api/v1/tokens").await;
    let listed: BTreeMap<_, _> = list.body["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| (token["id"].as_str().unwrap(), &token["status"]))
        .collect();
    for token in &made {
        let id = token["id"].as_str().unwrap();
        assert_eq!(listed.get(id), Some(&&json!("active")), "{id}");
        let token = token["token"].as_str().unwrap();
        let answer = Answer::to(call(&system, Method::GET, PIPELINES, token)).await;
        assert_eq!(answer.status, 200, "{id} works");
    }

    let revocations: Vec<_> = listed
        .keys()
        .map(|id| ada.request(Method::DELETE, &format!("/api/v1/tokens/{id}")))
        .collect();
    let ended = until_the_crash(&mut system, revocations.into_iter()).await;
    assert!(ended.len() >= 5);
    for record in &ended {
        let id = record["id"].as_str().unwrap();
        let now = ada.get(&format!("/api/v1/tokens/{id}")).await;
        assert_eq!(now.body["revoked_at"], record["revoked_at"], "{id}");
        // Of some only the record is known: their creation was answered to nobody.
        let known = made.iter().find(|token| token["id"] == id);
        if let Some(token) = known.and_then(|token| token["token"].as_str()) {
            let answer = Answer::to(call(&system, Method::GET, PIPELINES, token)).await;
            assert_eq!(answer.outcome(), (401, "token-revoked"), "{id}");
        }
    }
}
