//! Every answer that the edge can give, each reached by a real request.

use patrol::{
    jose::signing::SigningKeys,
    time::DAY,
    token::{Claims, claims},
};
use patrol_support::{Answer, System, User, call, client::client, now, shared, until};
use reqwest::Method;
use serde_json::{Value, json};

const PIPELINES: &str = "/api/v1/engine/pipelines";

/// Signs claims with the system's own key.
fn sign(system: &System, claims: &Value) -> String {
    let keys = SigningKeys::from_jwks(&system.secret("SIGNING_KEYS")).unwrap();
    let claims: Claims = serde_json::from_value(claims.clone()).unwrap();
    claims::issue(&claims, keys.first())
        .unwrap()
        .reveal()
        .to_owned()
}

fn assert_denied(answer: &Answer, status: u16, code: &str, challenge: Option<&str>) {
    assert_eq!(answer.outcome(), (status, code));
    assert_eq!(answer.header("Content-Type"), "application/problem+json");
    assert_eq!(answer.body["status"], status);
    assert_eq!(answer.header("Cache-Control"), "no-store");
    match challenge {
        Some(part) => {
            let header = answer.header("WWW-Authenticate");
            assert!(header.starts_with("Bearer realm=\"patrol\""), "{header}");
            assert!(header.contains(part), "{header}");
        }
        None => assert_eq!(answer.header("WWW-Authenticate"), ""),
    }
}

#[tokio::test]
async fn from_sign_in_to_refusal() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["pipelines:read"]).await;
    let good = Answer::to(call(system, Method::GET, PIPELINES, &made.token)).await;
    assert_eq!(good.status, 200);
    assert!(good.body["pipelines"].as_array().unwrap().len() > 1);
    let publish = call(
        system,
        Method::PUT,
        "/api/v1/uns/topics/plant/line/speed",
        &made.token,
    );
    let refused = Answer::to(publish.json(&json!({ "value": 1 }))).await;
    assert_denied(
        &refused,
        403,
        "scope-insufficient",
        Some("scope=\"uns:publish\""),
    );
    assert_eq!(ada.revoke(&made.id).await.status, 200);
    let after = Answer::to(call(system, Method::GET, PIPELINES, &made.token)).await;
    assert_denied(
        &after,
        401,
        "token-revoked",
        Some("error=\"invalid_token\""),
    );
}

#[tokio::test]
async fn a_request_without_one_good_token_is_refused() {
    let system = shared();
    let url = format!("{}{PIPELINES}", system.base);
    let with = |value: &str| client().get(&url).header("Authorization", value);
    let answer = Answer::to(client().get(&url)).await;
    assert_denied(&answer, 401, "token-missing", Some(""));
    assert!(
        !answer.header("WWW-Authenticate").contains("error"),
        "RFC 6750, section 3.1"
    );
    let basic = Answer::to(with("Basic YTpi")).await;
    assert_denied(&basic, 401, "token-missing", Some(""));
    let invalid = Some("error=\"invalid_token\"");
    for header in ["Bearer", "Bearer x", "Bearer patrol_a.b.c", "Bearer a b"] {
        assert_denied(
            &Answer::to(with(header)).await,
            401,
            "token-malformed",
            invalid,
        );
    }
    let long = format!("Bearer {}", "a".repeat(5_000));
    assert_denied(
        &Answer::to(with(&long)).await,
        401,
        "token-malformed",
        invalid,
    );
    let twice = with("Bearer x").header("Authorization", "Bearer y");
    assert_denied(&Answer::to(twice).await, 401, "token-malformed", invalid);
}

