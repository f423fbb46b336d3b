//! The list of tokens, as a state machine.
//!
//! It takes the origin's records and the user's filter, search and sort order, and returns a
//! [`TableView`] of rows that are ready to draw. Core defines statuses and scope labels. The status
//! is computed for the current time, so an open list shows a token as expired in the second in
//! which the edge starts to reject it.
//!
//! There is no paging, because the search needs the whole list. The page formats dates for the
//! user's locale.

use crate::{
    message::{self, UserMessage},
    order::{contain_all, lowercase, natural},
};
use patrol::{
    http::api::{TokenRecord, TokenStatus},
    policy::{Group, Policy},
    time::{DAY, Timestamp},
};
use serde::Serialize;
use std::cmp::Ordering;

/// An active token with fewer seconds left than this gets a warning. A week is enough time to
/// replace a token in a running system.
pub const EXPIRY_WARNING: u64 = 7 * DAY;

/// The badge color of a scope that the policy no longer has.
const UNKNOWN_SCOPE_COLOR: &str = "neutral";

/// The response of `GET /api/v1/tokens`, with what else the list needs.
#[derive(Debug, Clone)]
pub struct TableInput {
    /// All tokens, newest first.
    pub tokens: Vec<TokenRecord>,
    /// The ids and names of the user's organizations.
    pub organizations: Vec<(String, String)>,
    /// Every scope of the policy, from `GET /api/v1/me`.
    pub groups: Vec<Group>,
    /// The number of active tokens when the origin responded.
    pub active: usize,
    /// The maximum number of active tokens.
    pub limit: usize,
    /// The current time.
    pub now: Timestamp,
}

/// A column to sort by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// Natural order, ignoring case.
    Name,
    /// By the number of scopes; an unrestricted token counts as the most.
    Scopes,
    /// By creation time.
    Created,
    /// By the time of last use; unused tokens come first.
    LastUsed,
    /// By expiration time.
    Expires,
    /// Active, expired, revoked.
    Status,
}

impl Column {
    /// Parses a column's name in JavaScript.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "name" => Self::Name,
            "scopes" => Self::Scopes,
            "created" => Self::Created,
            "last_used" => Self::LastUsed,
            "expires" => Self::Expires,
            "status" => Self::Status,
            _ => return None,
        })
    }

    /// Whether the first click sorts in descending order: people look for what was created or used
    /// last.
    const fn starts_descending(self) -> bool {
        matches!(self, Self::Created | Self::LastUsed)
    }
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

    fn admits(self, status: TokenStatus) -> bool {
        match self {
            Self::All => true,
            Self::Active => status == TokenStatus::Active,
            Self::Expired => status == TokenStatus::Expired,
            Self::Revoked => status == TokenStatus::Revoked,
        }
    }
}

