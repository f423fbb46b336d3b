//! Bodies pass the edge without being kept in it.

use futures_util::{SinkExt, StreamExt, stream};
use patrol_e2e::{Answer, User, call, shared};
use reqwest::{Body, Method};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

const SIZE: u64 = 50 * 1024 * 1024;
const CHUNK: usize = 64 * 1024;
/// The runtime grows a little by anything; a body that is kept would add its size.
const FLAT: u64 = 40 * 1024 * 1024;

#[tokio::test]
async fn fifty_megabytes_pass_in_both_directions_with_flat_memory() {
    let system = shared();
    let ada = User::sign_in(system, "ada").await;
    let made = ada.token(&["models:read", "models:write"]).await;
    let before = system.runtime_memory();
    assert!(before > 0, "the runtime is found");

    let path = format!("/api/v1/models/m/export?bytes={SIZE}");
    let download = call(system, Method::GET, &path, &made.token)
        .send()
        .await
        .unwrap();
    assert_eq!(download.status(), 200);
    let mut received = 0;
    let mut body = download.bytes_stream();
    while let Some(chunk) = body.next().await {
        received += chunk.unwrap().len() as u64;
    }
    assert_eq!(received, SIZE);

    let block: Vec<u8> = (0..CHUNK).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let blocks = SIZE / CHUNK as u64;
    let mut hash = Sha256::new();
    (0..blocks).for_each(|_| hash.update(&block));
    let upload = stream::iter((0..blocks).map(move |_| Ok::<_, std::io::Error>(block.clone())));
    let request = call(system, Method::POST, "/api/v1/models/m/import", &made.token);
    let answer = Answer::to(request.body(Body::wrap_stream(upload))).await;
    assert_eq!(answer.body["bytes"], SIZE);
    let expected = hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    assert_eq!(answer.body["sha256"], expected);

    let grown = system.runtime_memory().saturating_sub(before);
    assert!(grown < FLAT, "the runtime grew by {grown} bytes");
    ada.revoke(&made.id).await;
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
        let message = socket.next().await.unwrap().unwrap();
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
