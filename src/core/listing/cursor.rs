//! Where a page begins.

use super::{Column, Key, Rows, Sort};
use crate::{
    http::api::{TokenRecord, TokenStatus},
    json,
    time::Timestamp,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};

/// The longest text of a cursor: that of a name of 255 characters and more digits than letters fits.
const MAX_LENGTH: usize = 4_096;

/// A value that rows are ordered by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A time in seconds, or a count.
    Number(u64),
    /// A [`super::natural_key`].
    Text(String),
}

/// A row's place in an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The value that the rows are ordered by.
    pub value: Value,
    /// The row's number, which tells equal values apart.
    pub row: u64,
}

/// Where a page begins. Its text is opaque to clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Encoded", try_from = "Encoded")]
pub struct Cursor {
    order: Order,
    after: Option<Position>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// The rows in the order of a key.
    Key { key: Key, descending: bool },
    /// The rows of one status after those of another, each newest first.
    Status {
        group: TokenStatus,
        descending: bool,
        /// [`Cursor::as_of`]
        as_of: Timestamp,
    },
}

/// Active, expired, revoked.
const GROUPS: [TokenStatus; 3] = [
    TokenStatus::Active,
    TokenStatus::Expired,
    TokenStatus::Revoked,
];

impl Cursor {
    /// The beginning of a list that is first read at this time.
    pub fn start(sort: Sort, now: Timestamp) -> Self {
        let descending = sort.descending;
        let key = |key| Order::Key { key, descending };
        let order = match sort.column {
            Column::Name => key(Key::Name),
            Column::Scopes => key(Key::Scopes),
            Column::Created => key(Key::Created),
            Column::LastUsed => key(Key::LastUsed),
            Column::Expires => key(Key::Expires),
            Column::Status => Order::Status {
                group: if descending {
                    TokenStatus::Revoked
                } else {
                    TokenStatus::Active
                },
                descending,
                // This second is not over: another token may be revoked in it.
                as_of: Timestamp::from_seconds(now.seconds().saturating_sub(1)),
            },
        };
        Self { order, after: None }
    }

    /// The order of the list.
    pub fn sort(&self) -> Sort {
        match self.order {
            Order::Key { key, descending } => Sort {
                column: match key {
                    Key::Name => Column::Name,
                    Key::Scopes => Column::Scopes,
                    Key::Created => Column::Created,
                    Key::LastUsed => Column::LastUsed,
                    Key::Expires => Column::Expires,
                },
                descending,
            },
            Order::Status { descending, .. } => Sort {
                column: Column::Status,
                descending,
            },
        }
    }

    /// In the order of statuses, the last second whose revocations and expirations count. Those of later
    /// seconds do not move a token to another place in the list.
    pub fn as_of(&self) -> Option<Timestamp> {
        match self.order {
            Order::Key { .. } => None,
            Order::Status { as_of, .. } => Some(as_of),
        }
    }

    /// Whether only some of the rows belong to this part of the list.
    pub(super) fn is_group(&self) -> bool {
        matches!(self.order, Order::Status { .. })
    }

    /// The next rows.
    pub(super) fn rows(&self, limit: usize) -> Rows {
        let (key, descending) = match self.order {
            Order::Key { key, descending } => (key, descending),
            Order::Status { .. } => (Key::Created, true),
        };
        Rows {
            key,
            descending,
            after: self.after.clone(),
            limit,
        }
    }

    /// Moves behind a row.
    pub(super) fn advance(&mut self, position: Position) {
        self.after = Some(position);
    }

    /// Whether a row of [`Self::rows`] belongs to this part of the list.
    pub(super) fn admits(&self, token: &TokenRecord) -> bool {
        match self.order {
            Order::Key { .. } => true,
            Order::Status { group, as_of, .. } => {
                let revoked_at = token.revoked_at.filter(|at| *at <= as_of);
                TokenStatus::at(as_of, token.expires_at, revoked_at) == group
            }
        }
    }

    /// The beginning of the next part of the list.
    pub(super) fn next_group(&self) -> Option<Self> {
        let Order::Status {
            group,
            descending,
            as_of,
        } = self.order
        else {
            return None;
        };
        let index = GROUPS.iter().position(|other| *other == group)?;
        let next = if descending {
            index.checked_sub(1)?
        } else {
            index + 1
        };
        let order = Order::Status {
            group: *GROUPS.get(next)?,
            descending,
            as_of,
        };
        Some(Self { order, after: None })
    }

    /// The text for clients.
    pub fn encode(&self) -> String {
        // Texts and numbers only: this cannot fail.
        let json = serde_json::to_string(self).unwrap_or_default();
        Base64UrlUnpadded::encode_string(json.as_bytes())
    }

    /// Reads [`Self::encode`]; `None` for any other text. Whoever makes up a cursor sees their own
    /// tokens from elsewhere on.
    pub fn decode(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let json = Base64UrlUnpadded::decode_vec(text).ok()?;
        json::read(&json).ok()
    }
}

/// The members of a cursor's JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded {
    sort: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Position>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<TokenStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    as_of: Option<u64>,
}

impl From<Cursor> for Encoded {
    fn from(cursor: Cursor) -> Self {
        Self {
            sort: cursor.sort().to_string(),
            as_of: cursor.as_of().map(Timestamp::seconds),
            group: match cursor.order {
                Order::Key { .. } => None,
                Order::Status { group, .. } => Some(group),
            },
            after: cursor.after,
        }
    }
}

/// The JSON is not that of a cursor.
struct InvalidCursor;

impl std::fmt::Display for InvalidCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a cursor")
    }
}

impl TryFrom<Encoded> for Cursor {
    type Error = InvalidCursor;
    fn try_from(encoded: Encoded) -> Result<Self, InvalidCursor> {
        let Encoded {
            sort,
            after,
            group,
            as_of,
        } = encoded;
        let sort = sort.parse().map_err(|_| InvalidCursor)?;
        let mut cursor = Self::start(sort, Timestamp::default());
        match (&mut cursor.order, group, as_of) {
            (Order::Key { .. }, None, None) => {}
            (
                Order::Status {
                    group: of, as_of, ..
                },
                Some(group),
                Some(time),
            ) => {
                *of = group;
                *as_of = Timestamp::from_seconds(time);
            }
            _ => return Err(InvalidCursor),
        }
        let is_text = cursor.rows(0).key == Key::Name;
        match &after {
            Some(position) if matches!(position.value, Value::Text(_)) != is_text => {
                Err(InvalidCursor)
            }
            _ => Ok(Self { after, ..cursor }),
        }
    }
}
