//! Creating a token: its owner's limits, its index in a status list, its row.

use super::{
    quotas,
    store::{IssuedIndex, Store},
};
use patrol::{
    issue::{
        index_permutation::IndexPermutation,
        rules::{self, CreationLimit},
    },
    jose::status_list::{StatusListId, StatusReference},
    quota::{Quota, QuotaPolicy},
    registry::{Create, Created},
    time::Timestamp,
};
use worker::{Error, Result};

/// Creates a token, unless its owner has reached a limit. A refused call counts against the quota
/// too.
pub(super) fn create(
    store: &Store,
    registry: u16,
    call: &Create,
    quota: Quota,
) -> Result<std::result::Result<Created, CreationLimit>> {
    let now = call.created_at;
    if let Err(exceeded) = quotas::take(store, &call.owner, QuotaPolicy::Creation, quota, now)? {
        return Ok(Err(CreationLimit::Rate(exceeded)));
    }
    let active = store.count_active_tokens(&call.owner, now)?;
    let active = usize::try_from(active).unwrap_or(usize::MAX);
    if !rules::has_room(active, rules::MAX_ACTIVE_TOKENS) {
        return Ok(Err(CreationLimit::Active));
    }
    let issued = issue_index(store, call.expires_at)?;
    let list = issued.list;
    let idx = IndexPermutation::new(issued.permutation_key()?)
        .nth(issued.count)
        .ok_or_else(|| Error::RustError("the list is full".to_owned()))?;
    let record = store.insert_token(call, list, idx)?.into_record(now)?;
    let status = StatusReference {
        list: StatusListId { registry, list },
        idx,
    };
    Ok(Ok(Created { record, status }))
}

/// Issues an index of the newest list. Adds a list if that is full, or the first one.
fn issue_index(store: &Store, expires_at: Timestamp) -> Result<IssuedIndex> {
    if let Some(issued) = store.issue_index(expires_at)? {
        return Ok(issued);
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Error::RustError(error.to_string()))?;
    store.insert_list(u128::from_be_bytes(random), expires_at)
}
