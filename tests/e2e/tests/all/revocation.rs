//! Revoking a token, and several at once; what an edge without leases does; when tokens were used.

use patrol_support::{Answer, Made, System, User, call, client::client, now, shared, until};
use reqwest::Method;
use serde_json::{Value, json};

const PIPELINES: &str = "/api/v1/engine/pipelines";
const REVOKE: &str = "/api/v1/tokens/revoke";

async fn use_of(system: &System, made: &Made) -> Answer {
    Answer::to(call(system, Method::GET, PIPELINES, &made.token)).await
}

#[tokio::test]
async fn several_tokens_are_revoked_at_once() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let first = ada.token(&["pipelines:read"]).await;
    let second = ada.token(&["pipelines:read"]).await;
    let kept = ada.token(&["pipelines:read"]).await;
    for made in [&first, &second, &kept] {
        assert_eq!(use_of(system, made).await.status, 200);
    }
    let wish = json!({ "ids": [first.id, "none-of-hers", second.id] });
    let answer = ada.post(REVOKE, &wish).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["unknown"], json!(["none-of-hers"]));
    assert!(answer.body["effective_at"].is_string() && answer.body["waited_ms"].is_u64());
    let tokens = answer.body["tokens"].as_array().unwrap();
    let ended: Vec<_> = tokens.iter().map(|token| &token["id"]).collect();
    assert_eq!(ended, [&first.id, &second.id]);
    assert!(tokens.iter().all(|token| token["status"] == "revoked"));
    for made in [&first, &second] {
        let answer = use_of(system, made).await;
        assert_eq!(answer.outcome(), (401, "token-revoked"));
    }
    assert_eq!(use_of(system, &kept).await.status, 200);
    let otto = User::sign_in(system, "otto").await;
    let answer = otto.post(REVOKE, &json!({ "ids": [kept.id] })).await;
    assert_eq!(answer.body["unknown"], json!([kept.id]), "not his to end");
    assert_eq!(use_of(system, &kept).await.status, 200);
}

#[tokio::test]
async fn all_tokens_of_a_user_are_revoked_in_so_many_words_only() {
    let system = System::start("revoke-all", &[]);
    let ada = User::sign_in(&system, "ada").await;
    let made = ada.token(&["pipelines:read"]).await;
    let other = User::sign_in(&system, "otto").await;
    let others = other.token(&["pipelines:read"]).await;
    for wrong in [
        json!({}),
        json!({ "ids": [] }),
        json!({ "all": false }),
        json!({ "all": true, "ids": ["x"] }),
        json!({ "ids": "x" }),
    ] {
        let answer = ada.post(REVOKE, &wrong).await;
        assert_eq!(answer.outcome(), (400, "body-invalid"), "{wrong}");
    }
    assert_eq!(use_of(&system, &made).await.status, 200);
    let answer = ada.post(REVOKE, &json!({ "all": true })).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["tokens"][0]["id"], made.id.as_str());
    let refused = use_of(&system, &made).await;
    assert_eq!(refused.outcome(), (401, "token-revoked"));
    assert_eq!(use_of(&system, &others).await.status, 200);
    let again = ada.post(REVOKE, &json!({ "all": true })).await;
    assert_eq!(again.body["tokens"], json!([]), "nothing is left to end");
    assert_eq!(ada.get("/api/v1/tokens").await.body["active"], 0);
    let get = Answer::to(ada.request(Method::GET, REVOKE)).await;
    assert_eq!((get.status, get.header("Allow")), (405, "POST"));
}

#[tokio::test]
async fn a_call_that_ends_nothing_more_speaks_for_what_has_just_ended() {
    let system = shared();
    let vic = User::sign_in(system, "vic").await;
    let all = json!({ "all": true });
    let (one, other) = until("both calls wait for one lease", || async {
        let made = vic.token(&["pipelines:read"]).await;
        assert_eq!(use_of(system, &made).await.status, 200);
        let (one, other) = tokio::join!(vic.post(REVOKE, &all), vic.post(REVOKE, &all));
        let both = [&one, &other]
            .iter()
            .all(|answer| answer.body["waited_ms"].as_u64() > Some(0));
        both.then_some((one, other))
    })
    .await;
    let count = |answer: &Answer| answer.body["tokens"].as_array().unwrap().len();
    assert_eq!(count(&one) + count(&other), 1, "one of them ended it");
    assert_eq!(one.body["effective_at"], other.body["effective_at"]);
}

#[tokio::test]
async fn last_used_is_the_time_of_the_last_authentication() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["pipelines:read"]).await;
    let unused = ada.token(&["pipelines:read"]).await;
    let record = |id: String| {
        let ada = &ada;
        async move { ada.get(&format!("/api/v1/tokens/{id}")).await.body }
    };
    assert_eq!(record(made.id.clone()).await["last_used_at"], Value::Null);
    let before = now();
    assert_eq!(use_of(system, &made).await.status, 200);
    let used = until("the use is known", || async {
        let record = record(made.id.clone()).await;
        record["last_used_at"].as_str().map(str::to_owned)
    })
    .await;
    let used = used.parse::<patrol::time::Timestamp>().unwrap().seconds();
    assert!((before..=now()).contains(&used));
    // A token that was good for another request than this one was used, too.
    let forbidden = call(system, Method::PUT, "/api/v1/uns/topics/a/b", &unused.token);
    assert_eq!(Answer::to(forbidden).await.status, 403);
    until("the refused use is known", || async {
        let record = record(unused.id.clone()).await;
        record["last_used_at"].as_str().map(|_| ())
    })
    .await;
}

#[tokio::test]
async fn the_address_of_the_last_use_is_the_one_that_a_proxy_names() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["pipelines:read"]).await;
    let ask = client()
        .get(format!("{}/.patrol/authorize", system.base))
        .bearer_auth(&made.token)
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Uri", PIPELINES)
        .header("X-Forwarded-For", "198.51.100.1, 192.0.2.7")
        .header("X-Organization-ID", "acme");
    assert_eq!(Answer::to(ask).await.status, 204);
    until("the address is known", || async {
        let record = ada.get(&format!("/api/v1/tokens/{}", made.id)).await.body;
        (record["last_used_address"] == "192.0.2.7").then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_leases_a_revocation_says_when_it_will_hold_and_holds_then() {
    let arguments = [
        "--var",
        "REVOCATION_MODE=kv",
        "--var",
        "KV_MAX_AGE_SECONDS=10",
    ];
    let system = System::start("kv-mode", &arguments);
    let ada = User::sign_in(&system, "ada").await;
    let made = ada.token(&["pipelines:read"]).await;
    until("KV has the list", || async {
        (use_of(&system, &made).await.status == 200).then_some(())
    })
    .await;
    let answer = ada.revoke(&made.id).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.body["effective_at"], Value::Null);
    let by = answer.body["effective_by"].as_str().unwrap();
    let by = by.parse::<patrol::time::Timestamp>().unwrap().seconds();
    until("the time has come", || async {
        // Before it is sent: a request that is in time may be answered late.
        let sent = now();
        match use_of(&system, &made).await.outcome() {
            (401, "token-revoked") => Some(()),
            outcome => {
                assert!(sent < by, "{outcome:?} after the time");
                None
            }
        }
    })
    .await;
    let fresh = ada.token(&["pipelines:read"]).await;
    assert_eq!(use_of(&system, &fresh).await.status, 200);
}
