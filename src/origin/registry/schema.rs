//! The tables of a registry, and their migrations.

use serde::Deserialize;
use worker::{Result, SqlStorage};

/// The steps that bring a database up to date. Never change a released step; append a new one.
const MIGRATIONS: &[&[&str]] = &[INITIAL, IDEMPOTENCY_KEYS, LIST];

const INITIAL: &[&str] = &[
    // One row. `longest_lease`: the longest lease that an edge may hold, in milliseconds.
    "CREATE TABLE registry (longest_lease INTEGER NOT NULL) STRICT",
    "INSERT INTO registry (longest_lease) VALUES (0)",
    // `permutation_key`: the secret of the list's index permutation, in hexadecimal. `issued`: how
    // many of its indexes have been issued. `version` counts changes of statuses. `last_expiry`:
    // when the last of its tokens expires. `published_version`, `published_kid`, `published_at`:
    // what KV has, which key signed it, and since when. A list is retired when all of its tokens
    // have expired and it issues no more indexes; its number is never reused.
    "CREATE TABLE lists (
        list INTEGER PRIMARY KEY,
        permutation_key TEXT NOT NULL,
        issued INTEGER NOT NULL,
        version INTEGER NOT NULL,
        last_expiry INTEGER NOT NULL,
        published_version INTEGER,
        published_kid TEXT,
        published_at INTEGER NOT NULL DEFAULT 0,
        retired_at INTEGER
    ) STRICT",
    // The token itself is not stored. `organizations` and `scopes` are JSON arrays of names; NULL
    // scopes: unrestricted. `changed`: the version of the list that revoked the token.
    // `effective_ms`: since when every edge refuses it, in milliseconds. `ends_at`: when it was
    // revoked or expires, whichever is first. Other times are in seconds since 1970.
    "CREATE TABLE tokens (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        name TEXT NOT NULL,
        organizations TEXT NOT NULL,
        scopes TEXT,
        list INTEGER NOT NULL,
        idx INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        revoked_at INTEGER,
        changed INTEGER,
        effective_ms INTEGER,
        last_used_at INTEGER,
        last_used_address TEXT,
        ends_at INTEGER AS (min(expires_at, coalesce(revoked_at, expires_at))) VIRTUAL
    ) STRICT",
    // An index is issued once.
    "CREATE UNIQUE INDEX tokens_by_index ON tokens (list, idx)",
    // A user's tokens, newest last.
    "CREATE INDEX tokens_by_owner ON tokens (owner, created_at)",
    // A user's active tokens: those that expire later than now.
    "CREATE INDEX tokens_unrevoked ON tokens (owner, expires_at) WHERE revoked_at IS NULL",
    // The changes of a list after a version.
    "CREATE INDEX tokens_changed ON tokens (list, changed) WHERE changed IS NOT NULL",
    // The tokens that stopped working first.
    "CREATE INDEX tokens_by_end ON tokens (ends_at)",
    // Token buckets. `full_at`: when the bucket will be full again, in milliseconds. A full bucket
    // needs no row.
    "CREATE TABLE buckets (
        owner TEXT NOT NULL,
        policy TEXT NOT NULL,
        full_at INTEGER NOT NULL,
        PRIMARY KEY (owner, policy)
    ) STRICT, WITHOUT ROWID",
    "CREATE INDEX buckets_by_time ON buckets (full_at)",
    // `memberships` is JSON. `front`, `provider`, `issuer` and `subject`: who vouches for the
    // account, and by which id. `confirmed_at`: when that was last said. `disabled_at`: since when nobody may use it.
    "CREATE TABLE accounts (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        email TEXT NOT NULL,
        memberships TEXT NOT NULL,
        front TEXT NOT NULL,
        provider TEXT NOT NULL,
        issuer TEXT NOT NULL,
        subject TEXT NOT NULL,
        confirmed_at INTEGER NOT NULL,
        disabled_at INTEGER
    ) STRICT, WITHOUT ROWID",
    // A session that ends is deleted.
    "CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        user TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        address TEXT,
        user_agent TEXT
    ) STRICT",
    // A user's sessions, newest last.
    "CREATE INDEX sessions_by_user ON sessions (user, created_at)",
    "CREATE INDEX sessions_by_end ON sessions (expires_at)",
    // Assertions that were used. `remember_until`: from then on they have expired.
    "CREATE TABLE assertions (
        id TEXT PRIMARY KEY,
        remember_until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID",
    "CREATE INDEX assertions_by_end ON assertions (remember_until)",
    // Append-only. `organizations` is JSON, NULL if the entry is not about a token.
    "CREATE TABLE audit (
        number INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        user TEXT NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        session TEXT,
        token TEXT,
        organizations TEXT,
        address TEXT,
        outcome TEXT NOT NULL
    ) STRICT",
    // A user's entries, newest last.
    "CREATE INDEX audit_by_user ON audit (user, number)",
    "CREATE INDEX audit_by_time ON audit (at)",
];

