//! What the Workers and a Registry say to each other.
//!
//! A Registry is a Durable Object that owns all tokens of its users, and the status lists of
//! these tokens. A user's registry follows from the name alone, so that any Worker finds it.
//! Both sides share these types: a call that one side does not know does not compile.

use crate::{
    api::{TokenRecord, Which},
    identity::{OrganizationId, TokenId, UserId},
    rules::Limit,
    status_list::Status,
    time::{Timestamp, numeric},
    token::StatusReference,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// The number of the registry in which a user lives, of `count` (at least 1). The count can
/// never change: users would lose sight of their tokens.
pub fn of_user(user: &UserId, count: u16) -> u16 {
    let digest = Sha256::digest(user.as_str());
    let number = digest
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    u16::try_from(number % u64::from(count.max(1))).unwrap_or_default()
}

/// The object's name for `idFromName`.
pub fn object_name(number: u16) -> String {
    format!("registry-{number}")
}

/// What is sent: a call, and the number of the registry that it is for. An object cannot know
/// its number by itself, and the addresses of its lists contain it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    /// The registry's number.
    pub registry: u16,
    /// What it shall do.
    pub call: Call,
}

/// A call to a registry.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Make a token, if the owner may have one more.
    Create(Create),
    /// All tokens of a user.
    List {
        /// Whose.
        owner: UserId,
    },
    /// One token of a user.
    Read {
        /// Whose.
        owner: UserId,
        /// Which.
        id: TokenId,
    },
    /// End tokens. The answer comes when no edge accepts them any more.
    Revoke {
        /// Whose.
        owner: UserId,
        /// Which.
        which: Which,
    },
    /// A lease on a list.
    Lease(LeaseRequest),
    /// Tokens were used, and no lease is wanted.
    Used {
        /// The list's number in this registry.
        list: u32,
        /// By whom.
        usage: Vec<Usage>,
    },
    /// A whole list, signed a moment ago.
    SignedList {
        /// Its number in this registry.
        list: u32,
    },
    /// The numbers of all lists.
    Lists,
}

impl Call {
    /// Does it change what the lists say, or which there are?
    pub const fn changes_lists(&self) -> bool {
        matches!(self, Self::Create(_) | Self::Revoke { .. })
    }
}

/// What an edge asks, and what it has to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// The list's number in the registry.
    pub list: u32,
    /// The version that the edge knows; none: nothing.
    pub since: Option<u64>,
    /// Which tokens were used since the edge last told.
    pub usage: Vec<Usage>,
}

/// A token was used; [`crate::usage`] says how often that is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Its place in the list.
    pub idx: u32,
    /// When, by the edge's clock.
    #[serde(with = "numeric")]
    pub at: Timestamp,
    /// From which address, if the edge was told.
    pub address: Option<IpAddr>,
}

/// A lease on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseAnswer {
    /// The list's version now.
    pub version: u64,
    /// What is in it.
    pub content: Content,
    /// Milliseconds, from when the edge asked.
    pub length: u64,
    /// Thumbprints of the keys in use now. A thumbprint is its key's only possible name, so this
    /// is the whole key set; a key that is not among them is dead.
    pub kids: Vec<String>,
}

/// A list's content, as far as the edge lacks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// What changed since a version.
    Changes {
        /// The version.
        since: u64,
        /// Places and their statuses.
        changes: Vec<(u32, Status)>,
    },
    /// All of it, as an `lst`.
    Whole(String),
}

impl Content {
    /// The version that the content builds on.
    pub fn since(&self) -> Option<u64> {
        match self {
            Self::Changes { since, .. } => Some(*since),
            Self::Whole(_) => None,
        }
    }
}

/// More changes than this are sent as a whole list, which is smaller then.
pub const MAX_CHANGES: usize = 1_000;

/// A creation that the rules allow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Create {
    /// Who makes it.
    pub owner: UserId,
    /// 128 random bits.
    pub id: TokenId,
    /// Checked.
    pub name: String,
    /// Checked.
    pub organizations: Vec<OrganizationId>,
    /// Checked names; None: RBAC is off.
    pub scopes: Option<Vec<String>>,
    /// When it is made.
    #[serde(with = "numeric")]
    pub created_at: Timestamp,
    /// When it expires.
    #[serde(with = "numeric")]
    pub expires_at: Timestamp,
}

/// A registry's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The token's record, and where its status stands.
    Created {
        /// As the list will show it.
        record: TokenRecord,
        /// For the token's claims.
        status: StatusReference,
    },
    /// The owner has as many tokens as there may be.
    LimitReached(Limit),
    /// Newest first.
    List(Vec<TokenRecord>),
    /// One token.
    Record(TokenRecord),
    /// Tokens, ended.
    Revoked(Revoked),
    /// No such token of this user, or no such list.
    NotFound,
    /// A lease.
    Lease(LeaseAnswer),
    /// Written down.
    Noted,
    /// A signed list.
    SignedList {
        /// The list as a JWT.
        jwt: String,
        /// Another one for every other text.
        tag: String,
    },
    /// The numbers of all lists that somebody may still need.
    Lists(Vec<u32>),
}

/// Those of the replies that an edge can get: what it need not be able to read would be a good
/// part of its module.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeReply {
    /// As [`Reply::Lease`].
    Lease(LeaseAnswer),
    /// As [`Reply::NotFound`].
    NotFound,
    /// As [`Reply::Noted`].
    Noted,
}

/// Tokens that have ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// As the list will show them, those that had ended before included.
    pub records: Vec<TokenRecord>,
    /// Which of the ids name no token of this user.
    pub unknown: Vec<TokenId>,
    /// Since when every edge refuses all of them, in milliseconds since 1970.
    pub effective_ms: u64,
    /// How long the call waited for that, in milliseconds.
    pub waited_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_reads_the_replies_that_it_can_get() {
        let read = |reply: &Reply| {
            let text = serde_json::to_string(reply).unwrap();
            serde_json::from_str::<EdgeReply>(&text).ok()
        };
        let lease = LeaseAnswer {
            version: 7,
            content: Content::Whole("lst".to_owned()),
            length: 1_000,
            kids: vec!["kid".to_owned()],
        };
        let reply = read(&Reply::Lease(lease.clone()));
        assert!(matches!(reply, Some(EdgeReply::Lease(same)) if same == lease));
        assert!(matches!(read(&Reply::NotFound), Some(EdgeReply::NotFound)));
        assert!(matches!(read(&Reply::Noted), Some(EdgeReply::Noted)));
        assert!(read(&Reply::LimitReached(Limit::Active)).is_none());
    }

    /// Pinned: users would lose their tokens if this ever gave other numbers.
    #[test]
    fn a_user_stays_in_one_registry() {
        let number = |user: &str| of_user(&user.parse().unwrap(), 16);
        assert_eq!([number("ada"), number("vic"), number("otto")], [14, 10, 7]);
    }
}
