//! The list of tokens, as a state machine.
//!
//! The records of the origin come in, with what the user does: filter, search, sort. Out comes
//! a [`View`] of rows that are ready to be drawn. What a token's status is and what its scopes
//! are called is decided by core; a status is told as of the time given here, so that a list
//! that stays open shows a token as expired in the second in which the edge refuses it.
//!
//! Left out: paging, as a list that is searched in one place must be there whole; and dates as
//! the user's locale writes them, which are the page's.

use crate::{
    message::{self, Message},
    order::{finds, lower, natural},
};
use patrol::{
    http::api::{TokenRecord, TokenStatus},
    policy::POLICY,
    time::{DAY, Timestamp},
};
use serde::Serialize;
use std::cmp::Ordering;

/// An active token with less time left than this is marked, in seconds: a week is enough to
/// replace a token in a working system without haste.
pub const WARNING: u64 = 7 * DAY;

/// The color of a badge whose scope the policy does not have any more.
const NO_COLOR: &str = "neutral";

/// What the list is made from: the answer of `GET /api/v1/tokens` and the time.
#[derive(Debug, Clone)]
pub struct Input {
    /// Newest first.
    pub tokens: Vec<TokenRecord>,
    /// Id and name of the user's organizations.
    pub organizations: Vec<(String, String)>,
    /// How many of them are active, as of the answer.
    pub active: usize,
    /// How many may be.
    pub limit: usize,
    /// The time.
    pub now: Timestamp,
}

/// The columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// Natural, without regard to case.
    Name,
    /// By their number; no restriction is more than any.
    Scopes,
    /// By time.
    Created,
    /// By time; never is before all.
    LastUsed,
    /// By time.
    Expires,
    /// Active, expired, revoked.
    Status,
}

impl Column {
    /// The column of that name.
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

    /// Does the first click show the greatest first? What was just made or used is what
    /// people look for.
    const fn starts_descending(self) -> bool {
        matches!(self, Self::Created | Self::LastUsed)
    }
}

/// By status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// Every token.
    All,
    /// Those that work.
    Active,
    /// Those whose time is over.
    Expired,
    /// Those that their owner ended.
    Revoked,
}

impl Filter {
    /// The filter of that name.
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

/// The order of the rows. Equal ones stay as the origin gave them, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sort {
    /// By what.
    pub column: Column,
    /// Greatest first?
    pub descending: bool,
}

/// The list.
#[derive(Debug)]
pub struct Table {
    input: Input,
    sort: Sort,
    filter: Filter,
    search: String,
}

impl Table {
    /// All tokens, newest first.
    pub fn new(input: Input) -> Self {
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

    /// The list was fetched again; what the user has set stays.
    pub fn update(&mut self, input: Input) {
        self.input = input;
    }

    /// Time has passed.
    pub fn set_now(&mut self, now: Timestamp) {
        self.input.now = now;
    }

    /// The user wants to see tokens of one status.
    pub fn set_filter(&mut self, filter: Filter) {
        self.filter = filter;
    }

    /// The user looks for tokens: every word must be in the name, a scope or an organization's
    /// id or name, or be how the id begins.
    pub fn set_search(&mut self, text: &str) {
        text.clone_into(&mut self.search);
    }

    /// The user has clicked a column; the same again turns the order round.
    pub fn sort_by(&mut self, column: Column) {
        let descending = if self.sort.column == column {
            !self.sort.descending
        } else {
            column.starts_descending()
        };
        self.sort = Sort { column, descending };
    }

    fn order(&self, a: &Judged, b: &Judged) -> Ordering {
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
            for (own, name) in &self.input.organizations {
                if own == id {
                    texts.push(name);
                }
            }
        }
        let id = lower(token.id.as_str());
        words
            .iter()
            .all(|word| id.starts_with(word.as_str()) || finds(std::slice::from_ref(word), &texts))
    }

