//! Core alone, in the runtime: the cost of each step of a decision, without HTTP.
//!
//! A request names a step and how often to run it. The time until the response, less that of a
//! request for no steps, is the time of the steps. The client measures it, because a Worker's
//! clock stands still while it computes.

use patrol::{
    authorize::{
        credentials::{self, CredentialHeaders, CredentialsError},
        decision::{self, AccessRequest, Forwarder},
        validator::{Attempted, Validator},
    },
    jose::{
        keys::KeySet,
        signing::Dalek,
        status_list::{self, StatusListId},
    },
    policy::Policy,
    registry::{LeaseAnswer, ListContent},
    revocation::{
        freshness::FreshnessPolicy,
        known_list::{KnownList, StatusCheck},
        known_lists::KnownLists,
    },
    routes::Paths,
    session::Initiator,
    time::{Instant, Timestamp},
    token::{Token, Verifier, cache::CacheKey},
};
use serde::Deserialize;
use std::{borrow::Cow, cell::RefCell, hint::black_box};
use worker::{Context, Env, Error, Request, Response, Result, event};

/// The data that the steps use.
#[derive(Deserialize)]
struct Setup {
    public_url: String,
    jwks: String,
    /// The encoded status list of all tokens.
    lst: String,
    /// The same list as a signed snapshot.
    snapshot: String,
    /// Values of the header `Authorization`.
    headers: Vec<String>,
    /// `policy.json`
    policy: String,
    /// Paths of the policy.
    paths: Vec<String>,
    /// Seconds since 1970.
    now: u64,
}

/// The list of all tokens.
const LIST: StatusListId = StatusListId {
    registry: 0,
    list: 0,
};

const FRESHNESS: FreshnessPolicy = FreshnessPolicy::Lease { stale_grace_ms: 0 };

/// The state of an edge, as far as core is concerned.
struct Edge {
    setup: Setup,
    policy: &'static Policy,
    installation: Paths,
    validator: Validator<(), Dalek>,
    keys: KeySet,
    lists: KnownLists,
    /// The verified tokens of the headers.
    tokens: Vec<Token>,
}

thread_local! {
    static EDGE: RefCell<Option<Edge>> = const { RefCell::new(None) };
}

/// `POST /` sets up; `GET /<step>/<count>` runs steps; `GET /memory/<lists>` adds lists.
///
/// # Errors
/// If the request is none of these, or the setup is invalid.
#[event(fetch)]
pub async fn fetch(mut request: Request, _env: Env, _context: Context) -> Result<Response> {
    if request.method() == worker::Method::Post {
        let edge = Edge::new(request.json().await?)?;
        EDGE.set(Some(edge));
        return Response::ok("ready");
    }
    let path = request.path();
    let mut parts = path.split('/').skip(1);
    let step = parts.next().unwrap_or_default();
    let count = parts.next().and_then(|count| count.parse().ok());
    let count: usize = count.ok_or_else(|| error("the count is missing"))?;
    let result = EDGE.with_borrow_mut(|edge| {
        let edge = edge.as_mut().ok_or_else(|| error("not set up"))?;
        match step {
            "memory" => edge.add_lists(count),
            _ => edge.run(step, count),
        }
    });
    Response::ok(result?.to_string())
}

fn token_in(header: &str) -> std::result::Result<Cow<'_, str>, CredentialsError> {
    let headers = CredentialHeaders {
        authorization: Some(header),
        ..CredentialHeaders::default()
    };
    credentials::token(headers, Initiator::default)
}

fn error(text: &str) -> Error {
    Error::RustError(text.to_owned())
}

impl Edge {
    fn new(setup: Setup) -> Result<Self> {
        let keys = KeySet::from_jwks(&setup.jwks).map_err(|_| error("invalid keys"))?;
        let installation = Paths::new(&setup.public_url, None, None).map_err(error)?;
        let policy =
            Policy::from_json(&setup.policy).map_err(|mistake| error(&mistake.to_string()))?;
        // It lives as long as the isolate.
        let policy: &'static Policy = Box::leak(Box::new(policy));
        let verifier = Verifier::new(installation.clone(), 1, keys.clone(), policy);
        let verify = |header: &String| {
            let text = token_in(header).map_err(|_| error("invalid header"))?;
            verifier
                .verify(&text, &Dalek)
                .map_err(|_| error("invalid token"))
        };
        let tokens = setup.headers.iter().map(verify).collect::<Result<_>>()?;
        let mut edge = Self {
            policy,
            validator: Validator::new(
                installation.clone(),
                1,
                FRESHNESS,
                policy,
                CacheKey::new([7; 16]),
                Dalek,
            ),
            installation,
            keys,
            lists: KnownLists::default(),
            tokens,
            setup,
        };
        let now = edge.now();
        let whole = edge.whole_list();
        for entry in [edge.lists.entry(LIST, now), edge.validator.list(LIST, now)] {
            let received = entry.receive_lease(now, Some(&whole));
            received.map_err(|_| error("invalid list"))?;
        }
        edge.validator.set_keys(now, edge.keys.clone());
        Ok(edge)
    }

