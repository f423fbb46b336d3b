//! The audit log: who did what, when, and from where.
//!
//! A registry appends an entry in the transaction of what it records, so no change is without its
//! entry, and no entry without its change. Each entry is also one line of the Worker's log. Nothing
//! in it is secret: the id of a token or a session is neither the token nor the session.
//!
//! Left out: uses of tokens, which the edge logs if it refuses them. Refusals that a client can cause
//! without limit are left out too, because the log is a table.

use crate::{
    ids::{OrganizationId, SessionId, TokenId, UserId},
    time::{DAY, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// How long entries are kept, in days.
pub const RETENTION_DAYS: u64 = 400;

/// Entries in one answer.
pub const PAGE_SIZE: u64 = 50;

/// When an entry may be deleted.
pub fn deletable_at(made_at: Timestamp) -> Timestamp {
    made_at.plus(RETENTION_DAYS * DAY)
}

/// Entries from this time or before have been kept long enough. See [`deletable_at`].
pub const fn retention_start(now: Timestamp) -> Timestamp {
    Timestamp::from_seconds(now.seconds().saturating_sub(RETENTION_DAYS * DAY))
}

/// One entry. Its number grows with time in one registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The place of the entry in its log.
    pub number: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Whose account it is about.
    pub user: UserId,
    /// Who did it.
    pub actor: ActorKind,
    /// What was done.
    pub action: Action,
    /// The session that began or ended.
    pub session: Option<SessionId>,
    /// The token that it was done to.
    pub token: Option<TokenId>,
    /// The organizations of that token.
    pub organizations: Vec<OrganizationId>,
    /// The client's address; null if it is unknown.
    pub address: Option<IpAddr>,
    /// Whether it was done.
    pub outcome: Outcome,
}

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActorKind {
    /// The user.
    User,
    /// A token, to itself.
    Token,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The user signed in.
    SignIn,
    /// The user signed out.
    SignOut,
    /// The user ended a session, or had too many.
    SessionEnd,
    /// A token was created.
    TokenCreation,
    /// A token was revoked.
    TokenRevocation,
}

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused, because the account is disabled.
    AccountDisabled,
    /// It was refused, because the user has the most active tokens.
    TokenLimitReached,
}
