//! The quotas of users, whose buckets are rows of the registry.

use super::store::Store;
use patrol::{
    ids::UserId,
    quota::{Quota, QuotaExceeded, QuotaPolicy},
    time::Timestamp,
};
use worker::Result;

/// Counts a call. The inner error says that the user's quota is used up.
pub(super) fn take(
    store: &Store,
    owner: &UserId,
    policy: QuotaPolicy,
    quota: Quota,
    now: Timestamp,
) -> Result<std::result::Result<(), QuotaExceeded>> {
    let full_at = store.bucket(owner, policy)?.unwrap_or(0);
    match quota.take(policy, full_at, now) {
        Ok(full_at) => store.set_bucket(owner, policy, full_at).map(Ok),
        Err(exceeded) => Ok(Err(exceeded)),
    }
}
