//! The list of tokens, as a state machine.
//!
//! The origin orders, filters and searches the tokens, and returns pages. This module keeps what the
//! user asks for, and makes the origin's records into a [`TableView`] of rows that are ready to draw. Core
//! defines statuses and scope labels. The status is computed for the current time, so an open list shows a
//! token as expired in the second in which the edge starts to reject it.
//!
//! Left out: loading pages, and dates in the user's locale. The page does both.

use crate::message::{self, UserMessage};
use patrol::{
    http::api::{TokenRecord, TokenStatus},
    listing::{Column, Sort},
    policy::{Group, Policy},
    time::{DAY, Timestamp},
};
use serde::Serialize;

/// An active token with fewer seconds left than this gets a warning. A week is enough time to
/// replace a token in a running system.
pub const EXPIRY_WARNING: u64 = 7 * DAY;

/// The badge color of a scope that the policy no longer has.
const UNKNOWN_SCOPE_COLOR: &str = "neutral";

/// What the origin has returned, with what else the list needs.
#[derive(Debug, Clone)]
pub struct TableInput {
    /// The tokens of all pages so far, in order.
    pub tokens: Vec<TokenRecord>,
    /// Whether there are more pages.
    pub more: bool,
    /// Every scope of the policy, from `GET /api/v1/me`.
    pub groups: Vec<Group>,
    /// The number of active tokens when the origin responded.
    pub active: usize,
    /// The same for expired tokens.
    pub expired: usize,
    /// The same for revoked tokens.
    pub revoked: usize,
    /// The maximum number of active tokens.
    pub limit: usize,
    /// The current time.
    pub now: Timestamp,
}

/// Whether the first click on a column sorts in descending order: people look for what was created or
/// used last.
const fn starts_descending(column: Column) -> bool {
    matches!(column, Column::Created | Column::LastUsed)
}

/// Which tokens the list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// All tokens.
    All,
    /// Only active tokens.
    Active,
    /// Only expired tokens.
    Expired,
    /// Only revoked tokens.
    Revoked,
}

impl Filter {
    /// Parses a filter's name in JavaScript.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "all" => Self::All,
            "active" => Self::Active,
            "expired" => Self::Expired,
            "revoked" => Self::Revoked,
            _ => return None,
        })
    }
}

/// The list of tokens.
#[derive(Debug)]
pub struct Table {
    input: TableInput,
    sort: Sort,
    filter: Filter,
    search: String,
}

impl Table {
    /// A list of all tokens, newest first.
    pub fn new(input: TableInput) -> Self {
        Self {
            input,
            sort: Sort::NEWEST_FIRST,
            filter: Filter::All,
            search: String::new(),
        }
    }

    /// Shows what the origin has returned for filter, search and sort order, which stay.
    pub fn update(&mut self, input: TableInput) {
        self.input = input;
    }

    /// Sets the current time, from which statuses and relative times are computed.
    pub fn set_now(&mut self, now: Timestamp) {
        self.input.now = now;
    }

    /// Notes which tokens the user wants to see.
    pub fn set_filter(&mut self, filter: Filter) {
        self.filter = filter;
    }

    /// Notes what the user searches for.
    pub fn set_search(&mut self, text: &str) {
        text.clone_into(&mut self.search);
    }

    /// Notes that the user sorts by a column, or reverses the order if the list is sorted by it already.
    pub fn sort_by(&mut self, column: Column) {
        let descending = if self.sort.column == column {
            !self.sort.descending
        } else {
            starts_descending(column)
        };
        self.sort = Sort { column, descending };
    }

    /// Everything a page draws.
    pub fn view(&self) -> TableView {
        let input = &self.input;
        let policy = Policy::of_groups(true, input.groups.clone());
        let mut expired_since = 0;
        let mut rows = Vec::new();
        for token in &input.tokens {
            let status = TokenStatus::at(input.now, token.expires_at, token.revoked_at);
            if token.status == TokenStatus::Active && status == TokenStatus::Expired {
                expired_since += 1;
            }
            rows.push(TokenRow::new(token, status, input.now, &policy));
        }
        let active = input.active.saturating_sub(expired_since);
        let expired = input.expired + expired_since;
        let all = active + expired + input.revoked;
        let empty = if all == 0 {
            Empty::NoTokens
        } else {
            Empty::NoMatch
        };
        TableView {
            counts: Counts {
                all,
                active,
                expired,
                revoked: input.revoked,
            },
            active,
            limit: input.limit,
            shown: rows.len(),
            more: input.more,
            sort: self.sort,
            filter: self.filter,
            search: self.search.clone(),
            // With more pages, no row has been found yet.
            empty: (rows.is_empty() && !input.more).then_some(empty),
            rows,
        }
    }
}

