//! Bodies pass the edge without being kept in it.

use futures_util::{SinkExt, StreamExt, stream};
use patrol_support::{Answer, System, User, call, in_time, shared};
use reqwest::{Body, Method};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

const SIZE: usize = 50 * 1024 * 1024;
const CHUNK: usize = 64 * 1024;
/// The runtime grows a little by anything; a body that is kept would add its size.
const FLAT: u64 = 40 * 1024 * 1024;

/// The pseudo-random bytes (xorshift32) of which the sample API makes its exports.
fn export() -> Vec<u8> {
    let mut seed = 1_u32;
    let random = std::iter::repeat_with(|| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed.to_le_bytes()[0]
    });
    random.take(SIZE).collect()
}

fn sha256(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[tokio::test]
async fn fifty_megabytes_pass_in_both_directions_with_flat_memory() {
    // Of its own: what other tests do meanwhile would be measured too.
    let system = Arc::new(System::start("streaming", &[]));
    let ada = User::sign_in(&system, "ada").await;
    let made = ada.token(&["models:read", "models:write"]).await;
    let body = export();
    let digest = sha256(&body);
    let path = |bytes| format!("/api/v1/models/m/export?bytes={bytes}");
    let warm = call(&system, Method::GET, &path(CHUNK), &made.token);
    assert_eq!(Answer::to(warm).await.status, 200);
    let before = system.runtime_memory();
    assert!(before > 0, "the runtime is found");
    let peak = Arc::new(AtomicU64::new(0));
    // Once for each megabyte: looking takes longer than passing on.
    let look = |system: &System, peak: &AtomicU64, passed: usize| {
        if passed.is_multiple_of(16 * CHUNK) {
            peak.fetch_max(system.runtime_memory(), Ordering::Relaxed);
        }
    };

    for (announced, query) in [(None, ""), (Some(SIZE.to_string()), "&length=1")] {
        let path = path(SIZE) + query;
        let answer = call(&system, Method::GET, &path, &made.token).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200);
        let length = answer.headers().get("Content-Length");
        assert_eq!(length.and_then(|l| l.to_str().ok()), announced.as_deref());
        let (mut received, mut hash, mut looked) = (0, Sha256::new(), 0);
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.unwrap();
            received += chunk.len();
            hash.update(&chunk);
            while looked + CHUNK <= received {
                looked += CHUNK;
                look(&system, &peak, looked);
            }
        }
        assert_eq!(received, SIZE);
        assert!(hash.finalize() == Sha256::digest(&body), "the same bytes");
    }

    let chunks: Vec<_> = body.chunks(CHUNK).map(<[u8]>::to_vec).collect();
    let upload = {
        let (system, peak) = (system.clone(), peak.clone());
        stream::iter(chunks.into_iter().enumerate().map(move |(number, chunk)| {
            look(&system, &peak, number * CHUNK);
            Ok::<_, std::io::Error>(chunk)
        }))
    };
    for upload in [Body::wrap_stream(upload), Body::from(body)] {
        let request = call(
            &system,
            Method::POST,
            "/api/v1/models/m/import",
            &made.token,
        );
        let answer = Answer::to(request.body(upload)).await;
        assert_eq!(answer.body["bytes"], SIZE);
        assert_eq!(answer.body["sha256"], digest);
    }

    peak.fetch_max(system.runtime_memory(), Ordering::Relaxed);
    let grown = peak.load(Ordering::Relaxed).saturating_sub(before);
    assert!(grown < FLAT, "the runtime grew by {grown} bytes");
}

#[tokio::test]
async fn server_sent_events_arrive_while_the_answer_is_open() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["uns:read", "uns:publish"]).await;
    let events = call(system, Method::GET, "/api/v1/uns/events", &made.token)
        .send()
        .await
        .unwrap();
    assert_eq!(events.status(), 200);
    let mut events = events.bytes_stream();
    let first = events.next().await.unwrap().unwrap();
    assert!(!first.is_empty());
    let publish = call(
        system,
        Method::PUT,
        "/api/v1/uns/topics/e2e/events",
        &made.token,
    );
    let published = Answer::to(publish.json(&json!({ "value": 4711 }))).await;
    assert!(
        (200..300).contains(&published.status),
        "{}",
        published.status
    );
    let mut text = String::new();
    while !text.contains("4711") {
        text += &String::from_utf8_lossy(&events.next().await.unwrap().unwrap());
    }
    ada.revoke(&made.id).await;
}

#[tokio::test]
async fn a_web_socket_passes() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["uns:read", "uns:publish"]).await;
    let address = format!(
        "{}/api/v1/uns/socket",
        system.base.replace("http://", "ws://")
    );
    let mut request = address.as_str().into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert(
        "Authorization",
        format!("Bearer {}", made.token).parse().unwrap(),
    );
    headers.insert("X-Organization-ID", "acme".parse().unwrap());
    let (mut socket, _) = connect_async(request).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    let answer = loop {
        let message = in_time("the echo", socket.next()).await.unwrap().unwrap();
        if message.is_text() {
            break message;
        }
    };
    assert!(answer.to_text().unwrap().contains("hello"));
    socket.close(None).await.unwrap();
    let without = address.as_str().into_client_request().unwrap();
    assert!(
        connect_async(without).await.is_err(),
        "without a token there is no upgrade"
    );
    ada.revoke(&made.id).await;
}
