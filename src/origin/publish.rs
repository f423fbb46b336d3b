//! What anyone may read: the public keys and the signed status lists.

use crate::{
    respond::{self, Outcome, Refusal},
    settings::Settings,
};
use patrol::{
    registry::{Call, Reply},
    status_list::{StatusListId, Validity},
};
use patrol_platform::call_registry;
use worker::Env;

/// How long third parties may use a signed list, and when they should ask again. The edge does
/// not rely on it: it asks the registry.
pub(crate) const VALIDITY: Validity = Validity {
    lifetime: 15 * 60,
    ttl: 60,
};

/// The media type of a signed list (Token Status List, section 5.1).
const STATUS_LIST_JWT: &str = "application/statuslist+jwt";

/// `GET /.well-known/jwks.json`
pub(crate) fn jwks(settings: &Settings) -> Outcome {
    let jwks = settings.signing_keys.public().to_jwks();
    respond::public("application/jwk-set+json", "public, max-age=60", jwks)
}

/// `GET /status/{registry}/{list}`
pub(crate) async fn status_list(path: &str, env: &Env, settings: &Settings) -> Outcome {
    let id = StatusListId::from_path(path)
        .filter(|id| id.registry < settings.installation.registries)
        .ok_or_else(Refusal::not_found)?;
    match call_registry(env, id.registry, Call::SignedList { list: id.list }).await? {
        Reply::SignedList(list) => {
            let cache_control = format!("public, max-age={}", VALIDITY.ttl);
            respond::public(STATUS_LIST_JWT, &cache_control, list)
        }
        Reply::NotFound => Err(Refusal::not_found()),
        _ => Err(Refusal::unexpected("reply to signed list")),
    }
}
