//! The SQL of a registry.
//!
//! Each method is one statement, or two for a page, and nothing here awaits, so the statements of one call to the
//! registry are one transaction. Methods return rows and versions; the sibling modules decide what
//! they mean.

mod accounts;

pub(super) use accounts::{NewAuditEntry, StoredAccount};

use super::schema;
use patrol::{
    http::{
        api::{TokenRecord, TokenStatus},
        idempotency::IdempotencyKey,
    },
    ids::{OrganizationId, TokenId, UserId},
    issue::rules::TokenName,
    jose::{keys::KeyId, status_list::LIST_SIZE},
    listing::{self, Key, Position, Row, Rows},
    quota::QuotaPolicy,
    time::{Timestamp, numeric},
};
use serde::{Deserialize, de::DeserializeOwned};
use std::net::IpAddr;
use worker::{Error, Result, SqlStorage, SqlStorageValue};

/// A registry's database.
#[derive(Debug)]
pub(super) struct Store {
    sql: SqlStorage,
}

/// The columns of a [`StoredToken`].
const COLUMNS: &str = "id, name, organizations, scopes, list, created_at, expires_at, revoked_at, effective_ms, last_used_at, last_used_address, idempotency_key";

#[derive(Deserialize)]
pub(super) struct StoredToken {
    pub(super) id: TokenId,
    name: String,
    organizations: String,
    scopes: Option<String>,
    pub(super) list: u32,
    #[serde(with = "numeric")]
    created_at: Timestamp,
    #[serde(with = "numeric")]
    expires_at: Timestamp,
    revoked_at: Option<u64>,
    /// Since when every edge refuses it, in milliseconds. `None` unless it was revoked.
    pub(super) effective_ms: Option<u64>,
    last_used_at: Option<u64>,
    last_used_address: Option<String>,
    idempotency_key: Option<IdempotencyKey>,
}

/// A token that has passed the rules.
pub(super) struct TokenRow<'a> {
    pub(super) owner: &'a UserId,
    pub(super) id: &'a TokenId,
    pub(super) name: TokenName,
    pub(super) organizations: Vec<OrganizationId>,
    /// `None` if RBAC is off.
    pub(super) scopes: Option<Vec<String>>,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) idempotency_key: Option<&'a IdempotencyKey>,
}

