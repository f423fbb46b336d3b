//! Nothing remains of a client that goes away, whatever its request was waiting for. On the runtime
//! alone: wrangler's proxy hides from the Workers that a client has gone.

use crate::common::{authorize, creation};
use patrol_support::{
    CreatedToken, Response, User, client,
    cluster::{Cluster, ClusterConfig},
    link::{Link, LinkFault},
    root, shared_system, wait_until, with_timeout,
};
use serde::Deserialize;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How many requests are aborted in each state, in each round.
const REQUESTS: u64 = 100;

/// By how many objects a Worker may differ from an idle one: a report of uses waits for a while.
const SLACK: u64 = 20;

/// What a Worker's module holds, and how far its requests have come.
#[derive(Deserialize, Clone, Copy, Debug)]
struct Held {
    /// Objects of JavaScript that Rust holds.
    objects: u64,
    /// The size of the module's memory.
    bytes: u64,
    requests: u64,
    /// Requests that were not answered at once.
    waiting: u64,
    /// Calls of Registry objects.
    calls: u64,
}

async fn held(worker: SocketAddr) -> Held {
    let response = Response::to(client().get(format!("http://{worker}/held"))).await;
    serde_json::from_value(response.body).unwrap()
}

/// When a request has come far enough to be aborted.
#[derive(Clone, Copy)]
enum State {
    /// The Worker has it.
    Begun,
    /// A Registry object has its call.
    Called,
    /// The response has begun.
    Answered,
}

/// Sends a request, or a part of one.
async fn send(worker: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(worker).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Sends the same request many times, and resets all connections in that state.
async fn abort(worker: SocketAddr, request: &str, state: State) {
    let before = held(worker).await;
    let mut streams = Vec::new();
    for _ in 0..REQUESTS {
        streams.push(send(worker, request).await);
    }
    match state {
        State::Begun => {
            wait_until("the requests have begun", async || {
                (held(worker).await.requests >= before.requests + REQUESTS).then_some(())
            })
            .await;
        }
        State::Called => {
            wait_until("the registry has the calls", async || {
                (held(worker).await.calls >= before.calls + REQUESTS).then_some(())
            })
            .await;
        }
        State::Answered => {
            for stream in &mut streams {
                let mut start = [0; 12];
                with_timeout("a response", stream.read_exact(&mut start))
                    .await
                    .unwrap();
                assert!(
                    matches!(&start[9..], b"200" | b"101"),
                    "{}",
                    String::from_utf8_lossy(&start)
                );
            }
        }
    }
    for stream in streams {
        reset(&stream);
    }
}

fn reset(stream: &TcpStream) {
    stream.set_zero_linger().unwrap();
}

const ENTRY: &str = include_str!("leaks.js");

/// A cluster, and a link to its upstream.
struct Site {
    cluster: Cluster,
    upstream: Link,
    ada: User,
    created: CreatedToken,
}

impl Site {
    async fn start(name: &str, settings: &[(&str, &str)]) -> Self {
        // Its start builds the Workers.
        let sample = shared_system().upstream_url();
        let upstream = Link::start().await;
        let port = sample.rsplit(':').next().unwrap();
        upstream.set_target(port.parse().ok());
        let address = format!("http://{}", upstream.address());
        let mut all = vec![("UPSTREAM_URL", address.as_str())];
        all.extend(settings);
        let cluster = Cluster::start(&ClusterConfig {
            name,
            processes: 1,
            isolates: 1,
            build: &root().join("build"),
            settings: &all,
            entry: Some(ENTRY),
        })
        .await;
        let ada = User::sign_in(&cluster.management_url(), "ada").await;
        let created = ada
            .create_token(&["models:read", "models:write", "uns:read", "uns:publish"])
            .await;
        Self {
            cluster,
            upstream,
            ada,
            created,
        }
    }

    fn edge(&self) -> SocketAddr {
        self.cluster.edge_addresses()[0]
    }

    fn origin(&self) -> SocketAddr {
        self.cluster.origin_address()
    }

    fn with_token(&self, method: &str, path: &str) -> String {
        let token = &self.created.token;
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nX-Organization-ID: acme\r\n"
        )
    }

    fn with_session(&self, method: &str, path: &str) -> String {
        let cookie = self.ada.cookie();
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n")
    }

    fn authorize(&self) -> String {
        self.with_token("GET", "/.patrol/authorize")
            + "X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /api/v1/models/m\r\n\r\n"
    }

    async fn use_edge(&self) {
        let edge = format!("http://{}", self.edge());
        wait_until("the edge answers", async || {
            let _ = authorize(&edge, &self.created.token).await;
            let response = client()
                .get(format!("{edge}/.patrol/authorize"))
                .bearer_auth(&self.created.token)
                .header("X-Forwarded-Method", "GET")
                .header("X-Forwarded-Uri", "/api/v1/models/m")
                .header("X-Organization-ID", "acme")
                .send()
                .await
                .unwrap();
            (response.status() == 204).then_some(())
        })
        .await;
    }
}

const CUT: &str = "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
const CUT_CHUNKED: &str =
    "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

