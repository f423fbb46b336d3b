//! What anyone may read: the public keys and the signed status lists.
//!
//! Strangers cause few registry calls, however often they send requests and whichever list they
//! name. An isolate reads each registry's list numbers, and each of these lists, about once in
//! [`ANSWER_MAX_AGE`] seconds, and the list of all lists once a minute ([`crate::answer_cache`]). A
//! change made through an isolate shows in that isolate's next response.
//!
//! Strangers cannot create a registry either. The platform creates an object near its first caller,
//! and it stays there. So an isolate calls only registries that it has called for a signed-in user,
//! or that KV says exist.

use crate::{
    answer_cache::AnswerCache,
    caching::{ANSWER_MAX_AGE, PUBLIC_MAX_AGE},
    caller,
    context::OriginContext,
    list_cache::{EXISTING, LIST_NUMBERS, SIGNED_LISTS},
    respond::{self, ApiError, ApiResult},
    settings::OriginSettings,
};
use futures_util::future::try_join_all;
use js_sys::Reflect;
use patrol::{
    http::{
        api::{POLICY_HASH, Readiness, VERSION},
        problem::{Problem, ProblemCode},
    },
    jose::status_list::{Aggregation, StatusListId},
    placement::object_name,
    registry::{ReadListNumbers, ReadSignedList, SignedList},
    time::Timestamp,
};
use patrol_platform::{STATUS, call_registry, now, policy::policy_hash};
use wasm_bindgen::JsValue;
use worker::{Env, Error, Request, Response, Result};

/// The media type of a signed list (Token Status List, section 5.1).
const STATUS_LIST_JWT: &str = "application/statuslist+jwt";

thread_local! {
    /// The number of registries with lists.
    static REGISTRIES: AnswerCache<(), usize> = AnswerCache::default();
    /// The response of `GET status/aggregation`.
    static AGGREGATION: AnswerCache<(), String> = AnswerCache::default();
}

/// `GET jwks.json`
pub(crate) fn key_set(settings: &OriginSettings) -> ApiResult {
    let jwks = settings.signing_keys.public().to_jwks();
    let response = respond::public("application/jwk-set+json", PUBLIC_MAX_AGE, jwks)?;
    response.headers().set(POLICY_HASH, policy_hash())?;
    Ok(response)
}

/// `GET ready`: whether everything that a request may need is there.
pub(crate) async fn ready(origin: OriginContext<'_>) -> ApiResult {
    let OriginContext {
        env,
        event,
        settings,
        ..
    } = origin;
    let request = || count_registries(env.clone(), settings);
    let counted = REGISTRIES
        .with(AnswerCache::clone)
        .get((), ANSWER_MAX_AGE, event, request)
        .await;
    let (_, registries) = counted.map_err(|_| {
        Problem::new(
            ProblemCode::NotReady,
            "Not ready",
            "A registry or the namespace STATUS does not answer. The origin's log says which.",
        )
    })?;
    respond::json(
        200,
        &Readiness {
            version: VERSION.to_owned(),
            policy: policy_hash().to_owned(),
            keys: settings.signing_keys.public().ids().count(),
            registries,
            warnings: Vec::new(),
        },
    )
}

/// Calls every registry that exists, and counts those with lists.
async fn count_registries(env: Env, settings: &'static OriginSettings) -> Result<usize> {
    let registries = 0..settings.installation.registries;
    let requests = registries.map(|registry| list_numbers(env.clone(), settings, registry));
    let lists = try_join_all(requests).await?;
    Ok(lists.iter().filter(|lists| !lists.is_empty()).count())
}

