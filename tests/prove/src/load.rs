//! The clients: some create and revoke tokens, others send requests with them to the edges.

use crate::check::{Conditions, Micros, Outcome, Request};
use crate::connection::Kind;
use crate::streams::{Holder, Streams};
use crate::tokens::{Clock, Tokens};
use futures_util::future::join_all;
use patrol::{
    routes::{AUTHORIZE, DEFAULT_PREFIX, HEALTH},
    time::Timestamp,
};
use patrol_support::User;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// If a trivial response takes longer, the machine is too busy: an edge renews a lease this long
/// before its end.
const BUSY_THRESHOLD: Duration = Duration::from_millis(250);

/// A busy machine was busy a little before and after, too.
const BUSY_MARGIN: Duration = Duration::from_secs(1);

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

const RETRY_DELAY: Duration = Duration::from_millis(50);

/// The organization, scope and path of all tokens and requests. For connections, tokens have more
/// scopes.
const ORGANIZATION: &str = "acme";
const SCOPE: &str = "pipelines:read";
const PATH: &str = "/api/v1/engine/pipelines";

/// Tokens that [`Load::revoke_all`] creates.
const FINAL_TOKENS: usize = 3;

/// The state that all clients of a scenario share.
pub(crate) struct Load {
    pub(crate) clock: Clock,
    pub(crate) tokens: Tokens,
    pub(crate) streams: Arc<Streams>,
    edges: Vec<String>,
    management: String,
    is_creating: AtomicBool,
    is_requesting: AtomicBool,
    /// How long each revocation took, and how long the Registry says it waited.
    waits: Mutex<Vec<(Micros, Option<Micros>)>>,
    conditions: Mutex<Conditions>,
    requests: Mutex<Vec<Request>>,
    in_bulk: AtomicUsize,
    bulk_calls: AtomicUsize,
    /// Failed calls to create or revoke; each was retried.
    failures: Mutex<Vec<String>>,
}

/// Everything recorded in a scenario.
pub(crate) struct Record {
    pub(crate) requests: Vec<Request>,
    pub(crate) waits: Vec<(Micros, Option<Micros>)>,
    pub(crate) conditions: Conditions,
    pub(crate) end: Micros,
    /// Tokens that were revoked together with others.
    pub(crate) in_bulk: usize,
    pub(crate) bulk_calls: usize,
    pub(crate) failures: Vec<String>,
}

impl Load {
    pub(crate) fn new(edges: Vec<String>, management: String, streams: Streams) -> Self {
        Self {
            clock: streams.clock(),
            tokens: Tokens::default(),
            streams: Arc::new(streams),
            edges,
            management,
            is_creating: AtomicBool::new(true),
            is_requesting: AtomicBool::new(true),
            waits: Mutex::default(),
            conditions: Mutex::default(),
            requests: Mutex::default(),
            in_bulk: AtomicUsize::default(),
            bulk_calls: AtomicUsize::default(),
            failures: Mutex::default(),
        }
    }

    pub(crate) fn stop_creating(&self) {
        self.is_creating.store(false, Ordering::SeqCst);
    }

    pub(crate) fn stop_requests(&self) {
        self.is_requesting.store(false, Ordering::SeqCst);
    }

    pub(crate) fn record(&self) -> Record {
        Record {
            requests: std::mem::take(&mut *lock(&self.requests)),
            waits: std::mem::take(&mut *lock(&self.waits)),
            conditions: std::mem::take(&mut *lock(&self.conditions)),
            end: self.clock.now(),
            in_bulk: self.in_bulk.load(Ordering::SeqCst),
            bulk_calls: self.bulk_calls.load(Ordering::SeqCst),
            failures: std::mem::take(&mut *lock(&self.failures)),
        }
    }

