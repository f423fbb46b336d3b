//! Requests for the upstream: the path that is authorized is the path that is forwarded.

use crate::{
    common::{PIPELINES, echo_headers},
    variants::variant,
};
use patrol_policy::example;
use patrol_support::{
    Response, User, api_request, client,
    raw_http::{RawResponse, send_raw},
    shared_system,
};
use percent_encoding::percent_decode_str;
use proptest::{
    prelude::*,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use reqwest::Method;

#[tokio::test]
async fn edge_refuses_a_path_with_a_second_spelling() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read", "models:read"]).await;
    for path in [
        "/api/v1/models//export",
        "/api/v1/models/",
        "/api/v1/models/a%2fb",
        "/api/v1/models/a%5cb",
        "/api/v1/models/a;b",
        "/api/v1/models/%c0%af",
        "/api/v1/models/%ff",
        "/api/v1/models/%252e%252e",
        "/api/v1/models/a%252fb",
        "/api/v1//models",
    ] {
        let response =
            Response::to(api_request(&system.url, Method::GET, path, &created.token)).await;
        assert_eq!(response.outcome(), (403, "route-unknown"), "{path}");
    }
    // Forward-auth gets the path as the client wrote it, with its dots.
    for uri in [
        "/api/v1/models/../engine/pipelines",
        "/api/v1/models/%2e%2e",
    ] {
        let request = api_request(
            &system.url,
            Method::GET,
            "/.patrol/authorize",
            &created.token,
        );
        let request = request
            .header("X-Forwarded-Method", "GET")
            .header("X-Forwarded-Uri", uri);
        assert_eq!(
            Response::to(request).await.outcome(),
            (403, "route-unknown"),
            "{uri}"
        );
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn edge_authorizes_the_path_that_it_forwards() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["models:read"]).await;
    let headers = echo_headers(&created.token);
    let plain = send_raw(&system.url, "GET", "/api/v1/models", &headers).await;
    assert!(plain.status() == 200 && plain.contains("\"target\""));
    // The runtime resolves some of these before the edge sees them; then the token lacks the scope
    // for the result. None of them is forwarded in any form.
    for target in [
        "/api/v1/models/../engine/pipelines",
        "/api/v1/models/%2e%2e/engine/pipelines",
        "/api/v1/models/.%2E/engine/pipelines",
        "/api/v1/models/a/..%2f..%2fengine/pipelines",
        "/api/v1/models%2f..%2fengine%2fpipelines",
        "/api/v1/models\\..\\engine\\pipelines",
        "/api/v1/models/..;/engine/pipelines",
        "/.patrol/../api/v1/engine/pipelines",
        "/.patrol/health/../../api/v1/engine/pipelines",
        "/api/v1/tokens/../engine/pipelines",
        "//api/v1/models",
        "/api//v1/models",
        "/api/v1/models/",
        "/api/v1/models%20",
        "/api/v1/models%00",
        "/api/v1/models/%",
        "/api/v1/models%3fx",
        "/api/v1/models/%c0%ae%c0%ae",
        "/api/v1/models/%252e%252e",
        "/API/v1/models",
        "/api/v1/modelsx",
        "http://127.0.0.1/api/v1/engine/pipelines",
        "http://user@other.example/api/v1/engine/pipelines",
    ] {
        let response = send_raw(&system.url, "GET", target, &headers).await;
        assert!(
            matches!(response.status(), 400 | 403 | 404),
            "{target}: {}",
            response.status()
        );
        assert!(!response.contains("\"target\""), "{target} was forwarded");
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn edge_refuses_methods_in_other_letters() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let headers = echo_headers(&created.token);
    for method in ["get", "Get", "TRACE", "PROPFIND", "CONNECT", "OPTIONS"] {
        let response = send_raw(&system.url, method, PIPELINES, &headers).await;
        assert!(
            !response.contains("\"target\""),
            "{method} was forwarded: {}",
            response.status()
        );
    }
    ada.revoke(&created.id).await;
}

/// The target that the sample API saw. `None`: the request was not forwarded.
fn target(response: &RawResponse) -> Option<String> {
    Some(response.json()?["target"].as_str()?.to_owned())
}

const NORMALIZED: [(&str, &str); 7] = [
    ("/api/v1/models/plant%2D1", "/api/v1/models/plant-1"),
    ("/api/v1/models/press%5Fhall", "/api/v1/models/press_hall"),
    ("/api/v1/models/v1%2E0?v=%2E", "/api/v1/models/v1.0?v=%2E"),
    ("/api/v1/models/%7Etmp", "/api/v1/models/~tmp"),
    ("/api/v1/models/%c3%a4%20%41", "/api/v1/models/%c3%a4%20A"),
    ("/%61pi/v1/models/m/%65xport", "/api/v1/models/m/export"),
    ("/api/v1/models/plain?a=%41", "/api/v1/models/plain?a=%41"),
];

/// RFC 3986, section 6.2.2.2. The upstream may be an address or a binding.
#[tokio::test]
async fn edge_forwards_the_normal_spelling_of_unreserved_characters() {
    for url in [&shared_system().url, &variant("bound-upstream").await] {
        let ada = User::sign_in(url, "ada").await;
        let created = ada.create_token(&["models:read"]).await;
        let headers = echo_headers(&created.token);
        // The second time, the edge answers from its caches.
        for _ in 0..2 {
            for (sent, normal) in NORMALIZED {
                let response = send_raw(url, "GET", sent, &headers).await;
                assert_eq!(target(&response).as_deref(), Some(normal), "{sent}");
            }
        }
        ada.revoke(&created.id).await;
    }
}

/// MQTT topics and OPC UA node ids.
#[tokio::test]
async fn edge_forwards_a_raw_tail_as_it_was_sent() {
    for url in [&shared_system().url, &variant("bound-upstream").await] {
        let ada = User::sign_in(url, "ada").await;
        let created = ada.create_token(&["uns:read"]).await;
        let headers = echo_headers(&created.token);
        for tail in [
            "ns=2;s=Press",
            "ns=2%3Bs=Press",
            "a//b",
            "/leading",
            "trailing/",
            "a%2Fb",
            "a%5Cb",
            "plant%2D1",
            "a%252Fb",
            "..a;b/c..",
            "%c3%a4",
        ] {
            let sent = format!("/api/v1/uns/topics/{tail}?q=1");
            let response = send_raw(url, "GET", &sent, &headers).await;
            assert_eq!(target(&response), Some(sent));
        }
        for tail in [
            "..;x/../../models",
            "%2e%2e%2f%2e%2e%2fmodels",
            "a%2F..%2F..%2Fmodels",
            "a%5C..%5C..%5Cmodels",
            "..%3Bx/%2e%2e;/models",
            "%252e%252e%252fmodels",
            "a%00",
            "/",
            "",
        ] {
            let sent = format!("/api/v1/uns/topics/{tail}");
            let response = send_raw(url, "GET", &sent, &headers).await;
            assert_eq!(target(&response), None, "{sent}");
            assert_eq!(response.status(), 403, "{sent}");
        }
        ada.revoke(&created.id).await;
    }
}

/// A proxy forwards its own spelling, so forward-auth allows only the normal one.
#[tokio::test]
async fn forward_auth_refuses_a_path_that_is_not_normal() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["models:read", "uns:read"]).await;
    let authorize = |uri: &str| {
        let request = api_request(
            &system.url,
            Method::GET,
            "/.patrol/authorize",
            &created.token,
        );
        let request = request
            .header("X-Forwarded-Method", "GET")
            .header("X-Forwarded-Uri", uri);
        Response::to(request)
    };
    for _ in 0..2 {
        for uri in ["/api/v1/models/a%20b", "/api/v1/uns/topics/a%2Db;c//d%2Fe"] {
            assert_eq!(authorize(uri).await.status, 200, "{uri}");
        }
        let refused = authorize("/api/v1/models/plant%2D1").await;
        assert_eq!(refused.outcome(), (403, "route-unknown"));
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(
            detail.contains("Send it as `/api/v1/models/plant-1`"),
            "{detail}"
        );
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn refusal_names_the_part_of_the_path_that_is_to_blame() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["models:read"]).await;
    for (method, path, told) in [
        (Method::GET, "/api/v1/models/a;b", "has `;`"),
        (Method::GET, "/api/v1/models/a%2Fb", "escaped slash `%2F`"),
        (
            Method::GET,
            "/api/v1/models/",
            "Remove the slash at the end",
        ),
        (Method::PUT, "/api/v1/models", "Use GET or POST."),
        (Method::GET, "/api/v1/modelz", "Compare it with the API's"),
    ] {
        let response = Response::to(api_request(&system.url, method, path, &created.token)).await;
        assert_eq!(response.outcome(), (403, "route-unknown"), "{path}");
        let detail = response.body["detail"].as_str().unwrap();
        assert!(detail.contains(told), "{path}: {detail}");
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn path_names_the_organization_that_the_request_acts_in() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let one = ada
        .create_token_for(&["acme"], &["organizations:read"])
        .await;
    let two = ada
        .create_token_for(&["acme", "globex"], &["organizations:read"])
        .await;
    let get = |token: &str, organization: &str, named: Option<&'static str>| {
        let path = format!("/api/v1/organizations/{organization}/members");
        let request = client()
            .get(format!("{}{path}", system.url))
            .bearer_auth(token);
        let named = named.into_iter();
        Response::to(named.fold(request, |request, id| {
            request.header("X-Organization-ID", id)
        }))
    };
    for (token, organization, named, expected) in [
        (&one, "acme", None, 200),
        (&one, "%61cme", Some("acme"), 200),
        (&one, "globex", None, 403),
        (&two, "globex", Some("globex"), 200),
        (&two, "globex", Some("acme"), 403),
        (&two, "acme", None, 400),
    ] {
        let response = get(&token.token, organization, named).await;
        assert_eq!(response.status, expected, "{organization} {named:?}");
        if expected == 403 {
            assert_eq!(response.outcome(), (403, "organization-mismatch"));
        }
    }
    ada.revoke(&one.id).await;
    ada.revoke(&two.id).await;
}

