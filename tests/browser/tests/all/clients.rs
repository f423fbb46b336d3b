//! Applications in a browser that call the API with a token, from a page of another site.

use patrol_browser::{Appearance, page::Page, systems::shared_system, visit, visit_at};
use patrol_support::User;
use serde_json::json;
use std::future::IntoFuture;

/// Visits an empty page of another site: `localhost` beside 127.0.0.1.
async fn visit_other_site(test: impl AsyncFnOnce(&Page<'_>)) {
    let html = (
        [("Content-Type", "text/html")],
        "<!doctype html><title>App</title>",
    );
    let router = axum::Router::new()
        .route("/", axum::routing::get(async move || html))
        .route("/favicon.ico", axum::routing::get(async || ()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let server = tokio::spawn(axum::serve(listener, router).into_future());
    visit_at(
        &format!("http://localhost:{port}"),
        Appearance::default(),
        async |page| {
            page.goto("/").await;
            page.expect_requests_to(&shared_system().url);
            test(page).await;
        },
    )
    .await;
    server.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_of_another_site_can_read_why_it_was_refused() {
    visit_other_site(async |page| {
        page.expect_status(403);
        let url = &shared_system().url;
        let read = format!(
            "const done = arguments[arguments.length - 1];
            const read = async (path, headers) => {{
              const response = await fetch('{url}' + path, {{ headers }});
              const problem = await response.json();
              return [response.status, problem.code, response.headers.get('WWW-Authenticate')];
            }};
            Promise.all([
              read('/api/v1/engine/pipelines', {{}}),
              read('/api/v1/engine/pipelines', {{ Authorization: 'Bearer x' }}),
              read('/api/v1/engine/pipelines', {{ Authorization: 'Basic ' + btoa('a:eyJ.x.x') }}),
            ]).then(done, (error) => done(String(error)));"
        );
        let realm = "Bearer realm=\"patrol\"";
        let invalid = format!(
            "{realm}, error=\"invalid_token\", error_description=\"Malformed access token\""
        );
        assert_eq!(
            page.eval_async(&read).await,
            json!([
                [401, "token-missing", realm],
                [401, "token-malformed", invalid],
                [401, "token-malformed", invalid],
            ])
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn websocket_of_a_browser_carries_a_token_and_ends_with_it() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["uns:read", "uns:publish"]).await;
    visit_other_site(async |page| {
        let address = system.url.replace("http://", "ws://") + "/api/v1/uns/socket";
        let offered = format!("patrol.token.{}", created.token);
        page.eval_with(
            "(window.socket = new WebSocket(args[0], ['patrol', args[1]])) && \
             (socket.onopen = () => socket.send('hello')) && \
             (socket.onmessage = ({ data }) => (window.echo = data)) && \
             (socket.onclose = ({ code, reason }) => (window.ending = code + ' ' + reason)) && null",
            &[&address, &offered],
        )
        .await;
        page.wait_until("the echo", "window.echo === 'hello'").await;
        assert_eq!(page.eval_text("socket.protocol").await, "patrol");
        assert_eq!(ada.revoke(&created.id).await.status, 200);
        page.wait_until("the socket to close", "window.ending !== undefined")
            .await;
        assert_eq!(page.eval_text("window.ending").await, "4401 token-revoked");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_read_by_fetch_with_a_token() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["uns:read"]).await;
    visit(system, Appearance::default(), async |page| {
        page.goto("/").await;
        let read = format!(
            "const done = arguments[arguments.length - 1];
            const headers = {{ Authorization: 'Bearer {}' }};
            fetch('/api/v1/uns/events', {{ headers }}).then(async ({{ body }}) => {{
              for await (const text of body.pipeThrough(new TextDecoderStream())) return done(text);
            }}).catch((error) => done(String(error)));",
            created.token
        );
        let first = page.eval_async(&read).await;
        assert_eq!(first, "event: hello\ndata: {}\n\n");
    })
    .await;
    ada.revoke(&created.id).await;
}
