//! What anyone may read: the public keys and the signed status lists.
//!
//! Strangers cost a registry little, however often they ask and for whatever list: an isolate
//! asks each registry for the numbers of its lists, and for each of these lists, about once in
//! [`KEPT`] seconds, and for the list of all lists once a minute. One question is out at a time,
//! a stranger that goes away does not end it, and one that failed is not repeated for a moment
//! ([`patrol::revocation::single_flight`]). What an isolate changes itself it shows at once.
//!
//! They cannot make a registry either: one that nobody has asked for yet would live where the
//! stranger is, for good. So an isolate asks only registries that it has used for somebody who is
//! signed in, or of which KV says that they exist.

use crate::{
    respond::{self, Outcome, Refusal},
    settings::Settings,
};
use futures_util::future::try_join_all;
use js_sys::Reflect;
use patrol::{
    authorize::decision::Denial,
    http::problem::Problem,
    jose::status_list::{Aggregation, StatusListId, Validity},
    placement::object_name,
    registry::{ListNumbers, ReadSignedList, SignedList},
    revocation::{
        freshness::Freshness,
        single_flight::{FETCH_TIMEOUT, MAX_ATTEMPTS, SingleFlight, Step},
    },
    time::Timestamp,
};
use patrol_platform::{
    STATUS, call_registry, clock, now,
    timeout::{complete, in_time, poll_until},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    thread::LocalKey,
    time::Duration,
};
use wasm_bindgen::JsValue;
use worker::{Context, Env, Error, Request, Response, Result, console_error};

/// What a stranger's request can use of its surroundings.
#[derive(Clone, Copy)]
pub(crate) struct Event<'a> {
    pub(crate) env: &'a Env,
    /// For work that is not the request's own.
    pub(crate) context: &'a Context,
    pub(crate) settings: &'static Settings,
}

/// How long a public answer may be kept by whoever gets it, in seconds. A revocation is known to
/// everyone within that time.
const MAX_AGE: u64 = 60;

/// How long an isolate answers from memory, in seconds.
const KEPT: u64 = 10;

/// How long third parties may use a signed list, and when they should ask again: sooner than
/// [`MAX_AGE`], as the list may have been kept here, and who reads it does not see its `Age`. The
/// edge has rules of its own.
pub(crate) const VALIDITY: Validity = Validity {
    lifetime: 15 * 60,
    ttl: MAX_AGE - KEPT,
};

/// The media type of a signed list (Token Status List, section 5.1).
const STATUS_LIST_JWT: &str = "application/statuslist+jwt";

/// `GET /.well-known/jwks.json`
pub(crate) fn jwks(settings: &Settings) -> Outcome {
    let jwks = settings.signing_keys.public().to_jwks();
    respond::public("application/jwk-set+json", MAX_AGE, jwks)
}

/// `GET /status/{registry}/{list}` (Token Status List, section 8).
pub(crate) async fn list(request: &Request, path: &str, event: Event<'_>) -> Outcome {
    let id = StatusListId::from_path(path)
        .filter(|id| id.registry < event.settings.installation.registries)
        .ok_or_else(Refusal::not_found)?;
    if request.url()?.query_pairs().any(|(name, _)| name == "time") {
        return Err(Problem::new(
            "time-not-supported",
            501,
            "Lists of the past are not kept",
            "Leave the parameter `time` away to get the list as it is now.",
        )
        .into());
    }
    let (asked_at, SignedList { jwt, tag }) = signed(id, event).await?;
    // Weak, as it is the same with and without compression.
    let tag = format!("W/\"{tag}\"");
    let known = request.headers().get("If-None-Match")?.unwrap_or_default();
    let response = respond::public(STATUS_LIST_JWT, MAX_AGE, jwt)?;
    let response = if known.split(',').any(|known| known.trim() == tag) {
        Response::builder()
            .with_status(304)
            .with_headers(response.headers().clone())
            .empty()
    } else {
        if accepts_gzip(&accepted_encodings(request)?) {
            // The runtime compresses what says that it is compressed.
            response.headers().set("Content-Encoding", "gzip")?;
        }
        response
    };
    let age = now().since(asked_at);
    response.headers().set("Age", &age.to_string())?;
    response.headers().set("ETag", &tag)?;
    response.headers().set("Vary", "Accept-Encoding")?;
    Ok(response)
}

