//! Management: sign-in, creation, list, revocation, and what anyone may read.

use futures_util::future::join_all;
use patrol::{
    jose::{
        keys::KeySet,
        status_list::{self, Status, StatusListId},
    },
    time::{DAY, Timestamp},
};
use patrol_support::{
    Answer, User, call,
    client::client,
    now, root, shared,
    system::{System, policy_with, until},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{path::Path, process::Command};

fn wish() -> Value {
    json!({ "name": "ERP Data Sync", "expires_in_days": 30, "organizations": ["acme"], "scopes": ["uns:read"] })
}

fn with(member: &str, value: Value) -> Value {
    let mut wish = wish();
    wish[member] = value;
    wish
}

#[tokio::test]
async fn a_session_begins_with_sign_in_and_ends_with_sign_out() {
    let system = shared();
    let me = |cookie: &str| {
        client()
            .get(format!("{}/api/v1/me", system.base))
            .header("Cookie", cookie.to_owned())
    };
    let nobody = Answer::to(me("")).await;
    assert_eq!(nobody.outcome(), (401, "session-required"));
    assert_eq!(
        nobody.header("WWW-Authenticate"),
        "Bearer realm=\"patrol\"",
        "every 401 has a challenge"
    );
    assert_eq!(
        Answer::to(me("patrol_session=x.y.z")).await.outcome(),
        (401, "session-required")
    );
    let sign_in = client()
        .post(format!("{}/auth/dev", system.base))
        .json(&json!({ "user": "otto" }));
    let sign_in = Answer::to(sign_in).await;
    for attribute in ["HttpOnly", "SameSite=Lax", "Max-Age=43200", "Path=/"] {
        assert!(
            sign_in.header("Set-Cookie").contains(attribute),
            "{attribute}"
        );
    }
    let otto = User::sign_in(system, "otto").await;
    let answer = otto.get("/api/v1/me").await;
    assert_eq!(answer.body["id"], "otto");
    assert_eq!(answer.body["rbac"], true);
    assert_eq!(
        answer.body["organizations"][0]["roles"],
        json!(["operator"])
    );
    assert_eq!(answer.header("Cache-Control"), "no-store");
    let unknown = client()
        .post(format!("{}/auth/dev", system.base))
        .json(&json!({ "user": "eve" }));
    let unknown = Answer::to(unknown).await;
    assert_eq!(
        (unknown.outcome(), &unknown.body["field"]),
        ((422, "user-unknown"), &json!("user"))
    );
    let out = Answer::to(otto.request(Method::POST, "/auth/sign-out")).await;
    assert_eq!(out.status, 204);
    assert!(out.header("Set-Cookie").contains("Max-Age=0"));
    assert!(out.header("Set-Cookie").contains("HttpOnly"));
}

#[tokio::test]
async fn development_sign_in_is_for_this_machine_only() {
    let system = shared();
    let port = system.base.rsplit(':').next().unwrap();
    // A name of somebody else's that leads here (DNS rebinding) is not this machine.
    for (host, outcome) in [
        (format!("127.0.0.1:{port}"), (200, "")),
        (format!("localhost:{port}"), (200, "")),
        (format!("evil.example:{port}"), (404, "not-found")),
        ("127.0.0.1.evil.example".to_owned(), (404, "not-found")),
    ] {
        let request = client()
            .post(format!("{}/auth/dev", system.base))
            .header("Host", &host)
            .json(&json!({ "user": "otto" }));
        assert_eq!(Answer::to(request).await.outcome(), outcome, "{host}");
    }
}

#[tokio::test]
async fn a_token_cannot_manage_tokens() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["organizations:members"]).await;
    for (method, path) in [
        (Method::GET, "/api/v1/me"),
        (Method::GET, "/api/v1/tokens"),
        (Method::POST, "/api/v1/tokens"),
        (Method::GET, "/api/v1/scopes?organization=acme"),
    ] {
        let answer = Answer::to(call(system, method, path, &made.token).json(&wish())).await;
        assert_eq!(answer.outcome(), (401, "session-required"), "{path}");
    }
    ada.revoke(&made.id).await;
}

