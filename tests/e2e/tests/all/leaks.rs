//! Nothing of a client that goes away stays in a Worker's memory, whatever its request waited for.
//!
//! The runtime stops such a request in the middle of an await. A Rust future that waits there is never
//! freed, nor are the JavaScript objects that it holds. These tests run without wrangler, whose proxy
//! keeps the Workers from learning that a client has gone.

use crate::common::authorize;
use patrol_support::{
    CreatedToken, Response, User, client,
    cluster::{Cluster, ClusterConfig},
    link::{Link, LinkFault},
    root, shared_system, wait_until, with_timeout,
};
use reqwest::StatusCode;
use serde::Deserialize;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// How often each state is reached at most. A leak grows the memory in each round, and the most that
/// is ever needed at once only in some of the first.
const MOST_ROUNDS: usize = 8;

/// How many requests are aborted in each state and round.
const REQUESTS: u64 = 100;

/// How many objects more than at first a Worker may hold: those of a report of uses, which waits.
const OBJECTS: u64 = 20;

/// What a Worker's module holds, and how far its requests have come ([`ENTRY`]).
#[derive(Deserialize)]
struct Held {
    /// JavaScript objects that Rust holds.
    objects: u64,
    /// The size of the module's memory.
    bytes: u64,
    /// Requests so far.
    requests: u64,
    /// Those that were not answered at once.
    waiting: u64,
    /// Calls of Registry objects.
    calls: u64,
}

const ENTRY: &str = include_str!("leaks.js");

/// When a request is aborted.
#[derive(Clone, Copy)]
enum State {
    /// The Worker works on it.
    Begun,
    /// A Registry object works on it.
    Called,
    /// The response has begun.
    Answered,
}
use State::{Answered, Begun, Called};

/// A Worker, and what it held when no request was open.
struct Watched {
    address: SocketAddr,
    idle: Held,
}

impl Watched {
    async fn start(address: SocketAddr) -> Self {
        let idle = held(address).await;
        Self { address, idle }
    }

    /// Aborts requests, and waits until nothing remains of them.
    async fn survives(&self, name: &str, request: &str, state: State) {
        self.abort(request, state).await;
        self.frees(name).await;
    }

    /// Sends a request, or the beginning of one, many times, and resets all connections.
    async fn abort(&self, request: &str, state: State) {
        let before = held(self.address).await;
        let mut connections = Vec::new();
        for _ in 0..REQUESTS {
            connections.push(send(self.address, request).await);
        }
        match state {
            Begun => {
                let count = |held: &Held| held.requests - before.requests;
                self.reaches(count).await;
            }
            Called => {
                let count = |held: &Held| held.calls - before.calls;
                self.reaches(count).await;
            }
            Answered => {
                for connection in &mut connections {
                    read_status(connection).await;
                }
            }
        }
        for connection in connections {
            connection.set_zero_linger().unwrap();
        }
    }

    async fn reaches(&self, count: impl Fn(&Held) -> u64) {
        wait_until("all requests have come far enough", async || {
            (count(&held(self.address).await) >= REQUESTS).then_some(())
        })
        .await;
    }

    async fn frees(&self, name: &str) {
        wait_until(&format!("the memory of `{name}` is free"), async || {
            let objects = held(self.address).await.objects;
            (objects <= self.idle.objects + OBJECTS).then_some(())
        })
        .await;
    }

    /// Holds back the answers of the Registry objects, or lets them go.
    async fn holds_registries(&self, holds: bool) {
        let path = if holds { "hold" } else { "release" };
        let response = client().get(format!("http://{}/{path}", self.address));
        assert_eq!(Response::to(response).await.status, 200);
    }

    /// Sends a request again and again, until one is not answered at once.
    async fn waits_for(&self, request: &str) -> Vec<TcpStream> {
        let before = held(self.address).await.waiting;
        let mut connections = Vec::new();
        with_timeout("a request to wait", async {
            while held(self.address).await.waiting == before {
                connections.push(send(self.address, request).await);
            }
        })
        .await;
        connections
    }
}

async fn held(worker: SocketAddr) -> Held {
    let response = Response::to(client().get(format!("http://{worker}/held"))).await;
    serde_json::from_value(response.body).unwrap()
}

async fn send(worker: SocketAddr, request: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    // So that a download which nobody reads does not come to its end.
    socket.set_recv_buffer_size(4096).unwrap();
    let mut connection = socket.connect(worker).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    connection
}