/// The client's own `Accept-Encoding`: the platform writes one of its own into the header and
/// keeps the client's among the request's circumstances, which `worker` does not name.
fn accepted_encodings(request: &Request) -> Outcome<String> {
    let member = |object: &JsValue, name: &str| Reflect::get(object, &name.into());
    let own = member(request.inner(), "cf")
        .and_then(|cf| member(&cf, "clientAcceptEncoding"))
        .ok()
        .and_then(|value| value.as_string());
    match own {
        Some(own) => Ok(own),
        None => Ok(request
            .headers()
            .get("Accept-Encoding")?
            .unwrap_or_default()),
    }
}

/// Is gzip welcome (RFC 9110, section 12.5.3)?
fn accepts_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight: String = weight.split_whitespace().collect();
        let refused = weight.starts_with("q=0") && !weight.contains(|c| ('1'..='9').contains(&c));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// Answers of registries.
type Memory<K, V> = RefCell<BTreeMap<K, Kept<V>>>;

/// An answer.
struct Kept<V> {
    /// When it was asked for.
    answer: Option<(Timestamp, V)>,
    flights: SingleFlight,
}

impl<V> Default for Kept<V> {
    fn default() -> Self {
        Self {
            answer: None,
            flights: SingleFlight::default(),
        }
    }
}

/// The most answers of a kind that are kept. A signed list has up to 64 KiB.
const MAX_KEPT: usize = 256;

thread_local! {
    /// Registries that exist, as far as this isolate knows.
    static EXISTING: RefCell<BTreeSet<u16>> = RefCell::default();
    /// The numbers of a registry's lists: it is not asked for others.
    static NUMBERS: Memory<u16, Vec<u32>> = RefCell::default();
    static SIGNED: Memory<StatusListId, Option<SignedList>> = RefCell::default();
    /// The list of all lists.
    static ALL_LISTS: Memory<(), String> = RefCell::default();
}

/// An answer that is not older than `seconds`, and when it was asked for. `ask` makes the question.
async fn remembered<K, V, Q>(
    memory: &'static LocalKey<Memory<K, V>>,
    key: K,
    seconds: u64,
    ask: impl Fn() -> Q,
    context: &Context,
) -> Outcome<(Timestamp, V)>
where
    K: Ord + Copy + 'static,
    V: Clone + 'static,
    Q: Future<Output = Result<V>> + 'static,
{
    let mut attempts = 0;
    loop {
        let asked_at = now();
        let known = entry(memory, key, |kept| {
            kept.fresh(asked_at, seconds).ok_or(kept.flights)
        });
        let flights = match known {
            Ok(answer) => return Ok(answer),
            Err(flights) => flights,
        };
        let flight = match flights.step(Freshness::Stale, clock(), 0) {
            _ if attempts == MAX_ATTEMPTS => None,
            Step::Fetch => {
                let flight = entry(memory, key, |kept| kept.flights.begin(clock()));
                let answer = ask();
                context.wait_until(async move {
                    let answer = in_time(Duration::from_millis(FETCH_TIMEOUT), answer).await;
                    if let Err(error) = &answer {
                        console_error!("origin: lists: {error}");
                    }
                    entry(memory, key, |kept| {
                        // Unless it was forgotten meanwhile.
                        if !kept.flights.has_ended(flight, clock()) {
                            kept.flights.end(flight, clock(), answer.is_ok());
                            kept.answer = answer.ok().map(|answer| (asked_at, answer));
                        }
                    });
                });
                Some(flight)
            }
            Step::Wait => flights.in_flight(clock()),
            Step::Proceed | Step::ProceedAndFetch => None,
        };
        let Some(flight) = flight else {
            return Err(Denial::RevocationUnavailable.into());
        };
        attempts += 1;
        let has_ended = move || entry(memory, key, |kept| kept.flights.has_ended(flight, clock()));
        complete(context, poll_until(has_ended)).await;
    }
}

