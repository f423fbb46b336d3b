//! Requests for the upstream: bodies, events and web sockets stream through the edge.

use crate::common::{PIPELINES, echo_headers, start_cluster};
use futures_util::{SinkExt, StreamExt, stream};
use patrol_support::{
    Response, System, User, api_request, raw_http::RawConnection, shared_system, with_timeout,
};
use reqwest::{Body, Method};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// Starts an upstream that responds only to complete bodies, and resets the connection when a body
/// contains `die`.
async fn start_upstream() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut received = Vec::new();
                let mut chunk = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut chunk).await {
                    received.extend_from_slice(&chunk[..count]);
                    let text = String::from_utf8_lossy(&received);
                    if text.contains("die") {
                        let _ = stream.set_zero_linger();
                        return;
                    }
                    if text.ends_with("\r\n0\r\n\r\n") || text.ends_with("whole") {
                        let _ = stream
                            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                            .await;
                    }
                }
            });
        }
    });
    address
}

const SIZE: usize = 160 * 1024 * 1024;

const CHUNK: usize = 64 * 1024;

/// The heap grows for a while before the engine collects it; a buffered body would add its size.
const ALLOWED_GROWTH: u64 = 110 * 1024 * 1024;

/// The pseudo-random bytes (xorshift32) that the sample API exports.
fn exported_bytes() -> Vec<u8> {
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
async fn edge_streams_long_bodies_in_both_directions_without_keeping_them() {
    // Not the shared system, whose memory use depends on the other tests.
    let system = Arc::new(System::start("streaming", &[]));
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["models:read", "models:write"]).await;
    let body = exported_bytes();
    let digest = sha256(&body);
    let path = |bytes| format!("/api/v1/models/m/export?bytes={bytes}");
    let warm = api_request(&system.url, Method::GET, &path(CHUNK), &created.token);
    assert_eq!(Response::to(warm).await.status, 200);
    let before = system.runtime_memory();
    assert!(before > 0, "no runtime process was found");
    let peak = Arc::new(AtomicU64::new(0));
    // Once for each megabyte: measuring takes longer than forwarding.
    let measure = |system: &System, peak: &AtomicU64, passed: usize| {
        if passed.is_multiple_of(16 * CHUNK) {
            peak.fetch_max(system.runtime_memory(), Ordering::Relaxed);
        }
    };

    for (announced, query) in [(None, ""), (Some(SIZE.to_string()), "&length=1")] {
        let path = path(SIZE) + query;
        let response = api_request(&system.url, Method::GET, &path, &created.token)
            .send()
            .await;
        let response = response.unwrap();
        assert_eq!(response.status(), 200);
        let length = response.headers().get("Content-Length");
        assert_eq!(length.and_then(|l| l.to_str().ok()), announced.as_deref());
        let (mut received, mut hash, mut measured) = (0, Sha256::new(), 0);
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.unwrap();
            received += chunk.len();
            hash.update(&chunk);
            while measured + CHUNK <= received {
                measured += CHUNK;
                measure(&system, &peak, measured);
            }
        }
        assert_eq!(received, SIZE);
        assert!(hash.finalize() == Sha256::digest(&body), "the bytes differ");
    }

    let chunks: Vec<_> = body.chunks(CHUNK).map(<[u8]>::to_vec).collect();
    let upload = {
        let (system, peak) = (system.clone(), peak.clone());
        stream::iter(chunks.into_iter().enumerate().map(move |(number, chunk)| {
            measure(&system, &peak, number * CHUNK);
            Ok::<_, std::io::Error>(chunk)
        }))
    };
    for upload in [Body::wrap_stream(upload), Body::from(body)] {
        let request = api_request(
            &system.url,
            Method::POST,
            "/api/v1/models/m/import",
            &created.token,
        );
        let response = Response::to(request.body(upload)).await;
        assert_eq!(response.body["bytes"], SIZE);
        assert_eq!(response.body["sha256"], digest);
    }

    peak.fetch_max(system.runtime_memory(), Ordering::Relaxed);
    let grown = peak.load(Ordering::Relaxed).saturating_sub(before);
    assert!(grown < ALLOWED_GROWTH, "the runtime grew by {grown} bytes");
}

