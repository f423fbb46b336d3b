//! Open connections end with their token: events, sockets, uploads and downloads. Those of live
//! tokens go on.

use crate::{
    common::{authorize, start_cluster, start_cluster_with},
    variants::{signing_keys, variant},
};
use futures_util::{FutureExt, SinkExt, StreamExt, future::join_all};
use patrol::{
    authorize::stream::MAX_STREAMS,
    jose::signing::SigningKeys,
    token::{Claims, claims},
};
use patrol_support::{
    CreatedToken, Response, User, api_request, cluster::Cluster, kv::KvFault, link::LinkFault, now,
    raw_http::RawConnection, shared_system, wait_until, with_timeout,
};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, protocol::CloseFrame},
};

/// The upstream as an address and as a binding, and an edge to which `waitUntil` is of no use.
async fn systems() -> [String; 3] {
    [
        shared_system().url.clone(),
        variant("bound-upstream").await,
        variant("no-wait-until").await,
    ]
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const SCOPES: [&str; 4] = ["uns:read", "uns:publish", "models:read", "models:write"];

async fn open_socket(url: &str, token: &str) -> Socket {
    let address = format!("{}/api/v1/uns/socket", url.replace("http://", "ws://"));
    let mut request = address.into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("Authorization", format!("Bearer {token}").parse().unwrap());
    headers.insert("X-Organization-ID", "acme".parse().unwrap());
    connect_async(request).await.unwrap().0
}

/// Sends a message and waits for its echo.
async fn echo(socket: &mut Socket, message: Message) {
    socket.send(message.clone()).await.unwrap();
    let echoed = with_timeout("the echo", socket.next()).await;
    assert_eq!(echoed.unwrap().unwrap(), message);
}

/// Waits for the end of a socket, and returns how it was closed.
async fn closed(socket: &mut Socket) -> Option<CloseFrame> {
    loop {
        match with_timeout("the socket to close", socket.next()).await {
            Some(Ok(Message::Close(frame))) => return frame,
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}

fn code_and_reason(frame: Option<CloseFrame>) -> (u16, String) {
    let frame = frame.expect("no close frame");
    (frame.code.into(), frame.reason.to_string())
}

async fn open_events(url: &str, created: &CreatedToken) -> RawConnection {
    let mut events = RawConnection::open(url).await;
    let headers = format!(
        "Authorization: Bearer {}\r\nX-Organization-ID: acme\r\n",
        created.token
    );
    events
        .send_head("GET", "/api/v1/uns/events", &headers)
        .await;
    let head = events.read_until("event: hello").await;
    assert_eq!(head.status(), 200);
    events
}

#[tokio::test]
async fn revocation_ends_events_and_sockets_before_it_returns() {
    for url in &systems().await {
        let ada = User::sign_in(url, "ada").await;
        let created = ada.create_token(&SCOPES).await;
        let other = ada.create_token(&SCOPES).await;
        let mut events = open_events(url, &created).await;
        let mut socket = open_socket(url, &created.token).await;
        let mut live = open_socket(url, &other.token).await;
        echo(&mut socket, Message::text("hello")).await;
        echo(&mut socket, Message::binary(vec![0, 159, 146, 150])).await;

        assert_eq!(ada.revoke(&created.id).await.status, 200);
        let publish = api_request(url, Method::PUT, "/api/v1/uns/topics/late", &other.token);
        let published = Response::to(publish.json(&json!({ "value": "too late" }))).await;
        assert_eq!(published.status, 200);
        let rest = events.read_until("").await;
        assert!(
            !rest.contains("too late"),
            "an event came after the revocation"
        );
        assert!(!rest.contains("\r\n0\r\n"), "the events look complete");
        let end = code_and_reason(closed(&mut socket).await);
        assert_eq!(end, (4401, "token-revoked".to_owned()));

        echo(&mut live, Message::text("still there")).await;
        ada.revoke(&other.id).await;
    }
}

#[tokio::test]
async fn revocation_cuts_uploads_and_downloads() {
    for (url, length) in systems().await.iter().zip(["", "&length=1", ""]) {
        let ada = User::sign_in(url, "ada").await;
        let created = ada.create_token(&SCOPES).await;
        let headers = format!(
            "Authorization: Bearer {}\r\nX-Organization-ID: acme\r\n",
            created.token
        );
        let mut download = RawConnection::open(url).await;
        let target = format!("/api/v1/models/m/export?bytes=1000000000{length}");
        download.send_head("GET", &target, &headers).await;
        assert_eq!(download.read_until("\r\n\r\n").await.status(), 200);
        let mut upload = RawConnection::open(url).await;
        let chunked = format!("{headers}Transfer-Encoding: chunked\r\n");
        upload
            .send_head("POST", "/api/v1/models/m/import", &chunked)
            .await;
        upload.send("5\r\nfirst\r\n").await;

        assert_eq!(ada.revoke(&created.id).await.status, 200);
        // Both end without anything more from the client.
        let refused = upload.read_until("").await;
        assert_eq!(refused.status(), 401);
        assert!(refused.contains("token-revoked"));
        let rest = download.count_to_end().await;
        assert!(rest < 100_000_000, "{rest} bytes came");
    }
}

#[tokio::test]
async fn response_that_begins_after_the_revocation_is_refused() {
    for cluster in streaming_clusters(["late-response", "late-response-no-wait-until"]).await {
        let ada = User::sign_in(&cluster.management_url(), "ada").await;
        let other = ada.create_token(&SCOPES).await;
        let edge = cluster.edge_urls().remove(0);
        for query in ["", "&length=1"] {
            let created = ada.create_token(&SCOPES).await;
            let topic = format!("released/{}", created.id);
            let path = format!("/api/v1/uns/topics/{topic}");
            let held = format!("/api/v1/models/held?topic={topic}{query}");
            let began = Instant::now();
            let request = api_request(&edge, Method::GET, &held, &created.token);
            let response = tokio::spawn(Response::to(request));
            wait_until("the request has arrived", async || {
                let read = api_request(&edge, Method::GET, &path, &other.token);
                (Response::to(read).await.status == 200).then_some(())
            })
            .await;
            assert_eq!(ada.revoke(&created.id).await.status, 200);
            if !query.is_empty() {
                // A short body that begins sooner is no exchange that lasts.
                wait_until("the exchange is a long one", async || {
                    (began.elapsed() > Duration::from_secs(1)).then_some(())
                })
                .await;
            }
            let publish = api_request(&edge, Method::PUT, &path, &other.token);
            let published = Response::to(publish.json(&json!({ "value": "go" }))).await;
            assert_eq!(published.status, 200);
            let response = with_timeout("the response", response).await.unwrap();
            assert_eq!(response.outcome(), (401, "token-revoked"), "{query}");
        }
    }
}

#[tokio::test]
async fn expiry_ends_a_socket_in_its_second() {
    let system = shared_system();
    let keys = SigningKeys::from_jwks(&system.secret("SIGNING_KEYS")).unwrap();
    // In kv mode, nothing else ends a connection that soon.
    let systems = [
        (system.url.clone(), keys),
        (variant("kv-mode").await, signing_keys().await),
        (variant("no-wait-until").await, signing_keys().await),
    ];
    for (url, keys) in &systems {
        let ada = User::sign_in(url, "ada").await;
        let created = ada.create_token(&SCOPES).await;
        let mut claims = created.claims();
        let expires_at = now() + 3;
        claims["exp"] = json!(expires_at);
        let claims: Claims = serde_json::from_value(claims).unwrap();
        let token = claims::issue(&claims, keys.first()).unwrap();
        let mut socket = open_socket(url, token.reveal()).await;
        echo(&mut socket, Message::text("hello")).await;
        let end = code_and_reason(closed(&mut socket).await);
        assert_eq!(end, (4401, "token-expired".to_owned()));
        let ended = now();
        assert!(ended >= expires_at, "it was closed too early");
        assert!(ended <= expires_at + 1, "it was closed too late");
        ada.revoke(&created.id).await;
    }
}

#[tokio::test]
async fn age_of_snapshots_bounds_a_socket() {
    let settings = [
        ("REVOCATION_MODE", "kv"),
        ("KV_MAX_AGE_SECONDS", "10"),
        ("UPSTREAM_URL", &shared_system().upstream_url()),
    ];
    let cluster = start_cluster("old-snapshots", &settings).await;
    let ada = User::sign_in(&cluster.management_url(), "ada").await;
    let created = ada.create_token(&SCOPES).await;
    let edge = cluster.edge_urls().remove(0);
    wait_until("KV has the list", async || {
        let status = authorize(&edge, &created.token).await;
        (status != StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    let mut socket = open_socket(&edge, &created.token).await;
    echo(&mut socket, Message::text("hello")).await;
    cluster.kv.set_fault(KvFault::Failing);
    let end = code_and_reason(closed(&mut socket).await);
    assert_eq!(end, (4503, "revocation-unavailable".to_owned()));
}

/// Clusters with short leases. To the edge of the second, `waitUntil` is of no use.
async fn streaming_clusters(names: [&str; 2]) -> [Cluster; 2] {
    let upstream = shared_system().upstream_url();
    let settings = [
        ("UPSTREAM_URL", upstream.as_str()),
        ("LEASE_MILLISECONDS", "500"),
    ];
    let [name, other] = names;
    [
        start_cluster(name, &settings).await,
        start_cluster_with(other, &settings, Some(include_str!("no_wait_until.js"))).await,
    ]
}

#[tokio::test]
async fn live_socket_outlives_many_leases_without_other_traffic() {
    for cluster in streaming_clusters(["idle-socket", "idle-socket-no-wait-until"]).await {
        let ada = User::sign_in(&cluster.management_url(), "ada").await;
        let created = ada.create_token(&SCOPES).await;
        let edge = cluster.edge_urls().remove(0);
        let mut sockets = Vec::new();
        for _ in 0..20 {
            sockets.push(open_socket(&edge, &created.token).await);
        }
        let before = leases(&cluster).await;
        let began = Instant::now();
        wait_until("ten leases were renewed", async || {
            (leases(&cluster).await >= before + 10).then_some(())
        })
        .await;
        // All sockets share the renewals: each lease is asked for once.
        let most = began.elapsed().as_millis() / 300 + 2;
        let renewed = leases(&cluster).await - before;
        assert!(
            u128::from(renewed) <= most,
            "{renewed} renewals, at most {most} expected"
        );
        for socket in &mut sockets {
            echo(socket, Message::text("still there")).await;
        }
    }
}

async fn leases(cluster: &Cluster) -> u64 {
    let calls = cluster.registry_calls().await;
    let kinds = calls.values().flatten();
    kinds
        .filter(|(kind, _)| kind.to_lowercase().contains("lease"))
        .map(|(_, count)| count)
        .sum()
}

/// While nobody knows whether the token is good, no byte flows. If that ends soon, nothing is lost.
#[tokio::test]
async fn unknown_status_stops_a_socket_and_then_ends_it() {
    for cluster in streaming_clusters(["unknown-status", "unknown-status-no-wait-until"]).await {
        let ada = User::sign_in(&cluster.management_url(), "ada").await;
        let created = ada.create_token(&SCOPES).await;
        let edge = cluster.edge_urls().remove(0);
        let mut socket = open_socket(&edge, &created.token).await;
        let mut events = open_events(&edge, &created).await;
        echo(&mut socket, Message::text("before")).await;

        let unknown = async || {
            let status = authorize(&edge, &created.token).await;
            (status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
        };
        cluster.set_fault(LinkFault::Reset);
        wait_until("the status is unknown", unknown).await;
        socket.send(Message::text("held")).await.unwrap();
        for _ in 0..20 {
            assert!(unknown().await.is_some());
        }
        let early = socket.next().now_or_never();
        assert!(
            early.is_none(),
            "{early:?} came while the status was unknown"
        );
        cluster.set_fault(LinkFault::None);
        let held = with_timeout("the held message", socket.next()).await;
        assert_eq!(held.unwrap().unwrap(), Message::text("held"));

        cluster.set_fault(LinkFault::Reset);
        let end = code_and_reason(closed(&mut socket).await);
        assert_eq!(end, (4503, "revocation-unavailable".to_owned()));
        let rest = events.read_until("").await;
        assert!(!rest.contains("\r\n0\r\n"), "the events look complete");
        cluster.set_fault(LinkFault::None);
    }
}

#[tokio::test]
async fn close_codes_and_message_types_pass_both_ways() {
    for url in &systems().await {
        let ada = User::sign_in(url, "ada").await;
        let created = ada.create_token(&SCOPES).await;
        let mut socket = open_socket(url, &created.token).await;
        for number in 0..200_u32 {
            let text = Message::text(format!("message {number}"));
            socket.send(text).await.unwrap();
            socket
                .send(Message::binary(number.to_be_bytes().to_vec()))
                .await
                .unwrap();
        }
        for number in 0..200_u32 {
            let text = with_timeout("a text", socket.next())
                .await
                .unwrap()
                .unwrap();
            assert_eq!(text, Message::text(format!("message {number}")));
            let binary = with_timeout("bytes", socket.next()).await.unwrap().unwrap();
            assert_eq!(binary, Message::binary(number.to_be_bytes().to_vec()));
        }
        let bye = CloseFrame {
            code: 4000.into(),
            reason: "enough".into(),
        };
        socket.close(Some(bye)).await.unwrap();
        let end = code_and_reason(closed(&mut socket).await);
        assert_eq!(end, (4000, "enough".to_owned()));
        // The sample API closes a socket with the code that it is told.
        let mut socket = open_socket(url, &created.token).await;
        socket
            .send(Message::text("close 4001 the upstream goes"))
            .await
            .unwrap();
        let end = code_and_reason(closed(&mut socket).await);
        assert_eq!(end, (4001, "the upstream goes".to_owned()));
        ada.revoke(&created.id).await;
    }
}

#[tokio::test]
async fn connection_ends_at_its_greatest_age() {
    for name in ["short-streams", "short-streams-no-wait-until"] {
        let url = variant(name).await;
        let ada = User::sign_in(&url, "ada").await;
        let created = ada.create_token(&SCOPES).await;
        let mut events = open_events(&url, &created).await;
        let mut socket = open_socket(&url, &created.token).await;
        let end = code_and_reason(closed(&mut socket).await);
        assert_eq!(end, (1001, "stream-too-old".to_owned()));
        let rest = events.read_until("").await;
        assert!(!rest.contains("\r\n0\r\n"), "the events look complete");
        // The next one is welcome.
        echo(
            &mut open_socket(&url, &created.token).await,
            Message::text("again"),
        )
        .await;
    }
}

#[tokio::test]
async fn edge_opens_no_connection_that_it_cannot_watch() {
    let url = variant("many-streams").await;
    let ada = User::sign_in(&url, "ada").await;
    let created = ada.create_token(&SCOPES).await;
    let mut all = Vec::new();
    for _ in 0..MAX_STREAMS / 100 {
        all.extend(join_all((0..100).map(|_| open_events(&url, &created))).await);
    }
    let one_more = api_request(&url, Method::GET, "/api/v1/uns/events", &created.token);
    let refused = with_timeout("the refusal", Response::to(one_more)).await;
    assert_eq!(refused.outcome(), (503, "too-many-streams"));
    // What does not last is no connection to watch.
    let short = api_request(&url, Method::GET, "/api/v1/uns/topics", &created.token);
    let short = Response::to(short.header("X-Echo-Headers", "1")).await;
    assert_eq!(short.status, 403, "the token may not browse");
    drop(all);
    wait_until("there is room again", async || {
        let one = api_request(&url, Method::GET, "/api/v1/uns/events", &created.token);
        let status = one.send().await.unwrap().status();
        (status == StatusCode::OK).then_some(())
    })
    .await;
}
