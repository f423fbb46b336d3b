//! The statements of a registry.
//!
//! Nothing here awaits, so the statements of one function are one transaction. Rules are
//! core's: this module counts and writes down.

use super::schema;
use patrol::{
    api::{TokenRecord, TokenStatus},
    identity::{TokenId, UserId},
    registry::{Create, Reply},
    rules,
    status_list::{Places, Snapshot, Status, StatusList, StatusListId},
    time::{Timestamp, numeric},
    token::StatusReference,
};
use serde::{Deserialize, de::DeserializeOwned};
use worker::{Error, Result, SqlStorage, SqlStorageValue as Value};

/// A registry's database.
#[derive(Debug)]
pub(super) struct Store {
    sql: SqlStorage,
}

/// The columns that a [`TokenRecord`] is made of.
const RECORD: &str =
    "id, name, organizations, scopes, created_at, expires_at, revoked_at, last_used_at";

#[derive(Deserialize)]
struct Row {
    id: TokenId,
    name: String,
    organizations: String,
    scopes: Option<String>,
    #[serde(with = "numeric")]
    created_at: Timestamp,
    #[serde(with = "numeric")]
    expires_at: Timestamp,
    revoked_at: Option<u64>,
    last_used_at: Option<u64>,
}

impl Row {
    fn into_record(self, now: Timestamp) -> Result<TokenRecord> {
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
            expires_at: self.expires_at,
            revoked_at,
            status: TokenStatus::at(now, self.expires_at, revoked_at),
        })
    }
}

#[derive(Deserialize)]
struct Number {
    number: u64,
}

#[derive(Deserialize)]
struct ListRow {
    list: u32,
    order_key: String,
    given: u32,
}

#[derive(Deserialize)]
struct Unpublished {
    list: u32,
    version: u64,
}

#[derive(Deserialize)]
struct Revoked {
    idx: u32,
}

impl Store {
    /// Opens the database and brings its tables up to date.
    pub(super) fn open(sql: SqlStorage) -> Result<Self> {
        schema::migrate(&sql)?;
        Ok(Self { sql })
    }

    /// Keeps the registry's number for the alarm, which has no caller to tell it.
    pub(super) fn remember_number(&self, number: u16) -> Result<()> {
        match self.number()? {
            None => self.run(
                "INSERT INTO registry VALUES (?)",
                vec![i32::from(number).into()],
            ),
            Some(known) if known == number => Ok(()),
            Some(_) => Err(Error::RustError("another registry was meant".to_owned())),
        }
    }

    pub(super) fn number(&self) -> Result<Option<u16>> {
        let found: Option<Number> = self.first("SELECT number FROM registry", vec![])?;
        Ok(found.and_then(|row| row.number.try_into().ok()))
    }

