//! The SQL of accounts, sessions and the audit log.

use super::{Store, integer, seconds};
use patrol::{
    account::{AccountRecord, ExternalIdentity, Front},
    audit::{Action, ActorKind, AuditEntry, Outcome},
    http::api::SessionRecord,
    ids::{OrganizationId, SessionId, TokenId, UserId},
    registry::{ClientInfo, OneTimeAssertion},
    session::Session,
    time::{Timestamp, numeric},
};
use serde::{Deserialize, de::IgnoredAny};
use std::net::IpAddr;
use worker::{Result, SqlStorageValue};

/// An account's row.
#[derive(Deserialize)]
pub(in crate::registry) struct StoredAccount {
    id: UserId,
    name: String,
    email: String,
    memberships: String,
    front: Front,
    provider: String,
    issuer: String,
    subject: String,
}

impl StoredAccount {
    pub(in crate::registry) fn into_record(self) -> Result<AccountRecord> {
        Ok(AccountRecord {
            id: self.id,
            name: self.name,
            email: self.email,
            memberships: serde_json::from_str(&self.memberships)?,
            identity: ExternalIdentity {
                front: self.front,
                provider: self.provider,
                issuer: self.issuer,
                subject: self.subject,
            },
        })
    }
}

#[derive(Deserialize)]
struct StoredSession {
    id: SessionId,
    #[serde(with = "numeric")]
    created_at: Timestamp,
    #[serde(with = "numeric")]
    expires_at: Timestamp,
    address: Option<String>,
    user_agent: Option<String>,
}

#[derive(Deserialize)]
struct StoredEntry {
    number: u64,
    #[serde(with = "numeric")]
    at: Timestamp,
    user: UserId,
    actor: ActorKind,
    action: Action,
    session: Option<SessionId>,
    token: Option<TokenId>,
    organizations: Option<String>,
    address: Option<IpAddr>,
    outcome: Outcome,
}

impl StoredEntry {
    fn into_entry(self) -> Result<AuditEntry> {
        let organizations = self.organizations.as_deref();
        Ok(AuditEntry {
            number: self.number,
            at: self.at,
            user: self.user,
            actor: self.actor,
            action: self.action,
            session: self.session,
            token: self.token,
            organizations: organizations
                .map(serde_json::from_str)
                .transpose()?
                .unwrap_or_default(),
            address: self.address,
            outcome: self.outcome,
        })
    }
}

/// An entry before it has a number.
pub(in crate::registry) struct NewAuditEntry<'a> {
    pub(in crate::registry) at: Timestamp,
    pub(in crate::registry) user: &'a UserId,
    pub(in crate::registry) actor: ActorKind,
    pub(in crate::registry) action: Action,
    /// The session that began or ended.
    pub(in crate::registry) session: Option<&'a SessionId>,
    /// The token and its organizations.
    pub(in crate::registry) token: Option<(&'a TokenId, &'a [OrganizationId])>,
    pub(in crate::registry) address: Option<IpAddr>,
    pub(in crate::registry) outcome: Outcome,
}

#[derive(Deserialize)]
struct SessionRow {
    id: SessionId,
}

#[derive(Deserialize)]
struct DisabledRow {
    disabled_at: Option<u64>,
}

/// More than the number of any entry. The largest integer that passes through a double.
const LATEST: u64 = (1 << 53) - 1;

const ENTRY_COLUMNS: &str =
    "number, at, user, actor, action, session, token, organizations, address, outcome";

impl Store {
    // Accounts.

    /// Whether the account is disabled. An account that does not exist is not.
    pub(in crate::registry) fn is_disabled(&self, user: &UserId) -> Result<bool> {
        let found: Option<DisabledRow> = self.first(
            "SELECT disabled_at FROM accounts WHERE id = ?",
            vec![user.as_str().into()],
        )?;
        Ok(found.is_some_and(|row| row.disabled_at.is_some()))
    }

