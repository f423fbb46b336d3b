//! What anyone may read: the public keys and the signed status lists.
//!
//! Strangers cost a registry little, however often they ask and for whatever list: an isolate
//! asks each registry for the numbers of its lists, and for each of these lists, about once in
//! [`KEPT`] seconds, and for the list of all lists once a minute. What it changes itself it shows
//! at once. Left out: requests that come while the first of them is being answered ask as well.

use crate::{
    respond::{self, Outcome, Refusal},
    settings::Settings,
};
use futures_util::future::try_join_all;
use js_sys::Reflect;
use patrol::{
    problem::Problem,
    registry::{Lists, ReadSignedList, SignedList},
    status_list::{Aggregation, StatusListId, Validity},
    time::Timestamp,
};
use patrol_platform::{call_registry, now};
use std::{cell::RefCell, collections::BTreeMap, thread::LocalKey};
use wasm_bindgen::JsValue;
use worker::{Env, Error, Request, Response};

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
pub(crate) async fn list(request: &Request, path: &str, env: &Env, settings: &Settings) -> Outcome {
    let id = StatusListId::from_path(path)
        .filter(|id| id.registry < settings.installation.registries)
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
    let (asked_at, SignedList { jwt, tag }) = signed(env, id).await?;
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

/// Answers of registries, and when they were asked for.
type Memory<K, V> = RefCell<BTreeMap<K, (Timestamp, V)>>;

/// The most answers of a kind that are kept. A signed list has up to 64 KiB.
const MAX_KEPT: usize = 256;

thread_local! {
    /// The numbers of a registry's lists: it is not asked for others.
    static NUMBERS: Memory<u16, Vec<u32>> = RefCell::default();
    static SIGNED: Memory<StatusListId, SignedList> = RefCell::default();
    /// The list of all lists.
    static ALL_LISTS: Memory<(), String> = RefCell::default();
}

/// An answer that is not older than `seconds`, and when it was asked for.
async fn remembered<K: Ord, V: Clone>(
    memory: &'static LocalKey<Memory<K, V>>,
    key: K,
    seconds: u64,
    ask: impl Future<Output = Outcome<V>>,
) -> Outcome<(Timestamp, V)> {
    let asked_at = now();
    // An answer of the future is from before the clock was set back.
    let fresh = |(at, _): &&(Timestamp, V)| *at <= asked_at && asked_at.since(*at) < seconds;
    if let Some(kept) = memory.with_borrow(|kept| kept.get(&key).filter(fresh).cloned()) {
        return Ok(kept);
    }
    let answer = (asked_at, ask.await?);
    memory.with_borrow_mut(|kept| {
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(key, answer.clone());
    });
    Ok(answer)
}

/// Forgets what a registry said, as it was just told to change something.
pub(crate) fn forget(registry: u16) {
    NUMBERS.with_borrow_mut(|kept| kept.remove(&registry));
    SIGNED.with_borrow_mut(|kept| kept.retain(|id, _| id.registry != registry));
}

async fn signed(env: &Env, id: StatusListId) -> Outcome<(Timestamp, SignedList)> {
    let StatusListId { registry, list } = id;
    let (_, numbers) = remembered(&NUMBERS, registry, KEPT, numbers(env, registry)).await?;
    if !numbers.contains(&list) {
        return Err(Refusal::not_found());
    }
    let ask = async {
        let signed = call_registry(env, registry, &ReadSignedList { list }).await?;
        signed.ok_or_else(Refusal::not_found)
    };
    remembered(&SIGNED, id, KEPT, ask).await
}

async fn numbers(env: &Env, registry: u16) -> Outcome<Vec<u32>> {
    Ok(call_registry(env, registry, &Lists {}).await?)
}

/// `GET /status/aggregation` (Token Status List, section 9.3).
pub(crate) async fn all_lists(env: &Env, settings: &Settings) -> Outcome {
    let (_, json) = remembered(&ALL_LISTS, (), MAX_AGE, aggregate(env, settings)).await?;
    respond::public("application/json", MAX_AGE, json)
}

async fn aggregate(env: &Env, settings: &Settings) -> Outcome<String> {
    let registries = 0..settings.installation.registries;
    let ask = registries.map(async |registry| {
        let numbers = numbers(env, registry).await;
        numbers.map(|numbers| (registry, numbers))
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
    Ok(serde_json::to_string(&aggregation).map_err(Error::from)?)
}
