//! The status lists, computed from the tokens' rows: there is no second record to keep in sync.

use super::store::Store;
use crate::{caching::LIST_VALIDITY, settings::OriginSettings};
use patrol::{
    jose::status_list::{self, Snapshot, Status, StatusList, StatusListId},
    registry::{ListContent, MAX_CHANGES},
    time::Timestamp,
};
use worker::{Error, Result};

#[derive(Debug, Clone)]
pub(super) struct SignedSnapshot {
    pub(super) version: u64,
    pub(super) signed_at: Timestamp,
    pub(super) jwt: String,
}

/// Signs a list in its current version; `None` if it does not exist.
pub(super) fn sign(
    store: &Store,
    id: StatusListId,
    now: Timestamp,
    settings: &OriginSettings,
) -> Result<Option<SignedSnapshot>> {
    let Some(version) = store.version(id.list)? else {
        return Ok(None);
    };
    let snapshot = Snapshot {
        list: whole(store, id.list)?,
        version,
    };
    let paths = &settings.installation.paths;
    let key = settings.signing_keys.first();
    let jwt = status_list::sign(&snapshot, id, paths, now, LIST_VALIDITY, key)
        .map_err(|error| Error::RustError(error.to_string()))?;
    Ok(Some(SignedSnapshot {
        version,
        signed_at: now,
        jwt,
    }))
}

/// The content that brings an edge from the version `since` to the current one.
pub(super) fn content(
    store: &Store,
    list: u32,
    version: u64,
    since: Option<u64>,
) -> Result<ListContent> {
    let changes = |since, indexes: Vec<u32>| ListContent::Changes {
        since,
        changes: indexes
            .into_iter()
            .map(|idx| (idx, Status::Invalid))
            .collect(),
    };
    match since {
        Some(since) if since == version => Ok(changes(since, Vec::new())),
        Some(since) if since < version => {
            let limit = MAX_CHANGES + 1;
            let limit = u64::try_from(limit).unwrap_or(u64::MAX);
            let indexes = store.revoked_after(list, since, limit)?;
            if indexes.len() > MAX_CHANGES {
                return Ok(ListContent::Whole(whole(store, list)?.encode()));
            }
            Ok(changes(since, indexes))
        }
        // The edge has nothing, or a version from before this storage was restored to an earlier
        // state.
        _ => Ok(ListContent::Whole(whole(store, list)?.encode())),
    }
}

fn whole(store: &Store, list: u32) -> Result<StatusList> {
    let mut statuses = StatusList::all_valid();
    for idx in store.revoked(list)? {
        statuses.set(idx, Status::Invalid);
    }
    Ok(statuses)
}
