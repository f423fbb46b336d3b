//! The list of a user's tokens: order, filters, search and pages.
//!
//! A page begins after a row, not at a number: the cursor has the row's value in the sorted column, and
//! its number. So tokens that are added or deleted meanwhile shift nothing. Every column but the last
//! use never changes, so no token comes twice and none is left out. The status does change; a list in
//! its order keeps the statuses as they were when its first page was read ([`Cursor::as_of`]).
//!
//! Filters and search are applied to the rows in order. A page reads at most about [`MAX_READ`] rows,
//! however few of them match, and says where to continue.
//!
//! Left out: how rows are stored. The registry has an index for each [`Key`].

mod cursor;
mod text;

#[cfg(test)]
mod tests;

pub use cursor::{Cursor, Position, Value};
pub use text::{contain_all, lowercase, natural_key};

use crate::{
    http::api::{TokenRecord, TokenStatus},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// How many tokens a page has, unless the query says otherwise.
pub const DEFAULT_LIMIT: usize = 50;

/// The most tokens of a page.
pub const MAX_LIMIT: usize = 200;

/// The longest search, in bytes.
pub const MAX_SEARCH: usize = 1_024;

/// A page reads no further rows after this many.
pub const MAX_READ: usize = 1_000;

/// How many rows a page reads at a time if not all of them are in it.
const CHUNK: usize = 250;

/// A column to sort by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// Ignores case, and compares digits as numbers.
    Name,
    /// The number of scopes. An unrestricted token has the most.
    Scopes,
    /// When the token was created.
    Created,
    /// When it was last used. Unused tokens come first.
    LastUsed,
    /// When it expires.
    Expires,
    /// Active, expired, revoked, each newest first.
    Status,
}

impl Column {
    /// In the order of the table.
    pub const ALL: [Self; 6] = [
        Self::Name,
        Self::Scopes,
        Self::Created,
        Self::LastUsed,
        Self::Expires,
        Self::Status,
    ];

    /// The name in a query.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Scopes => "scopes",
            Self::Created => "created",
            Self::LastUsed => "last_used",
            Self::Expires => "expires",
            Self::Status => "status",
        }
    }

    /// Finds the column with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }
}

/// The order of a list. Tokens that are equal in its column are in the order of their creation, which
/// is reversed too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sort {
    /// The column to sort by.
    pub column: Column,
    /// Whether the greatest value comes first.
    pub descending: bool,
}

impl Sort {
    /// The order unless the query says otherwise.
    pub const NEWEST_FIRST: Self = Self {
        column: Column::Created,
        descending: true,
    };
}

/// As in a query: `name`, or `-name` if the greatest comes first.
impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.descending { "-" } else { "" };
        write!(f, "{sign}{}", self.column.name())
    }
}

/// The text names no column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownColumn;

impl FromStr for Sort {
    type Err = UnknownColumn;
    fn from_str(text: &str) -> Result<Self, UnknownColumn> {
        let name = text.strip_prefix('-');
        Ok(Self {
            column: Column::from_name(name.unwrap_or(text)).ok_or(UnknownColumn)?,
            descending: name.is_some(),
        })
    }
}

/// The query of `GET api/v1/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenQuery {
    /// The most tokens of the page.
    limit: usize,
    /// The order.
    sort: Sort,
    /// Where the page begins, in the same order. `None`: at the beginning.
    after: Option<Cursor>,
    /// Only tokens of this status.
    status: Option<TokenStatus>,
    /// The words of the search, in lowercase.
    words: Vec<String>,
}

/// A parameter of the query is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidParameter {
    /// The parameter's name.
    pub name: String,
    /// What to send.
    pub fix: String,
}

