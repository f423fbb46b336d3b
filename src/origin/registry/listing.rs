//! Listing a user's tokens: the rows of a page, and how many tokens there are.

use super::store::{Store, Totals};
use patrol::{
    account::AccountRecord,
    http::api::TokenList,
    issue::rules,
    listing::{self, Cursor, Page, TokenQuery},
    time::Timestamp,
};
use worker::Result;

/// A page of the tokens of an account.
pub(super) fn list(
    store: &Store,
    account: &AccountRecord,
    query: &TokenQuery,
    now: Timestamp,
) -> Result<TokenList> {
    let memberships = account.memberships.iter();
    let organizations: Vec<_> = memberships
        .map(|membership| (membership.organization.to_string(), membership.name.clone()))
        .collect();
    let Page { tokens, next } = listing::page(query, now, &organizations, |rows| {
        store.rows(&account.id, rows, now)
    })?;
    let Totals {
        tokens: all,
        revoked,
    } = store.totals(&account.id)?;
    let active = store.count_active_tokens(&account.id, now)?;
    Ok(TokenList {
        tokens,
        next: next.as_ref().map(Cursor::encode),
        active,
        expired: all.saturating_sub(revoked).saturating_sub(active),
        revoked,
        limit: rules::MAX_ACTIVE_TOKENS,
    })
}
