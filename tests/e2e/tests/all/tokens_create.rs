//! `POST /api/v1/tokens`.

use crate::common::{creation, creation_with};
use crate::variants::{long_scope, variant};
use futures_util::future::join_all;
use patrol::time::{DAY, Timestamp};
use patrol_support::{Response, User, now, shared_system};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn creation_returns_the_token_once() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada
        .create_token_for(&["acme", "globex"], &["uns:read", "models:read"])
        .await;
    let response = &created.response;
    assert!(created.token.starts_with("patrol_eyJ"));
    assert_eq!(response.header("Cache-Control"), "no-store");
    assert_eq!(
        response.header("Location"),
        format!("/.patrol/api/v1/tokens/{}", created.id)
    );
    assert_eq!(response.body["scopes"], json!(["models:read", "uns:read"]));
    assert_eq!(response.body["organizations"], json!(["acme", "globex"]));
    assert_eq!(response.body["status"], "active");
    assert_eq!(response.body["last_used_at"], Value::Null);
    assert!(response.body["created_at"].as_str().unwrap().ends_with('Z'));
    let list = ada.get("/api/v1/tokens").await;
    let record = ada.get(&format!("/api/v1/tokens/{}", created.id)).await;
    assert_eq!(record.body["name"], "End to end");
    for response in [&list, &record] {
        assert!(
            !response.body.to_string().contains(&created.token),
            "the token is shown again"
        );
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn token_expires_after_the_chosen_number_of_days() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let time = |value: &Value| serde_json::from_value::<Timestamp>(value.clone()).unwrap();
    for (choice, days) in [
        (json!(30), 30),
        (json!(90), 90),
        (json!(180), 180),
        (json!(365), 365),
        (Value::Null, 90),
    ] {
        let mut body = creation();
        match choice {
            Value::Null => drop(body.as_object_mut().unwrap().remove("expires_in_days")),
            choice => body["expires_in_days"] = choice,
        }
        let record = ada.create(&body).await.body;
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
async fn creation_names_the_invalid_field() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    for (body, code, field) in [
        (creation_with("name", json!(" ")), "name-invalid", "name"),
        (
            creation_with("name", json!("x".repeat(256))),
            "name-invalid",
            "name",
        ),
        (creation_with("name", json!("a\nb")), "name-invalid", "name"),
        (
            creation_with("name", json!("a\u{2028}b")),
            "name-invalid",
            "name",
        ),
        (
            creation_with("name", json!("\u{200b}\u{3164}")),
            "name-invalid",
            "name",
        ),
        (
            creation_with("expires_in_days", json!(31)),
            "expiry-invalid",
            "expires_in_days",
        ),
        (
            creation_with("expires_in_days", json!(366)),
            "expiry-invalid",
            "expires_in_days",
        ),
        (
            creation_with("organizations", json!([])),
            "organization-unknown",
            "organizations",
        ),
        (
            creation_with("organizations", json!(["initech"])),
            "organization-unknown",
            "organizations",
        ),
        (
            creation_with("scopes", json!([])),
            "scopes-invalid",
            "scopes",
        ),
        (
            creation_with("scopes", json!(["uns:fly"])),
            "scopes-invalid",
            "scopes",
        ),
    ] {
        let response = ada.create(&body).await;
        assert_eq!(response.outcome(), (422, code), "{field}");
        assert_eq!(response.body["field"], field);
        assert_eq!(response.header("Content-Type"), "application/problem+json");
    }
    let more =
        json!({ "name": "x", "organizations": ["acme", "globex"], "scopes": ["uns:publish"] });
    let response = ada.create(&more).await;
    assert_eq!(response.outcome(), (422, "scopes-exceed-owner"));
    assert!(
        response.body["detail"]
            .as_str()
            .unwrap()
            .contains("uns:publish")
    );
}

#[tokio::test]
async fn management_refuses_an_unreadable_body() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let post = || ada.request(Method::POST, "/api/v1/tokens");
    let json_post = |body: String| post().header("Content-Type", "application/json").body(body);
    for (request, outcome) in [
        (json_post("{".to_owned()), (400, "body-invalid")),
        (json_post(String::new()), (400, "body-invalid")),
        // serde also fills the members of a struct from an array, in order.
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
            ada.request(Method::POST, "/.patrol/auth/dev")
                .json(&json!(["ada"])),
            (400, "body-invalid"),
        ),
        (
            post()
                .header("Content-Type", "text/plain")
                .body(creation().to_string()),
            (415, "media-type-unsupported"),
        ),
        (
            post().body(creation().to_string()),
            (415, "media-type-unsupported"),
        ),
        (
            post().form(&[("name", "x")]),
            (415, "media-type-unsupported"),
        ),
        (
            post()
                .header("Content-Type", "application/json; charset=ISO-8859-1")
                .body(creation().to_string()),
            (415, "media-type-unsupported"),
        ),
        (
            json_post(String::new())
                .header("Content-Encoding", "gzip")
                .body(creation().to_string()),
            (415, "media-type-unsupported"),
        ),
        (
            json_post(format!("\u{feff}{}", creation())),
            (400, "body-invalid"),
        ),
        (
            json_post(String::new()).body(&b"{\"name\":\"J\xfcrgen\"}"[..]),
            (400, "body-invalid"),
        ),
        (
            json_post(creation_with("expires", json!(1)).to_string()),
            (400, "body-invalid"),
        ),
        (
            json_post(creation_with("name", json!(1)).to_string()),
            (400, "body-invalid"),
        ),
        (
            json_post(creation_with("name", json!("x".repeat(20_000))).to_string()),
            (413, "body-too-large"),
        ),
    ] {
        let response = Response::to(request).await;
        assert_eq!(response.outcome(), outcome);
        let hint = [
            response.header("Accept-Post"),
            response.header("Accept-Encoding"),
        ]
        .concat();
        let expected = outcome.0 == 415;
        assert_eq!(!hint.is_empty(), expected, "{}", response.body);
    }
    let unknown = creation_with("na\u{202e}me", json!(1));
    let response = Response::to(json_post(unknown.to_string())).await;
    let detail = response.body["detail"].as_str().unwrap();
    assert!(detail.contains("unknown field `na\\u{202e}me`"), "{detail}");
    let other = Response::to(ada.request(Method::PUT, "/api/v1/tokens")).await;
    assert_eq!(other.outcome(), (405, "method-not-allowed"));
    assert_eq!(
        ada.get("/.patrol/auth/nowhere").await.outcome(),
        (404, "not-found")
    );
}

