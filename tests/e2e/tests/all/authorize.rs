//! `/.patrol/authorize`: forward-auth for another proxy, and the fetches that concurrent requests
//! share.

use crate::common::{PIPELINES, assert_denied, authorize, start_cluster};
use futures_util::future::join_all;
use patrol_support::{
    Response, User, api_request, client, link::LinkFault, raw_http::send_raw, shared_system,
    wait_until,
};
use reqwest::{Method, RequestBuilder};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinHandle};

/// The delay in each direction; a round trip takes twice as long.
const DELAY: Duration = Duration::from_millis(50);

/// Sends a request and resets the connection some time later, with or without a response.
async fn send_and_reset(edge: SocketAddr, token: &str, after: Duration) {
    let mut stream = TcpStream::connect(edge).await.expect("cannot connect");
    let request = format!(
        "GET /.patrol/authorize HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {token}\r\n\
         X-Forwarded-Method: GET\r\nX-Forwarded-Uri: {PIPELINES}\r\nX-Organization-ID: acme\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("cannot send");
    tokio::time::sleep(after).await;
    stream.set_zero_linger().expect("cannot reset");
}

/// Repeats [`send_and_reset`] until the flag is set.
fn start_attack(
    edge: SocketAddr,
    token: String,
    after: Duration,
) -> (Arc<AtomicBool>, JoinHandle<()>) {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let attack = tokio::spawn(async move {
        while !stopped.load(Ordering::SeqCst) {
            send_and_reset(edge, &token, after).await;
        }
    });
    (stop, attack)
}

#[tokio::test]
async fn forward_auth_returns_identity_headers_or_the_denial() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada
        .create_token(&["pipelines:read", "organizations:read"])
        .await;
    let send = |method: &str, uri: &str| {
        api_request(
            &system.url,
            Method::GET,
            "/.patrol/authorize",
            &created.token,
        )
        .header("X-Forwarded-Method", method)
        .header("X-Forwarded-Uri", uri)
    };
    let allowed = Response::to(send("GET", "/api/v1/engine/pipelines?page=2")).await;
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.header("X-Patrol-Subject"), "ada");
    assert_eq!(allowed.header("X-Patrol-Organization"), "acme");
    assert_eq!(allowed.header("X-Patrol-Organizations"), "acme");
    assert_eq!(allowed.header("X-Organization-ID"), "acme");
    assert_eq!(
        allowed.header("X-Patrol-Scopes"),
        "pipelines:read organizations:read"
    );
    assert_eq!(allowed.header("X-Patrol-Token-Id"), created.id);
    assert_eq!(allowed.header("Cache-Control"), "no-store");
    // The header is present although empty, so that the proxy replaces one from the client.
    let without_organization = client()
        .get(format!("{}/.patrol/authorize", system.url))
        .bearer_auth(&created.token)
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Uri", "/api/v1/organizations");
    let without_organization = Response::to(without_organization).await;
    assert_eq!(without_organization.status, 200);
    assert_eq!(without_organization.headers["X-Patrol-Organization"], "");
    assert_eq!(
        without_organization.header("X-Patrol-Organizations"),
        "acme"
    );
    assert!(
        !without_organization
            .headers
            .contains_key("X-Organization-ID")
    );
    let only_one = client()
        .get(format!("{}/.patrol/authorize", system.url))
        .bearer_auth(&created.token)
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Uri", PIPELINES);
    let only_one = Response::to(only_one).await;
    assert_eq!(only_one.header("X-Organization-ID"), "acme");
    let denied = Response::to(send("POST", PIPELINES)).await;
    assert_denied(
        &denied,
        403,
        "scope-insufficient",
        Some("scope=\"pipelines:write\""),
    );
    let incomplete = api_request(
        &system.url,
        Method::GET,
        "/.patrol/authorize",
        &created.token,
    );
    assert_eq!(
        Response::to(incomplete).await.outcome(),
        (400, "forwarded-missing")
    );
    ada.revoke(&created.id).await;
    let revoked = Response::to(send("GET", PIPELINES)).await;
    assert_denied(&revoked, 401, "token-revoked", Some("invalid_token"));
}

#[tokio::test]
async fn forward_auth_refuses_requests_that_an_upstream_could_misread() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let send = |uri: &'static str| {
        api_request(
            &system.url,
            Method::GET,
            "/.patrol/authorize",
            &created.token,
        )
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
        // Twice, because the first refusal builds what the second uses.
        for _ in 0..2 {
            let response = Response::to(send(PIPELINES).header(name, "/x")).await;
            assert_denied(&response, 400, "header-refused", None);
            let detail = response.body["detail"].as_str().unwrap();
            assert!(detail.starts_with("Remove the header `"), "{detail}");
        }
    }
    let from_proxy = send(PIPELINES)
        .header("X-Forwarded-For", "192.0.2.1")
        .header("X-Forwarded-Host", "api.example")
        .header("X-Forwarded-Prefix", "/app")
        .header("X-Real-IP", "192.0.2.1")
        .header("X-Patrol-Subject", "replaced by the response");
    assert_eq!(Response::to(from_proxy).await.status, 200);
    // The token is checked first.
    let anonymous = client()
        .get(format!("{}/.patrol/authorize", system.url))
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Uri", PIPELINES)
        .header("X-Original-URL", "/x");
    assert_eq!(
        Response::to(anonymous).await.outcome(),
        (401, "token-missing")
    );

    let two = send(PIPELINES).header("X-Forwarded-Uri", "/other");
    let two_with_a_query =
        send("/api/v1/engine/pipelines?page=2").header("X-Forwarded-Uri", "/other");
    let fragment = send("/api/v1/engine/pipelines#/../../other");
    let fragment_of_a_query = send("/api/v1/engine/pipelines?a#/../../other");
    for request in [two, two_with_a_query, fragment, fragment_of_a_query] {
        let response = Response::to(request).await;
        assert_eq!(response.outcome(), (400, "forwarded-invalid"));
    }
    ada.revoke(&created.id).await;
}