const IDEMPOTENCY_KEYS: &[&str] = &[
    // The header of the request that created the token.
    "ALTER TABLE tokens ADD COLUMN idempotency_key TEXT",
    // A key creates one token.
    "CREATE UNIQUE INDEX tokens_by_key ON tokens (owner, idempotency_key)
        WHERE idempotency_key IS NOT NULL",
];

/// What the list is ordered by, each with an index, and how many tokens each user has.
const LIST: &[&str] = &[
    // `natural_key` of the name. Names from before this step are in plain order.
    "ALTER TABLE tokens ADD COLUMN name_key TEXT NOT NULL DEFAULT ''",
    "UPDATE tokens SET name_key = lower(name)",
    "CREATE INDEX tokens_by_name ON tokens (owner, name_key)",
    // An unrestricted token has more scopes than any other.
    "ALTER TABLE tokens ADD COLUMN scope_count INTEGER
        AS (coalesce(json_array_length(scopes), 1000000)) VIRTUAL",
    "CREATE INDEX tokens_by_scopes ON tokens (owner, scope_count)",
    "ALTER TABLE tokens ADD COLUMN last_use INTEGER AS (coalesce(last_used_at, 0)) VIRTUAL",
    "CREATE INDEX tokens_by_use ON tokens (owner, last_use)",
    "CREATE INDEX tokens_by_expiry ON tokens (owner, expires_at)",
    // Counting rows would read all of them. A trigger sees every change, also a deletion of many.
    "CREATE TABLE totals (
        owner TEXT PRIMARY KEY,
        tokens INTEGER NOT NULL,
        revoked INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID",
    "INSERT INTO totals SELECT owner, count(*), count(revoked_at) FROM tokens GROUP BY owner",
    "CREATE TRIGGER token_inserted AFTER INSERT ON tokens BEGIN
        INSERT INTO totals VALUES (new.owner, 1, new.revoked_at IS NOT NULL)
            ON CONFLICT DO UPDATE SET tokens = tokens + 1, revoked = revoked + excluded.revoked;
    END",
    "CREATE TRIGGER token_revoked AFTER UPDATE OF revoked_at ON tokens BEGIN
        UPDATE totals SET revoked =
            revoked + (new.revoked_at IS NOT NULL) - (old.revoked_at IS NOT NULL)
            WHERE owner = new.owner;
    END",
    "CREATE TRIGGER token_deleted AFTER DELETE ON tokens BEGIN
        UPDATE totals SET tokens = tokens - 1, revoked = revoked - (old.revoked_at IS NOT NULL)
            WHERE owner = old.owner;
        DELETE FROM totals WHERE owner = old.owner AND tokens = 0;
    END",
];

#[derive(Deserialize)]
struct SchemaVersion {
    version: usize,
}

/// Brings the database up to date. Runs when the object starts, before any call, and without an
/// await, so all steps are one transaction.
pub(super) fn migrate(sql: &SqlStorage) -> Result<()> {
    sql.exec(
        "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY) STRICT",
        None,
    )?;
    let versions: Vec<SchemaVersion> = sql
        .exec(
            "SELECT coalesce(max(version), 0) AS version FROM migrations",
            None,
        )?
        .to_array()?;
    let current = versions.first().map_or(0, |row| row.version);
    for (version, migration) in (1_i32..).zip(MIGRATIONS).skip(current) {
        for statement in *migration {
            sql.exec(statement, None)?;
        }
        sql.exec("INSERT INTO migrations VALUES (?)", vec![version.into()])?;
    }
    Ok(())
}