/// Pieces from which servers have read other paths than proxies.
fn path() -> impl Strategy<Value = String> {
    let pieces = vec![
        "a", "b", "models", "export", "engine", ".", "..", "/", "//", "\\", ";", ";x", "%2e",
        "%2E", "%2f", "%2F", "%5c", "%3b", "%3B", "%25", "%252e", "%252f", "%00", "%61", "%7E",
        "%c3%a4", "%c0%ae", "%", "%u002e", "?", "=", "+", ":", "@", "~", "%20", "{", "|", "^",
        "\"",
    ];
    let folder = select(vec!["/api/v1/models/", "/api/v1/uns/topics/", "/api/v1/"]);
    let tail = prop::collection::vec(select(pieces), 1..9);
    (folder, tail).prop_map(|(folder, tail)| folder.to_owned() + &tail.concat())
}

/// Whatever is sent: what the upstream sees decodes to what was judged, and was allowed.
#[tokio::test]
async fn upstream_sees_the_path_that_was_judged() {
    let mut runner = TestRunner::new(Config::default());
    let strategy = path();
    for url in [&shared_system().url, &variant("bound-upstream").await] {
        let ada = User::sign_in(url, "ada").await;
        let created = ada.create_token(&["models:read", "uns:read"]).await;
        let headers = echo_headers(&created.token);
        let mut forwarded = 0;
        for _ in 0..400 {
            let sent = strategy.new_tree(&mut runner).unwrap().current();
            let response = send_raw(url, "GET", &sent, &headers).await;
            let Some(target) = target(&response) else {
                continue;
            };
            forwarded += 1;
            // The runtime itself may resolve dots before the edge sees a path. What the upstream
            // sees must be a path that the edge would allow, and forward as it is.
            let seen = target.split('?').next().unwrap_or_default();
            let judged = example().route("GET", seen);
            let judged = judged.unwrap_or_else(|error| panic!("{sent} became {seen}: {error}"));
            let decoded = |path: &str| percent_decode_str(path).collect::<Vec<_>>();
            assert_eq!(decoded(&judged.path), decoded(seen), "{sent}");
            assert!(
                judged.route.path.starts_with("/api/v1/models")
                    || judged.route.path.starts_with("/api/v1/uns/topics/"),
                "{sent} became {seen}"
            );
            if let Ok(own) = example().route("GET", sent.split('?').next().unwrap_or_default()) {
                assert_eq!(decoded(&own.path), decoded(seen), "{sent} became {seen}");
                assert_eq!(own.route.path, judged.route.path, "{sent} became {seen}");
            }
        }
        assert!(forwarded > 40, "only {forwarded} were forwarded");
        ada.revoke(&created.id).await;
    }
}

#[tokio::test]
async fn echo_path_shows_the_path_as_it_arrived() {
    let system = shared_system();
    for path in ["a//b", "ns=2;s=x%3By", "%2F%5c..%252e", "a%2Db"] {
        let target = format!("/.patrol/echo-path/{path}");
        let response = send_raw(&system.url, "GET", &format!("{target}?q"), "").await;
        assert_eq!(response.json().unwrap()["path"], target);
    }
    let url = variant("default").await;
    let hidden = Response::to(client().get(format!("{url}/.patrol/echo-path/a"))).await;
    assert_eq!(hidden.outcome(), (404, "not-found"));
}