    /// Sends requests to one edge until [`Self::stop_requests`].
    pub(crate) async fn send_requests(&self, edge: usize) {
        let client = client();
        let mut requests = Vec::new();
        while self.is_requesting.load(Ordering::SeqCst) {
            match self.tokens.pick(self.clock.now()) {
                Some((token, text)) => {
                    let request = self.send(&client, edge, token, &text).await;
                    requests.push(request);
                    if request.outcome == Outcome::NoResponse {
                        tokio::time::sleep(RETRY_DELAY).await;
                    }
                }
                None => tokio::time::sleep(RETRY_DELAY).await,
            }
        }
        lock(&self.requests).extend(requests);
    }

    async fn send(&self, client: &Client, edge: usize, token: usize, text: &str) -> Request {
        let base = self.edges.get(edge).map(String::as_str).unwrap_or_default();
        let request = client
            .get(format!("{base}{DEFAULT_PREFIX}{AUTHORIZE}"))
            .bearer_auth(text)
            .header("X-Forwarded-Method", "GET")
            .header("X-Forwarded-Uri", PATH)
            .header("X-Organization-ID", ORGANIZATION);
        let start = self.clock.now();
        let outcome = outcome(request).await;
        Request {
            token,
            start,
            end: self.clock.now(),
            outcome,
        }
    }

    /// Creates and revokes tokens of a user in batches until [`Self::stop_creating`].
    pub(crate) async fn create_and_revoke(&self, user: &Owner, name: &str, lane: Lane) {
        let client = client();
        let mut batch = 0;
        while self.is_creating.load(Ordering::SeqCst) {
            batch += 1;
            let started = Instant::now();
            let mut created = Vec::new();
            for number in 0..lane.batch_size {
                created.push(self.create(user, &format!("{name} {batch} {number}")).await);
            }
            if lane.has_streams {
                let opened = created
                    .iter()
                    .filter_map(|token| self.holder(token.number))
                    .map(|holder| self.streams.open(holder, user.kinds));
                join_all(opened).await;
            }
            let lifetime = rand::random_range(100..1_000);
            tokio::time::sleep(Duration::from_millis(lifetime)).await;
            self.revoke(user, &created).await;
            self.request_everywhere(&client, &created).await;
            tokio::time::sleep(lane.pace.saturating_sub(started.elapsed())).await;
        }
    }

    /// Opens connections at every edge with a token that lives until [`Self::revoke_all`].
    pub(crate) async fn open_streams(&self, user: &Owner, name: &str) -> usize {
        let token = self.create_unused(user, name).await;
        if let Some(holder) = self.holder(token) {
            self.streams.open_everywhere(holder, user.kinds).await;
        }
        token
    }

    fn holder(&self, token: usize) -> Option<Holder> {
        Some(Holder {
            token,
            text: self.tokens.text(token)?,
            organization: ORGANIZATION,
            effective: self.tokens.effective(token)?,
        })
    }

    /// Creates some tokens and revokes all tokens of the user in one call, with that of
    /// [`Self::open_streams`].
    pub(crate) async fn revoke_all(&self, user: &Owner, name: &str, kept: usize) {
        let client = client();
        let mut created = Vec::new();
        for number in 0..FINAL_TOKENS {
            created.push(self.create(user, &format!("{name} {number}")).await);
        }
        let numbers = created.iter().map(|token| token.number);
        let numbers: Vec<_> = numbers.chain([kept]).collect();
        self.tokens.revoke_requested(&numbers, self.clock.now());
        let body = json!({ "all": true });
        let call = || user.session.request(Method::POST, BULK).json(&body);
        self.revoke_until_confirmed(&numbers, call).await;
        self.request_everywhere(&client, &created).await;
    }

    /// The sharpest test: requests to every edge, right after the response to a revocation.
    async fn request_everywhere(&self, client: &Client, created: &[Created]) {
        let requests = (0..self.edges.len()).flat_map(|edge| {
            created.iter().map(move |token| async move {
                let text = self.tokens.text(token.number)?;
                Some(self.send(client, edge, token.number, &text).await)
            })
        });
        let requests = join_all(requests).await;
        lock(&self.requests).extend(requests.into_iter().flatten());
    }

    async fn create(&self, user: &Owner, name: &str) -> Created {
        let body = self.created(user, name).await;
        let text = |member: &str| body[member].as_str().unwrap_or_default();
        Created {
            number: self.tokens.add(text("token")),
            id: text("id").to_owned(),
        }
    }