#[tokio::test]
async fn another_site_can_change_nothing() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let before = ada.get("/api/v1/tokens").await.body["tokens"]
        .as_array()
        .unwrap()
        .len();
    for (name, value) in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        for request in [
            ada.request(Method::POST, "/api/v1/tokens")
                .json(&with("name", json!("Forged"))),
            ada.request(Method::DELETE, "/api/v1/tokens/x"),
            ada.request(Method::POST, "/auth/sign-out"),
        ] {
            let answer = Answer::to(request.header(name, value)).await;
            assert_eq!(
                answer.outcome(),
                (403, "origin-forbidden"),
                "{name}: {value}"
            );
        }
    }
    let after = ada.get("/api/v1/tokens").await;
    let forged = |token: &Value| token["name"] == "Forged";
    assert!(!after.body["tokens"].as_array().unwrap().iter().any(forged));
    assert!(after.body["tokens"].as_array().unwrap().len() >= before);
}

#[tokio::test]
async fn the_scope_selector_reflects_your_current_role_assignments() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let names = |answer: &Answer| -> Vec<String> {
        let groups = answer.body["groups"].as_array().unwrap();
        let scopes = groups
            .iter()
            .flat_map(|group| group["scopes"].as_array().unwrap());
        scopes
            .map(|scope| scope["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let acme = ada.get("/api/v1/scopes?organization=acme").await;
    let both = ada
        .get("/api/v1/scopes?organization=acme&organization=globex")
        .await;
    assert_eq!(names(&acme).len(), 23);
    assert_eq!(names(&both).len(), 8, "what a viewer has");
    assert!(names(&both).contains(&"uns:read".to_owned()));
    let unknown = ada.get("/api/v1/scopes?organization=initech").await;
    assert_eq!(unknown.outcome(), (422, "organization-unknown"));
    assert_eq!(unknown.body["field"], "organization", "the parameter");
    assert_eq!(unknown.body["errors"][0]["field"], "organization");
    assert_eq!(
        ada.get("/api/v1/scopes").await.outcome(),
        (422, "organization-unknown")
    );
}

#[tokio::test]
async fn a_created_token_is_shown_once() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada
        .token_for(&["acme", "globex"], &["uns:read", "models:read"])
        .await;
    let answer = &made.answer;
    assert!(made.token.starts_with("patrol_eyJ"));
    assert_eq!(answer.header("Cache-Control"), "no-store");
    assert_eq!(
        answer.header("Location"),
        format!("/api/v1/tokens/{}", made.id)
    );
    assert_eq!(answer.body["scopes"], json!(["models:read", "uns:read"]));
    assert_eq!(answer.body["organizations"], json!(["acme", "globex"]));
    assert_eq!(answer.body["status"], "active");
    assert_eq!(answer.body["last_used_at"], Value::Null);
    assert!(answer.body["created_at"].as_str().unwrap().ends_with('Z'));
    let list = ada.get("/api/v1/tokens").await;
    let record = ada.get(&format!("/api/v1/tokens/{}", made.id)).await;
    assert_eq!(record.body["name"], "End to end");
    for answer in [&list, &record] {
        assert!(
            !answer.body.to_string().contains(&made.token),
            "only its record is shown again"
        );
    }
    ada.revoke(&made.id).await;
}

#[tokio::test]
async fn a_token_expires_when_its_owner_wished() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let time = |value: &Value| serde_json::from_value::<Timestamp>(value.clone()).unwrap();
    for (wished, days) in [
        (json!(30), 30),
        (json!(90), 90),
        (json!(180), 180),
        (json!(365), 365),
        (Value::Null, 90),
    ] {
        let mut wish = wish();
        match wished {
            Value::Null => drop(wish.as_object_mut().unwrap().remove("expires_in_days")),
            wished => wish["expires_in_days"] = wished,
        }
        let record = ada.create(&wish).await.body;
        let created = time(&record["created_at"]);
        assert!(now().abs_diff(created.seconds()) < 60);
        assert_eq!(
            time(&record["expires_at"]).since(created),
            days * DAY,
            "{days}"
        );
        ada.revoke(record["id"].as_str().unwrap()).await;
    }
}