#[tokio::test]
async fn a_token_that_is_not_ours_or_not_of_now_is_refused() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["pipelines:read"]).await;
    let claims = made.claims();
    let changed = |changes: Value| {
        let mut claims = claims.clone();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        sign(system, &claims)
    };
    let (message, signature) = made.token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{message}.{first}{}", &signature[1..]);
    let other = SigningKeys::from_jwks(&SigningKeys::generate(&[9; 32])).unwrap();
    let by_other: Claims = serde_json::from_value(claims.clone()).unwrap();
    let by_other = claims::issue(&by_other, other.first())
        .unwrap()
        .reveal()
        .to_owned();
    let later = now() + 1_000;
    for (token, code) in [
        (changed(json!({})), ""),
        (forged, "signature-invalid"),
        (by_other, "signature-invalid"),
        (
            changed(json!({ "iat": now() - DAY, "nbf": now() - DAY, "exp": now() - 1 })),
            "token-expired",
        ),
        (changed(json!({ "nbf": later })), "token-not-yet-valid"),
        (
            changed(json!({ "iss": "https://other.example" })),
            "token-malformed",
        ),
        (
            changed(json!({ "aud": "https://other.example" })),
            "token-malformed",
        ),
        (
            changed(json!({ "exp": now() + 400 * DAY })),
            "token-malformed",
        ),
        (changed(json!({ "iat": now() + 60 })), ""),
        (
            changed(json!({ "scope": "pipelines:read\r" })),
            "token-malformed",
        ),
        (
            changed(json!({ "scope": "pipelines:read\0" })),
            "token-malformed",
        ),
        (
            changed(json!({ "scope": "pipelines:read\nmodels:read" })),
            "token-malformed",
        ),
    ] {
        let answer = Answer::to(call(system, Method::GET, PIPELINES, &token)).await;
        if code.is_empty() {
            assert_eq!(answer.status, 200);
        } else {
            assert_denied(&answer, 401, code, Some("error=\"invalid_token\""));
        }
    }
    ada.revoke(&made.id).await;
}

#[tokio::test]
async fn a_token_for_a_list_that_does_not_exist_is_refused() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["pipelines:read"]).await;
    // Signed by us, but with a place in a list of somebody else's registry, of a registry that does
    // not exist, and one that her registry does not have.
    for list in ["/status/5/0", "/status/99/0", "/status/14/77"] {
        let mut claims = made.claims();
        claims["status"]["status_list"]["uri"] = json!(format!("{}{list}", system.base));
        let token = sign(system, &claims);
        for _ in 0..3 {
            let answer = Answer::to(call(system, Method::GET, PIPELINES, &token)).await;
            assert_denied(&answer, 401, "token-malformed", Some("invalid_token"));
        }
    }
    ada.revoke(&made.id).await;
}

#[tokio::test]
async fn organization_and_route_are_checked() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["pipelines:read", "organizations:read"]).await;
    let get = |path: &str| {
        client()
            .get(format!("{}{path}", system.base))
            .bearer_auth(&made.token)
    };
    let none = Answer::to(get(PIPELINES)).await;
    assert_denied(&none, 400, "organization-required", None);
    let other = Answer::to(get(PIPELINES).header("X-Organization-ID", "globex")).await;
    assert_denied(&other, 403, "organization-mismatch", None);
    assert_eq!(Answer::to(get("/api/v1/organizations")).await.status, 200);
    let unknown = Answer::to(get("/api/v1/secrets").header("X-Organization-ID", "acme")).await;
    assert_denied(&unknown, 403, "route-unknown", None);
    let head = call(system, Method::HEAD, PIPELINES, &made.token);
    assert_eq!(Answer::to(head).await.status, 200);
    ada.revoke(&made.id).await;
}

#[tokio::test]
async fn a_path_with_two_spellings_never_reaches_the_upstream() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["pipelines:read", "models:read"]).await;
    for path in [
        "/api/v1/models//export",
        "/api/v1/models/",
        "/api/v1/models/a%2fb",
        "/api/v1/models/a%5cb",
        "/api/v1/models/a;b",
        "/api/v1/models/%65xport",
        "/api/v1/models/%c0%af",
        "/api/v1/models/%ff",
        "/api/v1/models/%252e%252e",
        "/api/v1/models/a%252fb",
        "/api/v1//models",
    ] {
        let answer = Answer::to(call(system, Method::GET, path, &made.token)).await;
        assert_eq!(answer.outcome(), (403, "route-unknown"), "{path}");
    }
    // Forward-auth sees the path as the client wrote it: nobody has resolved the dots.
    for uri in [
        "/api/v1/models/../engine/pipelines",
        "/api/v1/models/%2e%2e",
    ] {
        let request = call(system, Method::GET, "/.patrol/authorize", &made.token);
        let request = request
            .header("X-Forwarded-Method", "GET")
            .header("X-Forwarded-Uri", uri);
        assert_eq!(
            Answer::to(request).await.outcome(),
            (403, "route-unknown"),
            "{uri}"
        );
    }
    ada.revoke(&made.id).await;
}