    async fn create_unused(&self, user: &Owner, name: &str) -> usize {
        let body = self.created(user, name).await;
        let text = body["token"].as_str().unwrap_or_default();
        self.tokens.add_unused(text)
    }

    /// Creates a token, and returns the response.
    async fn created(&self, user: &Owner, name: &str) -> Value {
        let body = json!({
            "name": name, "expires_in_days": 30,
            "organizations": [ORGANIZATION], "scopes": user.scopes(),
        });
        let user = &user.session;
        loop {
            let request = user.request(Method::POST, "/api/v1/tokens").json(&body);
            match send(request).await {
                Some((201, body)) => return body,
                // A retry would succeed only in an hour.
                Some((429, _)) => panic!("the scenario creates more tokens than a user may"),
                response => self.record_failure("create", response),
            }
            // The token may exist nevertheless, and would count against the limit forever.
            self.remove_stray(user, name).await;
        }
    }

    async fn remove_stray(&self, user: &User, name: &str) {
        loop {
            tokio::time::sleep(RETRY_DELAY).await;
            let list = send(user.request(Method::GET, "/api/v1/tokens")).await;
            let Some((200, list)) = list else { continue };
            let stray = list["tokens"].as_array().into_iter().flatten();
            let stray = stray
                .filter(|token| token["name"] == name && token["status"] == "active")
                .find_map(|token| token["id"].as_str());
            let Some(id) = stray else { return };
            let path = format!("/api/v1/tokens/{id}");
            let _ = send(user.request(Method::DELETE, &path)).await;
        }
    }

    async fn revoke(&self, user: &Owner, created: &[Created]) {
        let user = &user.session;
        let numbers: Vec<_> = created.iter().map(|token| token.number).collect();
        self.tokens.revoke_requested(&numbers, self.clock.now());
        if let [only] = created {
            let path = format!("/api/v1/tokens/{}", only.id);
            self.revoke_until_confirmed(&numbers, || user.request(Method::DELETE, &path))
                .await;
        } else {
            let ids: Vec<_> = created.iter().map(|token| &token.id).collect();
            let body = json!({ "ids": ids });
            self.revoke_until_confirmed(&numbers, || user.request(Method::POST, BULK).json(&body))
                .await;
        }
    }