impl TokenQuery {
    /// Reads the parameters of a request.
    ///
    /// # Errors
    /// Names the first parameter that is unknown, repeated or invalid.
    pub fn parse(
        parameters: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, InvalidParameter> {
        let [mut limit, mut after, mut status, mut search, mut sort] = [const { None }; 5];
        for (name, value) in parameters {
            let parameter = match &*name {
                "limit" => &mut limit,
                "after" => &mut after,
                "status" => &mut status,
                "search" => &mut search,
                "sort" => &mut sort,
                _ => {
                    let name = name.chars().take(64).collect();
                    return Err(InvalidParameter {
                        name,
                        fix: "Remove it. There are limit, after, status, search and sort."
                            .to_owned(),
                    });
                }
            };
            if parameter.replace(value).is_some() {
                let fix = format!("Send {name} once.");
                return Err(InvalidParameter { name, fix });
            }
        }
        let invalid = |name: &str, fix: String| InvalidParameter {
            name: name.to_owned(),
            fix,
        };
        let limit = match limit {
            None => DEFAULT_LIMIT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MAX_LIMIT).contains(limit) && limit.to_string() == text)
                .ok_or_else(|| invalid("limit", format!("Send a number from 1 to {MAX_LIMIT}.")))?,
        };
        let status = match status.as_deref() {
            None => None,
            Some("active") => Some(TokenStatus::Active),
            Some("expired") => Some(TokenStatus::Expired),
            Some("revoked") => Some(TokenStatus::Revoked),
            Some(_) => {
                let fix = "Send active, expired or revoked, or leave it out for all.";
                return Err(invalid("status", fix.to_owned()));
            }
        };
        let search = search.unwrap_or_default();
        if search.len() > MAX_SEARCH {
            let fix = format!("Shorten it to {MAX_SEARCH} bytes or fewer.");
            return Err(invalid("search", fix));
        }
        let sort = match sort {
            None => Sort::NEWEST_FIRST,
            Some(text) => text.parse().map_err(|UnknownColumn| {
                let names = Column::ALL.map(Column::name).join(", ");
                let fix = format!("Send one of {names}, with - in front for descending order.");
                invalid("sort", fix)
            })?,
        };
        let read = |text: String| {
            let cursor = Cursor::decode(&text).filter(|cursor| cursor.sort() == sort);
            cursor.ok_or_else(|| {
                let fix = "Send the value of next from a page with the same sort, or leave it out \
                           for the first page.";
                invalid("after", fix.to_owned())
            })
        };
        Ok(Self {
            limit,
            sort,
            after: after.map(read).transpose()?,
            status,
            words: search.split_whitespace().map(lowercase).collect(),
        })
    }

    fn is_filtered(&self) -> bool {
        self.status.is_some() || !self.words.is_empty()
    }

    fn admits(&self, token: &TokenRecord, organizations: &[(String, String)]) -> bool {
        self.status.is_none_or(|status| status == token.status)
            && matches(token, &self.words, organizations)
    }
}

/// Whether a token has every word: in its name, a scope, or the id or name of an organization, or at the
/// start of its id. The words must be lowercase.
fn matches(token: &TokenRecord, words: &[String], organizations: &[(String, String)]) -> bool {
    if words.is_empty() {
        return true;
    }
    let mut texts = vec![token.name.as_str()];
    texts.extend(token.scopes.iter().flatten().map(String::as_str));
    for organization in &token.organizations {
        let id = organization.as_str();
        texts.push(id);
        let named = organizations.iter().filter(|(other, _)| other == id);
        texts.extend(named.map(|(_, name)| name.as_str()));
    }
    let id = lowercase(token.id.as_str());
    let others = words.iter().filter(|word| !id.starts_with(word.as_str()));
    contain_all(&texts, others)
}

/// What rows are ordered by. Each is a column of the registry with an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// [`natural_key`] of the name.
    Name,
    /// The number of scopes.
    Scopes,
    /// When the token was created.
    Created,
    /// When it was last used; 0 if never.
    LastUsed,
    /// When it expires.
    Expires,
}

/// Some rows of a user, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// What they are ordered by, and then by their number.
    pub key: Key,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// The row before the first one.
    pub after: Option<Position>,
    /// How many.
    pub limit: usize,
}

/// A row of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its position in the order of [`Rows::key`].
    pub position: Position,
    /// What its owner sees now.
    pub record: TokenRecord,
}

/// A page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In order. Fewer than the query's limit only if there are no more, or if few rows match.
    pub tokens: Vec<TokenRecord>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<Cursor>,
}

/// Reads a page at this time. `organizations` are ids and names, for the search. `read` returns rows of
/// the user.
///
/// # Errors
/// Those of `read`.
pub fn page<E>(
    query: &TokenQuery,
    now: Timestamp,
    organizations: &[(String, String)],
    mut read: impl FnMut(&Rows) -> Result<Vec<Row>, E>,
) -> Result<Page, E> {
    let mut tokens = Vec::new();
    let mut left = MAX_READ;
    let begin = || Cursor::start(query.sort, now);
    let mut reached = query.after.clone().unwrap_or_else(begin);
    loop {
        let limit = if query.is_filtered() || reached.is_group() {
            CHUNK
        } else {
            // One more shows whether there is another page.
            query.limit + 1 - tokens.len()
        };
        let rows = read(&reached.rows(limit))?;
        let is_end = rows.len() < limit;
        for Row { position, record } in rows {
            if tokens.len() == query.limit || left == 0 {
                let next = Some(reached);
                return Ok(Page { tokens, next });
            }
            left -= 1;
            reached.advance(position);
            if reached.admits(&record) && query.admits(&record, organizations) {
                tokens.push(record);
            }
        }
        if is_end {
            match reached.next_group() {
                Some(group) => reached = group,
                None => return Ok(Page { tokens, next: None }),
            }
        }
    }
}