#[tokio::test]
async fn the_upstream_learns_who_calls_and_never_the_token() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["pipelines:read"]).await;
    let request = call(
        system,
        Method::GET,
        &format!("{PIPELINES}?page=2&q=a%2Fb"),
        &made.token,
    )
    .header("X-Echo-Headers", "1")
    .header("X-Patrol-Subject", "root")
    .header("X-HTTP-Method-Override", "DELETE")
    .header("X_Patrol_Subject", "root")
    .header("X-Patrol_Scopes", "uns:manage")
    .header("X-Custom", "kept")
    .header("TE", "trailers")
    .header("Proxy-Authorization", "Basic x")
    .header("Cookie", format!("{}; theme=dark", ada.cookie()));
    let echo = Answer::to(request).await;
    assert_eq!(echo.status, 200);
    let text = echo.body.to_string();
    assert!(!text.contains(&made.token), "the token is not forwarded");
    assert!(
        !text.contains("patrol_session"),
        "the session is not forwarded"
    );
    assert!(text.contains("page=2&q=a%2Fb"), "the query is");
    let headers = echo.body["headers"].as_array().unwrap();
    let header = |name: &str| {
        let found = headers.iter().find(|pair| pair[0] == name)?;
        found[1].as_str()
    };
    for (name, value) in [
        ("x-patrol-subject", Some("ada")),
        ("x-patrol-organization", Some("acme")),
        ("x-patrol-scopes", Some("pipelines:read")),
        ("x-patrol-token-id", Some(made.id.as_str())),
        ("x_patrol_subject", None),
        ("x-patrol_scopes", None),
        ("x-custom", Some("kept")),
        ("cookie", Some("theme=dark")),
        ("authorization", None),
        ("te", None),
        ("x-http-method-override", None),
        ("proxy-authorization", None),
    ] {
        assert_eq!(header(name), value, "{name}");
    }
    ada.revoke(&made.id).await;
}

#[tokio::test]
async fn a_preflight_passes_where_a_request_could_follow_and_takes_nothing_along() {
    let system = shared();
    let preflight = |path: &str, wanted: &'static str| {
        client()
            .request(Method::OPTIONS, format!("{}{path}", system.base))
            .header("Origin", "https://app.example")
            .header("Access-Control-Request-Method", wanted)
            .header("Access-Control-Request-Headers", "authorization")
    };
    for wanted in ["GET", "HEAD", "POST"] {
        let request = preflight(PIPELINES, wanted)
            .header("Authorization", "Bearer x")
            .header("Cookie", "theme=dark")
            .header("X-Custom", "x")
            .body("a body");
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, 204, "{wanted}");
        assert_ne!(answer.header("Access-Control-Allow-Origin"), "");
        let got: Vec<_> = answer.header("X-Got-Headers").split(' ').collect();
        for name in [
            "origin",
            "access-control-request-method",
            "access-control-request-headers",
        ] {
            assert!(got.contains(&name), "{name}");
        }
        for name in [
            "authorization",
            "cookie",
            "x-custom",
            "content-type",
            "transfer-encoding",
        ] {
            assert!(!got.contains(&name), "{name} went along");
        }
    }
    for (path, wanted) in [
        ("/api/v1/secrets", "GET"),
        ("/admin", "GET"),
        (PIPELINES, "DELETE"),
        (PIPELINES, "get"),
        (PIPELINES, "GET, DELETE"),
        ("/api/v1/models/a;b", "GET"),
        ("/api/v1/models//b", "GET"),
        ("/api/v1/models/a%2f..%2fb", "GET"),
    ] {
        let answer = Answer::to(preflight(path, wanted)).await;
        assert_eq!(answer.outcome(), (403, "route-unknown"), "{wanted} {path}");
    }
    // What no browser sends is no preflight.
    let plain = client().request(Method::OPTIONS, format!("{}{PIPELINES}", system.base));
    assert_eq!(Answer::to(plain).await.outcome(), (401, "token-missing"));
    let nobodys = client()
        .request(Method::OPTIONS, format!("{}{PIPELINES}", system.base))
        .header("Access-Control-Request-Method", "GET");
    assert_eq!(Answer::to(nobodys).await.outcome(), (401, "token-missing"));
}