#[tokio::test]
async fn a_wrong_creation_names_the_field() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    for (body, code, field) in [
        (with("name", json!(" ")), "name-invalid", "name"),
        (with("name", json!("x".repeat(256))), "name-invalid", "name"),
        (with("name", json!("a\nb")), "name-invalid", "name"),
        (
            with("expires_in_days", json!(31)),
            "expiry-invalid",
            "expires_in_days",
        ),
        (
            with("expires_in_days", json!(366)),
            "expiry-invalid",
            "expires_in_days",
        ),
        (
            with("organizations", json!([])),
            "organization-unknown",
            "organizations",
        ),
        (
            with("organizations", json!(["initech"])),
            "organization-unknown",
            "organizations",
        ),
        (with("scopes", json!([])), "scopes-invalid", "scopes"),
        (
            with("scopes", json!(["uns:fly"])),
            "scopes-invalid",
            "scopes",
        ),
    ] {
        let answer = ada.create(&body).await;
        assert_eq!(answer.outcome(), (422, code), "{field}");
        assert_eq!(answer.body["field"], field);
        assert_eq!(answer.header("Content-Type"), "application/problem+json");
    }
    let more =
        json!({ "name": "x", "organizations": ["acme", "globex"], "scopes": ["uns:publish"] });
    let answer = ada.create(&more).await;
    assert_eq!(answer.outcome(), (422, "scopes-exceed-owner"));
    assert!(
        answer.body["detail"]
            .as_str()
            .unwrap()
            .contains("uns:publish")
    );
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let post = || ada.request(Method::POST, "/api/v1/tokens");
    let json_post = |body: String| post().header("Content-Type", "application/json").body(body);
    for (request, outcome) in [
        (json_post("{".to_owned()), (400, "body-invalid")),
        (json_post(String::new()), (400, "body-invalid")),
        // serde would fill the members from it, one after the other.
        (
            json_post(json!(["x", 30, ["acme"], ["uns:read"]]).to_string()),
            (400, "body-invalid"),
        ),
        (
            ada.request(Method::POST, "/api/v1/tokens/revoke")
                .json(&json!([[], true])),
            (400, "body-invalid"),
        ),
        (
            ada.request(Method::POST, "/auth/dev").json(&json!(["ada"])),
            (400, "body-invalid"),
        ),
        (
            post()
                .header("Content-Type", "text/plain")
                .body(wish().to_string()),
            (400, "body-invalid"),
        ),
        (
            json_post(with("expires", json!(1)).to_string()),
            (400, "body-invalid"),
        ),
        (
            json_post(with("name", json!(1)).to_string()),
            (400, "body-invalid"),
        ),
        (
            json_post(with("name", json!("x".repeat(20_000))).to_string()),
            (413, "body-too-large"),
        ),
    ] {
        assert_eq!(Answer::to(request).await.outcome(), outcome);
    }
    let other = Answer::to(ada.request(Method::PUT, "/api/v1/tokens")).await;
    assert_eq!(other.outcome(), (405, "method-not-allowed"));
    assert_eq!(ada.get("/auth/nowhere").await.outcome(), (404, "not-found"));
}

#[tokio::test]
async fn revoked_tokens_remain_visible_and_cannot_be_reactivated() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["uns:read"]).await;
    let otto = User::sign_in(system, "otto").await;
    let path = format!("/api/v1/tokens/{}", made.id);
    assert_eq!(
        otto.get(&path).await.outcome(),
        (404, "not-found"),
        "another user's"
    );
    assert_eq!(otto.revoke(&made.id).await.outcome(), (404, "not-found"));
    let first = ada.revoke(&made.id).await;
    assert_eq!(first.body["status"], "revoked");
    assert!(first.body["effective_at"].is_string());
    assert!(first.body["waited_ms"].is_u64());
    let mut again = ada.revoke(&made.id).await;
    again.body["waited_ms"] = first.body["waited_ms"].clone();
    assert_eq!(
        (again.status, &again.body),
        (200, &first.body),
        "the same answer, though nothing is waited for"
    );
    let list = ada.get("/api/v1/tokens").await;
    let listed = list.body["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .find(|t| t["id"] == made.id.as_str());
    assert_eq!(listed.unwrap()["status"], "revoked");
    assert_eq!(list.body["limit"], 50);
    let times: Vec<_> = list.body["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["created_at"].to_string())
        .collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "newest first");
}

