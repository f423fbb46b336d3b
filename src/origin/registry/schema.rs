//! The tables of a registry, and how older ones become them.

use serde::Deserialize;
use worker::{Result, SqlStorage};

/// One step each, never changed once released; a new one goes to the end.
const MIGRATIONS: &[&[&str]] = &[TOKENS, LEASES, KEYS, BOUNDS];

const TOKENS: &[&str] = &[
    // The registry's own number; the one row is written by the first call.
    "CREATE TABLE registry (number INTEGER NOT NULL) STRICT",
    // `order_key` is the secret of the list's order of places; `given` of them are taken.
    // `version` counts the changes of statuses; `published` is the version that KV has.
    "CREATE TABLE lists (
        list INTEGER PRIMARY KEY,
        order_key TEXT NOT NULL,
        given INTEGER NOT NULL,
        version INTEGER NOT NULL,
        published INTEGER
    ) STRICT",
    // `organizations` and `scopes` are JSON arrays of names; no scopes: not restricted.
    // `changed` is the list's version that revoked the token. Times are seconds since 1970.
    // The token itself is nowhere.
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
        last_used_at INTEGER
    ) STRICT",
    // A place is given out once.
    "CREATE UNIQUE INDEX tokens_by_place ON tokens (list, idx)",
    // A user's tokens, newest last.
    "CREATE INDEX tokens_by_owner ON tokens (owner, created_at)",
    // A user's active tokens: those of them that expire later than now.
    "CREATE INDEX tokens_unrevoked ON tokens (owner, expires_at) WHERE revoked_at IS NULL",
    // A list's changes since a version.
    "CREATE INDEX tokens_changed ON tokens (list, changed) WHERE changed IS NOT NULL",
];

const LEASES: &[&str] = &[
    // The longest lease that may be out, in milliseconds.
    "ALTER TABLE registry ADD longest_lease INTEGER NOT NULL DEFAULT 0",
    // `published_at`: when KV got the list. `last_expiry`: when the last of its tokens expires.
    // A retired list has only expired tokens, gets no more, and its number is not used again.
    "ALTER TABLE lists ADD published_at INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE lists ADD last_expiry INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE lists ADD retired_at INTEGER",
    "UPDATE lists SET last_expiry =
        coalesce((SELECT max(expires_at) FROM tokens WHERE tokens.list = lists.list), 0)",
    // The address of the last use.
    "ALTER TABLE tokens ADD last_used_address TEXT",
    // From when on every edge refuses the token, in milliseconds.
    "ALTER TABLE tokens ADD effective_ms INTEGER",
    "UPDATE tokens SET effective_ms = revoked_at * 1000 WHERE revoked_at IS NOT NULL",
];

const KEYS: &[&str] = &[
    // The thumbprint of the key that signed what KV has of the list.
    "ALTER TABLE lists ADD published_kid TEXT",
];

const BOUNDS: &[&str] = &[
    // How much a user has done of what is counted, as when the bucket will be full again, in
    // milliseconds. No row: it is full.
    "CREATE TABLE buckets (
        owner TEXT NOT NULL,
        policy TEXT NOT NULL,
        full_at INTEGER NOT NULL,
        PRIMARY KEY (owner, policy)
    ) STRICT, WITHOUT ROWID",
    "CREATE INDEX buckets_by_time ON buckets (full_at)",
    // A token's end: its expiry, or its revocation before that.
    "ALTER TABLE tokens ADD ends_at INTEGER AS
        (min(expires_at, coalesce(revoked_at, expires_at))) VIRTUAL",
    "CREATE INDEX tokens_by_end ON tokens (ends_at)",
];

#[derive(Deserialize)]
struct Version {
    version: usize,
}

/// Brings the tables up to date. It runs when the object starts, before any call, and without
/// an await, so all of it is one transaction.
pub(super) fn migrate(sql: &SqlStorage) -> Result<()> {
    sql.exec(
        "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY) STRICT",
        None,
    )?;
    let found: Vec<Version> = sql
        .exec(
            "SELECT coalesce(max(version), 0) AS version FROM migrations",
            None,
        )?
        .to_array()?;
    let done = found.first().map_or(0, |row| row.version);
    for (number, migration) in (1_i32..).zip(MIGRATIONS).skip(done) {
        for statement in *migration {
            sql.exec(statement, None)?;
        }
        sql.exec("INSERT INTO migrations VALUES (?)", vec![number.into()])?;
    }
    Ok(())
}
