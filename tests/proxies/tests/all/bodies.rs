//! Bodies, events and sockets pass unbuffered, and none of them holds up a refusal.

use crate::setup::{Echo, PIPELINES, echo_headers, system};
use futures_util::{SinkExt, StreamExt};
use patrol_support::{Response, api_request, raw_http::RawConnection, with_timeout};
use reqwest::{Body, Method};
use serde_json::json;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

/// More than any buffer on the way.
const LENGTH: usize = 16 * 1024 * 1024;

#[tokio::test]
async fn long_bodies_pass_in_both_directions() {
    let system = system().await;
    let ada = system.ada().await;
    let created = ada.create_token(&["models:read", "models:write"]).await;
    system
        .on_each(async |proxy| {
            let chunk = vec![7_u8; 64 * 1024];
            let chunks = std::iter::repeat_n(chunk, LENGTH / (64 * 1024));
            let chunked = Body::wrap_stream(futures_util::stream::iter(
                chunks.map(Ok::<_, std::convert::Infallible>),
            ));
            for body in [chunked, vec![7_u8; LENGTH].into()] {
                let path = "/api/v1/models/m/import";
                let upload = api_request(&proxy.url, Method::POST, path, &created.token).body(body);
                let response = Response::to(upload).await;
                assert_eq!(
                    (response.status, &response.body["bytes"]),
                    (200, &LENGTH.into()),
                    "{}",
                    proxy.name
                );
            }
            for length in ["", "&length=1"] {
                let path = format!("/api/v1/models/m/export?bytes={LENGTH}{length}");
                let download = api_request(&proxy.url, Method::GET, &path, &created.token);
                let bytes = download.send().await.unwrap().bytes().await.unwrap();
                assert_eq!(bytes.len(), LENGTH, "{}", proxy.name);
            }
        })
        .await;
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn events_pass_one_by_one() {
    let system = system().await;
    let ada = system.ada().await;
    let created = ada.create_token(&["uns:read", "uns:publish"]).await;
    let headers = format!(
        "Authorization: Bearer {}\r\nX-Organization-ID: acme\r\n",
        created.token
    );
    system
        .on_each(async |proxy| {
            let mut events = RawConnection::open(&proxy.url).await;
            events
                .send_head("GET", "/api/v1/uns/events", &headers)
                .await;
            let head = events.read_until("event: hello").await;
            assert_eq!(head.status(), 200, "{}", proxy.name);
            let topic = format!("/api/v1/uns/topics/proxies/{}", proxy.name);
            let publish = api_request(&proxy.url, Method::PUT, &topic, &created.token);
            let published = Response::to(publish.json(&json!({ "value": 1 }))).await;
            assert_eq!(published.status, 200, "{}", proxy.name);
            let event = events.read_until(&format!("proxies/{}", proxy.name)).await;
            assert!(event.contains("event: value"), "{}", proxy.name);
        })
        .await;
    ada.revoke(&created.id).await;
}

/// Traefik reads 256 KiB of a body before it refuses a request, and all of it before it passes on an
/// answer.
#[tokio::test]
async fn api_and_refusal_answer_before_the_body_has_come() {
    let system = system().await;
    let ada = system.ada().await;
    let created = ada.create_token(&["models:write"]).await;
    let pieces = format!("10000\r\n{}\r\n", "x".repeat(64 * 1024)).repeat(5);
    system
        .on_each(async |proxy| {
            let is_traefik = proxy.name == "traefik";
            for (length, read_first) in [
                ("Content-Length: 1000000\r\n", ""),
                ("Transfer-Encoding: chunked\r\n", &*pieces),
            ] {
                let headers = echo_headers(&created.token) + length;
                for (path, status) in [("/api/v1/models/m/import", 200), (PIPELINES, 403)] {
                    if is_traefik && status == 200 {
                        continue;
                    }
                    let mut connection = RawConnection::open(&proxy.url).await;
                    connection.send_head("POST", path, &headers).await;
                    if is_traefik {
                        connection.send(read_first).await;
                    }
                    let response = connection.read_until("}").await;
                    assert_eq!(response.status(), status, "{} {path} {length}", proxy.name);
                }
            }
        })
        .await;
    ada.revoke(&created.id).await;
}

/// By another protocol, such as HTTP/2 without TLS, requests would reach the API that nobody judged.
#[tokio::test]
async fn only_web_sockets_are_upgraded() {
    let system = system().await;
    let ada = system.ada().await;
    let created = ada.create_token(&["pipelines:read"]).await;
    system
        .on_each(async |proxy| {
            for upgrade in [
                "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n",
                "Upgrade: h2c, websocket\r\nConnection: Upgrade\r\n",
                "Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n",
                "Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
                "Upgrade: websocket/13\r\nConnection: Upgrade\r\n",
            ] {
                let headers = format!(
                    "{}{upgrade}HTTP2-Settings: AAM\r\n",
                    echo_headers(&created.token)
                );
                let mut connection = RawConnection::open(&proxy.url).await;
                connection.send_head("GET", PIPELINES, &headers).await;
                let response = connection.read_until("}").await;
                let about = format!("{} {upgrade}: {}", proxy.name, response.status());
                assert!(matches!(response.status(), 200 | 400 | 403), "{about}");
                let echo = response.json().and_then(Echo::of);
                let upgrades = echo.iter().flat_map(|echo| echo.values("upgrade"));
                for protocol in upgrades {
                    assert_eq!(protocol, "websocket", "{about}");
                }
            }
        })
        .await;
    ada.revoke(&created.id).await;
}

#[tokio::test]
async fn sockets_pass_and_are_refused() {
    let system = system().await;
    let ada = system.ada().await;
    let created = ada.create_token(&["uns:read", "uns:publish"]).await;
    system
        .on_each(async |proxy| {
            let address = format!(
                "{}/api/v1/uns/socket",
                proxy.url.replace("http://", "ws://")
            );
            let request = |authorization: Option<String>| {
                let mut request = address.as_str().into_client_request().unwrap();
                let headers = request.headers_mut();
                headers.insert("X-Organization-ID", "acme".parse().unwrap());
                if let Some(value) = authorization {
                    headers.insert("Authorization", value.parse().unwrap());
                }
                request
            };
            let allowed = request(Some(format!("Bearer {}", created.token)));
            let (mut socket, _) = connect_async(allowed).await.unwrap();
            for message in [Message::text("hello"), Message::binary(vec![0; 100_000])] {
                socket.send(message.clone()).await.unwrap();
                let echoed = with_timeout("the echo", socket.next()).await;
                assert_eq!(echoed.unwrap().unwrap(), message, "{}", proxy.name);
            }
            for (authorization, code) in [
                (None, "token-missing"),
                (Some("Bearer x".to_owned()), "token-malformed"),
            ] {
                let Err(Error::Http(refused)) = connect_async(request(authorization)).await else {
                    panic!("{}: the socket was not refused", proxy.name);
                };
                assert_eq!(refused.status(), 401, "{}", proxy.name);
                let challenge = refused.headers()["WWW-Authenticate"].to_str().unwrap();
                assert!(challenge.starts_with("Bearer realm"), "{}", proxy.name);
                let body = refused.body().clone().unwrap_or_default();
                let body = String::from_utf8_lossy(&body).into_owned();
                // Some bodies come later than the head, which the client does not wait for.
                assert!(
                    body.is_empty() || body.contains(code),
                    "{}: {body}",
                    proxy.name
                );
            }
        })
        .await;
    ada.revoke(&created.id).await;
}
