//! The sample API behind the edge, for development and tests.
//!
//! It stands for the platform that Patrol protects: it answers the paths of
//! `policy.toml` with sample data and knows nothing of tokens. Every JSON answer says
//! in `caller` which identity headers came with the request. Some paths exist for
//! tests of the edge: streams of any length, events, a WebSocket, a redirect, a
//! request that is never answered, and with `X-Echo-Headers: 1` the request itself.
//!
//! Left out: any check of what is sent; who may do what is the edge's to decide.

#![expect(clippy::unused_async, reason = "axum takes async functions only")]

mod data;
mod streams;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, Request, State};
use axum::http::header::{self, HeaderMap};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, patch, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::data::{COLLECTIONS, Data};

/// What all handlers share.
#[derive(Clone)]
struct Shared {
    data: Arc<Mutex<Data>>,
    /// Values as they are published.
    published: broadcast::Sender<Value>,
}

impl Shared {
    fn data(&self) -> MutexGuard<'_, Data> {
        // A handler that panicked has left sample data behind, nothing worse.
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let port = match arguments.as_slice() {
        [flag, port] if flag == "--port" => port.parse().ok(),
        _ => None,
    };
    let Some(port) = port else {
        eprintln!("usage: patrol-upstream --port N");
        std::process::exit(2);
    };
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app()).await
}

fn app() -> Router {
    let (published, _) = broadcast::channel(1024);
    let shared = Shared {
        data: Arc::new(Mutex::new(Data::sample())),
        published,
    };
    let mut app = Router::new()
        .route(
            "/api/v1/engine/pipelines/{pipeline}/runs",
            get(runs).post(start_run),
        )
        .route("/api/v1/engine/pipelines/{pipeline}/runs/{run}", get(run))
        .route(
            "/api/v1/engine/pipelines/{pipeline}/runs/{run}/results",
            get(results),
        )
        .route("/api/v1/models/redirect", get(redirect))
        .route("/api/v1/models/slow", any(std::future::pending::<Response>))
        .route("/api/v1/models/{model}/export", get(streams::export))
        .route("/api/v1/models/{model}/import", post(streams::import))
        .route("/api/v1/connectors/{connector}/test", post(accepted))
        .route("/api/v1/uns/topics", get(topics))
        .route(
            "/api/v1/uns/topics/{*topic}",
            get(topic).put(publish).post(publish).delete(forget),
        )
        .route("/api/v1/uns/moves", post(accepted))
        .route("/api/v1/uns/events", get(streams::events))
        .route("/api/v1/uns/socket", any(streams::socket))
        .route("/api/v1/dashboards/{dashboard}/shares", post(accepted))
        .route(
            "/api/v1/dashboards/{dashboard}/shares/{share}",
            delete(accepted),
        )
        .route(
            "/api/v1/organizations/{organization}/members",
            get(members).post(accepted),
        )
        .route(
            "/api/v1/organizations/{organization}/members/{member}",
            patch(accepted).delete(accepted),
        );
    for (path, name) in COLLECTIONS {
        app = app
            .route(
                path,
                get(move |s, h| list(name, s, h)).post(move |s, h, b| create(name, s, h, b)),
            )
            .route(
                &format!("{path}/{{id}}"),
                get(move |s, h, p| read(name, s, h, p))
                    .put(move |s, h, p, b| change(name, s, h, p, b))
                    .patch(move |s, h, p, b| change(name, s, h, p, b))
                    .delete(move |s, h, p| remove(name, s, h, p)),
            );
    }
    app.fallback(not_found)
        .layer(middleware::from_fn(first))
        .with_state(shared)
}

/// What is the same for every path: preflight requests and echoes.
async fn first(request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        let allow = [
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            (
                header::ACCESS_CONTROL_ALLOW_METHODS,
                "GET, POST, PUT, PATCH, DELETE",
            ),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "Authorization, Content-Type, X-Organization-ID",
            ),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ];
        return (StatusCode::NO_CONTENT, allow).into_response();
    }
    if request
        .headers()
        .get("x-echo-headers")
        .is_some_and(|value| value == "1")
    {
        let headers: Vec<_> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), lossy(value)))
            .collect();
        return Json(json!({
            "method": request.method().as_str(),
            "target": request.uri().path_and_query().map_or("", |target| target.as_str()),
            "headers": headers,
        }))
        .into_response();
    }
    next.run(request).await
}

