//! The statements of a registry.
//!
//! Nothing here awaits, so the statements of one function are one transaction. Rules are
//! core's: this module counts and writes down.

use super::schema;
use patrol::{
    http::api::{RevokeTarget, TokenRecord, TokenStatus},
    ids::{TokenId, UserId},
    issue::{
        index_permutation::IndexPermutation,
        rules::{self, Limit},
    },
    jose::{
        keys::{KeyId, KeySet},
        status_list::{Snapshot, Status, StatusList, StatusListId, StatusReference},
    },
    quota::{Quota, QuotaExceeded, QuotaPolicy},
    registry::{Create, Created, ListContent, MAX_CHANGES, Revoked, Usage},
    revocation::lease::Grantor,
    time::{DAY, Instant, Timestamp, numeric},
};
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use worker::{Error, Result, SqlStorage, SqlStorageValue as Value};

/// How many tokens are forgotten in one go, so that it does not hold up calls.
const FORGOTTEN_AT_ONCE: u64 = 1_000;

/// A registry's database.
#[derive(Debug)]
pub(super) struct Store {
    sql: SqlStorage,
}

/// The columns that a [`TokenRecord`] is made of.
const RECORD: &str = "id, name, organizations, scopes, created_at, expires_at, revoked_at, last_used_at, last_used_address";

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
    last_used_address: Option<String>,
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
            last_used_address: self.last_used_address,
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
struct Place {
    idx: u32,
}

#[derive(Deserialize)]
struct Count {
    count: usize,
}

/// What a revocation has to know of a token.
#[derive(Deserialize)]
struct Mark {
    id: TokenId,
    list: u32,
    /// None: it has not been ended yet.
    effective_ms: Option<u64>,
}

#[derive(Deserialize)]
struct End {
    #[serde(with = "numeric")]
    ends_at: Timestamp,
    #[serde(with = "numeric")]
    expires_at: Timestamp,
}

/// When a token that was ended is refused everywhere.
#[derive(Clone, Copy, Default)]
struct Effect {
    /// Since when, as its owner is told: in milliseconds since 1970, and the same each time.
    since_ms: u64,
    /// Until when the call has to wait.
    clear: Instant,
}

impl Effect {
    /// When both are.
    fn and(self, other: Self) -> Self {
        Self {
            since_ms: self.since_ms.max(other.since_ms),
            clear: self.clear.max(other.clear),
        }
    }
}

/// What the alarm has to know of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Published {
    pub(super) list: u32,
    pub(super) version: u64,
    /// The version that KV has.
    #[serde(rename = "published")]
    pub(super) in_kv: Option<u64>,
    /// The key that signed that.
    #[serde(rename = "published_kid")]
    in_kv_by: Option<String>,
    #[serde(rename = "published_at", with = "numeric")]
    pub(super) in_kv_since: Timestamp,
    /// When the last of its tokens expires.
    #[serde(with = "numeric")]
    pub(super) last_expiry: Timestamp,
    /// 0: it is the newest, and may get more tokens.
    newer: u32,
}

impl Published {
    /// Has KV an older version or none, or one that nobody can verify any more?
    pub(super) fn is_behind(&self, keys: &KeySet) -> bool {
        let kid = self.in_kv_by.as_deref();
        self.in_kv.is_none_or(|version| version < self.version)
            || kid.and_then(|kid| keys.find(kid)).is_none()
    }