async fn read_status(connection: &mut TcpStream) {
    let mut start = [0; "HTTP/1.1 200".len()];
    let read = with_timeout("a response", connection.read_exact(&mut start)).await;
    read.unwrap();
    let start = String::from_utf8_lossy(&start);
    assert!(start.ends_with("200") || start.ends_with("101"), "{start}");
}

/// The size of a Worker's memory after each round.
#[derive(Default)]
struct Sizes(Vec<u64>);

impl Sizes {
    async fn note(&mut self, worker: &Watched) {
        self.0.push(held(worker.address).await.bytes);
    }

    /// Whether the last round needed no more memory than the one before.
    fn are_flat(&self) -> bool {
        let rounds = &self.0;
        assert!(rounds.len() < MOST_ROUNDS, "the memory grows: {rounds:?}");
        matches!(rounds[..], [.., before, last] if last <= before)
    }
}

/// A cluster with a link to its upstream, and a user with a token.
struct System {
    cluster: Cluster,
    upstream: Link,
    ada: User,
    created: CreatedToken,
}

impl System {
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
        let scopes = ["models:read", "models:write", "uns:read", "uns:publish"];
        let created = ada.create_token(&scopes).await;
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

    /// Waits until the edge knows all that a request needs. It refuses [`authorize`]'s for its scope.
    async fn is_ready(&self) {
        let edge = format!("http://{}", self.edge());
        wait_until("the edge knows the token", async || {
            let status = authorize(&edge, &self.created.token).await;
            (status == StatusCode::FORBIDDEN).then_some(())
        })
        .await;
    }

    /// The head of a request with the token.
    fn api(&self, method: &str, path: &str) -> String {
        head(
            method,
            path,
            &format!(
                "Authorization: Bearer {}\r\nX-Organization-ID: acme\r\n",
                self.created.token
            ),
        )
    }

    /// The head of a request with the session.
    fn management(&self, method: &str, path: &str) -> String {
        head(method, path, &format!("Cookie: {}\r\n", self.ada.cookie()))
    }

    /// What waits for the upstream: a request, and bodies that break off.
    async fn waits_for_upstream(&self, edge: &Watched) {
        let get = self.api("GET", SLOW) + END;
        edge.survives("a request", &get, Begun).await;
        let import = self.api("POST", "/api/v1/models/m/import");
        let body = import.clone() + CUT;
        edge.survives("a cut body", &body, Begun).await;
        let chunked = import + CUT_CHUNKED;
        edge.survives("a cut chunked body", &chunked, Begun).await;
        // The sample API answers a preflight at once.
        self.upstream.set_fault(LinkFault::OneWay);
        let announced = "Origin: https://app.example\r\nAccess-Control-Request-Method: GET\r\n";
        let preflight = head("OPTIONS", SLOW, announced) + END;
        edge.survives("a preflight", &preflight, Begun).await;
        self.upstream.set_fault(LinkFault::None);
    }

    /// What lasts.
    async fn streams(&self, edge: &Watched) {
        let import = self.api("POST", "/api/v1/models/m/import");
        let echo = "X-Echo-Headers: 1\r\n";
        for (name, request) in [
            ("events", self.api("GET", "/api/v1/uns/events") + END),
            ("a socket", self.api("GET", "/api/v1/uns/socket") + UPGRADE),
            ("a download", self.api("GET", EXPORT) + END),
            ("an upload", import + echo + CUT_CHUNKED),
        ] {
            edge.survives(name, &request, Answered).await;
        }
    }

    /// What waits for the origin.
    async fn waits_for_origin(&self, edge: &Watched) {
        self.cluster.origin_link.set_fault(LinkFault::OneWay);
        for (name, request) in [
            ("the page", self.management("GET", "/.patrol/ui/") + END),
            ("the list", self.management("GET", TOKENS) + END),
            ("a creation", self.management("POST", TOKENS) + CUT),
        ] {
            edge.survives(name, &request, Begun).await;
        }
        self.cluster.origin_link.set_fault(LinkFault::None);
    }

    /// What waits until the edge gives the origin up.
    async fn waits_for_nothing(&self, edge: &Watched) {
        self.cluster.origin_link.set_fault(LinkFault::OneWay);
        let ready = head("GET", "/.patrol/ready", "") + END;
        edge.survives("ready", &ready, Begun).await;
    }

