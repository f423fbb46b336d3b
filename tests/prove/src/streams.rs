//! The clients of open connections. Each connection ends because its token is revoked, or else is
//! opened again.

use crate::check::Micros;
use crate::connection::{Arrived, Effective, End, Kind, Ticks, stamp};
use crate::tokens::Clock;
use crate::upstream::{LENGTH, Seen, Upstream, WITH_LENGTH, filled};
use futures_util::{SinkExt, StreamExt, future::join_all, stream};
use patrol_support::TIMEOUT;
use reqwest::{Body, Client, Method, RequestBuilder, Response, header::CONTENT_LENGTH};
use serde_json::Value;
use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{net::TcpStream, sync::watch, task::JoinHandle};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// How long an edge may take to open a connection.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a user waits for connections before the next step.
const OPEN_PATIENCE: Duration = Duration::from_secs(2);

const RETRY_DELAY: Duration = Duration::from_millis(50);

/// A token whose connections are opened.
#[derive(Clone)]
pub(crate) struct Holder {
    /// The token's number.
    pub(crate) token: usize,
    pub(crate) text: Arc<str>,
    pub(crate) organization: &'static str,
    pub(crate) effective: Effective,
}

/// A connection that was open.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) token: usize,
    pub(crate) kind: Kind,
    pub(crate) edge: usize,
    pub(crate) opened: Micros,
    /// When the client saw its end, and how.
    pub(crate) ended: Micros,
    pub(crate) end: End,
    /// When the upstream saw its end.
    pub(crate) upstream_ended: Option<Micros>,
    pub(crate) to_client: Arrived,
    pub(crate) to_upstream: Arrived,
}

/// Connections of good tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flow {
    /// Bytes pass.
    pub(crate) flowing: usize,
    /// They are open, and no bytes pass.
    pub(crate) stalled: usize,
}

/// All connections of a scenario.
pub(crate) struct Streams {
    upstream: Upstream,
    edges: Vec<String>,
    client: Client,
    /// How long after its revocation a connection is watched.
    patience: Duration,
    open: Mutex<Vec<Arc<Opened>>>,
    ended: Mutex<Vec<Stream>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// A connection that is open.
struct Opened {
    holder: Holder,
    kind: Kind,
    edge: usize,
    since: Micros,
    seen: Arc<Seen>,
    to_client: Mutex<Arrived>,
}

impl Opened {
    fn to_client(&self) -> MutexGuard<'_, Arrived> {
        lock(&self.to_client)
    }

    /// Whether bytes that were sent after `time` have passed, in each direction that it has.
    fn has_passed_since(&self, time: Micros) -> bool {
        let is_later = |latest: Option<Micros>| latest.is_some_and(|latest| latest > time);
        let to_client = is_later(self.to_client().latest());
        let to_upstream = is_later(self.seen.arrived().latest());
        match self.kind {
            Kind::Socket => to_client && to_upstream,
            Kind::Events | Kind::Download => to_client,
            Kind::Upload => to_upstream,
        }
    }
}

