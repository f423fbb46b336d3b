//! What is not a plain JSON answer: long bodies, events, a WebSocket.
//!
//! They exist for tests of the edge, which has to pass all of them on as they come.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, StreamExt as _, stream};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::broadcast;

use crate::{Shared, answer};

/// `?bytes=N` pseudo-random bytes, always the same; `&length=1` announces how many.
pub(crate) async fn export(Query(query): Query<Vec<(String, String)>>) -> Response {
    const CHUNK: usize = 64 * 1024;
    let of = |name| {
        query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let bytes: usize = of("bytes")
        .and_then(|bytes| bytes.parse().ok())
        .unwrap_or(CHUNK);
    let chunks = stream::unfold((bytes, 1_u32), |(left, mut seed)| async move {
        let mut chunk = vec![0; left.min(CHUNK)];
        for byte in &mut chunk {
            // xorshift32: quick, and no compression helps with it.
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            *byte = seed.to_le_bytes()[0];
        }
        let left = left - chunk.len();
        (!chunk.is_empty()).then(|| (Ok::<_, Infallible>(Bytes::from(chunk)), (left, seed)))
    });
    let mut response = Body::from_stream(chunks).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/octet-stream"),
    );
    if of("length") == Some("1") {
        headers.insert(header::CONTENT_LENGTH, bytes.into());
    }
    response
}

/// Counts and digests the body as it comes; keeps none of it.
pub(crate) async fn import(headers: HeaderMap, body: Body) -> Response {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut digest) = (0, Sha256::new());
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else {
            return answer(
                StatusCode::BAD_REQUEST,
                &headers,
                json!({"error": "body cut short"}),
            );
        };
        bytes += chunk.len();
        digest.update(&chunk);
    }
    let sha256 = format!("{:x}", digest.finalize());
    answer(
        StatusCode::OK,
        &headers,
        json!({"bytes": bytes, "sha256": sha256}),
    )
}

/// One event at once, then one for each published value: a test never needs a timer.
pub(crate) async fn events(
    State(shared): State<Shared>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let hello = stream::once(async { Event::default().event("hello").data("{}") });
    let news = stream::unfold(shared.published.subscribe(), |mut news| async move {
        loop {
            match news.recv().await {
                Ok(value) => {
                    let event = Event::default().event("value").data(value.to_string());
                    return Some((event, news));
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    });
    Sse::new(hello.chain(news).map(Ok)).keep_alive(KeepAlive::default())
}

/// Sends back whatever it gets.
pub(crate) async fn socket(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut socket: WebSocket| {
        while let Some(Ok(message)) = socket.recv().await {
            if matches!(message, Message::Text(_) | Message::Binary(_))
                && socket.send(message).await.is_err()
            {
                break;
            }
        }
    })
}