impl<V> Kept<V> {
    /// Forgets the answer, also one that is under way.
    fn forget(&mut self) {
        self.answer = None;
        self.flights.reset();
    }
}

impl<V: Clone> Kept<V> {
    /// An answer of the future is from before the clock was set back.
    fn fresh(&self, now: Timestamp, seconds: u64) -> Option<(Timestamp, V)> {
        let fresh = |(at, _): &&(Timestamp, V)| *at <= now && now.since(*at) < seconds;
        self.answer.as_ref().filter(fresh).cloned()
    }
}

fn entry<K: Ord, V, R>(
    memory: &'static LocalKey<Memory<K, V>>,
    key: K,
    act: impl FnOnce(&mut Kept<V>) -> R,
) -> R {
    memory.with_borrow_mut(|kept| {
        if kept.len() >= MAX_KEPT && !kept.contains_key(&key) {
            kept.clear();
        }
        act(kept.entry(key).or_default())
    })
}

/// Forgets what a registry said, as it was just told to change something: so it exists.
pub(crate) fn forget(registry: u16) {
    EXISTING.with_borrow_mut(|existing| existing.insert(registry));
    NUMBERS.with_borrow_mut(|kept| kept.get_mut(&registry).map(Kept::forget));
    SIGNED.with_borrow_mut(|kept| {
        let of_registry = kept.iter_mut().filter(|(id, _)| id.registry == registry);
        of_registry.for_each(|(_, kept)| kept.forget());
    });
}

async fn signed(id: StatusListId, event: Event<'_>) -> Outcome<(Timestamp, SignedList)> {
    let Event {
        env,
        context,
        settings,
    } = event;
    let StatusListId { registry, list } = id;
    let ask = || numbers(env.clone(), settings, registry);
    let (_, numbers) = remembered(&NUMBERS, registry, KEPT, ask, context).await?;
    if !numbers.contains(&list) {
        return Err(Refusal::not_found());
    }
    let ask = || {
        let env = env.clone();
        async move {
            let call = ReadSignedList { list };
            call_registry(&env, &settings.installation, registry, &call).await
        }
    };
    let (asked_at, signed) = remembered(&SIGNED, id, KEPT, ask, context).await?;
    signed
        .map(|signed| (asked_at, signed))
        .ok_or_else(Refusal::not_found)
}

/// The numbers of a registry's lists. One that does not exist has none.
async fn numbers(env: Env, settings: &'static Settings, registry: u16) -> Result<Vec<u32>> {
    if !EXISTING.with_borrow(|existing| existing.contains(&registry)) {
        let announced = env.kv(STATUS)?.get(&object_name(registry)).text().await?;
        if announced.is_none() {
            return Ok(Vec::new());
        }
        EXISTING.with_borrow_mut(|existing| existing.insert(registry));
    }
    call_registry(&env, &settings.installation, registry, &ListNumbers {}).await
}

/// `GET /status/aggregation` (Token Status List, section 9.3).
pub(crate) async fn all_lists(event: Event<'_>) -> Outcome {
    let ask = || aggregate(event.env.clone(), event.settings);
    let (_, json) = remembered(&ALL_LISTS, (), MAX_AGE, ask, event.context).await?;
    respond::public("application/json", MAX_AGE, json)
}

async fn aggregate(env: Env, settings: &'static Settings) -> Result<String> {
    let registries = 0..settings.installation.registries;
    let ask = registries.map(|registry| {
        let numbers = numbers(env.clone(), settings, registry);
        async move { numbers.await.map(|numbers| (registry, numbers)) }
    });
    let issuer = &settings.installation.public_url;
    let uris = try_join_all(ask)
        .await?
        .into_iter()
        .flat_map(|(registry, lists)| {
            let ids = lists
                .into_iter()
                .map(move |list| StatusListId { registry, list });
            ids.map(|id| id.uri(issuer))
        });
    let aggregation = Aggregation {
        status_lists: uris.collect(),
    };
    serde_json::to_string(&aggregation).map_err(Error::from)
}