impl Streams {
    pub(crate) fn new(upstream: Upstream, edges: Vec<String>, patience: Duration) -> Self {
        Self {
            upstream,
            edges,
            client: Client::builder()
                .pool_max_idle_per_host(0)
                .build()
                .expect("a client"),
            patience,
            open: Mutex::default(),
            ended: Mutex::default(),
            tasks: Mutex::default(),
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.upstream.clock
    }

    /// Opens a connection of each kind, each at some edge. They are tried until the token is revoked.
    pub(crate) async fn open(self: &Arc<Self>, holder: Holder, kinds: &[Kind]) {
        let mut opened = Vec::new();
        for kind in kinds {
            let edge = rand::random_range(0..self.edges.len());
            opened.push(self.start(&holder, *kind, edge));
        }
        wait_a_little(opened).await;
    }

    /// Opens a connection of each kind at every edge.
    pub(crate) async fn open_everywhere(self: &Arc<Self>, holder: Holder, kinds: &[Kind]) {
        let mut opened = Vec::new();
        for edge in 0..self.edges.len() {
            for kind in kinds {
                opened.push(self.start(&holder, *kind, edge));
            }
        }
        wait_a_little(opened).await;
    }

    /// Waits until bytes pass on every connection whose token is good, in every direction.
    pub(crate) async fn count_flowing(&self) -> Flow {
        let now = self.clock().now();
        let flow = || {
            let kept = self.kept();
            let has_passed = kept.iter().filter(|opened| opened.has_passed_since(now));
            let flowing = has_passed.count();
            Flow {
                flowing,
                stalled: kept.len() - flowing,
            }
        };
        let all = async {
            while flow().stalled > 0 {
                tokio::time::sleep(RETRY_DELAY).await;
            }
        };
        let _ = tokio::time::timeout(self.patience, all).await;
        flow()
    }

    /// The open connections whose tokens are good.
    fn kept(&self) -> Vec<Arc<Opened>> {
        let open = lock(&self.open);
        let is_kept = |opened: &&Arc<Opened>| opened.holder.effective.borrow().is_none();
        open.iter().filter(is_kept).cloned().collect()
    }

    /// Waits until all connections have ended. All tokens must have been revoked.
    pub(crate) async fn finish(&self) -> Vec<Stream> {
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        let all = async {
            for task in tasks {
                task.await.expect("a connection's task does not fail");
            }
        };
        tokio::time::timeout(2 * self.patience + TIMEOUT, all)
            .await
            .expect("the connections have ended, or their time is over");
        std::mem::take(&mut *lock(&self.ended))
    }

    /// Opens a connection until its token is revoked. What is returned becomes true when it is open.
    fn start(self: &Arc<Self>, holder: &Holder, kind: Kind, edge: usize) -> watch::Receiver<bool> {
        let (is_open, opens) = watch::channel(false);
        let (streams, holder) = (self.clone(), holder.clone());
        let task = tokio::spawn(async move {
            while !streams.is_revoked(&holder) {
                streams.connect(&holder, kind, edge, &is_open).await;
                tokio::time::sleep(RETRY_DELAY).await;
            }
        });
        lock(&self.tasks).push(task);
        opens
    }

    fn is_revoked(&self, holder: &Holder) -> bool {
        let now = self.clock().now();
        holder.effective.borrow().is_some_and(|at| at <= now)
    }

    /// Opens a connection, if the edge lets it, and holds it to its end.
    async fn connect(
        self: &Arc<Self>,
        holder: &Holder,
        kind: Kind,
        edge: usize,
        is_open: &watch::Sender<bool>,
    ) {
        let (query, seen) = self.upstream.expect(holder.effective.clone());
        let attempt = Attempt {
            streams: self,
            holder,
            kind,
            edge,
            // Every second body has a length.
            has_length: query.ends_with(['0', '2', '4', '6', '8']),
            query,
            seen,
            is_open,
        };
        match kind {
            Kind::Socket => attempt.socket().await,
            Kind::Events | Kind::Download => attempt.body().await,
            Kind::Upload => attempt.upload().await,
        }
    }

    /// Waits until a connection should have ended long ago.
    async fn overdue(&self, mut effective: Effective) {
        let at = effective.wait_for(Option::is_some).await.map(|at| *at);
        // No token is dropped while it has connections.
        let at = at.ok().flatten().unwrap_or(Micros::MAX);
        let left = at.saturating_sub(self.clock().now());
        tokio::time::sleep(Duration::from_micros(left) + self.patience).await;
    }
}

/// Waits until these connections are open, but not for long: an edge may be unable to open them.
async fn wait_a_little(opened: Vec<watch::Receiver<bool>>) {
    let all = opened.into_iter().map(|mut opens| async move {
        let _ = opens.wait_for(|is_open| *is_open).await;
    });
    let _ = tokio::time::timeout(OPEN_PATIENCE, join_all(all)).await;
}

/// One try to open a connection.
struct Attempt<'a> {
    streams: &'a Arc<Streams>,
    holder: &'a Holder,
    kind: Kind,
    edge: usize,
    has_length: bool,
    query: String,
    seen: Arc<Seen>,
    is_open: &'a watch::Sender<bool>,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl Attempt<'_> {
    fn url(&self) -> String {
        let edges = &self.streams.edges;
        let edge = edges.get(self.edge).map(String::as_str).unwrap_or_default();
        let (path, query) = (self.kind.path(), &self.query);
        let length = if self.has_length {
            format!("&{WITH_LENGTH}=1")
        } else {
            String::new()
        };
        format!("{edge}{path}{query}{length}")
    }

    fn request(&self, method: Method) -> RequestBuilder {
        let request = self.streams.client.request(method, self.url());
        request
            .bearer_auth(&self.holder.text)
            .header("X-Organization-ID", self.holder.organization)
    }

    fn ticks(&self) -> Ticks {
        Ticks::new(self.streams.clock(), self.holder.effective.clone())
    }

    /// Notes that the connection is open.
    fn opened(&self) -> Arc<Opened> {
        let opened = Arc::new(Opened {
            holder: self.holder.clone(),
            kind: self.kind,
            edge: self.edge,
            since: self.streams.clock().now(),
            seen: self.seen.clone(),
            to_client: Mutex::default(),
        });
        lock(&self.streams.open).push(opened.clone());
        self.is_open.send_replace(true);
        opened
    }

    /// Waits for the end of a connection, and for its end at the upstream, and notes it.
    async fn hold(&self, opened: Arc<Opened>, end: impl Future<Output = End>) {
        let end = tokio::select! {
            end = end => end,
            () = self.streams.overdue(self.holder.effective.clone()) => End::LeftOpen,
        };
        let ended = self.streams.clock().now();
        lock(&self.streams.open).retain(|other| !Arc::ptr_eq(other, &opened));
        let upstream_ended = tokio::time::timeout(self.streams.patience, self.seen.ended()).await;
        let stream = Stream {
            token: opened.holder.token,
            kind: opened.kind,
            edge: opened.edge,
            opened: opened.since,
            ended,
            end,
            upstream_ended: upstream_ended.ok().flatten(),
            to_client: std::mem::take(&mut opened.to_client()),
            to_upstream: std::mem::take(&mut self.seen.arrived()),
        };
        lock(&self.streams.ended).push(stream);
    }

    async fn socket(&self) {
        let Ok(mut request) = self.url().replacen("http", "ws", 1).into_client_request() else {
            return;
        };
        let authorization = format!("Bearer {}", self.holder.text).parse();
        let headers = request.headers_mut();
        headers.insert(
            "Authorization",
            authorization.expect("a token fits into a header"),
        );
        let organization = self.holder.organization.parse();
        headers.insert("X-Organization-ID", organization.expect("an id fits too"));
        let Ok(Ok((socket, _))) = tokio::time::timeout(OPEN_TIMEOUT, connect_async(request)).await
        else {
            return;
        };
        let opened = self.opened();
        let end = self.talk(socket, &opened);
        self.hold(opened.clone(), end).await;
    }

    /// Sends stamps and reads those of the upstream until the socket ends.
    async fn talk(&self, mut socket: Socket, opened: &Opened) -> End {
        let mut ticks = self.ticks();
        loop {
            tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(Message::Close(frame))) => {
                        // The answer to the close frame leaves with the next call.
                        let _ = socket.flush().await;
                        return End::Closed(frame.map_or(0, |frame| frame.code.into()));
                    }
                    Some(Ok(message)) => opened.to_client().read(&message.into_data()),
                    Some(Err(_)) | None => return End::Cut,
                },
                time = ticks.next() => {
                    // The end of a socket that cannot be written to is found by reading.
                    let _ = socket.send(Message::text(format!("{}\n", stamp(time)))).await;
                }
            }
        }
    }

    async fn body(&self) {
        let response = self.request(Method::GET).send();
        let Ok(Ok(response)) = tokio::time::timeout(OPEN_TIMEOUT, response).await else {
            return;
        };
        if response.status() != 200 {
            return;
        }
        let opened = self.opened();
        let end = async {
            let mut body = response.bytes_stream();
            while let Some(chunk) = body.next().await {
                let Ok(chunk) = chunk else { return End::Cut };
                opened.to_client().read(&chunk);
            }
            End::Complete
        };
        self.hold(opened.clone(), end).await;
    }

    async fn upload(&self) {
        let body = stream::unfold(self.ticks(), |mut ticks| async move {
            let time = ticks.next().await;
            Some((Ok::<_, Infallible>(filled(time)), ticks))
        });
        let mut request = self.request(Method::POST).body(Body::wrap_stream(body));
        if self.has_length {
            request = request.header(CONTENT_LENGTH, LENGTH);
        }
        let response = request.send();
        tokio::pin!(response);
        let begun = tokio::time::timeout(OPEN_TIMEOUT, self.seen.begun());
        tokio::select! {
            begun = begun => if begun.is_err() { return },
            // It was refused, unless both happened meanwhile.
            _ = &mut response => return,
        }
        let opened = self.opened();
        let end = async {
            match response.await {
                Ok(response) => answered(response).await,
                Err(_) => End::Cut,
            }
        };
        self.hold(opened.clone(), end).await;
    }
}

async fn answered(response: Response) -> End {
    let status = response.status().as_u16();
    let problem: Value = response.json().await.unwrap_or_default();
    let code = problem["code"].as_str().unwrap_or_default();
    End::Answered(status, code.to_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