    fn now(&self) -> Instant {
        Instant::from_millis(self.setup.now * 1_000)
    }

    /// A registry's response to an edge without the list.
    fn whole_list(&self) -> LeaseAnswer {
        LeaseAnswer {
            version: 1,
            content: ListContent::Whole(self.setup.lst.clone()),
            length: 1_000,
            kids: self.keys.ids().map(|kid| kid.as_str().to_owned()).collect(),
        }
    }

    /// Runs a step `count` times, each time with the next token, and counts successes: so the
    /// compiler cannot remove the work.
    fn run(&mut self, step: &str, count: usize) -> Result<usize> {
        let now = self.now();
        let Setup {
            headers,
            paths,
            snapshot,
            ..
        } = &self.setup;
        let policy = self.policy;
        Ok(match step {
            "nothing" => 0,
            "decide-warm" => {
                let mut paths = paths.iter().cycle();
                let validator = &mut self.validator;
                count_successes(count, headers, |header| {
                    let path = paths.next().map_or("/", String::as_str);
                    let request = access_request(path, now);
                    let attempted = &mut Attempted::default();
                    let text = token_in(header);
                    let credentials = text.as_deref().map_err(|error| *error);
                    let check = validator.check(&request, credentials, now, attempted, || None);
                    check.is_ok_and(|decision| decision.result.is_ok())
                })
            }
            "route" => count_successes(count, paths, |path| policy.route("GET", path).is_ok()),
            "status" => {
                let lists = &mut self.lists;
                count_successes(count, &self.tokens, |token| {
                    let entry = lists.entry(token.status.list, now);
                    entry.check(token, FRESHNESS, now)
                        == StatusCheck::Known(status_list::Status::Valid)
                })
            }
            "authorize" => {
                let request = access_request(paths.first().map_or("/", String::as_str), now);
                count_successes(count, &self.tokens, |token| {
                    let known = StatusCheck::Known(status_list::Status::Valid);
                    let found = decision::route(&request, policy);
                    decision::authorize(&request, token, known, found, policy).is_ok()
                })
            }
            "snapshot" => {
                let mut known = KnownList::default();
                count_successes(count, std::slice::from_ref(snapshot), |snapshot| {
                    let signed =
                        status_list::verify(snapshot, LIST, &self.installation, &self.keys, &Dalek);
                    signed.is_ok_and(|signed| {
                        known.apply_snapshot(&signed);
                        true
                    })
                })
            }
            _ => return Err(error("unknown step")),
        })
    }

    /// Adds status lists; returns by how many bytes the memory grows.
    fn add_lists(&mut self, lists: usize) -> Result<usize> {
        let now = self.now();
        let whole = self.whole_list();
        let before = memory_pages();
        for number in 0..lists {
            let id = StatusListId {
                registry: 1,
                list: u32::try_from(number).unwrap_or_default(),
            };
            let received = self.lists.entry(id, now).receive_lease(now, Some(&whole));
            received.map_err(|_| error("invalid list"))?;
        }
        Ok((memory_pages() - before) * 65_536)
    }
}

fn access_request(path: &str, now: Instant) -> AccessRequest<'_> {
    AccessRequest {
        method: "GET",
        path,
        organization: Some("acme"),
        now: Timestamp::from_millis(now.millis()),
        forwarder: Forwarder::Edge,
    }
}

/// Runs a step with one value after the other.
fn count_successes<T>(count: usize, values: &[T], mut step: impl FnMut(&T) -> bool) -> usize {
    let values = values.iter().cycle().take(count);
    values
        .filter(|value| black_box(step(black_box(value))))
        .count()
}

/// The size of the linear memory, which never shrinks.
#[cfg(target_arch = "wasm32")]
fn memory_pages() -> usize {
    core::arch::wasm32::memory_size::<0>()
}

/// For tools that check the crate for the host.
#[cfg(not(target_arch = "wasm32"))]
fn memory_pages() -> usize {
    0
}
