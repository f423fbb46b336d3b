//! Core alone, in the runtime: what each step of a decision costs, without HTTP.
//!
//! A request names a step and how often to take it; the time between request and answer, less
//! that of taking no steps, is the steps' time. It is taken outside, because the clock of a
//! Worker stands still while it computes.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use patrol::{
    authorize::{
        bearer,
        decision::{self, AccessRequest},
        validator::{Attempted, Check, Validator},
    },
    jose::{
        keys::KeySet,
        status_list::{self, StatusListId},
    },
    mode::RevocationMode,
    policy::POLICY,
    registry::{LeaseAnswer, ListContent},
    revocation::known_list::{FreshnessPolicy, KnownList, KnownLists, StatusCheck},
    time::{Instant, Timestamp},
    token::{PREFIX, Token, Verifier, cache::CacheKey},
};
use serde::Deserialize;
use std::{cell::RefCell, hint::black_box};
use worker::{Context, Env, Error, Request, Response, Result, event};

/// What the steps work on.
#[derive(Deserialize)]
struct Setup {
    issuer: String,
    jwks: String,
    /// The list of all tokens, whole.
    lst: String,
    /// The same as a signed snapshot.
    snapshot: String,
    /// Values of the header `Authorization`.
    headers: Vec<String>,
    /// Tokens with a wrong signature.
    forged: Vec<String>,
    /// Paths that the policy has.
    paths: Vec<String>,
    /// Seconds since 1970.
    now: u64,
}

/// The only list.
const LIST: StatusListId = StatusListId {
    registry: 0,
    list: 0,
};

/// Not the key of any token: RFC 8037, appendix A.2.
const OTHER_KEY: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

const FRESHNESS: FreshnessPolicy = FreshnessPolicy {
    mode: RevocationMode::Lease,
    stale_grace_ms: 0,
};

/// What an edge has in its memory, as far as core is concerned, and what comes to it.
struct Edge {
    setup: Setup,
    memory: Validator<()>,
    verifier: Verifier,
    lists: KnownLists,
    /// The headers' tokens, verified.
    tokens: Vec<Token>,
    /// For the signature alone.
    keys: Vec<ed25519_dalek::VerifyingKey>,
    signed: Vec<(Vec<u8>, ed25519_dalek::Signature)>,
}

thread_local! {
    static EDGE: RefCell<Option<Edge>> = const { RefCell::new(None) };
}

/// `POST /` sets up; `GET /<step>/<how often>` takes steps; `GET /memory/<lists>` fills a memory.
///
/// # Errors
/// When the request is not one of these.
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
    let count: usize = count.ok_or_else(|| error("how often?"))?;
    let answer = EDGE.with_borrow_mut(|edge| {
        let edge = edge.as_mut().ok_or_else(|| error("not set up"))?;
        match step {
            "memory" => edge.memory(count),
            _ => edge.take(step, count),
        }
    });
    Response::ok(answer?.to_string())
}

fn error(text: &str) -> Error {
    Error::RustError(text.to_owned())
}

impl Edge {
    fn new(setup: Setup) -> Result<Self> {
        let keys = KeySet::from_jwks(&setup.jwks).map_err(|_| error("keys"))?;
        let issuer = setup.issuer.clone();
        let mut edge = Self {
            memory: Validator::new(
                issuer.clone(),
                1,
                FRESHNESS,
                &POLICY,
                CacheKey::new([7; 16]),
            ),
            verifier: Verifier::new(issuer, 1, keys, &POLICY),
            lists: KnownLists::default(),
            tokens: Vec::new(),
            keys: dalek_keys(&setup.jwks)?,
            signed: Vec::new(),
            setup,
        };
        for header in &edge.setup.headers {
            let text = bearer::parse(Some(header)).map_err(|_| error("a header"))?;
            let token = edge.verifier.verify(text).map_err(|_| error("a token"))?;
            edge.tokens.push(token);
            edge.signed.push(message_and_signature(text)?);
        }
        let now = edge.clock();
        let whole = edge.whole();
        for lists in [&mut edge.lists, &mut edge.memory.lists] {
            let known = &mut lists.entry(LIST, now).known;
            known.receive(now, &whole).map_err(|_| error("a list"))?;
        }
        edge.forget_tokens()?;
        Ok(edge)
    }

    fn clock(&self) -> Instant {
        Instant::from_millis(self.setup.now * 1_000)
    }

    /// What a registry answers to somebody who knows nothing.
    fn whole(&self) -> LeaseAnswer {
        LeaseAnswer {
            version: 1,
            content: ListContent::Whole(self.setup.lst.clone()),
            length: 1_000,
            kids: self
                .verifier
                .keys()
                .ids()
                .map(|kid| kid.as_str().to_owned())
                .collect(),
        }
    }

    /// Takes a step so often, each time with the next token, and counts how often the answer
    /// was yes, so that the work cannot be left out.
    fn take(&mut self, step: &str, count: usize) -> Result<usize> {
        let headers = std::mem::take(&mut self.setup.headers);
        let yes = self.steps(step, count, &headers);
        self.setup.headers = headers;
        yes
    }

