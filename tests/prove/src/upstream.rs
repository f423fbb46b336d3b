//! The upstream of a scenario. It is in this program, so both sides of an edge have one clock.
//!
//! Its connections never end by themselves. Each has a number, by which the client finds what the
//! upstream saw of it.

use crate::check::Micros;
use crate::connection::{Arrived, Effective, Kind, Ticks, stamp};
use crate::tokens::Clock;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{
        Request, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::{StatusCode, header::CONTENT_LENGTH},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::{StreamExt, stream};
use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{net::TcpListener, sync::watch};

/// The parameter with the number of a connection. With [`WITH_LENGTH`] its body has a length.
const NUMBER: &str = "connection";
pub(crate) const WITH_LENGTH: &str = "length";

/// The length of a body that has one. It is never reached.
pub(crate) const LENGTH: u64 = 1_000_000_000;

/// What follows each stamp of a download or an upload.
pub(crate) const FILLING: usize = 4 * 1024;

/// The upstream's side of a connection.
pub(crate) struct Seen {
    effective: Effective,
    arrived: Mutex<Arrived>,
    has_begun: watch::Sender<bool>,
    ended: watch::Sender<Option<Micros>>,
}

impl Seen {
    /// Waits until the connection has reached the upstream.
    pub(crate) async fn begun(&self) {
        let _ = self.has_begun.subscribe().wait_for(|begun| *begun).await;
    }

    /// Waits until it has ended for the upstream, and returns when.
    pub(crate) async fn ended(&self) -> Option<Micros> {
        let mut ended = self.ended.subscribe();
        let ended = ended.wait_for(Option::is_some).await;
        ended.ok().and_then(|ended| *ended)
    }

    /// What has arrived so far.
    pub(crate) fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection is open while the upstream holds this.
struct Open {
    seen: Arc<Seen>,
    clock: Clock,
}

impl Open {
    fn ticks(&self) -> Ticks {
        Ticks::new(self.clock, self.seen.effective.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.seen.ended.send_replace(Some(self.clock.now()));
    }
}

#[derive(Default)]
struct Expected {
    last: u64,
    connections: HashMap<u64, Arc<Seen>>,
}

/// A running upstream.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) clock: Clock,
    address: SocketAddr,
    expected: Arc<Mutex<Expected>>,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("no port is free");
        let upstream = Self {
            clock: Clock::start(),
            address: listener.local_addr().expect("no address"),
            expected: Arc::default(),
        };
        let router = Router::new()
            .route(Kind::Socket.path(), get(socket))
            .route(Kind::Events.path(), get(events))
            .route(Kind::Download.path(), get(download))
            .route(Kind::Upload.path(), post(upload))
            .with_state(upstream.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        upstream
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Expects a connection. Returns the query by which it is known.
    pub(crate) fn expect(&self, effective: Effective) -> (String, Arc<Seen>) {
        let seen = Arc::new(Seen {
            effective,
            arrived: Mutex::default(),
            has_begun: watch::Sender::default(),
            ended: watch::Sender::default(),
        });
        let mut expected = self.expected();
        expected.last += 1;
        let number = expected.last;
        expected.connections.insert(number, seen.clone());
        (format!("?{NUMBER}={number}"), seen)
    }

    /// Finds an expected connection, which has arrived.
    fn begin(&self, request: &Request) -> Result<Open, StatusCode> {
        let number = parameter(request, NUMBER).and_then(|number| number.parse().ok());
        let seen = number.and_then(|number: u64| self.expected().connections.remove(&number));
        let seen = seen.ok_or(StatusCode::NOT_FOUND)?;
        seen.has_begun.send_replace(true);
        let clock = self.clock;
        Ok(Open { seen, clock })
    }

    fn expected(&self) -> MutexGuard<'_, Expected> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parameter<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let parameters = request.uri().query()?.split('&');
    parameters
        .filter_map(|parameter| parameter.split_once('='))
        .find_map(|(other, value)| (other == name).then_some(value))
}

type Answer = Result<Response, StatusCode>;

async fn events(State(upstream): State<Upstream>, request: Request) -> Answer {
    let open = upstream.begin(&request)?;
    let body = stamps(open, |time| format!("data: {}\n\n", stamp(time)));
    Ok(([("Content-Type", "text/event-stream")], body).into_response())
}

async fn download(State(upstream): State<Upstream>, request: Request) -> Answer {
    let open = upstream.begin(&request)?;
    let mut response = stamps(open, filled).into_response();
    if parameter(&request, WITH_LENGTH).is_some() {
        response.headers_mut().insert(CONTENT_LENGTH, LENGTH.into());
    }
    Ok(response)
}

/// A stamp and something after it.
pub(crate) fn filled(time: Micros) -> String {
    let filling = "x".repeat(FILLING);
    format!("{}\n{filling}\n", stamp(time))
}

/// A body of stamps.
fn stamps(open: Open, write: fn(Micros) -> String) -> Body {
    let ticks = open.ticks();
    Body::from_stream(stream::unfold(
        (ticks, open, write),
        |(mut ticks, open, write)| async move {
            let text = write(ticks.next().await);
            Some((Ok::<_, Infallible>(text), (ticks, open, write)))
        },
    ))
}

async fn upload(State(upstream): State<Upstream>, request: Request) -> Answer {
    let open = upstream.begin(&request)?;
    let mut body = request.into_body().into_data_stream();
    while let Some(chunk) = body.next().await {
        let chunk: Bytes = chunk.map_err(|_| StatusCode::BAD_REQUEST)?;
        open.seen.arrived().read(&chunk);
    }
    Ok(StatusCode::OK.into_response())
}

async fn socket(
    State(upstream): State<Upstream>,
    upgrade: WebSocketUpgrade,
    request: Request,
) -> Answer {
    let open = upstream.begin(&request)?;
    Ok(upgrade.on_upgrade(|socket| serve(socket, open)))
}

async fn serve(mut socket: WebSocket, open: Open) {
    let mut ticks = open.ticks();
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(message)) => {
                    open.seen.arrived().read(&message.into_data());
                }
                Some(Err(_)) | None => return,
            },
            time = ticks.next() => {
                let message = Message::text(format!("{}\n", stamp(time)));
                // The end of a socket that cannot be written to is found by reading.
                let _ = socket.send(message).await;
            }
        }
    }
}