#[tokio::test]
async fn creation_refuses_a_token_that_would_be_too_long_and_stores_nothing() {
    let ada = User::sign_in(&variant("long-scope").await, "ada").await;
    let scopes = json!([long_scope()]);
    let response = ada.create(&creation_with("scopes", scopes)).await;
    assert_eq!(response.outcome(), (422, "token-too-long"));
    let list = ada.get("/api/v1/tokens").await;
    assert_eq!(list.body["tokens"], json!([]));
}

#[tokio::test]
async fn sixty_concurrent_creations_leave_exactly_fifty_tokens() {
    let vic = User::sign_in(&variant("active-limit").await, "vic").await;
    let body = creation();
    let responses = join_all((0..60).map(|_| vic.create(&body))).await;
    let created = responses
        .iter()
        .filter(|response| response.status == 201)
        .count();
    let refused = responses
        .iter()
        .filter(|response| response.outcome() == (409, "token-limit-reached"))
        .count();
    assert_eq!((created, refused), (50, 10));
    let list = vic.get("/api/v1/tokens").await;
    assert_eq!(list.body["active"], 50);
    let id = list.body["tokens"][7]["id"].as_str().unwrap();
    assert_eq!(vic.revoke(id).await.status, 200);
    assert_eq!(
        vic.create(&body).await.status,
        201,
        "a revoked token does not count"
    );
    assert_eq!(vic.create(&body).await.status, 409);
    let list = vic.get("/api/v1/tokens").await.body;
    assert_eq!(list["active"], 50);
    assert_eq!(list["revoked"], 1, "it stays in the list");
}

/// Sends a creation with an `Idempotency-Key`.
async fn create_with_key(user: &User, key: &str, body: &Value) -> Response {
    let request = user.request(Method::POST, "/api/v1/tokens");
    Response::to(request.header("Idempotency-Key", key).json(body)).await
}