/// A question in each dialect: its path, and the headers in which it states a request.
const DIALECTS: [(&str, Option<[&str; 2]>); 4] = [
    ("", Some(["X-Forwarded-Method", "X-Forwarded-Uri"])),
    ("/nginx", Some(["X-Original-Method", "X-Original-URI"])),
    ("/nginx", Some(["X-Original-Method", "X-Original-URL"])),
    ("/envoy", None),
];

/// Asks in a dialect whether a token may send a request.
fn ask(
    dialect: (&str, Option<[&str; 2]>),
    token: &str,
    (method, target): (&str, &str),
) -> RequestBuilder {
    let (path, headers) = dialect;
    let path = format!("/.patrol/authorize{path}");
    let url = &shared_system().url;
    let Some([name_of_method, name_of_target]) = headers else {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        return api_request(url, method, &format!("{path}{target}"), token);
    };
    // With another method than that of the request.
    api_request(url, Method::PUT, &path, token)
        .header(name_of_method, method)
        .header(name_of_target, target)
}

#[tokio::test]
async fn forward_auth_answers_every_dialect_alike() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    for dialect in DIALECTS {
        for (token, request, status, code) in [
            (&*created.token, ("GET", PIPELINES), 200, ""),
            (
                &created.token,
                ("GET", "/api/v1/engine/pipelines?a=b&c"),
                200,
                "",
            ),
            (
                &created.token,
                ("DELETE", "/api/v1/engine/pipelines/x"),
                403,
                "scope-insufficient",
            ),
            (
                &created.token,
                ("GET", "/api/v1/secrets"),
                403,
                "route-unknown",
            ),
            (
                &created.token,
                ("GET", "/.patrol/health"),
                403,
                "route-unknown",
            ),
            (
                &created.token,
                ("GET", "/api/v1/engine//pipelines"),
                403,
                "route-unknown",
            ),
            ("x", ("GET", PIPELINES), 401, "token-malformed"),
        ] {
            // The second time, the edge answers from its caches.
            for _ in 0..2 {
                let response = Response::to(ask(dialect, token, request)).await;
                assert_eq!(
                    response.outcome(),
                    (status, code),
                    "{dialect:?} {request:?}"
                );
                let is_refused = status != 200;
                assert_eq!(
                    response.header("WWW-Authenticate").is_empty(),
                    code != "scope-insufficient" && status != 401
                );
                assert_eq!(
                    response.header("X-Patrol-Subject"),
                    if is_refused { "" } else { "ada" }
                );
                let in_headers = is_refused && dialect.0 == "/nginx";
                assert_eq!(response.headers.contains_key("X-Patrol-Status"), in_headers);
            }
        }
        let request = ask(dialect, &created.token, ("GET", PIPELINES));
        let denied = Response::to(request.header("X-Organization-ID", "globex")).await;
        assert_eq!(
            denied.outcome(),
            (403, "organization-mismatch"),
            "{dialect:?}"
        );
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn client_cannot_choose_what_is_judged_by_the_headers_of_another_dialect() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    for dialect in DIALECTS {
        let own = dialect.1.unwrap_or_default();
        for (name, value) in [
            ("X-Forwarded-Method", "GET"),
            ("X-Forwarded-Uri", PIPELINES),
            ("X-Original-Method", "GET"),
            ("X-Original-URI", PIPELINES),
            ("X-Original-URL", PIPELINES),
        ] {
            let is_own = own.contains(&name);
            let delete = ("DELETE", "/api/v1/engine/pipelines/x");
            let response = ask(dialect, &created.token, delete).header(name, value);
            let denied = Response::to(response).await;
            let expected = match (is_own, dialect.0) {
                // Twice, or beside the other name of the target.
                (true, "/nginx") => (403, "forwarded-invalid"),
                (true, _) => (400, "forwarded-invalid"),
                (false, "/nginx") if name.starts_with("X-Original") => (403, "forwarded-invalid"),
                (false, _) => (403, "scope-insufficient"),
            };
            assert_eq!(denied.outcome(), expected, "{dialect:?} {name}");

            let get = ask(dialect, &created.token, ("GET", PIPELINES)).header(name, value);
            let refused = Response::to(get).await;
            let code = match expected.1 {
                "forwarded-invalid" => "forwarded-invalid",
                _ => "header-refused",
            };
            assert_eq!(refused.outcome().1, code, "{dialect:?} {name}");
        }
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn nginx_gets_the_real_refusal_in_headers() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let both = ada
        .create_token_for(&["acme", "globex"], &["models:read"])
        .await;
    let ask = |target: &str| {
        let url = format!("{}/.patrol/authorize/nginx", system.url);
        let request = client().get(url).bearer_auth(&both.token);
        request
            .header("X-Original-Method", "GET")
            .header("X-Original-URI", target.to_owned())
    };
    for (request, status, told) in [
        (ask("/api/v1/models"), 403, "400"),
        (ask("/api/v1/models/%"), 403, "403"),
        (ask("/api/v1/models#"), 403, "400"),
        (
            client().get(format!("{}/.patrol/authorize/nginx", system.url)),
            403,
            "400",
        ),
        (
            ask("/api/v1/models").header("Authorization", "Bearer x"),
            401,
            "401",
        ),
    ] {
        let response = Response::to(request).await;
        assert_eq!(response.status, status);
        assert_eq!(response.header("X-Patrol-Status"), told);
        let problem = response.header("X-Patrol-Problem");
        let problem: serde_json::Value = serde_json::from_str(problem).unwrap();
        assert_eq!(problem, response.body);
        assert_eq!(problem["status"].to_string(), told);
    }
    ada.revoke(&both.id).await;
}

/// What is in front of the edge, wrangler here, resolves dot segments in a path, but not behind a `?`.
#[tokio::test]
async fn envoys_question_behind_a_question_mark_is_judged_as_it_was_sent() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["pipelines:read"]).await;
    let ask = |target: &'static str| {
        let headers = format!(
            "Authorization: Bearer {}\r\nX-Organization-ID: acme\r\n",
            created.token
        );
        let target = format!("/.patrol/authorize/envoy?{target}");
        async move {
            send_raw(&system.url, "GET", &target, &headers)
                .await
                .status()
        }
    };
    assert_eq!(ask(PIPELINES).await, 200);
    assert_eq!(ask("/api/v1/engine/pipelines?a=/../b").await, 200);
    for target in [
        "/api/v1/models/../engine/pipelines",
        "/api/v1/models/%2e%2e/engine/pipelines",
        "/../../health",
        "/api/v1/engine/pipelines/",
    ] {
        assert_eq!(ask(target).await, 403, "{target}");
    }
    for target in ["", "a=/b"] {
        assert_eq!(ask(target).await, 400, "{target}");
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn requests_survive_when_another_client_disconnects() {
    let mut cluster = start_cluster("disconnecting-clients", &[]).await;
    let ada = User::sign_in(&cluster.management_url(), "ada").await;
    let valid_token = ada.create_token(&["pipelines:read"]).await.token;
    cluster.set_fault(LinkFault::Delayed(DELAY));
    // Resets before the edge's request reaches the origin, on its way back, with the response, and
    // long after it.
    for after in [0, 5, 50, 95, 105, 150, 250].map(Duration::from_millis) {
        for token in ["x", valid_token.as_str()] {
            // An edge without leases and caches.
            cluster.kill_edges(0);
            cluster.start_edges(0).await;
            let edge = cluster.edge_addresses()[0];
            let base = format!("http://{edge}");
            // The first client disconnects, and it is its request that starts the fetch.
            send_and_reset(edge, token, after).await;
            let (stop, attack) = start_attack(edge, token.to_owned(), after);
            for round in 0..2 {
                let valid = (0..4).map(|_| authorize(&base, &valid_token));
                for status in join_all(valid).await {
                    assert!(status.is_success(), "{status}, {after:?}, round {round}");
                }
                let malformed = (0..4).map(|_| authorize(&base, "y"));
                for status in join_all(malformed).await {
                    assert_eq!(status, 401, "{after:?}, round {round}");
                }
            }
            stop.store(true, Ordering::SeqCst);
            attack.await.expect("the attack failed");
        }
    }
}

#[tokio::test]
async fn edge_repeats_a_lost_fetch_for_the_requests_that_wait_for_it() {
    let cluster = start_cluster("lost-fetch", &[]).await;
    let ada = User::sign_in(&cluster.management_url(), "ada").await;
    let valid_token = ada.create_token(&["pipelines:read"]).await.token;
    let base = cluster.edge_urls().remove(0);
    assert!(authorize(&base, &valid_token).await.is_success());
    // The lease expires, and the fetch for a new one gets no response.
    cluster.registry_link.set_fault(LinkFault::Partitioned);
    wait_until("the lease has expired", async || {
        let limit = Duration::from_millis(500);
        let result = tokio::time::timeout(limit, authorize(&base, &valid_token)).await;
        result.is_err().then_some(())
    })
    .await;
    let waiting = (0..4).map(|_| authorize(&base, &valid_token));
    let repair = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        cluster.registry_link.set_fault(LinkFault::None);
    };
    let (responses, ()) = tokio::join!(join_all(waiting), repair);
    for status in responses {
        assert!(status.is_success(), "{status}");
    }
}
