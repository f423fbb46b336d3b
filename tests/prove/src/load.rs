//! The clients: those that create and revoke tokens, and those that try them at the edges.

use crate::check::{Conditions, Micros, Outcome, Request};
use crate::world::{Clock, Tokens};
use futures_util::future::join_all;
use patrol::{routes, time::Timestamp};
use patrol_support::User;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// An answer that needs nothing but a moment of the processor has come by then: so long before
/// its end is a lease renewed.
const SLOW: Duration = Duration::from_millis(250);

/// A machine that was too busy was so a little before and after too.
const AROUND: Duration = Duration::from_secs(1);

/// When a request counts as not answered.
const ANSWER: Duration = Duration::from_secs(10);

/// How long until a call that failed is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// The organization and the path that every token is made for.
const ORGANIZATION: &str = "acme";
const SCOPE: &str = "pipelines:read";
const PATH: &str = "/api/v1/engine/pipelines";

/// How many tokens [`Load::end_all`] makes.
const LEFT_AT_THE_END: usize = 3;

/// What all clients of a scenario share.
pub(crate) struct Load {
    pub(crate) clock: Clock,
    pub(crate) tokens: Tokens,
    edges: Vec<String>,
    management: String,
    creating: AtomicBool,
    asking: AtomicBool,
    /// How long each call that revokes took, and how long the Registry says that it waited.
    waits: Mutex<Vec<(Micros, Option<Micros>)>>,
    conditions: Mutex<Conditions>,
    requests: Mutex<Vec<Request>>,
    in_bulk: AtomicUsize,
    bulk_calls: AtomicUsize,
    /// Calls of management that failed, each tried again.
    failures: Mutex<Vec<String>>,
}

/// What is left of it in the end.
pub(crate) struct Record {
    pub(crate) requests: Vec<Request>,
    pub(crate) waits: Vec<(Micros, Option<Micros>)>,
    pub(crate) conditions: Conditions,
    /// Of the scenario.
    pub(crate) end: Micros,
    /// Tokens that were ended together with others.
    pub(crate) in_bulk: usize,
    pub(crate) bulk_calls: usize,
    pub(crate) failures: Vec<String>,
}

impl Load {
    pub(crate) fn new(edges: Vec<String>, management: String) -> Self {
        Self {
            clock: Clock::start(),
            tokens: Tokens::default(),
            edges,
            management,
            creating: AtomicBool::new(true),
            asking: AtomicBool::new(true),
            waits: Mutex::default(),
            conditions: Mutex::default(),
            requests: Mutex::default(),
            in_bulk: AtomicUsize::default(),
            bulk_calls: AtomicUsize::default(),
            failures: Mutex::default(),
        }
    }

    pub(crate) fn stop_creating(&self) {
        self.creating.store(false, Ordering::SeqCst);
    }