fn lossy(value: &header::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// A JSON answer that says who asked, by the headers of the edge.
fn answer(status: StatusCode, headers: &HeaderMap, mut body: Value) -> Response {
    let of = |name: &str| headers.get(name).map(lossy);
    body["caller"] = json!({
        "subject": of("x-patrol-subject"),
        "organization": of("x-patrol-organization"),
        "scopes": of("x-patrol-scopes"),
        "token_id": of("x-patrol-token-id"),
    });
    (status, Json(body)).into_response()
}

async fn not_found(headers: HeaderMap) -> Response {
    answer(
        StatusCode::NOT_FOUND,
        &headers,
        json!({"error": "not found"}),
    )
}

async fn redirect() -> Response {
    (StatusCode::FOUND, [(header::LOCATION, "/api/v1/models")]).into_response()
}

async fn accepted(headers: HeaderMap) -> Response {
    answer(StatusCode::OK, &headers, json!({"ok": true}))
}

// ------------------------------------------------- the collections that work alike

async fn list(name: &'static str, State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let items: Vec<Value> = shared.data().collection(name).values().cloned().collect();
    answer(StatusCode::OK, &headers, json!({ name: items }))
}

async fn create(
    name: &'static str,
    State(shared): State<Shared>,
    headers: HeaderMap,
    Json(mut item): Json<Value>,
) -> Response {
    if !item.is_object() {
        return answer(
            StatusCode::BAD_REQUEST,
            &headers,
            json!({"error": "not an object"}),
        );
    }
    let mut data = shared.data();
    let id = data.new_id(name);
    item["id"] = id.clone().into();
    data.collection(name).insert(id, item.clone());
    answer(StatusCode::CREATED, &headers, item)
}

async fn read(
    name: &'static str,
    State(shared): State<Shared>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let item = shared.data().collection(name).get(&id).cloned();
    found(&headers, item)
}

async fn change(
    name: &'static str,
    State(shared): State<Shared>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Json(changes): Json<Value>,
) -> Response {
    let mut data = shared.data();
    let item = data.collection(name).get_mut(&id).map(|item| {
        for (key, value) in changes.as_object().into_iter().flatten() {
            item[key] = value.clone();
        }
        item.clone()
    });
    found(&headers, item)
}

async fn remove(
    name: &'static str,
    State(shared): State<Shared>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let item = shared.data().collection(name).remove(&id);
    found(&headers, item)
}

fn found(headers: &HeaderMap, item: Option<Value>) -> Response {
    match item {
        Some(item) => answer(StatusCode::OK, headers, item),
        None => answer(
            StatusCode::NOT_FOUND,
            headers,
            json!({"error": "not found"}),
        ),
    }
}

async fn members(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let item = shared.data().collection("organizations").get(&id).cloned();
    found(
        &headers,
        item.map(|item| json!({"members": item["members"]})),
    )
}

// ------------------------------------------------------------------ pipeline runs

async fn runs(headers: HeaderMap, Path(pipeline): Path<String>) -> Response {
    let runs = json!([{"id": "run-1", "pipeline": pipeline, "state": "succeeded"}]);
    answer(StatusCode::OK, &headers, json!({"runs": runs}))
}

async fn start_run(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Path(pipeline): Path<String>,
) -> Response {
    let id = shared.data().new_id("run");
    let run = json!({"id": id, "pipeline": pipeline, "state": "queued"});
    answer(StatusCode::ACCEPTED, &headers, run)
}

async fn run(headers: HeaderMap, Path((pipeline, run)): Path<(String, String)>) -> Response {
    let run = json!({"id": run, "pipeline": pipeline, "state": "succeeded"});
    answer(StatusCode::OK, &headers, run)
}

async fn results(headers: HeaderMap, Path((pipeline, run)): Path<(String, String)>) -> Response {
    answer(StatusCode::OK, &headers, data::results(&pipeline, &run))
}

// ----------------------------------------------------------- the Unified Namespace

async fn topics(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let topics: Vec<String> = shared.data().topics.keys().cloned().collect();
    answer(StatusCode::OK, &headers, json!({"topics": topics}))
}

async fn topic(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Path(topic): Path<String>,
) -> Response {
    let value = shared.data().topics.get(&topic).cloned();
    found(
        &headers,
        value.map(|value| json!({"topic": topic, "value": value})),
    )
}

/// The body is the value, or an object with a `value`.
async fn publish(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Path(topic): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let value = body.get("value").cloned().unwrap_or(body);
    shared.data().topics.insert(topic.clone(), value.clone());
    let news = json!({"topic": topic, "value": value});
    // An error only says that nobody listens.
    let _ = shared.published.send(news.clone());
    answer(StatusCode::OK, &headers, news)
}

async fn forget(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Path(topic): Path<String>,
) -> Response {
    let value = shared.data().topics.remove(&topic);
    found(
        &headers,
        value.map(|value| json!({"topic": topic, "value": value})),
    )
}