#[tokio::test]
async fn redirects_pass() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["models:read"]).await;
    let moved = Answer::to(call(
        system,
        Method::GET,
        "/api/v1/models/redirect",
        &made.token,
    ))
    .await;
    assert_eq!(
        (moved.status, moved.header("Location")),
        (302, "/api/v1/models")
    );
    ada.revoke(&made.id).await;
}

#[tokio::test]
async fn another_proxy_can_ask_for_the_verdict() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["pipelines:read", "organizations:read"]).await;
    let ask = |method: &str, uri: &str| {
        call(system, Method::GET, "/.patrol/authorize", &made.token)
            .header("X-Forwarded-Method", method)
            .header("X-Forwarded-Uri", uri)
    };
    let yes = Answer::to(ask("GET", "/api/v1/engine/pipelines?page=2")).await;
    assert_eq!(yes.status, 204);
    assert_eq!(yes.header("X-Patrol-Subject"), "ada");
    assert_eq!(yes.header("X-Patrol-Organization"), "acme");
    assert_eq!(
        yes.header("X-Patrol-Scopes"),
        "pipelines:read organizations:read"
    );
    assert_eq!(yes.header("X-Patrol-Token-Id"), made.id);
    assert_eq!(yes.header("Cache-Control"), "no-store");
    // There, so that it takes the place of one that the client sent.
    let nowhere = client()
        .get(format!("{}/.patrol/authorize", system.base))
        .bearer_auth(&made.token)
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Uri", "/api/v1/organizations");
    let nowhere = Answer::to(nowhere).await;
    assert_eq!(nowhere.status, 204);
    assert_eq!(nowhere.headers["X-Patrol-Organization"], "");
    let no = Answer::to(ask("POST", PIPELINES)).await;
    assert_denied(
        &no,
        403,
        "scope-insufficient",
        Some("scope=\"pipelines:write\""),
    );
    let nothing = call(system, Method::GET, "/.patrol/authorize", &made.token);
    assert_eq!(
        Answer::to(nothing).await.outcome(),
        (400, "forwarded-missing")
    );
    ada.revoke(&made.id).await;
    let gone = Answer::to(ask("GET", PIPELINES)).await;
    assert_denied(&gone, 401, "token-revoked", Some("invalid_token"));
}

#[tokio::test]
async fn a_proxy_gets_no_leave_for_a_request_that_could_be_taken_for_another() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["pipelines:read"]).await;
    let ask = |uri: &'static str| {
        call(system, Method::GET, "/.patrol/authorize", &made.token)
            .header("X-Forwarded-Method", "GET")
            .header("X-Forwarded-Uri", uri)
    };
    for name in [
        "X-HTTP-Method-Override",
        "X_HTTP_Method_Override",
        "X-Original-URL",
        "x.rewrite.url",
        "Script_Name",
        "X_Patrol_Subject",
        "X~Patrol~Scopes",
        "X_Organization_ID",
        "X_Forwarded_Uri",
        "X_Real_IP",
    ] {
        // Each goes both ways: by memory alone, and not.
        for _ in 0..2 {
            let answer = Answer::to(ask(PIPELINES).header(name, "/x")).await;
            assert_denied(&answer, 400, "header-refused", None);
            let detail = answer.body["detail"].as_str().unwrap();
            assert!(detail.starts_with("Remove the header `"), "{detail}");
        }
    }
    let proxys_own = ask(PIPELINES)
        .header("X-Forwarded-For", "192.0.2.1")
        .header("X-Forwarded-Host", "api.example")
        .header("X-Forwarded-Prefix", "/app")
        .header("X-Real-IP", "192.0.2.1")
        .header("X-Patrol-Subject", "replaced by the answer");
    assert_eq!(Answer::to(proxys_own).await.status, 204);
    // A token that is no good is told first.
    let stranger = client()
        .get(format!("{}/.patrol/authorize", system.base))
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Uri", PIPELINES)
        .header("X-Original-URL", "/x");
    assert_eq!(Answer::to(stranger).await.outcome(), (401, "token-missing"));

    let two = ask(PIPELINES).header("X-Forwarded-Uri", "/other");
    let two_with_a_query =
        ask("/api/v1/engine/pipelines?page=2").header("X-Forwarded-Uri", "/other");
    let fragment = ask("/api/v1/engine/pipelines#/../../other");
    let fragment_of_a_query = ask("/api/v1/engine/pipelines?a#/../../other");
    for request in [two, two_with_a_query, fragment, fragment_of_a_query] {
        let answer = Answer::to(request).await;
        assert_eq!(answer.outcome(), (400, "forwarded-invalid"));
    }
    ada.revoke(&made.id).await;
}