impl StoredToken {
    /// The record that the token's owner sees at this time.
    pub(super) fn into_record(self, now: Timestamp) -> Result<TokenRecord> {
        let revoked_at = self.revoked_at.map(Timestamp::from_seconds);
        Ok(TokenRecord {
            id: self.id,
            name: self.name,
            organizations: serde_json::from_str(&self.organizations)?,
            scopes: self
                .scopes
                .map(|json| serde_json::from_str(&json))
                .transpose()?,
            created_at: self.created_at,
            last_used_at: self.last_used_at.map(Timestamp::from_seconds),
            last_used_address: self.last_used_address,
            expires_at: self.expires_at,
            revoked_at,
            status: TokenStatus::at(now, self.expires_at, revoked_at),
            idempotency_key: self.idempotency_key,
        })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ListRow {
    pub(super) list: u32,
    pub(super) version: u64,
    /// The version that KV has; `None` before the first write.
    pub(super) published_version: Option<u64>,
    /// The key that signed that version.
    pub(super) published_kid: Option<String>,
    /// When it was written.
    #[serde(with = "numeric")]
    pub(super) published_at: Timestamp,
    /// When the last of its tokens expires.
    #[serde(with = "numeric")]
    pub(super) last_expiry: Timestamp,
    /// How many lists are newer. The newest one issues indexes.
    pub(super) newer: u32,
}

/// An index that a list has just issued. Its value is the permutation's at `count`.
#[derive(Deserialize)]
pub(super) struct IssuedIndex {
    pub(super) list: u32,
    permutation_key: String,
    /// How many indexes the list issued before this one.
    pub(super) count: u32,
}

impl IssuedIndex {
    pub(super) fn permutation_key(&self) -> Result<u128> {
        u128::from_str_radix(&self.permutation_key, 16)
            .map_err(|error| Error::RustError(error.to_string()))
    }
}

/// When a token stopped working.
#[derive(Deserialize)]
pub(super) struct TokenEnd {
    #[serde(with = "numeric")]
    pub(super) ends_at: Timestamp,
    #[serde(with = "numeric")]
    pub(super) expires_at: Timestamp,
}

/// A token and its place in the order of a list.
#[derive(Deserialize)]
struct StoredRow {
    value: listing::Value,
    number: u64,
    #[serde(flatten)]
    token: StoredToken,
}

/// How many tokens a user has, in every status.
#[derive(Default, Deserialize)]
pub(super) struct Totals {
    pub(super) tokens: u64,
    pub(super) revoked: u64,
}

#[derive(Deserialize)]
struct NumberRow {
    number: u64,
}

#[derive(Deserialize)]
struct TokenIdRow {
    id: TokenId,
}

#[derive(Deserialize)]
struct IndexRow {
    idx: u32,
}

impl Store {
    /// Opens the database and brings its tables up to date.
    pub(super) fn open(sql: SqlStorage) -> Result<Self> {
        schema::migrate(&sql)?;
        Ok(Self { sql })
    }

    // Tokens.

    pub(super) fn insert_token(
        &self,
        token: &TokenRow<'_>,
        list: u32,
        idx: u32,
    ) -> Result<StoredToken> {
        let organizations = serde_json::to_string(&token.organizations)?;
        let scopes = token
            .scopes
            .as_ref()
            .map(serde_json::to_string)
            .transpose()?;
        self.one(
            &format!(
                "INSERT INTO tokens
                    (id, owner, name, organizations, scopes, list, idx, created_at, expires_at,
                        idempotency_key, name_key)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING {COLUMNS}"
            ),
            vec![
                token.id.as_str().into(),
                token.owner.as_str().into(),
                token.name.as_str().into(),
                organizations.into(),
                scopes.into(),
                i64::from(list).into(),
                i64::from(idx).into(),
                seconds(token.created_at)?,
                seconds(token.expires_at)?,
                token.idempotency_key.map(IdempotencyKey::as_str).into(),
                listing::natural_key(token.name.as_str()).into(),
            ],
        )
    }

    /// The id of the token that a request with this key has created.
    pub(super) fn token_by_key(
        &self,
        owner: &UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<TokenId>> {
        let found: Option<TokenIdRow> = self.first(
            "SELECT id FROM tokens WHERE owner = ? AND idempotency_key = ?",
            vec![owner.as_str().into(), key.as_str().into()],
        )?;
        Ok(found.map(|row| row.id))
    }

    /// Rows of a user's tokens, in order.
    pub(super) fn rows(&self, owner: &UserId, rows: &Rows, now: Timestamp) -> Result<Vec<Row>> {
        let key = match rows.key {
            Key::Name => "name_key",
            Key::Scopes => "scope_count",
            Key::Created => "created_at",
            Key::LastUsed => "last_use",
            Key::Expires => "expires_at",
        };
        let (behind, order) = if rows.descending {
            ("<", "DESC")
        } else {
            (">", "ASC")
        };
        let owner = || SqlStorageValue::from(owner.as_str());
        let limit = |count: usize| SqlStorageValue::from(i64::try_from(count).unwrap_or(i64::MAX));
        let found: Vec<StoredRow> = match &rows.after {
            None => self.all(
                &format!(
                    "SELECT {COLUMNS}, {key} AS value, rowid AS number FROM tokens WHERE owner = ?
                     ORDER BY {key} {order}, rowid {order} LIMIT ?"
                ),
                vec![owner(), limit(rows.limit)],
            )?,
            Some(Position { value, row }) => {
                let value = || match value {
                    listing::Value::Number(number) => integer(*number),
                    listing::Value::Text(text) => Ok(text.as_str().into()),
                };
                // A comparison of both at once would read all rows with the same value.
                let mut found: Vec<StoredRow> = self.all(
                    &format!(
                        "SELECT {COLUMNS}, {key} AS value, rowid AS number FROM tokens
                         WHERE owner = ? AND {key} = ? AND rowid {behind} ?
                         ORDER BY rowid {order} LIMIT ?"
                    ),
                    vec![owner(), value()?, integer(*row)?, limit(rows.limit)],
                )?;
                let missing = rows.limit.saturating_sub(found.len());
                found.extend(self.all::<StoredRow>(
                    &format!(
                        "SELECT {COLUMNS}, {key} AS value, rowid AS number FROM tokens
                         WHERE owner = ? AND {key} {behind} ?
                         ORDER BY {key} {order}, rowid {order} LIMIT ?"
                    ),
                    vec![owner(), value()?, limit(missing)],
                )?);
                found
            }
        };
        let row = |stored: StoredRow| {
            let record = stored.token.into_record(now)?;
            let position = Position {
                value: stored.value,
                row: stored.number,
            };
            Ok(Row { position, record })
        };
        found.into_iter().map(row).collect()
    }

    /// How many tokens a user has.
    pub(super) fn totals(&self, owner: &UserId) -> Result<Totals> {
        let found = self.first(
            "SELECT tokens, revoked FROM totals WHERE owner = ?",
            vec![owner.as_str().into()],
        )?;
        Ok(found.unwrap_or_default())
    }

    /// The user's tokens that have not expired, including revoked ones.
    pub(super) fn unexpired_tokens(
        &self,
        owner: &UserId,
        now: Timestamp,
    ) -> Result<Vec<StoredToken>> {
        self.all(
            &format!("SELECT {COLUMNS} FROM tokens WHERE owner = ? AND expires_at > ?"),
            vec![owner.as_str().into(), seconds(now)?],
        )
    }

    pub(super) fn token(&self, owner: &UserId, id: &TokenId) -> Result<Option<StoredToken>> {
        self.first(
            &format!("SELECT {COLUMNS} FROM tokens WHERE id = ? AND owner = ?"),
            vec![id.as_str().into(), owner.as_str().into()],
        )
    }

    /// How many tokens of a user are neither revoked nor expired.
    pub(super) fn count_active_tokens(&self, owner: &UserId, now: Timestamp) -> Result<u64> {
        let count: NumberRow = self.one(
            "SELECT count(*) AS number FROM tokens
             WHERE owner = ? AND revoked_at IS NULL AND expires_at > ?",
            vec![owner.as_str().into(), seconds(now)?],
        )?;
        Ok(count.number)
    }

    /// Marks a token as revoked by this version of its list.
    pub(super) fn set_revoked(
        &self,
        id: &TokenId,
        at: Timestamp,
        version: u64,
        effective_ms: u64,
    ) -> Result<StoredToken> {
        self.one(
            &format!(
                "UPDATE tokens SET revoked_at = ?, changed = ?, effective_ms = ? WHERE id = ?
                 RETURNING {COLUMNS}"
            ),
            vec![
                seconds(at)?,
                integer(version)?,
                integer(effective_ms)?,
                id.as_str().into(),
            ],
        )
    }

    /// Records a use of the token at this index, unless a later one is recorded.
    pub(super) fn set_last_used(
        &self,
        list: u32,
        idx: u32,
        at: Timestamp,
        address: Option<IpAddr>,
    ) -> Result<()> {
        let at = seconds(at)?;
        self.run(
            "UPDATE tokens SET last_used_at = ?, last_used_address = ?
             WHERE list = ? AND idx = ? AND coalesce(last_used_at, -1) < ?",
            vec![
                at.clone(),
                address.map(|address| address.to_string()).into(),
                i64::from(list).into(),
                i64::from(idx).into(),
                at,
            ],
        )
    }

    /// Records a use of a token that works, once a minute.
    pub(super) fn set_used_now(
        &self,
        owner: &UserId,
        id: &TokenId,
        now: Timestamp,
        address: Option<IpAddr>,
    ) -> Result<()> {
        let now = seconds(now)?;
        self.run(
            "UPDATE tokens SET last_used_at = ?, last_used_address = ?
             WHERE id = ? AND owner = ? AND revoked_at IS NULL AND expires_at > ?
                AND coalesce(last_used_at, -60) / 60 < ? / 60",
            vec![
                now.clone(),
                address.map(|address| address.to_string()).into(),
                id.as_str().into(),
                owner.as_str().into(),
                now.clone(),
                now,
            ],
        )
    }

    /// The token that stopped working first.
    pub(super) fn first_end(&self) -> Result<Option<TokenEnd>> {
        self.first(
            "SELECT ends_at, expires_at FROM tokens WHERE ends_at > 0 ORDER BY ends_at LIMIT 1",
            vec![],
        )
    }

    /// Deletes up to `limit` tokens that stopped working by `ended_by` and expired by `expired_by`.
    /// Their indexes are not issued again, because a list counts the indexes that it has issued.
    pub(super) fn delete_tokens(
        &self,
        ended_by: Timestamp,
        expired_by: Timestamp,
        limit: u64,
    ) -> Result<()> {
        self.run(
            "DELETE FROM tokens WHERE id IN (SELECT id FROM tokens
                WHERE ends_at <= ? AND expires_at <= ? ORDER BY ends_at LIMIT ?)",
            vec![seconds(ended_by)?, seconds(expired_by)?, integer(limit)?],
        )
    }

    // Status lists.

    /// Issues the next index of the newest list, for a token that expires at this time. `None` if
    /// that list is full, or there is none.
    pub(super) fn issue_index(&self, expires_at: Timestamp) -> Result<Option<IssuedIndex>> {
        self.first(
            "UPDATE lists SET issued = issued + 1, last_expiry = max(last_expiry, ?)
             WHERE list = (SELECT max(list) FROM lists) AND issued < ?
             RETURNING list, permutation_key, issued - 1 AS count",
            vec![seconds(expires_at)?, i64::from(LIST_SIZE).into()],
        )
    }

    /// Adds a list, and issues its first index.
    pub(super) fn insert_list(
        &self,
        permutation_key: u128,
        expires_at: Timestamp,
    ) -> Result<IssuedIndex> {
        self.one(
            "INSERT INTO lists (list, permutation_key, issued, version, last_expiry)
             SELECT coalesce(max(list) + 1, 0), ?, 1, 0, ? FROM lists
             RETURNING list, permutation_key, issued - 1 AS count",
            vec![
                format!("{permutation_key:032x}").into(),
                seconds(expires_at)?,
            ],
        )
    }

    /// All lists that have not been retired.
    pub(super) fn lists(&self) -> Result<Vec<ListRow>> {
        self.all(
            "SELECT list, version, published_version, published_kid, published_at, last_expiry,
                (SELECT count(*) FROM lists AS other WHERE other.list > lists.list) AS newer
             FROM lists WHERE retired_at IS NULL ORDER BY list",
            vec![],
        )
    }

    /// A list's version; `None` if it does not exist or has been retired.
    pub(super) fn version(&self, list: u32) -> Result<Option<u64>> {
        let found: Option<NumberRow> = self.first(
            "SELECT version AS number FROM lists WHERE list = ? AND retired_at IS NULL",
            vec![i64::from(list).into()],
        )?;
        Ok(found.map(|row| row.number))
    }

    /// Returns the new version. Works for a retired list, because its tokens can still be revoked.
    pub(super) fn increment_version(&self, list: u32) -> Result<u64> {
        let next: NumberRow = self.one(
            "UPDATE lists SET version = version + 1 WHERE list = ? RETURNING version AS number",
            vec![i64::from(list).into()],
        )?;
        Ok(next.number)
    }

    /// The indexes of up to `limit` tokens that were revoked after a version.
    pub(super) fn revoked_after(&self, list: u32, version: u64, limit: u64) -> Result<Vec<u32>> {
        let rows: Vec<IndexRow> = self.all(
            "SELECT idx FROM tokens WHERE list = ? AND changed > ? LIMIT ?",
            vec![i64::from(list).into(), integer(version)?, integer(limit)?],
        )?;
        Ok(rows.into_iter().map(|row| row.idx).collect())
    }

    /// The indexes of all revoked tokens.
    pub(super) fn revoked(&self, list: u32) -> Result<Vec<u32>> {
        let rows: Vec<IndexRow> = self.all(
            "SELECT idx FROM tokens WHERE list = ? AND changed IS NOT NULL",
            vec![i64::from(list).into()],
        )?;
        Ok(rows.into_iter().map(|row| row.idx).collect())
    }

    /// Records what was written to KV.
    pub(super) fn set_published(
        &self,
        list: u32,
        version: u64,
        kid: &KeyId,
        at: Timestamp,
    ) -> Result<()> {
        self.run(
            "UPDATE lists SET published_version = ?, published_kid = ?, published_at = ?
             WHERE list = ?",
            vec![
                integer(version)?,
                kid.as_str().into(),
                seconds(at)?,
                i64::from(list).into(),
            ],
        )
    }

    pub(super) fn retire_list(&self, list: u32, at: Timestamp) -> Result<()> {
        self.run(
            "UPDATE lists SET retired_at = ? WHERE list = ?",
            vec![seconds(at)?, i64::from(list).into()],
        )
    }

    // Leases.

    /// The longest lease that an edge may hold, in milliseconds.
    pub(super) fn longest_lease(&self) -> Result<u64> {
        let row: NumberRow = self.one("SELECT longest_lease AS number FROM registry", vec![])?;
        Ok(row.number)
    }

    pub(super) fn set_longest_lease(&self, length: u64) -> Result<()> {
        self.run(
            "UPDATE registry SET longest_lease = ?",
            vec![integer(length)?],
        )
    }

    // Quotas.

    /// When a user's bucket will be full again, in milliseconds. `None` if it is full.
    pub(super) fn bucket(&self, owner: &UserId, policy: QuotaPolicy) -> Result<Option<u64>> {
        let found: Option<NumberRow> = self.first(
            "SELECT full_at AS number FROM buckets WHERE owner = ? AND policy = ?",
            vec![owner.as_str().into(), policy.name().into()],
        )?;
        Ok(found.map(|row| row.number))
    }

    pub(super) fn set_bucket(
        &self,
        owner: &UserId,
        policy: QuotaPolicy,
        full_at: u64,
    ) -> Result<()> {
        self.run(
            "INSERT INTO buckets (owner, policy, full_at) VALUES (?, ?, ?)
             ON CONFLICT DO UPDATE SET full_at = excluded.full_at",
            vec![
                owner.as_str().into(),
                policy.name().into(),
                integer(full_at)?,
            ],
        )
    }

    pub(super) fn delete_full_buckets(&self, now: Timestamp) -> Result<()> {
        self.run(
            "DELETE FROM buckets WHERE full_at <= ?",
            vec![integer(now.seconds() * 1_000)?],
        )
    }

    fn run(&self, statement: &str, values: Vec<SqlStorageValue>) -> Result<()> {
        self.sql.exec(statement, values).map(|_| ())
    }

    fn all<T: DeserializeOwned>(
        &self,
        statement: &str,
        values: Vec<SqlStorageValue>,
    ) -> Result<Vec<T>> {
        self.sql.exec(statement, values)?.to_array()
    }

    /// The first row. The cursor has a method for that, but it throws through Wasm frames.
    fn first<T: DeserializeOwned>(
        &self,
        statement: &str,
        values: Vec<SqlStorageValue>,
    ) -> Result<Option<T>> {
        Ok(self.all(statement, values)?.into_iter().next())
    }

    /// The row of a statement that always returns one.
    fn one<T: DeserializeOwned>(&self, statement: &str, values: Vec<SqlStorageValue>) -> Result<T> {
        self.first(statement, values)?
            .ok_or_else(|| Error::RustError("a row is missing".to_owned()))
    }
}

fn seconds(time: Timestamp) -> Result<SqlStorageValue> {
    integer(time.seconds())
}

fn integer(value: u64) -> Result<SqlStorageValue> {
    let value = i64::try_from(value).map_err(|error| Error::RustError(error.to_string()))?;
    SqlStorageValue::try_from_i64(value)
}