    /// Stores an account as its front describes it at this time.
    pub(in crate::registry) fn set_account(
        &self,
        account: &AccountRecord,
        confirmed_at: Timestamp,
    ) -> Result<()> {
        let identity = &account.identity;
        self.run(
            "INSERT INTO accounts
                (id, name, email, memberships, front, provider, issuer, subject, confirmed_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET name = excluded.name, email = excluded.email,
                memberships = excluded.memberships, front = excluded.front,
                provider = excluded.provider, issuer = excluded.issuer, subject = excluded.subject,
                confirmed_at = excluded.confirmed_at",
            vec![
                account.id.as_str().into(),
                account.name.as_str().into(),
                account.email.as_str().into(),
                serde_json::to_string(&account.memberships)?.into(),
                word(&identity.front)?,
                identity.provider.as_str().into(),
                identity.issuer.as_str().into(),
                identity.subject.as_str().into(),
                seconds(confirmed_at)?,
            ],
        )
    }

    /// The account of a session that has not ended.
    pub(in crate::registry) fn account_of_session(
        &self,
        session: &Session,
        now: Timestamp,
    ) -> Result<Option<StoredAccount>> {
        self.first(
            "SELECT accounts.id, name, email, memberships, front, provider, issuer, subject
             FROM sessions JOIN accounts ON accounts.id = sessions.user
             WHERE sessions.id = ? AND sessions.user = ? AND expires_at > ?
                AND disabled_at IS NULL",
            vec![
                session.id.as_str().into(),
                session.user.as_str().into(),
                seconds(now)?,
            ],
        )
    }

    // Sessions.

    pub(in crate::registry) fn insert_session(
        &self,
        session: &Session,
        created_at: Timestamp,
        expires_at: Timestamp,
        client: &ClientInfo,
    ) -> Result<()> {
        self.run(
            "INSERT INTO sessions (id, user, created_at, expires_at, address, user_agent)
             VALUES (?, ?, ?, ?, ?, ?)",
            vec![
                session.id.as_str().into(),
                session.user.as_str().into(),
                seconds(created_at)?,
                seconds(expires_at)?,
                text(client.address),
                client.user_agent.clone().into(),
            ],
        )
    }

    /// Whether an assertion was used.
    pub(in crate::registry) fn has_assertion(&self, used: &OneTimeAssertion) -> Result<bool> {
        let found: Option<IgnoredAny> = self.first(
            "SELECT id FROM assertions WHERE id = ?",
            vec![used.id.as_str().into()],
        )?;
        Ok(found.is_some())
    }

    pub(in crate::registry) fn insert_assertion(&self, used: &OneTimeAssertion) -> Result<()> {
        self.run(
            "INSERT INTO assertions (id, remember_until) VALUES (?, ?)",
            vec![used.id.as_str().into(), seconds(used.remember_until)?],
        )
    }

    pub(in crate::registry) fn delete_assertions(&self, now: Timestamp) -> Result<()> {
        self.run(
            "DELETE FROM assertions WHERE remember_until <= ?",
            vec![seconds(now)?],
        )
    }

    /// All sessions of a user that have not ended, newest first.
    pub(in crate::registry) fn sessions(
        &self,
        asking: &Session,
        now: Timestamp,
    ) -> Result<Vec<SessionRecord>> {
        let rows: Vec<StoredSession> = self.all(
            "SELECT id, created_at, expires_at, address, user_agent FROM sessions
             WHERE user = ? AND expires_at > ? ORDER BY created_at DESC, rowid DESC",
            vec![asking.user.as_str().into(), seconds(now)?],
        )?;
        let record = |row: StoredSession| SessionRecord {
            current: row.id == asking.id,
            id: row.id,
            created_at: row.created_at,
            expires_at: row.expires_at,
            address: row.address,
            user_agent: row.user_agent,
        };
        Ok(rows.into_iter().map(record).collect())
    }

    /// Deletes a session of a user. Returns whether there was one.
    pub(in crate::registry) fn delete_session(&self, session: &Session) -> Result<bool> {
        let found: Vec<IgnoredAny> = self.all(
            "DELETE FROM sessions WHERE id = ? AND user = ? RETURNING id",
            vec![session.id.as_str().into(), session.user.as_str().into()],
        )?;
        Ok(!found.is_empty())
    }

    /// Deletes a user's oldest sessions, all but this many, and returns them.
    pub(in crate::registry) fn keep_newest_sessions(
        &self,
        user: &UserId,
        most: u64,
    ) -> Result<Vec<SessionId>> {
        let rows: Vec<SessionRow> = self.all(
            "DELETE FROM sessions WHERE rowid IN (SELECT rowid FROM sessions WHERE user = ?
                ORDER BY created_at DESC, rowid DESC LIMIT -1 OFFSET ?) RETURNING id",
            vec![user.as_str().into(), integer(most)?],
        )?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    /// When the first session ends.
    pub(in crate::registry) fn first_session_end(&self) -> Result<Option<Timestamp>> {
        self.first_time("SELECT min(expires_at) AS time FROM sessions")
    }

    /// Deletes up to `limit` sessions that have ended.
    pub(in crate::registry) fn delete_sessions(&self, now: Timestamp, limit: u64) -> Result<()> {
        self.run(
            "DELETE FROM sessions WHERE rowid IN (SELECT rowid FROM sessions
                WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
            vec![seconds(now)?, integer(limit)?],
        )
    }

    // The audit log.

    /// Appends an entry, and returns it.
    pub(in crate::registry) fn append(&self, entry: &NewAuditEntry<'_>) -> Result<AuditEntry> {
        let (token, organizations) = entry.token.unzip();
        let organizations = organizations.map(serde_json::to_string).transpose()?;
        let row: StoredEntry = self.one(
            &format!(
                "INSERT INTO audit
                    (at, user, actor, action, session, token, organizations, address, outcome)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING {ENTRY_COLUMNS}"
            ),
            vec![
                seconds(entry.at)?,
                entry.user.as_str().into(),
                word(&entry.actor)?,
                word(&entry.action)?,
                entry
                    .session
                    .map(|session| session.as_str().to_owned())
                    .into(),
                token.map(|token| token.as_str().to_owned()).into(),
                organizations.into(),
                text(entry.address),
                word(&entry.outcome)?,
            ],
        )?;
        row.into_entry()
    }

    /// A user's entries with lower numbers than `before`, newest first.
    pub(in crate::registry) fn audit_entries(
        &self,
        user: &UserId,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<AuditEntry>> {
        let rows: Vec<StoredEntry> = self.all(
            &format!(
                "SELECT {ENTRY_COLUMNS} FROM audit WHERE user = ? AND number < ?
                 ORDER BY number DESC LIMIT ?"
            ),
            vec![
                user.as_str().into(),
                integer(before.unwrap_or(LATEST))?,
                integer(limit)?,
            ],
        )?;
        rows.into_iter().map(StoredEntry::into_entry).collect()
    }

    /// When the oldest entry was made.
    pub(in crate::registry) fn first_audit_entry(&self) -> Result<Option<Timestamp>> {
        self.first_time("SELECT min(at) AS time FROM audit")
    }

    /// Deletes up to `limit` entries from this time or before.
    pub(in crate::registry) fn delete_audit_entries(
        &self,
        until: Timestamp,
        limit: u64,
    ) -> Result<()> {
        self.run(
            "DELETE FROM audit WHERE number IN (SELECT number FROM audit
                WHERE at <= ? ORDER BY at LIMIT ?)",
            vec![seconds(until)?, integer(limit)?],
        )
    }

    fn first_time(&self, statement: &str) -> Result<Option<Timestamp>> {
        #[derive(Deserialize)]
        struct TimeRow {
            time: Option<u64>,
        }
        let row: TimeRow = self.one(statement, vec![])?;
        Ok(row.time.map(Timestamp::from_seconds))
    }
}

fn text(address: Option<IpAddr>) -> SqlStorageValue {
    address.map(|address| address.to_string()).into()
}

/// A unit variant's name, as it is in JSON.
fn word<T: serde::Serialize>(variant: &T) -> Result<SqlStorageValue> {
    let json = serde_json::to_string(variant)?;
    Ok(json.trim_matches('"').into())
}