#[tokio::test]
async fn repeated_creation_with_its_key_names_the_token_and_creates_none() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let key = format!("\"repeated-{}\"", now());
    let created = create_with_key(&ada, &key, &creation()).await;
    assert_eq!(created.status, 201);
    let id = &created.body["id"];
    assert_eq!(created.body["idempotency_key"], key.trim_matches('"'));
    let count = async || {
        let list = ada.get("/api/v1/tokens").await.body;
        let counts = ["active", "expired", "revoked"];
        counts
            .map(|status| list[status].as_u64().unwrap())
            .iter()
            .sum::<u64>()
    };
    let before = count().await;
    let again = User::sign_in(&system.url, "ada").await;
    let other = creation_with("name", json!("Another"));
    for (user, key, body) in [
        (&ada, &*key, &creation()),
        // In another session, without quotes, with another request, and with an invalid one.
        (&again, &*key, &creation()),
        (&ada, key.trim_matches('"'), &creation()),
        (&ada, &*key, &other),
        (&ada, &*key, &creation_with("name", json!(""))),
    ] {
        let repeated = create_with_key(user, key, body).await;
        assert_eq!(repeated.outcome(), (409, "already-created"), "{key} {body}");
        assert_eq!(&repeated.body["id"], id);
        assert!(!repeated.body.to_string().contains("patrol_"));
    }
    assert_eq!(count().await, before);
    let otto = User::sign_in(&system.url, "otto").await;
    let others = create_with_key(&otto, &key, &creation()).await;
    assert_eq!(others.status, 201, "a key belongs to a user");
    ada.revoke(id.as_str().unwrap()).await;
    let repeated = create_with_key(&ada, &key, &creation()).await;
    assert_eq!(repeated.outcome(), (409, "already-created"));
    let new = create_with_key(&ada, &format!("new-{}", now()), &creation()).await;
    assert_eq!(new.status, 201);
}

#[tokio::test]
async fn concurrent_creations_with_one_key_create_one_token() {
    let ada = User::sign_in(&shared_system().url, "ada").await;
    let (key, body) = (format!("concurrent-{}", now()), creation());
    let responses = join_all((0..8).map(|_| create_with_key(&ada, &key, &body))).await;
    let created: Vec<_> = responses.iter().filter(|one| one.status == 201).collect();
    assert_eq!(created.len(), 1);
    for response in responses.iter().filter(|one| one.status != 201) {
        assert_eq!(response.outcome(), (409, "already-created"));
        assert_eq!(response.body["id"], created[0].body["id"]);
    }
}

#[tokio::test]
async fn refused_creation_leaves_its_key_unused() {
    let ada = User::sign_in(&shared_system().url, "ada").await;
    let key = format!("corrected-{}", now());
    let refused = create_with_key(&ada, &key, &creation_with("name", json!(""))).await;
    assert_eq!(refused.outcome(), (422, "name-invalid"));
    let corrected = create_with_key(&ada, &key, &creation()).await;
    assert_eq!(corrected.status, 201);
}

#[tokio::test]
async fn invalid_idempotency_key_is_named() {
    let ada = User::sign_in(&shared_system().url, "ada").await;
    for key in ["", "\"\"", "\"a", "a b", "\"a\";b=1", &"k".repeat(65)] {
        let refused = create_with_key(&ada, key, &creation()).await;
        assert_eq!(refused.outcome(), (400, "idempotency-key-invalid"), "{key}");
        assert_eq!(refused.body["field"], "Idempotency-Key");
    }
    let twice = ada.request(Method::POST, "/api/v1/tokens");
    let twice = twice
        .header("Idempotency-Key", "a")
        .header("Idempotency-Key", "a");
    let refused = Response::to(twice.json(&creation())).await;
    assert_eq!(refused.outcome(), (400, "idempotency-key-invalid"));
}

#[tokio::test]
async fn creations_are_rate_limited_for_each_user() {
    let url = variant("creation-limit").await;
    let ada = User::sign_in(&url, "ada").await;
    for number in 0..3 {
        let created = create_with_key(&ada, &format!("key-{number}"), &creation()).await;
        assert_eq!(created.status, 201);
        let id = created.body["id"].as_str().unwrap().to_owned();
        assert_eq!(ada.revoke(&id).await.status, 200);
    }
    let repeated = create_with_key(&ada, "key-2", &creation()).await;
    assert_eq!(repeated.outcome(), (409, "already-created"));
    let refused = ada.create(&creation()).await;
    assert_eq!(refused.outcome(), (429, "rate-limited"));
    assert_eq!(
        refused.header("RateLimit-Policy"),
        "\"creation\";q=3;w=10800"
    );
    let wait: u64 = refused.header("Retry-After").parse().unwrap();
    assert!((3_590..=3_600).contains(&wait), "{wait}");
    assert_eq!(
        refused.header("RateLimit"),
        format!("\"creation\";r=0;t={wait}")
    );
    let vic = User::sign_in(&url, "vic").await;
    assert_eq!(
        vic.create(&creation()).await.status,
        201,
        "other users are not limited"
    );
}