    /// What waits for a lease.
    async fn waits_for_lease(&self, edge: &Watched) {
        self.is_ready().await;
        self.cluster.registry_link.set_fault(LinkFault::OneWay);
        let judged = "X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /api/v1/models/m\r\n";
        let authorize = self.api("GET", "/.patrol/authorize") + judged + END;
        let waiting = edge.waits_for(&authorize).await;
        edge.abort(&authorize, Begun).await;
        edge.abort(&(self.api("GET", SLOW) + END), Begun).await;
        drop(waiting);
        self.cluster.registry_link.set_fault(LinkFault::None);
        edge.frees("a renewal").await;
    }
}

fn head(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}")
}

/// A path to which the sample API never responds.
const SLOW: &str = "/api/v1/models/slow";

const EXPORT: &str = "/api/v1/models/m/export?bytes=1000000&length=1";

const TOKENS: &str = "/api/v1/tokens";

const END: &str = "\r\n";

const CUT: &str = "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";

const CUT_CHUNKED: &str =
    "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";

const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[tokio::test]
async fn edge_keeps_nothing_of_a_client_that_goes_away() {
    let mut system = System::start("leaks-edge", &[("LEASE_MILLISECONDS", "500")]).await;
    let get = system.api("GET", SLOW) + END;
    // An edge that has no keys yet.
    system.cluster.kill_edges(0);
    system.cluster.origin_link.set_fault(LinkFault::OneWay);
    system.cluster.start_edges(0).await;
    let edge = Watched::start(system.edge()).await;
    edge.abort(&get, Begun).await;
    system.cluster.origin_link.set_fault(LinkFault::None);
    system.is_ready().await;
    edge.frees("a fetch of the keys").await;

    let edge = Watched::start(system.edge()).await;
    let mut sizes = Sizes::default();
    while !sizes.are_flat() {
        system.waits_for_upstream(&edge).await;
        system.streams(&edge).await;
        system.waits_for_origin(&edge).await;
        system.waits_for_lease(&edge).await;
        sizes.note(&edge).await;
    }
    system.waits_for_nothing(&edge).await;
}

#[tokio::test]
async fn edge_with_a_timeout_keeps_nothing_of_a_client_that_goes_away() {
    let system = System::start("leaks-timeout", &[("UPSTREAM_TIMEOUT_SECONDS", "600")]).await;
    system.is_ready().await;
    let edge = Watched::start(system.edge()).await;
    let mut sizes = Sizes::default();
    while !sizes.are_flat() {
        system.waits_for_upstream(&edge).await;
        sizes.note(&edge).await;
    }
}

#[tokio::test]
async fn origin_keeps_nothing_of_a_client_that_goes_away() {
    let system = System::start("leaks-origin", &[]).await;
    let list = &system.created.claims()["status"]["status_list"]["uri"];
    let list = list.as_str().unwrap();
    let list = list.strip_prefix(&system.cluster.management_url()).unwrap();
    let token = format!("{TOKENS}/{}", system.created.id);
    system.is_ready().await;
    let origin = Watched::start(system.cluster.origin_address()).await;
    let mut sizes = Sizes::default();
    while !sizes.are_flat() {
        let creation = system.management("POST", TOKENS);
        let revocation = system.management("POST", "/api/v1/tokens/revoke");
        let sign_in = head("POST", "/.patrol/auth/dev", "");
        for (name, request) in [
            ("a creation", creation.clone() + CUT),
            ("a chunked creation", creation + CUT_CHUNKED),
            ("a revocation of several", revocation + CUT),
            ("a sign-in", sign_in + CUT),
        ] {
            origin.survives(name, &request, Begun).await;
        }
        // The edge gets a lease that the revocation waits for, and the origin forgets its lists.
        let created = system.ada.create_token(&["models:read"]).await;
        let edge = format!("http://{}", system.edge());
        let asked = authorize(&edge, &created.token).await;
        assert_eq!(asked, StatusCode::FORBIDDEN);
        let bearer = format!("Authorization: Bearer {}\r\n", created.token);
        let revocation = head("DELETE", "/.patrol/api/v1/tokens/current", &bearer) + END;
        origin.survives("a revocation", &revocation, Called).await;

        for (name, request, state) in [
            ("a status list", head("GET", list, "") + END, Begun),
            ("ready", head("GET", "/.patrol/ready", "") + END, Begun),
            ("the tokens", system.management("GET", TOKENS) + END, Called),
            ("a token", system.management("GET", &token) + END, Called),
        ] {
            origin.holds_registries(true).await;
            origin.abort(&request, state).await;
            origin.holds_registries(false).await;
            origin.frees(name).await;
        }
        sizes.note(&origin).await;
    }
}
