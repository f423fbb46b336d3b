//! Fetches status lists: snapshots from KV, leases from the registries.

use crate::{
    isolate::with_validator,
    runtime::{succeeded, with_timeout},
    settings::EdgeSettings,
};
use patrol::{
    jose::status_list::{self, StatusListId},
    registry::LeaseRequest,
    revocation::known_lists::ListEntry,
};
use patrol_platform::{STATUS, call_registry, clock, timeout::in_time};
use std::time::Duration;
use worker::{Env, Error, Result};

/// How long KV may take. Fetching the whole list from the registry is not much slower.
const KV_TIMEOUT: Duration = Duration::from_millis(500);

/// How long KV's own cache near the edge may keep a value, in seconds: the platform's minimum.
const KV_CACHE_SECONDS: u64 = 30;

pub(crate) fn with_entry<R>(id: StatusListId, act: impl FnOnce(&mut ListEntry) -> R) -> Result<R> {
    with_validator(|validator| act(validator.list(id, clock())))
        .ok_or_else(|| Error::RustError("the validator is not initialized".to_owned()))
}

/// Fetches a lease from the registry, and reports uses with it. A list seen for the first time is
/// read from KV first, which is nearer.
pub(crate) async fn lease(id: StatusListId, env: &Env, settings: &EdgeSettings) -> Result<()> {
    if with_entry(id, |entry| entry.is_new())? {
        // If this fails, the registry sends the whole list.
        let snapshot = in_time(KV_TIMEOUT, snapshot(id, env, settings)).await;
        succeeded(&id.path(), &snapshot);
    }
    let request = with_entry(id, |entry| entry.lease_request(id.list))?;
    let answered = with_timeout(request_lease(id, &request, env, settings)).await;
    if answered.is_err() {
        with_entry(id, |entry| entry.put_back(request.usage))?;
    }
    answered
}

async fn request_lease(
    id: StatusListId,
    request: &LeaseRequest,
    env: &Env,
    settings: &EdgeSettings,
) -> Result<()> {
    // The lease counts from before the request.
    let requested_at = clock();
    let answer = call_registry(env, &settings.installation, id.registry, request).await?;
    with_entry(id, |entry| {
        entry.receive_lease(requested_at, answer.as_ref())
    })?
    .map_err(|_| Error::RustError("the lease does not fit the known list".to_owned()))
}

/// Reads the snapshot from KV, if there is one.
pub(crate) async fn snapshot(id: StatusListId, env: &Env, settings: &EdgeSettings) -> Result<()> {
    let kv = env.kv(STATUS)?;
    let value = kv.get(&id.path()).cache_ttl(KV_CACHE_SECONDS).text();
    let Some(text) = value.await? else {
        return Ok(());
    };
    let paths = &settings.installation.paths;
    let signed = with_validator(|validator| {
        let keys = validator.keys()?;
        let signatures = validator.signatures();
        Some(status_list::verify(&text, id, paths, keys, signatures))
    });
    let signed = signed
        .flatten()
        .ok_or_else(|| Error::RustError("no keys to verify the snapshot with".to_owned()))?
        .map_err(|error| Error::RustError(format!("the snapshot in KV: {error:?}")))?;
    with_entry(id, |entry| entry.receive_snapshot(&signed))
}