#[tokio::test]
async fn a_token_knows_and_ends_itself() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["uns:read"]).await;
    let current =
        |method| client().request(method, format!("{}/api/v1/tokens/current", system.base));
    let own = Answer::to(current(Method::GET).bearer_auth(&made.token)).await;
    assert_eq!((own.status, &own.body["id"]), (200, &json!(made.id)));
    assert_eq!(
        Answer::to(current(Method::GET)).await.outcome(),
        (401, "token-missing")
    );
    let ended = Answer::to(current(Method::DELETE).bearer_auth(&made.token)).await;
    assert_eq!(
        (ended.status, &ended.body["status"]),
        (200, &json!("revoked"))
    );
    let again = Answer::to(current(Method::DELETE).bearer_auth(&made.token)).await;
    assert_eq!(again.outcome(), (401, "token-revoked"), "it is dead");
    let after = Answer::to(current(Method::GET).bearer_auth(&made.token)).await;
    assert_eq!(after.outcome(), (401, "token-revoked"));
    let used = Answer::to(call(
        system,
        Method::GET,
        "/api/v1/uns/topics/a",
        &made.token,
    ))
    .await;
    assert_eq!(used.outcome(), (401, "token-revoked"));
}

#[tokio::test]
async fn sixty_creations_at_once_leave_exactly_fifty() {
    let system = System::start("limit", &[]);
    let vic = User::sign_in(&system, "vic").await;
    let wish = wish();
    let answers = join_all((0..60).map(|_| vic.create(&wish))).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    let refused = answers
        .iter()
        .filter(|answer| answer.outcome() == (409, "token-limit-reached"))
        .count();
    assert_eq!((made, refused), (50, 10));
    let list = vic.get("/api/v1/tokens").await;
    assert_eq!(list.body["active"], 50);
    let id = list.body["tokens"][7]["id"].as_str().unwrap();
    assert_eq!(vic.revoke(id).await.status, 200);
    assert_eq!(
        vic.create(&wish).await.status,
        201,
        "a revoked token frees its place"
    );
    assert_eq!(vic.create(&wish).await.status, 409);
    let list = vic.get("/api/v1/tokens").await;
    assert_eq!(
        list.body["tokens"].as_array().unwrap().len(),
        51,
        "and stays listed"
    );
}

#[tokio::test]
async fn anyone_can_check_a_token_with_the_key_set_and_the_status_list() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["uns:read"]).await;
    let public = |path: &str| client().get(format!("{}{path}", system.base));
    let jwks = Answer::to(public("/.well-known/jwks.json")).await;
    assert_eq!(jwks.header("Content-Type"), "application/jwk-set+json");
    assert!(!jwks.body.to_string().contains("\"d\""), "public keys only");
    let keys = KeySet::from_jwks(&jwks.body.to_string()).unwrap();
    let claims = made.claims();
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
        let id = StatusListId::from_uri(&system.base, uri).unwrap();
        let signed = status_list::verify(&text, id, &system.base, &keys).unwrap();
        assert!(now() - signed.signed_at.seconds() < 60);
        signed.snapshot.list.get(idx).unwrap()
    };
    assert_eq!(status().await, Status::Valid);
    ada.revoke(&made.id).await;
    assert_eq!(status().await, Status::Invalid);
    for unknown in ["/status/5/77", "/status/99/0", "/status/x", "/status/05/0"] {
        let answer = Answer::to(public(unknown)).await;
        assert_eq!(answer.outcome(), (404, "not-found"), "{unknown}");
    }
}