    /// Makes a token, unless its owner has as many active ones as there may be.
    pub(super) fn create(&self, registry: u16, create: &Create) -> Result<Reply> {
        let owner = Value::from(create.owner.as_str());
        let active: Option<Number> = self.first(
            "SELECT count(*) AS number FROM tokens WHERE owner = ? AND revoked_at IS NULL AND expires_at > ?",
            vec![owner.clone(), seconds(create.created_at)?],
        )?;
        let active = active.map_or(usize::MAX, |row| {
            row.number.try_into().unwrap_or(usize::MAX)
        });
        if !rules::may_create(active) {
            return Ok(Reply::LimitReached);
        }
        let (list, idx) = self.next_place()?;
        let organizations = serde_json::to_string(&create.organizations)?;
        let scopes = create
            .scopes
            .as_ref()
            .map(serde_json::to_string)
            .transpose()?;
        self.run(
            "INSERT INTO tokens (id, owner, name, organizations, scopes, list, idx, created_at, expires_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            vec![
                create.id.as_str().into(),
                owner,
                create.name.as_str().into(),
                organizations.into(),
                scopes.into(),
                i64::from(list).into(),
                i64::from(idx).into(),
                seconds(create.created_at)?,
                seconds(create.expires_at)?,
            ],
        )?;
        let record = self
            .read(&create.owner, &create.id, create.created_at)?
            .ok_or_else(|| Error::RustError("the new token is not there".to_owned()))?;
        let status = StatusReference {
            list: StatusListId { registry, list },
            idx,
        };
        Ok(Reply::Created { record, status })
    }

    /// The next free place: in the newest list, or in a new one when that is full.
    fn next_place(&self) -> Result<(u32, u32)> {
        let newest: Option<ListRow> = self.first(
            "SELECT list, order_key, given FROM lists ORDER BY list DESC LIMIT 1",
            vec![],
        )?;
        if let Some(ListRow {
            list,
            order_key,
            given,
        }) = &newest
        {
            let key = u128::from_str_radix(order_key, 16)
                .map_err(|error| Error::RustError(error.to_string()))?;
            if let Some(idx) = Places::new(key).nth(*given) {
                self.run(
                    "UPDATE lists SET given = given + 1 WHERE list = ?",
                    vec![i64::from(*list).into()],
                )?;
                return Ok((*list, idx));
            }
        }
        let list = newest.map_or(0, |row| row.list + 1);
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| Error::RustError(error.to_string()))?;
        let key = u128::from_be_bytes(random);
        self.run(
            "INSERT INTO lists (list, order_key, given, version) VALUES (?, ?, 1, 0)",
            vec![i64::from(list).into(), format!("{key:032x}").into()],
        )?;
        let idx = Places::new(key).nth(0);
        idx.map(|idx| (list, idx))
            .ok_or_else(|| Error::RustError("a new list is full".to_owned()))
    }

    /// All tokens of a user, newest first.
    pub(super) fn list(&self, owner: &UserId, now: Timestamp) -> Result<Vec<TokenRecord>> {
        let rows: Vec<Row> = self.all(
            &format!(
                "SELECT {RECORD} FROM tokens WHERE owner = ? ORDER BY created_at DESC, rowid DESC"
            ),
            vec![owner.as_str().into()],
        )?;
        rows.into_iter().map(|row| row.into_record(now)).collect()
    }

    /// One token of a user.
    pub(super) fn read(
        &self,
        owner: &UserId,
        id: &TokenId,
        now: Timestamp,
    ) -> Result<Option<TokenRecord>> {
        let row: Option<Row> = self.first(
            &format!("SELECT {RECORD} FROM tokens WHERE id = ? AND owner = ?"),
            vec![id.as_str().into(), owner.as_str().into()],
        )?;
        row.map(|row| row.into_record(now)).transpose()
    }

    /// Ends a token, once: a second time changes nothing.
    pub(super) fn revoke(
        &self,
        owner: &UserId,
        id: &TokenId,
        now: Timestamp,
    ) -> Result<Option<TokenRecord>> {
        let Some(record) = self.read(owner, id, now)? else {
            return Ok(None);
        };
        if record.revoked_at.is_some() {
            return Ok(Some(record));
        }
        self.run(
            "UPDATE lists SET version = version + 1 WHERE list = (SELECT list FROM tokens WHERE id = ?)",
            vec![id.as_str().into()],
        )?;
        self.run(
            "UPDATE tokens SET revoked_at = ?,
                changed = (SELECT version FROM lists WHERE lists.list = tokens.list)
             WHERE id = ?",
            vec![seconds(now)?, id.as_str().into()],
        )?;
        self.read(owner, id, now)
    }

    /// The status of a place; None where no token is.
    pub(super) fn status(&self, list: u32, idx: u32) -> Result<Option<Status>> {
        let found: Option<Number> = self.first(
            "SELECT revoked_at IS NOT NULL AS number FROM tokens WHERE list = ? AND idx = ?",
            vec![i64::from(list).into(), i64::from(idx).into()],
        )?;
        Ok(found.map(|row| {
            if row.number == 0 {
                Status::Valid
            } else {
                Status::Invalid
            }
        }))
    }

    pub(super) fn has_list(&self, list: u32) -> Result<bool> {
        let found: Option<Number> = self.first(
            "SELECT 1 AS number FROM lists WHERE list = ?",
            vec![i64::from(list).into()],
        )?;
        Ok(found.is_some())
    }

    /// The list as it is now; one that is not there is version 0 of an empty one.
    pub(super) fn snapshot(&self, list: u32) -> Result<Snapshot> {
        let list_number = Value::from(i64::from(list));
        let version: Option<Number> = self.first(
            "SELECT version AS number FROM lists WHERE list = ?",
            vec![list_number.clone()],
        )?;
        let revoked: Vec<Revoked> = self.all(
            "SELECT idx FROM tokens WHERE list = ? AND changed IS NOT NULL",
            vec![list_number],
        )?;
        let mut list = StatusList::ours();
        for Revoked { idx } in revoked {
            list.set(idx, Status::Invalid);
        }
        Ok(Snapshot {
            list,
            version: version.map_or(0, |row| row.number),
        })
    }

    /// Lists that KV does not have as they are now, with their versions.
    pub(super) fn unpublished(&self) -> Result<Vec<(u32, u64)>> {
        let rows: Vec<Unpublished> = self.all(
            "SELECT list, version FROM lists WHERE published IS NULL OR published < version",
            vec![],
        )?;
        Ok(rows
            .into_iter()
            .map(|row| (row.list, row.version))
            .collect())
    }

    pub(super) fn has_unpublished(&self) -> Result<bool> {
        self.unpublished().map(|lists| !lists.is_empty())
    }

    pub(super) fn mark_published(&self, list: u32, version: u64) -> Result<()> {
        let version =
            i64::try_from(version).map_err(|error| Error::RustError(error.to_string()))?;
        self.run(
            "UPDATE lists SET published = ? WHERE list = ?",
            vec![Value::try_from_i64(version)?, i64::from(list).into()],
        )
    }

    fn run(&self, statement: &str, values: Vec<Value>) -> Result<()> {
        self.sql.exec(statement, values).map(|_| ())
    }

    fn all<T: DeserializeOwned>(&self, statement: &str, values: Vec<Value>) -> Result<Vec<T>> {
        self.sql.exec(statement, values)?.to_array()
    }

    /// The first row. Not `one()` of the cursor: it throws through Wasm frames.
    fn first<T: DeserializeOwned>(&self, statement: &str, values: Vec<Value>) -> Result<Option<T>> {
        Ok(self.all(statement, values)?.into_iter().next())
    }
}

fn seconds(time: Timestamp) -> Result<Value> {
    let seconds =
        i64::try_from(time.seconds()).map_err(|error| Error::RustError(error.to_string()))?;
    Value::try_from_i64(seconds)
}