#[tokio::test]
async fn server_sent_events_arrive_while_the_response_is_open() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["uns:read", "uns:publish"]).await;
    let events = api_request(
        &system.url,
        Method::GET,
        "/api/v1/uns/events",
        &created.token,
    )
    .send()
    .await
    .unwrap();
    assert_eq!(events.status(), 200);
    let mut events = events.bytes_stream();
    let first = events.next().await.unwrap().unwrap();
    assert!(!first.is_empty());
    let publish = api_request(
        &system.url,
        Method::PUT,
        "/api/v1/uns/topics/e2e/events",
        &created.token,
    );
    let published = Response::to(publish.json(&json!({ "value": 4711 }))).await;
    assert!(
        (200..300).contains(&published.status),
        "{}",
        published.status
    );
    let mut text = String::new();
    while !text.contains("4711") {
        text += &String::from_utf8_lossy(&events.next().await.unwrap().unwrap());
    }
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn edge_passes_a_web_socket() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["uns:read", "uns:publish"]).await;
    let address = format!(
        "{}/api/v1/uns/socket",
        system.url.replace("http://", "ws://")
    );
    let mut request = address.as_str().into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert(
        "Authorization",
        format!("Bearer {}", created.token).parse().unwrap(),
    );
    headers.insert("X-Organization-ID", "acme".parse().unwrap());
    let (mut socket, _) = connect_async(request).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    let response = loop {
        let message = with_timeout("the echo", socket.next())
            .await
            .unwrap()
            .unwrap();
        if message.is_text() {
            break message;
        }
    };
    assert!(response.to_text().unwrap().contains("hello"));
    socket.close(None).await.unwrap();
    let without = address.as_str().into_client_request().unwrap();
    assert!(
        connect_async(without).await.is_err(),
        "the upgrade needs a token"
    );
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn response_begins_before_the_request_ends() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["models:write"]).await;
    let mut connection = RawConnection::open(&system.url).await;
    let headers = format!(
        "{}Transfer-Encoding: chunked\r\n",
        echo_headers(&created.token)
    );
    connection
        .send_head("POST", "/api/v1/models/m/import", &headers)
        .await;
    connection.send("5\r\nfirst\r\n").await;
    // The sample API sends the echo at once; this request never ends.
    let response = connection.read_until("x-patrol-subject").await;
    assert_eq!(response.status(), 200);
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn edge_reports_a_body_that_the_client_breaks_off() {
    let upstream = format!("http://{}", start_upstream().await);
    let cluster = start_cluster("broken-bodies", &[("UPSTREAM_URL", &upstream)]).await;
    let ada = User::sign_in(&cluster.management_url(), "ada").await;
    let token = ada
        .create_token(&["pipelines:write", "pipelines:read"])
        .await
        .token;
    let edge = cluster.edge_addresses()[0];
    let cookie = ada.cookie();
    let management = format!(
        "POST /api/v1/tokens HTTP/1.1\r\nHost: edge\r\nCookie: {cookie}\r\nContent-Type: application/json\r\n"
    );
    let api = format!(
        "POST {PIPELINES} HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {token}\r\nX-Organization-ID: acme\r\n"
    );
    let get = api.replace("POST", "GET");
    let cases = [
        (&get, "Content-Length: 5\r\n\r\nwhole", "200"),
        (&api, "Content-Length: 5\r\n\r\nwhole", "200"),
        (
            &api,
            "Transfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n",
            "200",
        ),
        (&api, "Content-Length: 100\r\n\r\nabc", "400 body-invalid"),
        (
            &api,
            "Transfer-Encoding: chunked\r\n\r\n50\r\nabc",
            "400 body-invalid",
        ),
        (
            &api,
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "400 body-invalid",
        ),
        (
            &api,
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
            "400 body-invalid",
        ),
        (
            &api,
            "Content-Length: 3\r\n\r\ndie",
            "502 upstream-unreachable",
        ),
        (
            &management,
            "Content-Length: 100\r\n\r\n{",
            "400 body-invalid",
        ),
        (
            &management,
            "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            "400 body-invalid",
        ),
    ];
    for (head, rest, expected) in cases {
        let mut stream = TcpStream::connect(edge).await.unwrap();
        stream
            .write_all(format!("{head}{rest}").as_bytes())
            .await
            .unwrap();
        stream.shutdown().await.unwrap();
        let mut response = String::new();
        let _ = with_timeout("the response", stream.read_to_string(&mut response)).await;
        let status = response.split(' ').nth(1).unwrap_or_default();
        let code = response
            .split("\"code\":\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let found = match code {
            Some(code) => format!("{status} {code}"),
            None => status.to_owned(),
        };
        assert_eq!(found, expected, "{rest:?}");
    }
}