/// Everything a page draws of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableView {
    /// The tokens that have been loaded, in order.
    pub rows: Vec<TokenRow>,
    /// The number of tokens by status, regardless of filter and search.
    pub counts: Counts,
    /// The number of active tokens.
    pub active: usize,
    /// The maximum number of active tokens.
    pub limit: usize,
    /// The number of rows.
    pub shown: usize,
    /// Whether more can be loaded.
    pub more: bool,
    /// The sort order.
    pub sort: Sort,
    /// The filter by status.
    pub filter: Filter,
    /// The search as typed.
    pub search: String,
    /// Why there are no rows; `None` if there are some, or may be.
    pub empty: Option<Empty>,
}

/// Why there are no rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Empty {
    /// The user has no tokens.
    NoTokens,
    /// No token matches filter and search.
    NoMatch,
}

/// The number of tokens by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All tokens.
    pub all: usize,
    /// Active tokens.
    pub active: usize,
    /// Expired tokens.
    pub expired: usize,
    /// Revoked tokens.
    pub revoked: usize,
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenRow {
    /// The token's id, which is not a secret.
    pub id: String,
    /// The token's name.
    pub name: String,
    /// The status at the time of the view.
    pub status: TokenStatus,
    /// The ids of the token's organizations.
    pub organizations: Vec<String>,
    /// Whether the token was created with RBAC off; then it has no badges.
    pub unrestricted: bool,
    /// The token's scopes, in the policy's order.
    pub badges: Vec<Badge>,
    /// When the token was created.
    pub created_at: Timestamp,
    /// When the token was last used; `None` if never.
    pub last_used_at: Option<Timestamp>,
    /// The first second in which the token is expired.
    pub expires_at: Timestamp,
    /// When the token was revoked; `None` if it was not.
    pub revoked_at: Option<Timestamp>,
    /// "expires in 12 days", "expired 3 days ago" or "revoked 2 hours ago"
    pub expires: UserMessage,
    /// "last used 3 h ago" or "never"
    pub last_used: UserMessage,
    /// Whether the token is active with less than [`EXPIRY_WARNING`] left.
    pub warning: bool,
}

/// One scope of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Badge {
    /// `resource:action`
    pub name: String,
    /// A few words; the name if the policy no longer has the scope.
    pub label: String,
    /// The group's name; empty if the policy no longer has the scope.
    pub group: String,
    /// The key of the badge color.
    pub color: String,
}

impl TokenRow {
    fn new(token: &TokenRecord, status: TokenStatus, now: Timestamp, policy: &Policy) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name.clone(),
            status,
            organizations: token
                .organizations
                .iter()
                .map(ToString::to_string)
                .collect(),
            unrestricted: token.scopes.is_none(),
            badges: badges(token.scopes.as_deref().unwrap_or_default(), policy),
            created_at: token.created_at,
            last_used_at: token.last_used_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            expires: match token.revoked_at {
                // Once a token is revoked, its expiration no longer matters.
                Some(at) => message::revoked(now, at),
                None => message::expires(now, token.expires_at),
            },
            last_used: message::last_used(now, token.last_used_at),
            warning: status == TokenStatus::Active && token.expires_at.since(now) < EXPIRY_WARNING,
        }
    }
}

fn badges(scopes: &[String], policy: &Policy) -> Vec<Badge> {
    let known = policy.parse_scopes(&scopes.join(" "));
    let unknown = scopes
        .iter()
        .filter(|name| policy.scope_index(name).is_none())
        .map(|name| Badge {
            name: name.clone(),
            label: name.clone(),
            group: String::new(),
            color: UNKNOWN_SCOPE_COLOR.to_owned(),
        });
    policy
        .offered(known)
        .flat_map(|(group, scopes)| {
            scopes.into_iter().map(|(_, scope)| Badge {
                name: scope.name.clone(),
                label: scope.label.clone(),
                group: group.name.clone(),
                color: group.color.clone(),
            })
        })
        .chain(unknown)
        .collect()
}
