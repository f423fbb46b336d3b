//! The status lists: snapshots from KV, leases from the registries.

use crate::{isolate::with_validator, refresh::logged, settings::Settings};
use patrol::{
    jose::status_list::{self, StatusListId},
    registry::{LeaseRequest, Usage},
    revocation::known_list::ListEntry,
};
use patrol_platform::{STATUS, call_registry, clock, patience::in_time};
use std::time::Duration;
use worker::{Env, Error, Result};

/// How long KV may take: a whole list from the registry is not much slower.
const KV_TIMEOUT: Duration = Duration::from_millis(500);

/// The longest that KV's own cache near the edge may keep a value, in seconds: its least.
const KV_CACHE_SECONDS: u64 = 30;

fn with_entry<R>(id: StatusListId, act: impl FnOnce(&mut ListEntry) -> R) -> Result<R> {
    with_validator(|memory| act(memory.lists.entry(id, clock())))
        .ok_or_else(|| Error::RustError("there is no memory".to_owned()))
}

/// A lease from the registry; for a list that was never seen, KV is asked first, which is near.
pub(crate) async fn lease(
    id: StatusListId,
    usage: Vec<Usage>,
    env: &Env,
    settings: &Settings,
) -> Result<()> {
    if with_entry(id, |entry| entry.known.version())?.is_none() {
        // Without it the registry gives all of the list.
        let snapshot = in_time(KV_TIMEOUT, snapshot(id, env, settings)).await;
        logged(&id.path(), &snapshot);
    }
    let request = LeaseRequest {
        list: id.list,
        since: with_entry(id, |entry| entry.known.version())?,
        usage,
    };
    // The lease counts from before the question.
    let asked_at = clock();
    let Some(answer) = call_registry(env, &settings.installation, id.registry, &request).await?
    else {
        return with_entry(id, |entry| entry.known.mark_absent(asked_at));
    };
    with_entry(id, |entry| entry.known.receive(asked_at, &answer))?
        .map_err(|_| Error::RustError("the lease does not fit what is known".to_owned()))
}

/// The snapshot in KV, if there is one.
pub(crate) async fn snapshot(id: StatusListId, env: &Env, settings: &Settings) -> Result<()> {
    let kv = env.kv(STATUS)?;
    let value = kv.get(&id.path()).cache_ttl(KV_CACHE_SECONDS).text();
    let Some(text) = value.await? else {
        return Ok(());
    };
    let issuer = &settings.installation.public_url;
    let signed = with_validator(|memory| {
        let keys = memory.keys()?;
        Some(status_list::verify(&text, id, issuer, keys))
    });
    let signed = signed
        .flatten()
        .ok_or_else(|| Error::RustError("there are no keys for the snapshot".to_owned()))?
        .map_err(|error| Error::RustError(format!("the snapshot in KV: {error:?}")))?;
    with_entry(id, |entry| entry.known.learn(&signed))
}