    /// Repeats a call until a response confirms the revocation.
    async fn revoke_until_confirmed(&self, tokens: &[usize], call: impl Fn() -> RequestBuilder) {
        loop {
            let sent = self.clock.now();
            let response = send(call()).await;
            let received = self.clock.now();
            match &response {
                Some((200 | 202, body)) => {
                    let by = body["effective_by"].as_str();
                    let by = by.and_then(|text| text.parse::<Timestamp>().ok());
                    self.tokens
                        .revoke_confirmed(tokens, by.map_or(received, |by| self.clock.at(by)));
                    let waited = body["waited_ms"].as_u64().map(|waited| waited * 1_000);
                    lock(&self.waits).push((received - sent, waited));
                    if tokens.len() > 1 {
                        self.in_bulk.fetch_add(tokens.len(), Ordering::SeqCst);
                        self.bulk_calls.fetch_add(1, Ordering::SeqCst);
                    }
                    return;
                }
                _ => self.record_failure("revoke", response),
            }
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }

    fn record_failure(&self, what: &str, response: Option<(u16, Value)>) {
        let why = match response {
            Some((status, body)) => format!("{status} {}", body["code"]),
            None => "no response".to_owned(),
        };
        lock(&self.failures).push(format!("{what}: {why}"));
    }

    /// Notes that something is broken from now on, for `time`.
    pub(crate) fn disturbed_for(&self, time: Duration) {
        let now = self.clock.now();
        let end = now.saturating_add(micros(time));
        lock(&self.conditions).disturbed.push(now..end);
    }

    /// Notes that for `time` edges cannot learn the status of tokens.
    pub(crate) fn cut_off_for(&self, time: Duration) {
        let now = self.clock.now();
        let end = now.saturating_add(micros(time));
        lock(&self.conditions).outages.push(now..end);
    }

    /// Notes that it is over.
    pub(crate) fn reconnected(&self) {
        if let Some(outage) = lock(&self.conditions).outages.last_mut() {
            outage.end = self.clock.now();
        }
    }

    /// Notes that these edges were killed, and run again now.
    pub(crate) fn edges_restarted(&self, edges: Range<usize>, killed: Micros) {
        let now = self.clock.now();
        let killed = edges.map(|edge| (edge, killed..now));
        lock(&self.conditions).killed_edges.extend(killed);
    }

    /// Notes that after `time`, to the end, no edge can know about revocations.
    pub(crate) fn uninformed_after(&self, time: Duration) {
        self.disturbed_for(Duration::MAX);
        self.cut_off_for(Duration::MAX);
        let start = self.clock.now() + micros(time);
        lock(&self.conditions).uninformed.push(start..Micros::MAX);
    }

    /// Watches whether the machine is too busy: if the processes wait for longer than an edge can
    /// go without a lease, a 503 is correct.
    pub(crate) async fn watch_machine(&self, gate: String) {
        let client = client();
        let urls = self
            .edges
            .iter()
            .map(|edge| format!("{edge}{DEFAULT_PREFIX}{HEALTH}"));
        let urls: Vec<_> = urls.chain([gate]).collect();
        while self.is_requesting.load(Ordering::SeqCst) {
            let sent = self.clock.now();
            join_all(urls.iter().map(|url| client.get(url).send())).await;
            let received = self.clock.now();
            if received - sent > micros(BUSY_THRESHOLD) {
                let margin = micros(BUSY_MARGIN);
                let time = sent.saturating_sub(margin)..received + margin;
                let conditions = &mut *lock(&self.conditions);
                conditions.outages.push(time.clone());
                conditions.disturbed.push(time);
            }
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }

    pub(crate) async fn sign_in(&self, name: &str, kinds: &'static [Kind]) -> Owner {
        let session = User::sign_in(&self.management, name).await;
        Owner { session, kinds }
    }
}

/// A user, and the connections that the user's role allows.
pub(crate) struct Owner {
    session: User,
    kinds: &'static [Kind],
}

impl Owner {
    /// The scopes of the user's tokens.
    fn scopes(&self) -> BTreeSet<&'static str> {
        let kinds = self.kinds.iter();
        let scopes = kinds.flat_map(|kind| kind.scopes());
        scopes.copied().chain([SCOPE]).collect()
    }
}

/// How [`Load::create_and_revoke`] does it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lane {
    pub(crate) batch_size: usize,
    /// Whether connections are opened with the tokens.
    pub(crate) has_streams: bool,
    /// The least time for a batch.
    pub(crate) pace: Duration,
}

/// Revokes several tokens.
const BULK: &str = "/api/v1/tokens/revoke";

/// A created token.
struct Created {
    number: usize,
    id: String,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn micros(time: Duration) -> Micros {
    time.as_micros().try_into().unwrap_or(Micros::MAX)
}

fn client() -> Client {
    Client::builder()
        .timeout(REQUEST_TIMEOUT)
        .build()
        .expect("a client")
}

async fn outcome(request: RequestBuilder) -> Outcome {
    let Ok(response) = request.send().await else {
        return Outcome::NoResponse;
    };
    let status = response.status().as_u16();
    match (status, response.text().await) {
        (_, Err(_)) => Outcome::NoResponse,
        (200, Ok(_)) => Outcome::Accepted,
        (503, Ok(_)) => Outcome::Unavailable,
        (401, Ok(body)) if body.contains("\"token-revoked\"") => Outcome::Revoked,
        _ => Outcome::Other(status),
    }
}

/// Status and body of the response, if there was one.
async fn send(request: RequestBuilder) -> Option<(u16, Value)> {
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let text = response.text().await.ok()?;
    Some((status, serde_json::from_str(&text).unwrap_or_default()))
}
