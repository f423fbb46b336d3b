//! What anyone may read: the public keys and the signed status lists.
//!
//! A list is signed at most every half minute however often it is asked for, and the list of
//! all lists is put together once a minute: strangers cost us little.

use crate::{
    respond::{self, Outcome, Refusal},
    settings::Settings,
};
use futures_util::future::try_join_all;
use js_sys::Reflect;
use patrol::{
    problem::Problem,
    registry::{Call, Reply},
    status_list::{Aggregation, StatusListId, Validity},
    time::Timestamp,
};
use patrol_platform::{call_registry, now};
use std::cell::RefCell;
use wasm_bindgen::JsValue;
use worker::{Env, Error, Request, Response};

/// How long third parties may use a signed list, and when they should ask again. The edge has
/// rules of its own.
pub(crate) const VALIDITY: Validity = Validity {
    lifetime: 15 * 60,
    ttl: 60,
};

/// The media type of a signed list (Token Status List, section 5.1).
const STATUS_LIST_JWT: &str = "application/statuslist+jwt";

/// `GET /.well-known/jwks.json`
pub(crate) fn jwks(settings: &Settings) -> Outcome {
    let jwks = settings.signing_keys.public().to_jwks();
    respond::public("application/jwk-set+json", VALIDITY.ttl, jwks)
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
    let reply = call_registry(env, id.registry, Call::SignedList { list: id.list }).await?;
    let (jwt, tag) = match reply {
        Reply::SignedList { jwt, tag } => (jwt, tag),
        Reply::NotFound => return Err(Refusal::not_found()),
        _ => return Err(Refusal::unexpected("reply to signed list")),
    };
    // Weak, as it is the same with and without compression.
    let tag = format!("W/\"{tag}\"");
    let known = request.headers().get("If-None-Match")?.unwrap_or_default();
    let response = respond::public(STATUS_LIST_JWT, VALIDITY.ttl, jwt)?;
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

thread_local! {
    /// The list of all lists, and when it was put together.
    static ALL_LISTS: RefCell<Option<(Timestamp, String)>> = const { RefCell::new(None) };
}

/// `GET /status/aggregation` (Token Status List, section 9.3).
pub(crate) async fn all_lists(env: &Env, settings: &Settings) -> Outcome {
    let kept = ALL_LISTS.with_borrow(|kept| {
        let (at, json) = kept.as_ref()?;
        (now().since(*at) < VALIDITY.ttl).then(|| json.clone())
    });
    let json = if let Some(json) = kept {
        json
    } else {
        let at = now();
        let json = aggregate(env, settings).await?;
        ALL_LISTS.set(Some((at, json.clone())));
        json
    };
    respond::public("application/json", VALIDITY.ttl, json)
}

async fn aggregate(env: &Env, settings: &Settings) -> Outcome<String> {
    let registries = 0..settings.installation.registries;
    let ask =
        registries.map(
            async |registry| match call_registry(env, registry, Call::Lists).await? {
                Reply::Lists(lists) => Ok((registry, lists)),
                _ => Err(Refusal::unexpected("reply to lists")),
            },
        );
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