#[tokio::test]
async fn a_list_is_answered_from_memory_for_a_while_and_says_how_old_it_is() {
    let system = shared();
    let otto = User::sign_in(system, "otto").await;
    let claims = otto.token(&["uns:read"]).await.claims();
    let uri = claims["status"]["status_list"]["uri"].as_str().unwrap();
    let age = || async {
        let answer = Answer::to(client().get(uri)).await;
        assert_eq!(answer.status, 200);
        answer.header("Age").parse::<u64>().unwrap()
    };
    until("an answer is not new", || async {
        let age = age().await;
        assert!(age <= 10, "{age}");
        (age > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_token_that_would_be_too_long_is_refused_and_not_written_down() {
    let scope = format!("uns:{}", "x".repeat(4_000));
    let policy = policy_with("long-scope", "uns:read", &scope);
    let system = System::start("too-long", &["--policy", policy.to_str().unwrap()]);
    let ada = User::sign_in(&system, "ada").await;
    let answer = ada.create(&with("scopes", json!([scope]))).await;
    assert_eq!(answer.outcome(), (422, "token-too-long"));
    let list = ada.get("/api/v1/tokens").await;
    assert_eq!(list.body["tokens"], json!([]));
}

/// Changes the databases of a system's registries, whose processes are not running.
fn change_registries(state: &Path, statements: &[&str]) {
    let status = Command::new(root().join("node_modules/.bin/node"))
        .arg("--disable-warning=ExperimentalWarning")
        .arg(root().join("tests/e2e/change-registries.mjs"))
        .arg(state)
        .arg(serde_json::to_string(statements).unwrap())
        .status();
    assert!(status.unwrap().success(), "the registries are changed");
}

#[tokio::test]
async fn what_has_expired_can_be_revoked() {
    let mut system = System::start("expired", &[]);
    let ada = User::sign_in(&system, "ada").await;
    let expired = ada.token(&["uns:read"]).await;
    let active = ada.token(&["uns:read"]).await;
    let expire = format!(
        "UPDATE tokens SET expires_at = unixepoch() - 86400 WHERE id = '{}'",
        expired.id
    );
    system.crash_and_restart_after(|state| {
        let statements = [
            expire.as_str(),
            // Ada's list is full, and its last token has expired.
            "UPDATE lists SET issued = 131072, retired_at = 1 WHERE EXISTS
                (SELECT * FROM tokens WHERE tokens.list = lists.list AND owner = 'ada')",
        ];
        change_registries(state, &statements);
    });

    // A call with a token of a retired list does all that it is asked for.
    let ids = json!({ "ids": [active.id, expired.id] });
    let answer = ada.post("/api/v1/tokens/revoke", &ids).await;
    assert_eq!(answer.status, 200);
    let tokens = answer.body["tokens"].as_array().unwrap();
    let ended: Vec<_> = tokens.iter().map(|token| &token["status"]).collect();
    assert_eq!(ended, ["revoked", "revoked"]);
}

#[tokio::test]
async fn what_ended_long_ago_is_forgotten_and_its_place_is_not_used_again() {
    let mut system = System::start("forgotten", &[]);
    let ada = User::sign_in(&system, "ada").await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(ada.token(&["uns:read"]).await);
    }
    let ids: Vec<_> = made.iter().map(|made| made.id.clone()).collect();
    let end = |id: &str, expired: i64, revoked: Option<i64>| {
        let days_ago = |days: i64| format!("unixepoch() - {days} * 86400");
        let revoked = revoked.map_or("NULL".to_owned(), days_ago);
        let expired = days_ago(expired);
        format!(
            "UPDATE tokens SET expires_at = {expired}, revoked_at = {revoked},
                changed = CASE WHEN {revoked} IS NULL THEN NULL ELSE 1 END WHERE id = '{id}'"
        )
    };
    let statements = [
        end(&ids[0], 402, None),
        end(&ids[1], 100, Some(402)),
        end(&ids[2], 398, None),
        // No token lives for so long. Were there one, its bit would have to stay.
        end(&ids[3], -1, Some(402)),
        "UPDATE lists SET version = 1".to_owned(),
    ];
    system.crash_and_restart_after(|state| {
        let statements: Vec<_> = statements.iter().map(String::as_str).collect();
        change_registries(state, &statements);
    });
    let left = until("two are forgotten", async || {
        let list = ada.get("/api/v1/tokens").await;
        let tokens = list.body["tokens"].as_array()?.clone();
        (tokens.len() == 3).then_some(tokens)
    })
    .await;
    let left: Vec<_> = left
        .iter()
        .filter_map(|token| token["id"].as_str())
        .collect();
    assert!(ids[2..].iter().all(|id| left.contains(&id.as_str())));
    let idx = |made: &patrol_support::client::Made| {
        made.claims()["status"]["status_list"]["idx"].as_u64()
    };
    let new = ada.token(&["uns:read"]).await;
    assert!(made.iter().all(|old| idx(old) != idx(&new)));
    let revoked = Answer::to(call(
        &system,
        Method::GET,
        "/api/v1/uns/topics/a",
        &made[3].token,
    ));
    assert_eq!(revoked.await.outcome(), (401, "token-revoked"));
}