    /// What a page draws.
    pub fn view(&self) -> View {
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
        let ended_since = with_status
            .iter()
            .filter(|(token, status)| {
                token.status == TokenStatus::Active && *status != TokenStatus::Active
            })
            .count();
        let words: Vec<String> = self.search.split_whitespace().map(lower).collect();
        let mut found: Vec<Judged> = Vec::new();
        for row in &with_status {
            if self.filter.admits(row.1) && self.matches(row.0, &words) {
                // Behind its equals, so the order is stable. The sort of the standard library
                // is for longer lists, and larger than all of this.
                let place = found.partition_point(|other| self.order(other, row).is_le());
                found.insert(place, *row);
            }
        }
        let rows: Vec<_> = found
            .into_iter()
            .map(|(token, status)| Row::new(token, status, now))
            .collect();
        View {
            counts: Counts {
                all: count(Filter::All),
                active: count(Filter::Active),
                expired: count(Filter::Expired),
                revoked: count(Filter::Revoked),
            },
            active: self.input.active.saturating_sub(ended_since),
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

type Judged<'a> = (&'a TokenRecord, TokenStatus);

fn compare(column: Column, (a, a_status): &Judged, (b, b_status): &Judged) -> Ordering {
    // No restriction is more than any number of scopes.
    let breadth = |token: &TokenRecord| token.scopes.as_ref().map_or(usize::MAX, Vec::len);
    match column {
        Column::Name => natural(&a.name, &b.name),
        Column::Scopes => breadth(a).cmp(&breadth(b)),
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

/// What a page draws of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct View {
    /// Found by filter and search, in order.
    pub rows: Vec<Row>,
    /// Of all tokens, whatever filter and search.
    pub counts: Counts,
    /// "12 of 50 active"
    pub active: usize,
    /// How many may be active.
    pub limit: usize,
    /// Rows.
    pub shown: usize,
    /// The order.
    pub sort: Sort,
    /// By status.
    pub filter: Filter,
    /// As typed.
    pub search: String,
    /// Why there are no rows; null when there are.
    pub empty: Option<Empty>,
}

/// Why there are no rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Empty {
    /// The user has never made a token.
    NoTokens,
    /// Filter and search leave none.
    NoMatch,
}

/// Tokens by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Every token.
    pub all: usize,
    /// Those that work.
    pub active: usize,
    /// Those whose time is over.
    pub expired: usize,
    /// Those that their owner ended.
    pub revoked: usize,
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// No secret.
    pub id: String,
    /// As given at creation.
    pub name: String,
    /// As of the time of the view.
    pub status: TokenStatus,
    /// Ids.
    pub organizations: Vec<String>,
    /// Was it made with RBAC off? Then there are no badges.
    pub unrestricted: bool,
    /// In the order of the policy.
    pub badges: Vec<Badge>,
    /// RFC 3339 in UTC, as all times here.
    pub created_at: Timestamp,
    /// Null: never.
    pub last_used_at: Option<Timestamp>,
    /// First second in which it does not work any more.
    pub expires_at: Timestamp,
    /// Null: not revoked.
    pub revoked_at: Option<Timestamp>,
    /// "expires in 12 days", "expired 3 days ago", "revoked 2 hours ago"
    pub expires: Message,
    /// "last used 3 h ago", "never"
    pub last_used: Message,
    /// Active with less than [`WARNING`] left.
    pub warning: bool,
}

/// One scope of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Badge {
    /// `resource:action`
    pub name: String,
    /// A few words; the name when the policy does not have the scope any more.
    pub label: String,
    /// Its group's name; empty when the policy does not have the scope any more.
    pub group: &'static str,
    /// Key of the color.
    pub color: &'static str,
}

impl Row {
    fn new(token: &TokenRecord, status: TokenStatus, now: Timestamp) -> Self {
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
            badges: badges(token.scopes.as_deref().unwrap_or_default()),
            created_at: token.created_at,
            last_used_at: token.last_used_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            expires: match token.revoked_at {
                // When it would have expired is of no interest any more.
                Some(at) => message::revoked(now, at),
                None => message::expires(now, token.expires_at),
            },
            last_used: message::last_used(now, token.last_used_at),
            warning: status == TokenStatus::Active && token.expires_at.since(now) < WARNING,
        }
    }
}

fn badges(scopes: &[String]) -> Vec<Badge> {
    let known = POLICY.parse_scopes(&scopes.join(" "));
    let unknown = scopes
        .iter()
        .filter(|name| POLICY.scope_index(name).is_none())
        .map(|name| Badge {
            name: name.clone(),
            label: name.clone(),
            group: "",
            color: NO_COLOR,
        });
    POLICY
        .offered(known)
        .flat_map(|(group, scopes)| {
            scopes.into_iter().map(|(_, scope)| Badge {
                name: scope.name.to_owned(),
                label: scope.label.to_owned(),
                group: group.name,
                color: group.color,
            })
        })
        .chain(unknown)
        .collect()
}
