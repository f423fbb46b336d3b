//! Creating a token: the rules for its owner, the owner's limits, its index in a status list, its
//! row.

use super::{
    audit, quotas,
    store::{IssuedIndex, NewAuditEntry, Store, TokenRow},
};
use crate::settings::OriginSettings;
use patrol::{
    audit::{Action, ActorKind, Outcome},
    http::api::owned,
    issue::{
        index_permutation::IndexPermutation,
        rules::{self, CreationLimit, NewToken},
        token_length::ClaimLengths,
    },
    jose::status_list::{StatusListId, StatusReference},
    policy::{Policy, account::Account},
    quota::QuotaPolicy,
    registry::{Create, Created, CreationRefusal},
    time::Timestamp,
};
use worker::{Error, Result};

/// Creates a token, if the rules and the owner's limits allow that. A call that a limit refuses
/// counts against the quota too.
///
/// The idempotency key comes first: an answer may have been lost for the last token that the limits
/// allow. A refused call leaves its key unused.
pub(super) fn create(
    store: &Store,
    registry: u16,
    call: &Create,
    owner: &Account,
    policy: &Policy,
    settings: &OriginSettings,
) -> Result<std::result::Result<Created, CreationRefusal>> {
    if let Some(key) = &call.idempotency_key
        && let Some(id) = store.token_by_key(&owner.id, key)?
    {
        return Ok(Err(CreationRefusal::AlreadyCreated(id)));
    }
    let row = match check(call, owner, policy, settings) {
        Ok(row) => row,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let now = call.created_at;
    let (bucket, quota) = (QuotaPolicy::Creation, settings.creations);
    if let Err(exceeded) = quotas::take(store, &owner.id, bucket, quota, now)? {
        let limit = CreationLimit::Rate(exceeded);
        return Ok(Err(CreationRefusal::Limit(limit)));
    }
    let active = store.count_active_tokens(&owner.id, now)?;
    let active = usize::try_from(active).unwrap_or(usize::MAX);
    let entry = NewAuditEntry {
        at: now,
        user: &owner.id,
        actor: ActorKind::User,
        action: Action::TokenCreation,
        session: None,
        token: None,
        address: call.client.address,
        outcome: Outcome::TokenLimitReached,
    };
    if !rules::has_room(active, rules::MAX_ACTIVE_TOKENS) {
        audit::append(store, &entry)?;
        return Ok(Err(CreationRefusal::Limit(CreationLimit::Active)));
    }
    let issued = issue_index(store, row.expires_at)?;
    let list = issued.list;
    let idx = IndexPermutation::new(issued.permutation_key()?)
        .nth(issued.count)
        .ok_or_else(|| Error::RustError("the list is full".to_owned()))?;
    let record = store.insert_token(&row, list, idx)?.into_record(now)?;
    let entry = NewAuditEntry {
        token: Some((&call.id, &row.organizations)),
        outcome: Outcome::Done,
        ..entry
    };
    audit::append(store, &entry)?;
    let status = StatusReference {
        list: StatusListId { registry, list },
        idx,
    };
    Ok(Ok(Created { record, status }))
}

/// Applies the rules.
fn check<'a>(
    call: &'a Create,
    owner: &'a Account,
    policy: &Policy,
    settings: &OriginSettings,
) -> std::result::Result<TokenRow<'a>, CreationRefusal> {
    let token = NewToken::check(&call.request, owner, policy).map_err(CreationRefusal::Invalid)?;
    let row = TokenRow {
        owner: &owner.id,
        id: &call.id,
        name: token.name,
        organizations: token.organizations,
        scopes: token.scopes.map(|set| owned(policy.scope_names(set))),
        created_at: call.created_at,
        expires_at: token.lifetime.expiry(call.created_at),
        idempotency_key: call.idempotency_key.as_ref(),
    };
    // The row is committed before the token is signed, so check first that it can be.
    let lengths = ClaimLengths::new(
        &settings.installation.paths,
        row.owner.as_str(),
        row.id.as_str(),
        &row.organizations,
        row.scopes.as_deref(),
    );
    if lengths.is_allowed() {
        Ok(row)
    } else {
        Err(CreationRefusal::TooLong)
    }
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
