//! Revoking tokens: which rows change, when every edge refuses the tokens, and how long the answer
//! waits for that.

use super::{
    audit,
    store::{NewAuditEntry, Store, StoredToken},
};
use patrol::{
    audit::{Action, ActorKind, Outcome},
    http::api::{RevokeTarget, TokenRecord},
    ids::{TokenId, UserId},
    registry::{Credential, Revoke, Revoked},
    revocation::lease::Grantor,
    time::{Instant, Timestamp},
};
use std::collections::BTreeMap;
use worker::Result;

/// A committed revocation.
pub(super) struct Revocation {
    pub(super) revoked: Revoked,
    /// When every lease from before the revocation has ended: the answer waits until then.
    pub(super) clear_at: Instant,
}

/// When every edge refuses some tokens.
#[derive(Clone, Copy, Default)]
struct EffectiveTime {
    /// As reported to the owner, in milliseconds since 1970. Repeated calls report the same time.
    since_ms: u64,
    /// The same by this object's clock.
    clear_at: Instant,
}

impl EffectiveTime {
    fn latest(self, other: Self) -> Self {
        Self {
            since_ms: self.since_ms.max(other.since_ms),
            clear_at: self.clear_at.max(other.clear_at),
        }
    }
}

/// Revokes tokens. Revoking a token again changes nothing, but waits again: the first call may have
/// been cut off while it waited.
pub(super) fn revoke(
    store: &Store,
    call: Revoke,
    now: Instant,
    grantor: &Grantor,
) -> Result<Revocation> {
    let Revoke {
        owner,
        credential,
        target,
        client,
    } = call;
    let record_entry = |token: &TokenRecord| {
        audit::append(
            store,
            &NewAuditEntry {
                at: Timestamp::from_millis(now.millis()),
                user: &owner,
                actor: match credential {
                    Credential::Session(_) => ActorKind::User,
                    Credential::Token { .. } => ActorKind::Token,
                },
                action: Action::TokenRevocation,
                session: None,
                token: Some((&token.id, &token.organizations)),
                address: client.address,
                outcome: Outcome::Done,
            },
        )
    };
    let time = Timestamp::from_millis(now.millis());
    let all_active = target == RevokeTarget::Active;
    // Everything is read before anything is written: a call does all of its work or none.
    let (tokens, unknown) = match target {
        RevokeTarget::Ids(ids) => find(store, &owner, ids)?,
        RevokeTarget::Active => (store.unexpired_tokens(&owner, time)?, Vec::new()),
    };
    // A list gets one new version, however many of its tokens are revoked.
    let mut versions = BTreeMap::new();
    let mut records = Vec::new();
    let mut effective = EffectiveTime::default();
    for token in tokens {
        let list = token.list;
        if let Some(since_ms) = token.effective_ms {
            let clear_at = grantor.clear_since(list, Instant::from_millis(since_ms));
            effective = effective.latest(EffectiveTime { since_ms, clear_at });
            // A request for all active tokens does not report those that were revoked before.
            if !all_active {
                records.push(token.into_record(time)?);
            }
            continue;
        }
        let version = match versions.get(&list) {
            Some(version) => *version,
            None => *versions
                .entry(list)
                .or_insert(store.increment_version(list)?),
        };
        let clear_at = grantor.clear_at(list);
        let since_ms = clear_at.max(now).millis();
        effective = effective.latest(EffectiveTime { since_ms, clear_at });
        let row = store.set_revoked(&token.id, time, version, since_ms)?;
        let record = row.into_record(time)?;
        record_entry(&record)?;
        records.push(record);
    }
    if records.is_empty() {
        effective.since_ms = effective.since_ms.max(now.millis());
    }
    Ok(Revocation {
        revoked: Revoked {
            records,
            unknown,
            effective_ms: effective.since_ms,
            waited_ms: 0,
        },
        clear_at: effective.clear_at,
    })
}

/// Finds the user's tokens, and returns the ids that belong to none.
fn find(
    store: &Store,
    owner: &UserId,
    ids: Vec<TokenId>,
) -> Result<(Vec<StoredToken>, Vec<TokenId>)> {
    let (mut tokens, mut unknown) = (Vec::new(), Vec::new());
    for id in ids {
        match store.token(owner, &id)? {
            Some(token) => tokens.push(token),
            None => unknown.push(id),
        }
    }
    Ok((tokens, unknown))
}