    pub(crate) fn stop_asking(&self) {
        self.asking.store(false, Ordering::SeqCst);
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

    /// Tries tokens at one edge until told to stop.
    pub(crate) async fn ask_on(&self, edge: usize) {
        let client = client();
        let mut mine = Vec::new();
        while self.asking.load(Ordering::SeqCst) {
            match self.tokens.pick(self.clock.now()) {
                Some((token, text)) => {
                    let request = self.ask(&client, edge, token, &text).await;
                    mine.push(request);
                    if request.outcome == Outcome::Unanswered {
                        tokio::time::sleep(AGAIN).await;
                    }
                }
                None => tokio::time::sleep(AGAIN).await,
            }
        }
        lock(&self.requests).extend(mine);
    }

    async fn ask(&self, client: &Client, edge: usize, token: usize, text: &str) -> Request {
        let base = self.edges.get(edge).map(String::as_str).unwrap_or_default();
        let request = client
            .get(format!("{base}{}", routes::AUTHORIZE))
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

    /// Creates and revokes tokens of a user, so many at once, until told to stop. A round takes `pace`
    /// at least.
    pub(crate) async fn churn(&self, user: &User, name: &str, at_once: usize, pace: Duration) {
        let client = client();
        let mut round = 0;
        while self.creating.load(Ordering::SeqCst) {
            round += 1;
            let began = Instant::now();
            let mut made = Vec::new();
            for number in 0..at_once {
                made.push(self.create(user, &format!("{name} {round} {number}")).await);
            }
            let life = rand::random_range(100..1_000);
            tokio::time::sleep(Duration::from_millis(life)).await;
            self.revoke(user, &made).await;
            self.ask_everywhere(&client, &made).await;
            tokio::time::sleep(pace.saturating_sub(began.elapsed())).await;
        }
    }

    /// Leaves some tokens to a user and ends them all by one call.
    pub(crate) async fn end_all(&self, user: &User, name: &str) {
        let client = client();
        let mut made = Vec::new();
        for number in 0..LEFT_AT_THE_END {
            made.push(self.create(user, &format!("{name} {number}")).await);
        }
        let numbers: Vec<_> = made.iter().map(|made| made.number).collect();
        self.tokens.revoking(&numbers, self.clock.now());
        let body = json!({ "all": true });
        self.end(&numbers, || user.request(Method::POST, BULK).json(&body))
            .await;
        self.ask_everywhere(&client, &made).await;
    }

    /// The sharpest requests: right after the answer, at every edge.
    async fn ask_everywhere(&self, client: &Client, made: &[Made]) {
        let asked = (0..self.edges.len()).flat_map(|edge| {
            made.iter().map(move |made| async move {
                let text = self.tokens.text(made.number)?;
                Some(self.ask(client, edge, made.number, &text).await)
            })
        });
        let answers = join_all(asked).await;
        lock(&self.requests).extend(answers.into_iter().flatten());
    }

    async fn create(&self, user: &User, name: &str) -> Made {
        let wish = json!({
            "name": name, "expires_in_days": 30,
            "organizations": [ORGANIZATION], "scopes": [SCOPE],
        });
        loop {
            let request = user.request(Method::POST, "/api/v1/tokens").json(&wish);
            match answer(request).await {
                Some((201, body)) => {
                    let text = |member: &str| body[member].as_str().unwrap_or_default();
                    return Made {
                        number: self.tokens.add(text("token")),
                        id: text("id").to_owned(),
                    };
                }
                // To try again would be to try for an hour.
                Some((429, _)) => panic!("more tokens are wanted than the users may have"),
                answer => self.failed("create", answer),
            }
            // It may have been made all the same, and would take up room for ever.
            self.remove_stray(user, name).await;
        }
    }

    async fn remove_stray(&self, user: &User, name: &str) {
        loop {
            tokio::time::sleep(AGAIN).await;
            let list = answer(user.request(Method::GET, "/api/v1/tokens")).await;
            let Some((200, list)) = list else { continue };
            let stray = list["tokens"].as_array().into_iter().flatten();
            let stray = stray
                .filter(|token| token["name"] == name && token["status"] == "active")
                .find_map(|token| token["id"].as_str());
            let Some(id) = stray else { return };
            let path = format!("/api/v1/tokens/{id}");
            let _ = answer(user.request(Method::DELETE, &path)).await;
        }
    }

    async fn revoke(&self, user: &User, made: &[Made]) {
        let numbers: Vec<_> = made.iter().map(|made| made.number).collect();
        self.tokens.revoking(&numbers, self.clock.now());
        if let [only] = made {
            let path = format!("/api/v1/tokens/{}", only.id);
            self.end(&numbers, || user.request(Method::DELETE, &path))
                .await;
        } else {
            let ids: Vec<_> = made.iter().map(|made| &made.id).collect();
            let body = json!({ "ids": ids });
            self.end(&numbers, || user.request(Method::POST, BULK).json(&body))
                .await;
        }
    }

    /// Calls until the tokens have been ended by an answer.
    async fn end(&self, tokens: &[usize], call: impl Fn() -> RequestBuilder) {
        loop {
            let asked = self.clock.now();
            let answer = answer(call()).await;
            let answered = self.clock.now();
            match &answer {
                Some((200 | 202, body)) => {
                    let by = body["effective_by"].as_str();
                    let by = by.and_then(|text| text.parse::<Timestamp>().ok());
                    self.tokens
                        .revoked(tokens, by.map_or(answered, |by| self.clock.at(by)));
                    let waited = body["waited_ms"].as_u64().map(|waited| waited * 1_000);
                    lock(&self.waits).push((answered - asked, waited));
                    if tokens.len() > 1 {
                        self.in_bulk.fetch_add(tokens.len(), Ordering::SeqCst);
                        self.bulk_calls.fetch_add(1, Ordering::SeqCst);
                    }
                    return;
                }
                _ => self.failed("revoke", answer),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn failed(&self, what: &str, answer: Option<(u16, Value)>) {
        let why = match answer {
            Some((status, body)) => format!("{status} {}", body["code"]),
            None => "no answer".to_owned(),
        };
        lock(&self.failures).push(format!("{what}: {why}"));
    }

    /// From now on, for that long: edges may be unable to know.
    pub(crate) fn troubled_for(&self, time: Duration) {
        let now = self.clock.now();
        let end = now.saturating_add(micros(time));
        lock(&self.conditions).troubled.push(now..end);
    }

    /// After that time, to the end: no edge can know.
    pub(crate) fn blind_after(&self, time: Duration) {
        self.troubled_for(Duration::MAX);
        let start = self.clock.now() + micros(time);
        lock(&self.conditions).blind.push(start..Micros::MAX);
    }

    /// Watches whether the machine has time for the processes: where it has not for longer than
    /// an edge can do without a lease, edges are right to say that they cannot know.
    pub(crate) async fn watch_the_machine(&self, gate: String) {
        let client = client();
        let places = self
            .edges
            .iter()
            .map(|edge| format!("{edge}{}", routes::HEALTH));
        let places: Vec<_> = places.chain([gate]).collect();
        while self.asking.load(Ordering::SeqCst) {
            let asked = self.clock.now();
            let answers = places.iter().map(|place| client.get(place).send());
            join_all(answers).await;
            let answered = self.clock.now();
            if answered - asked > micros(SLOW) {
                let around = micros(AROUND);
                let time = asked.saturating_sub(around)..answered + around;
                lock(&self.conditions).troubled.push(time);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Signs a user in.
    pub(crate) async fn user(&self, name: &str) -> User {
        User::sign_in(&self.management, name).await
    }
}

/// Revokes many.
const BULK: &str = "/api/v1/tokens/revoke";

/// A token, by what the outside needs of it.
struct Made {
    number: usize,
    id: String,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn micros(time: Duration) -> Micros {
    time.as_micros().try_into().unwrap_or(Micros::MAX)
}

fn client() -> Client {
    Client::builder().timeout(ANSWER).build().expect("a client")
}

async fn outcome(request: RequestBuilder) -> Outcome {
    let Ok(response) = request.send().await else {
        return Outcome::Unanswered;
    };
    let status = response.status().as_u16();
    match (status, response.text().await) {
        (_, Err(_)) => Outcome::Unanswered,
        (204, Ok(_)) => Outcome::Accepted,
        (503, Ok(_)) => Outcome::Unavailable,
        (401, Ok(body)) if body.contains("\"token-revoked\"") => Outcome::Revoked,
        _ => Outcome::Other(status),
    }
}

/// The whole answer, if one came.
async fn answer(request: RequestBuilder) -> Option<(u16, Value)> {
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let text = response.text().await.ok()?;
    Some((status, serde_json::from_str(&text).unwrap_or_default()))
}