#[tokio::test]
async fn the_clients_address_comes_from_the_header_that_is_configured() {
    let system = System::start(
        "client-address",
        &["--var", "CLIENT_ADDRESS_HEADER=Fly-Client-IP"],
    );
    let ada = User::sign_in(&system, "ada").await;
    let made = ada.token(&["pipelines:read"]).await;
    let ask = || {
        call(&system, Method::GET, PIPELINES, &made.token)
            .header("X-Echo-Headers", "1")
            .header("CF-Connecting-IP", "203.0.113.66")
            .header("True-Client-IP", "203.0.113.66")
            .header("X-Forwarded-For", "203.0.113.66")
            .header("X-Real-IP", "203.0.113.66")
    };
    let echo = Answer::to(ask().header("Fly-Client-IP", "192.0.2.9")).await;
    let text = echo.body["headers"].to_string();
    assert!(!text.contains("203.0.113.66"), "{text}");
    for name in ["fly-client-ip", "x-real-ip", "x-forwarded-for"] {
        assert!(
            text.contains(&format!(r#"["{name}","192.0.2.9"]"#)),
            "{name}"
        );
    }
    until("the address is known", || async {
        let record = ada.get(&format!("/api/v1/tokens/{}", made.id)).await.body;
        (record["last_used_address"] == "192.0.2.9").then_some(())
    })
    .await;
    let two = ask()
        .header("Fly-Client-IP", "192.0.2.9")
        .header("Fly-Client-IP", "192.0.2.10");
    let text = Answer::to(two).await.body["headers"].to_string();
    assert!(!text.contains("x-real-ip") && !text.contains("x-forwarded-for"));
}

#[tokio::test]
async fn an_upstream_that_is_down_is_a_502() {
    let system = System::start(
        "upstream-down",
        &["--var", "UPSTREAM_URL=http://127.0.0.1:1"],
    );
    let health = client().get(format!("{}/.patrol/health", system.base));
    assert_eq!(Answer::to(health).await.status, 200);
    let ada = User::sign_in(&system, "ada").await;
    let made = ada.token(&["pipelines:read"]).await;
    // A hang would end the client's patience, and with it this test.
    let answer = Answer::to(call(&system, Method::GET, PIPELINES, &made.token)).await;
    assert_eq!(answer.outcome(), (502, "upstream-unreachable"));
    assert_eq!(answer.header("Content-Type"), "application/problem+json");
}

#[tokio::test]
async fn an_upstream_that_never_answers_is_a_504() {
    let system = System::start("upstream-slow", &["--var", "UPSTREAM_TIMEOUT_SECONDS=1"]);
    let ada = User::sign_in(&system, "ada").await;
    let made = ada.token(&["models:read"]).await;
    let answer = Answer::to(call(
        &system,
        Method::GET,
        "/api/v1/models/slow",
        &made.token,
    ))
    .await;
    assert_eq!(answer.outcome(), (504, "upstream-timeout"));
}