/// The sort order. Equal rows stay in the origin's order, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sort {
    /// The column to sort by.
    pub column: Column,
    /// Whether the greatest value comes first.
    pub descending: bool,
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
            sort: Sort {
                column: Column::Created,
                descending: true,
            },
            filter: Filter::All,
            search: String::new(),
        }
    }

    /// Replaces the tokens; filter, search and sort order stay.
    pub fn update(&mut self, input: TableInput) {
        self.input = input;
    }

    /// Sets the current time, from which statuses and relative times are computed.
    pub fn set_now(&mut self, now: Timestamp) {
        self.input.now = now;
    }

    /// Shows only tokens that match the filter.
    pub fn set_filter(&mut self, filter: Filter) {
        self.filter = filter;
    }

    /// Shows only tokens that match every word: in the name, a scope, or an organization's id or
    /// name, or at the start of the token's id.
    pub fn set_search(&mut self, text: &str) {
        text.clone_into(&mut self.search);
    }

    /// Sorts by a column, or reverses the order if the list is sorted by it already.
    pub fn sort_by(&mut self, column: Column) {
        let descending = if self.sort.column == column {
            !self.sort.descending
        } else {
            column.starts_descending()
        };
        self.sort = Sort { column, descending };
    }

    fn order(&self, a: &TokenWithStatus, b: &TokenWithStatus) -> Ordering {
        let order = compare(self.sort.column, a, b);
        if self.sort.descending {
            order.reverse()
        } else {
            order
        }
    }

    fn matches(&self, token: &TokenRecord, words: &[String]) -> bool {
        let mut texts = vec![token.name.as_str()];
        texts.extend(token.scopes.iter().flatten().map(String::as_str));
        for organization in &token.organizations {
            let id = organization.as_str();
            texts.push(id);
            for (other, name) in &self.input.organizations {
                if other == id {
                    texts.push(name);
                }
            }
        }
        let id = lowercase(token.id.as_str());
        words.iter().all(|word| {
            id.starts_with(word.as_str()) || contain_all(&texts, std::slice::from_ref(word))
        })
    }

    /// Everything a page draws.
    pub fn view(&self) -> TableView {
        let now = self.input.now;
        let with_status: Vec<_> = self
            .input
            .tokens
            .iter()
            .map(|token| {
                let status = TokenStatus::at(now, token.expires_at, token.revoked_at);
                (token, status)
            })
            .collect();
        let count = |filter: Filter| {
            with_status
                .iter()
                .filter(|(_, status)| filter.admits(*status))
                .count()
        };
        let expired_since = with_status
            .iter()
            .filter(|(token, status)| {
                token.status == TokenStatus::Active && *status != TokenStatus::Active
            })
            .count();
        let words: Vec<String> = self.search.split_whitespace().map(lowercase).collect();
        let mut found: Vec<TokenWithStatus> = Vec::new();
        for token in &with_status {
            if self.filter.admits(token.1) && self.matches(token.0, &words) {
                // Inserting after equal tokens keeps the sort stable. The standard library's sort
                // is optimized for longer lists and takes more code than this whole file.
                let index = found.partition_point(|other| self.order(other, token).is_le());
                found.insert(index, *token);
            }
        }
        let policy = Policy::of_groups(true, self.input.groups.clone());
        let rows: Vec<_> = found
            .into_iter()
            .map(|(token, status)| TokenRow::new(token, status, now, &policy))
            .collect();
        TableView {
            counts: Counts {
                all: count(Filter::All),
                active: count(Filter::Active),
                expired: count(Filter::Expired),
                revoked: count(Filter::Revoked),
            },
            active: self.input.active.saturating_sub(expired_since),
            limit: self.input.limit,
            shown: rows.len(),
            sort: self.sort,
            filter: self.filter,
            search: self.search.clone(),
            empty: if with_status.is_empty() {
                Some(Empty::NoTokens)
            } else {
                rows.is_empty().then_some(Empty::NoMatch)
            },
            rows,
        }
    }
}

/// A token and its status now, which may differ from the one in the record.
type TokenWithStatus<'a> = (&'a TokenRecord, TokenStatus);

fn compare(
    column: Column,
    (a, a_status): &TokenWithStatus,
    (b, b_status): &TokenWithStatus,
) -> Ordering {
    let scopes = |token: &TokenRecord| token.scopes.as_ref().map_or(usize::MAX, Vec::len);
    match column {
        Column::Name => natural(&a.name, &b.name),
        Column::Scopes => scopes(a).cmp(&scopes(b)),
        Column::Created => a.created_at.cmp(&b.created_at),
        Column::LastUsed => a.last_used_at.cmp(&b.last_used_at),
        Column::Expires => a.expires_at.cmp(&b.expires_at),
        Column::Status => rank(*a_status).cmp(&rank(*b_status)),
    }
}

const fn rank(status: TokenStatus) -> u8 {
    match status {
        TokenStatus::Active => 0,
        TokenStatus::Expired => 1,
        TokenStatus::Revoked => 2,
    }
}

/// Everything a page draws of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableView {
    /// The tokens that match filter and search, in order.
    pub rows: Vec<TokenRow>,
    /// The number of tokens by status, regardless of filter and search.
    pub counts: Counts,
    /// The number of active tokens.
    pub active: usize,
    /// The maximum number of active tokens.
    pub limit: usize,
    /// The number of rows.
    pub shown: usize,
    /// The sort order.
    pub sort: Sort,
    /// The filter by status.
    pub filter: Filter,
    /// The search as typed.
    pub search: String,
    /// Why there are no rows; `None` if there are some.
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