    /// Has somebody a token of it that is not expired?
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        now < self.last_expiry
    }

    /// When nobody needs the list any more: it gets no more tokens, and the last has expired.
    pub(super) fn retires_at(&self) -> Option<Timestamp> {
        (self.newer > 0).then_some(self.last_expiry)
    }
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
                "INSERT INTO registry (number) VALUES (?)",
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

    /// Counts an act of a user. The inner error: there were too many.
    pub(super) fn take(
        &self,
        owner: &UserId,
        policy: QuotaPolicy,
        quota: Quota,
        now: Timestamp,
    ) -> Result<std::result::Result<(), QuotaExceeded>> {
        let bucket = || vec![Value::from(owner.as_str()), policy.name().into()];
        let kept: Option<Number> = self.first(
            "SELECT full_at AS number FROM buckets WHERE owner = ? AND policy = ?",
            bucket(),
        )?;
        let full_at = match quota.take(policy, kept.map_or(0, |row| row.number), now) {
            Ok(full_at) => full_at,
            Err(exceeded) => return Ok(Err(exceeded)),
        };
        let mut values = bucket();
        values.push(integer(full_at)?);
        self.run(
            "INSERT INTO buckets (owner, policy, full_at) VALUES (?, ?, ?)
             ON CONFLICT DO UPDATE SET full_at = excluded.full_at",
            values,
        )?;
        Ok(Ok(()))
    }

    /// Makes a token, unless its owner has as many as there may be. A refused call counts too.
    pub(super) fn create(
        &self,
        registry: u16,
        create: &Create,
        quota: Quota,
    ) -> Result<std::result::Result<Created, Limit>> {
        let now = create.created_at;
        if let Err(exceeded) = self.take(&create.owner, QuotaPolicy::Creation, quota, now)? {
            return Ok(Err(Limit::Rate(exceeded)));
        }
        let owner = Value::from(create.owner.as_str());
        let active: Count = self.only(
            "SELECT count(*) AS count FROM tokens
             WHERE owner = ? AND revoked_at IS NULL AND expires_at > ?",
            vec![owner.clone(), seconds(now)?],
        )?;
        if !rules::has_room(active.count, rules::MAX_ACTIVE_TOKENS) {
            return Ok(Err(Limit::Active));
        }
        let (list, idx) = self.next_place(create.expires_at)?;
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
        Ok(Ok(Created { record, status }))
    }

    /// The next free place, for a token that expires then: in the newest list, or in a new one
    /// when that is full.
    fn next_place(&self, expires_at: Timestamp) -> Result<(u32, u32)> {
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
            if let Some(idx) = IndexPermutation::new(key).nth(*given) {
                self.run(
                    "UPDATE lists SET given = given + 1, last_expiry = max(last_expiry, ?) WHERE list = ?",
                    vec![seconds(expires_at)?, i64::from(*list).into()],
                )?;
                return Ok((*list, idx));
            }
        }
        let list = newest.map_or(0, |row| row.list + 1);
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| Error::RustError(error.to_string()))?;
        let key = u128::from_be_bytes(random);
        self.run(
            "INSERT INTO lists (list, order_key, given, version, last_expiry) VALUES (?, ?, 1, 0, ?)",
            vec![
                i64::from(list).into(),
                format!("{key:032x}").into(),
                seconds(expires_at)?,
            ],
        )?;
        let idx = IndexPermutation::new(key).nth(0);
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

    /// Ends tokens, each once: a second time changes nothing. Gives until when to wait, too: also
    /// for those that had ended before, as their call may have been cut off while it waited.
    pub(super) fn revoke(
        &self,
        owner: &UserId,
        which: RevokeTarget,
        now: Instant,
        grantor: &Grantor,
    ) -> Result<(Revoked, Instant)> {
        let time = Timestamp::from_millis(now.millis());
        let every = which == RevokeTarget::Active;
        // All is read before anything is written, so that a call does the whole or nothing.
        let (marks, unknown) = match which {
            RevokeTarget::Ids(ids) => self.marks(owner, ids)?,
            RevokeTarget::Active => (self.unexpired(owner, time)?, Vec::new()),
        };
        let mut versions = BTreeMap::new();
        let mut records = Vec::new();
        let mut effect = Effect::default();
        for mark in marks {
            effect = effect.and(self.end(&mark, now, grantor, &mut versions)?);
            // Who wants all active ones to end is not told of those that had ended before.
            if !every || mark.effective_ms.is_none() {
                records.extend(self.read(owner, &mark.id, time)?);
            }
        }
        if records.is_empty() {
            effect.since_ms = effect.since_ms.max(now.millis());
        }
        let revoked = Revoked {
            records,
            unknown,
            effective_ms: effect.since_ms,
            waited_ms: 0,
        };
        Ok((revoked, effect.clear))
    }

    /// Ends one token, if that has not happened before. A list has one new version in `versions`,
    /// however many of its tokens end.
    fn end(
        &self,
        mark: &Mark,
        now: Instant,
        grantor: &Grantor,
        versions: &mut BTreeMap<u32, u64>,
    ) -> Result<Effect> {
        if let Some(since_ms) = mark.effective_ms {
            let clear = grantor.clear_since(mark.list, Instant::from_millis(since_ms));
            return Ok(Effect { since_ms, clear });
        }
        let version = match versions.get(&mark.list) {
            Some(version) => *version,
            None => *versions
                .entry(mark.list)
                .or_insert(self.next_version(mark.list)?),
        };
        let clear = grantor.clear_at(mark.list);
        let since_ms = clear.max(now).millis();
        self.run(
            "UPDATE tokens SET revoked_at = ?, changed = ?, effective_ms = ? WHERE id = ?",
            vec![
                seconds(Timestamp::from_millis(now.millis()))?,
                integer(version)?,
                integer(since_ms)?,
                mark.id.as_str().into(),
            ],
        )?;
        Ok(Effect { since_ms, clear })
    }

    /// Those of the ids that name tokens of the user, and the others.
    fn marks(&self, owner: &UserId, ids: Vec<TokenId>) -> Result<(Vec<Mark>, Vec<TokenId>)> {
        let (mut marks, mut unknown) = (Vec::new(), Vec::new());
        for id in ids {
            let mark: Option<Mark> = self.first(
                "SELECT id, list, effective_ms FROM tokens WHERE id = ? AND owner = ?",
                vec![id.as_str().into(), owner.as_str().into()],
            )?;
            match mark {
                Some(mark) => marks.push(mark),
                None => unknown.push(id),
            }
        }
        Ok((marks, unknown))
    }

    /// The tokens of a user that work, or would if they had not been ended.
    fn unexpired(&self, owner: &UserId, now: Timestamp) -> Result<Vec<Mark>> {
        self.all(
            "SELECT id, list, effective_ms FROM tokens WHERE owner = ? AND expires_at > ?",
            vec![owner.as_str().into(), seconds(now)?],
        )
    }

    /// Counts a change of a list: of a retired one too, whose tokens can still be ended.
    fn next_version(&self, list: u32) -> Result<u64> {
        let next: Number = self.only(
            "UPDATE lists SET version = version + 1 WHERE list = ? RETURNING version AS number",
            vec![i64::from(list).into()],
        )?;
        Ok(next.number)
    }

    /// The version of a list; None: there is none of that number, or it is retired.
    pub(super) fn version(&self, list: u32) -> Result<Option<u64>> {
        let found: Option<Number> = self.first(
            "SELECT version AS number FROM lists WHERE list = ? AND retired_at IS NULL",
            vec![i64::from(list).into()],
        )?;
        Ok(found.map(|row| row.number))
    }

    /// What somebody lacks of a list who knows the version `since` of it.
    pub(super) fn content(
        &self,
        list: u32,
        version: u64,
        since: Option<u64>,
    ) -> Result<ListContent> {
        match since {
            Some(since) if since == version => Ok(ListContent::Changes {
                since,
                changes: Vec::new(),
            }),
            // A version that is not ours yet: the storage is older than what was told of it.
            Some(since) if since < version => {
                let limit = i64::try_from(MAX_CHANGES).unwrap_or_default() + 1;
                let rows: Vec<Place> = self.all(
                    "SELECT idx FROM tokens WHERE list = ? AND changed > ? LIMIT ?",
                    vec![
                        i64::from(list).into(),
                        integer(since)?,
                        Value::try_from_i64(limit)?,
                    ],
                )?;
                if rows.len() > MAX_CHANGES {
                    return Ok(ListContent::Whole(self.bits(list)?.encode()));
                }
                let changes = rows.into_iter().map(|row| (row.idx, Status::Invalid));
                Ok(ListContent::Changes {
                    since,
                    changes: changes.collect(),
                })
            }
            _ => Ok(ListContent::Whole(self.bits(list)?.encode())),
        }
    }

    /// The list as it is now; None as with [`Self::version`].
    pub(super) fn snapshot(&self, list: u32) -> Result<Option<Snapshot>> {
        let Some(version) = self.version(list)? else {
            return Ok(None);
        };
        let list = self.bits(list)?;
        Ok(Some(Snapshot { list, version }))
    }

    fn bits(&self, list: u32) -> Result<StatusList> {
        let revoked: Vec<Place> = self.all(
            "SELECT idx FROM tokens WHERE list = ? AND changed IS NOT NULL",
            vec![i64::from(list).into()],
        )?;
        let mut bits = StatusList::ours();
        for Place { idx } in revoked {
            bits.set(idx, Status::Invalid);
        }
        Ok(bits)
    }

    /// Writes down who used their tokens. Forward only, and not beyond now: edges have clocks of
    /// their own, and what they tell may come late.
    pub(super) fn note(&self, list: u32, usage: &[Usage], now: Timestamp) -> Result<()> {
        for Usage { idx, at, address } in usage {
            let at = seconds(now.min(*at))?;
            self.run(
                "UPDATE tokens SET last_used_at = ?, last_used_address = ?
                 WHERE list = ? AND idx = ? AND coalesce(last_used_at, -1) < ?",
                vec![
                    at.clone(),
                    address.map(|address| address.to_string()).into(),
                    i64::from(list).into(),
                    i64::from(*idx).into(),
                    at,
                ],
            )?;
        }
        Ok(())
    }

    /// The longest lease that may be out, in milliseconds.
    pub(super) fn longest_lease(&self) -> Result<u64> {
        let found: Option<Number> =
            self.first("SELECT longest_lease AS number FROM registry", vec![])?;
        Ok(found.map_or(0, |row| row.number))
    }

    pub(super) fn set_longest_lease(&self, length: u64) -> Result<()> {
        self.run(
            "UPDATE registry SET longest_lease = ?",
            vec![integer(length)?],
        )
    }

    /// The lists that somebody may still need.
    pub(super) fn lists(&self) -> Result<Vec<Published>> {
        self.all(
            "SELECT list, version, published, published_kid, published_at, last_expiry,
                (SELECT count(*) FROM lists AS other WHERE other.list > lists.list) AS newer
             FROM lists WHERE retired_at IS NULL ORDER BY list",
            vec![],
        )
    }

    /// When the first token is to be forgotten.
    pub(super) fn forgets_at(&self) -> Result<Option<Timestamp>> {
        let first: Option<End> = self.first(
            "SELECT ends_at, expires_at FROM tokens WHERE ends_at > 0 ORDER BY ends_at LIMIT 1",
            vec![],
        )?;
        Ok(first.map(|token| {
            let remembered = token.ends_at.plus(rules::REMEMBERED_DAYS * DAY);
            remembered.max(token.expires_at)
        }))
    }

    /// Forgets tokens that ended long ago, and full buckets. A place in a list is not given out
    /// again: places come from a counter. What has not expired stays, as the lists are computed
    /// from these rows.
    pub(super) fn forget(&self, now: Timestamp) -> Result<()> {
        self.run(
            "DELETE FROM tokens WHERE id IN (SELECT id FROM tokens
                WHERE ends_at <= ? AND expires_at <= ? ORDER BY ends_at LIMIT ?)",
            vec![
                seconds(rules::forgotten_before(now))?,
                seconds(now)?,
                integer(FORGOTTEN_AT_ONCE)?,
            ],
        )?;
        self.run(
            "DELETE FROM buckets WHERE full_at <= ?",
            vec![integer(now.seconds() * 1_000)?],
        )
    }

    /// KV got a version of a list then, signed by that key.
    pub(super) fn mark_published(
        &self,
        list: u32,
        version: u64,
        kid: &KeyId,
        at: Timestamp,
    ) -> Result<()> {
        self.run(
            "UPDATE lists SET published = ?, published_kid = ?, published_at = ? WHERE list = ?",
            vec![
                integer(version)?,
                kid.as_str().into(),
                seconds(at)?,
                i64::from(list).into(),
            ],
        )
    }

    pub(super) fn retire(&self, list: u32, now: Timestamp) -> Result<()> {
        self.run(
            "UPDATE lists SET retired_at = ? WHERE list = ?",
            vec![seconds(now)?, i64::from(list).into()],
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

    /// The row that a statement always gives.
    fn only<T: DeserializeOwned>(&self, statement: &str, values: Vec<Value>) -> Result<T> {
        self.first(statement, values)?
            .ok_or_else(|| Error::RustError("a row is missing".to_owned()))
    }
}

fn seconds(time: Timestamp) -> Result<Value> {
    integer(time.seconds())
}

fn integer(value: u64) -> Result<Value> {
    let value = i64::try_from(value).map_err(|error| Error::RustError(error.to_string()))?;
    Value::try_from_i64(value)
}