async fn settled(name: &str, worker: SocketAddr, idle: Held) {
    let start = std::time::Instant::now();
    loop {
        let now = held(worker).await;
        if now.objects <= idle.objects + SLACK {
            eprintln!("{name}: {now:?} after {:?}", start.elapsed());
            return;
        }
        if start.elapsed().as_secs() >= 5 {
            eprintln!("LEAK {name}: {now:?} idle {idle:?}");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn edge_keeps_nothing_of_clients_that_go_away() {
    for (name, settings) in [
        ("leaks-edge", &[][..]),
        ("leaks-timeout", &[("UPSTREAM_TIMEOUT_SECONDS", "600")][..]),
    ] {
        let mut site = Site::start(name, settings).await;
        let slow = "/api/v1/models/slow";
        // keys
        site.cluster.kill_edges(0);
        site.cluster.origin_link.set_fault(LinkFault::Partitioned);
        site.cluster.start_edges(0).await;
        let edge = site.edge();
        let get = site.with_token("GET", slow) + "\r\n";
        abort(edge, &get, State::Begun).await;
        site.cluster.origin_link.set_fault(LinkFault::None);
        site.use_edge().await;
        let mut idle = held(edge).await;
        eprintln!("keys {idle:?}");
        for round in 0..3 {
            site.use_edge().await;
            if round == 0 {
                idle = held(edge).await;
            }
            // GET waiting
            for (what, request) in [
                ("get", get.clone()),
                (
                    "post cut",
                    site.with_token("POST", "/api/v1/models/m/import") + CUT,
                ),
                (
                    "post cut chunked",
                    site.with_token("POST", "/api/v1/models/m/import") + CUT_CHUNKED,
                ),
            ] {
                abort(edge, &request, State::Begun).await;
                settled(what, edge, idle).await;
            }
            for (what, request) in [
                (
                    "events",
                    site.with_token("GET", "/api/v1/uns/events") + "\r\n",
                ),
                (
                    "socket",
                    site.with_token("GET", "/api/v1/uns/socket") + UPGRADE,
                ),
                (
                    "download",
                    site.with_token("GET", "/api/v1/models/m/export?bytes=1000000000") + "\r\n",
                ),
                (
                    "upload",
                    site.with_token("POST", "/api/v1/models/m/import")
                        + "X-Echo-Headers: 1\r\n"
                        + CUT_CHUNKED,
                ),
            ] {
                abort(edge, &request, State::Answered).await;
                settled(what, edge, idle).await;
            }
            site.upstream.set_fault(LinkFault::OneWay);
            let preflight = format!(
                "OPTIONS {slow} HTTP/1.1\r\nHost: localhost\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n\r\n"
            );
            abort(edge, &preflight, State::Begun).await;
            site.upstream.set_fault(LinkFault::None);
            settled("preflight", edge, idle).await;

            site.cluster.origin_link.set_fault(LinkFault::OneWay);
            for (what, request) in [
                ("page", site.with_session("GET", "/.patrol/ui/") + "\r\n"),
                ("list", site.with_session("GET", "/api/v1/tokens") + "\r\n"),
                (
                    "create cut",
                    site.with_session("POST", "/api/v1/tokens") + CUT,
                ),
                (
                    "ready",
                    "GET /.patrol/ready HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
                ),
            ] {
                abort(edge, &request, State::Begun).await;
                settled(what, edge, idle).await;
            }
            site.cluster.origin_link.set_fault(LinkFault::None);
            site.use_edge().await;
            site.cluster.registry_link.set_fault(LinkFault::OneWay);
            let before = held(edge).await.waiting;
            let mut probes = Vec::new();
            while held(edge).await.waiting == before {
                let had = held(edge).await.requests;
                probes.push(send(edge, &site.authorize()).await);
                wait_until("begun", async || {
                    (held(edge).await.requests > had).then_some(())
                })
                .await;
            }
            eprintln!("{} probes", probes.len());
            abort(edge, &site.authorize(), State::Begun).await;
            abort(edge, &get, State::Begun).await;
            site.cluster.registry_link.set_fault(LinkFault::None);
            settled("renewal", edge, idle).await;
        }
    }
}

#[tokio::test]
async fn origin_keeps_nothing_of_clients_that_go_away() {
    let site = Site::start("leaks-origin", &[]).await;
    let origin = site.origin();
    site.use_edge().await;
    let id = &site.created.id;
    let idle = held(origin).await;
    eprintln!("{idle:?}");
    for _ in 0..3 {
        for (what, request, state) in [
            (
                "create",
                site.with_session("POST", "/api/v1/tokens") + CUT,
                State::Begun,
            ),
            (
                "create chunked",
                site.with_session("POST", "/api/v1/tokens") + CUT_CHUNKED,
                State::Begun,
            ),
            (
                "revoke",
                site.with_session("POST", "/api/v1/tokens/revoke") + CUT,
                State::Begun,
            ),
            (
                "sign-in",
                site.with_session("POST", "/.patrol/auth/dev") + CUT,
                State::Begun,
            ),
            (
                "list",
                site.with_session("GET", "/api/v1/tokens") + "\r\n",
                State::Begun,
            ),
            (
                "read",
                site.with_session("GET", &format!("/api/v1/tokens/{id}")) + "\r\n",
                State::Begun,
            ),
            (
                "page",
                site.with_session("GET", "/.patrol/ui/") + "\r\n",
                State::Begun,
            ),
        ] {
            abort(origin, &request, state).await;
            settled(what, origin, idle).await;
        }
        let created = site.ada.create_token(&["models:read"]).await;
        assert_eq!(
            authorize(&format!("http://{}", site.edge()), &created.token).await,
            403
        );
        let delete = format!(
            "DELETE /.patrol/api/v1/tokens/current HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
            created.token
        );
        abort(origin, &delete, State::Called).await;
        settled("delete", origin, idle).await;
    }
    let _ = creation();
}