    fn steps(&mut self, step: &str, count: usize, headers: &[String]) -> Result<usize> {
        let paths = &self.setup.paths;
        let forged = &self.setup.forged;
        let now = self.clock();
        let asked = AccessRequest {
            method: "GET",
            path: paths.first().map_or("/", String::as_str),
            organization: Some("acme"),
            now: Timestamp::from_seconds(self.setup.now),
        };
        Ok(match step {
            "nothing" => 0,
            "decide-cold" | "decide-warm" => {
                let forgets = step == "decide-cold";
                let paths = paths.clone();
                let mut next = (0..headers.len()).cycle();
                tally(count, || {
                    let number = next.next().unwrap_or_default();
                    // Once before all of them is seldom enough to cost nothing.
                    (!forgets || number != 0 || self.forget_tokens().is_ok())
                        && self.decide(&headers[number], &paths[number % paths.len()])
                })
            }
            "verify" => each(count, headers, |header| {
                bearer::parse(Some(header)).is_ok_and(|text| self.verifier.verify(text).is_ok())
            }),
            // All but the claims.
            "form-and-signature" => each(count, forged, |text| self.verifier.verify(text).is_ok()),
            "prepare" => tally(count, || {
                KeySet::from_jwks(&self.setup.jwks).is_ok_and(|keys| {
                    let verifier = Verifier::new(self.setup.issuer.clone(), 1, keys, &POLICY);
                    verifier.verify(&forged[0]).is_err()
                })
            }),
            // What ours is measured against.
            "signature-by-library" => each(count, &self.signed, |(message, signature)| {
                self.keys[0].verify_strict(message, signature).is_ok()
            }),
            "route" => each(count, paths, |path| POLICY.route("GET", path).is_some()),
            "status" => {
                let (tokens, lists) = (&self.tokens, &mut self.lists);
                each(count, tokens, |token| {
                    let entry = lists.entry(token.status.list, now);
                    entry.judge(token, FRESHNESS, now)
                        == StatusCheck::Known(status_list::Status::Valid)
                })
            }
            "authorize" => each(count, &self.tokens, |token| {
                let known = StatusCheck::Known(status_list::Status::Valid);
                decision::authorize(&asked, token, known, &POLICY).is_ok()
            }),
            "snapshot" => {
                let mut known = KnownList::default();
                tally(count, || {
                    let Setup {
                        snapshot, issuer, ..
                    } = &self.setup;
                    let signed = status_list::verify(snapshot, LIST, issuer, self.verifier.keys());
                    signed.is_ok_and(|signed| {
                        known.learn(&signed);
                        true
                    })
                })
            }
            _ => return Err(error("there is no such step")),
        })
    }

    /// The way of a request through the edge, without the runtime's part.
    fn decide(&mut self, header: &str, path: &str) -> bool {
        let clock = self.clock();
        let asked = AccessRequest {
            method: "GET",
            path,
            organization: Some("acme"),
            now: Timestamp::from_millis(clock.millis()),
        };
        let judged = self
            .memory
            .judge(&asked, Some(header), clock, &mut Attempted::default());
        matches!(judged, Check::Decided(verdict) if verdict.result.is_ok())
    }

    /// Another key set in between, and no token is known any more.
    fn forget_tokens(&mut self) -> Result<()> {
        let now = self.clock();
        let other = KeySet::from_jwks(OTHER_KEY).map_err(|_| error("keys"))?;
        self.memory.learn_keys(now, other);
        self.memory.learn_keys(now, self.verifier.keys().clone());
        Ok(())
    }

    /// By how many bytes the memory grows when it takes that many lists.
    fn memory(&mut self, lists: usize) -> Result<usize> {
        let now = self.clock();
        let whole = self.whole();
        let before = pages();
        for number in 0..lists {
            let id = StatusListId {
                registry: 1,
                list: u32::try_from(number).unwrap_or_default(),
            };
            let known = &mut self.lists.entry(id, now).known;
            known.receive(now, &whole).map_err(|_| error("a list"))?;
        }
        Ok((pages() - before) * 65_536)
    }
}

/// Calls a function so often and counts how often it says yes.
fn tally(count: usize, mut step: impl FnMut() -> bool) -> usize {
    (0..count).filter(|_| black_box(step())).count()
}

/// The same with one value after the other.
fn each<T>(count: usize, values: &[T], mut step: impl FnMut(&T) -> bool) -> usize {
    let mut values = values.iter().cycle();
    tally(count, || {
        values.next().is_some_and(|value| step(black_box(value)))
    })
}

/// The size of the linear memory. It never shrinks.
#[cfg(target_arch = "wasm32")]
fn pages() -> usize {
    core::arch::wasm32::memory_size::<0>()
}

/// Other targets are there for the compiler's checks only.
#[cfg(not(target_arch = "wasm32"))]
fn pages() -> usize {
    0
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    x: String,
}

/// The keys as the library knows them, which core does not show.
fn dalek_keys(jwks: &str) -> Result<Vec<ed25519_dalek::VerifyingKey>> {
    let jwks: Jwks = serde_json::from_str(jwks)?;
    let keys = jwks.keys.iter().map(|jwk| {
        let mut bytes = [0; 32];
        Base64UrlUnpadded::decode(&jwk.x, &mut bytes).ok()?;
        ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok()
    });
    keys.collect::<Option<_>>().ok_or_else(|| error("a key"))
}

/// What is signed of a token, and by what.
fn message_and_signature(token: &str) -> Result<(Vec<u8>, ed25519_dalek::Signature)> {
    let jwt = token.strip_prefix(PREFIX).unwrap_or(token);
    let (message, signature) = jwt.rsplit_once('.').ok_or_else(|| error("a token"))?;
    let mut bytes = [0; 64];
    Base64UrlUnpadded::decode(signature, &mut bytes).map_err(|_| error("a signature"))?;
    Ok((
        message.as_bytes().to_vec(),
        ed25519_dalek::Signature::from_bytes(&bytes),
    ))
}