/// `GET status/{registry}/{list}` (Token Status List, section 8).
pub(crate) async fn status_list(
    request: &Request,
    path: &str,
    origin: OriginContext<'_>,
) -> ApiResult {
    let id = StatusListId::from_path(path)
        .filter(|id| id.registry < origin.settings.installation.registries)
        .ok_or_else(ApiError::not_found)?;
    if caller::parameter(request, "time")?.is_some() {
        return Err(Problem::new(
            ProblemCode::TimeNotSupported,
            "Past lists are not available",
            "Remove the parameter `time` to get the current list.",
        )
        .into());
    }
    let (requested_at, SignedList { jwt, tag }) = signed_list(id, origin).await?;
    // Weak, because the compressed response has the same tag.
    let tag = format!("W/\"{tag}\"");
    let known = request.headers().get("If-None-Match")?.unwrap_or_default();
    let response = respond::public(STATUS_LIST_JWT, PUBLIC_MAX_AGE, jwt)?;
    let response = if known.split(',').any(|known| known.trim() == tag) {
        Response::builder()
            .with_status(304)
            .with_headers(response.headers().clone())
            .empty()
    } else {
        if accepts_gzip(&accepted_encodings(request)?) {
            // The runtime compresses the body of a response with this header.
            response.headers().set("Content-Encoding", "gzip")?;
        }
        response
    };
    let age = now().since(requested_at);
    response.headers().set("Age", &age.to_string())?;
    response.headers().set("ETag", &tag)?;
    response.headers().set("Vary", "Accept-Encoding")?;
    Ok(response)
}

/// The client's own `Accept-Encoding`. The platform overwrites the header, and keeps the client's
/// value in `request.cf`, for which `worker` has no type.
fn accepted_encodings(request: &Request) -> ApiResult<String> {
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

/// Whether the client accepts gzip (RFC 9110, section 12.5.3).
fn accepts_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight: String = weight.split_whitespace().collect();
        let refused = weight.starts_with("q=0") && !weight.contains(|c| ('1'..='9').contains(&c));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

async fn signed_list(
    id: StatusListId,
    origin: OriginContext<'_>,
) -> ApiResult<(Timestamp, SignedList)> {
    let OriginContext {
        env,
        event,
        settings,
        ..
    } = origin;
    let StatusListId { registry, list } = id;
    let request = || list_numbers(env.clone(), settings, registry);
    let (_, numbers) = LIST_NUMBERS
        .with(AnswerCache::clone)
        .get(registry, ANSWER_MAX_AGE, event, request)
        .await?;
    if !numbers.contains(&list) {
        return Err(ApiError::not_found());
    }
    let request = || {
        let env = env.clone();
        async move {
            let call = ReadSignedList { list };
            call_registry(&env, &settings.installation, registry, &call).await
        }
    };
    let (requested_at, signed) = SIGNED_LISTS
        .with(AnswerCache::clone)
        .get(id, ANSWER_MAX_AGE, event, request)
        .await?;
    signed
        .map(|signed| (requested_at, signed))
        .ok_or_else(ApiError::not_found)
}

/// The numbers of a registry's lists; none if the registry does not exist.
async fn list_numbers(
    env: Env,
    settings: &'static OriginSettings,
    registry: u16,
) -> Result<Vec<u32>> {
    if !EXISTING.with_borrow(|existing| existing.contains(&registry)) {
        let announced = env.kv(STATUS)?.get(&object_name(registry)).text().await?;
        if announced.is_none() {
            return Ok(Vec::new());
        }
        EXISTING.with_borrow_mut(|existing| existing.insert(registry));
    }
    call_registry(&env, &settings.installation, registry, &ReadListNumbers {}).await
}

/// `GET status/aggregation` (Token Status List, section 9.3).
pub(crate) async fn status_lists(origin: OriginContext<'_>) -> ApiResult {
    let request = || aggregation(origin.env.clone(), origin.settings);
    let (_, json) = AGGREGATION
        .with(AnswerCache::clone)
        .get((), PUBLIC_MAX_AGE, origin.event, request)
        .await?;
    respond::public("application/json", PUBLIC_MAX_AGE, json)
}

async fn aggregation(env: Env, settings: &'static OriginSettings) -> Result<String> {
    let registries = 0..settings.installation.registries;
    let requests = registries.map(|registry| {
        let numbers = list_numbers(env.clone(), settings, registry);
        async move { numbers.await.map(|numbers| (registry, numbers)) }
    });
    let paths = &settings.installation.paths;
    let uris = try_join_all(requests)
        .await?
        .into_iter()
        .flat_map(|(registry, lists)| {
            let ids = lists
                .into_iter()
                .map(move |list| StatusListId { registry, list });
            ids.map(|id| id.uri(paths))
        });
    let aggregation = Aggregation {
        status_lists: uris.collect(),
    };
    serde_json::to_string(&aggregation).map_err(Error::from)
}
