//! The calls that a Registry answers.
//!
//! A Registry is a Durable Object. It owns the tokens of its users and the status lists of these
//! tokens. The user id alone determines the registry ([`crate::placement`]), so every Worker finds
//! it, and the object's name contains the registry's number.
//!
//! Callers and registries share these types, and [`Call::Answer`] ties each call to its answer, so
//! a mismatch does not compile.

use crate::{
    http::api::{RevokeTarget, TokenRecord},
    ids::{OrganizationId, TokenId, UserId},
    issue::rules::CreationLimit,
    jose::status_list::{Status, StatusReference},
    quota::QuotaExceeded,
    time::{Timestamp, numeric},
};
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned};
use std::net::IpAddr;

/// A call to a registry.
pub trait Call: Serialize {
    /// The call's name in its JSON.
    const NAME: &'static str;

    /// Whether the call can change a status list or add one.
    const CHANGES_LISTS: bool;

    /// The type of the registry's answer.
    type Answer: Serialize + DeserializeOwned;

    /// The body of the request: what [`AnyCall`] parses. Callers do not build an `AnyCall`
    /// themselves, because its serializer would contain every call and enlarge the edge's module.
    ///
    /// # Errors
    /// None in practice: calls contain no map with keys other than text.
    fn to_json(&self) -> serde_json::Result<String>
    where
        Self: Sized,
    {
        struct Named<'a, C>(&'a C);
        impl<C: Call> Serialize for Named<'_, C> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_variant("AnyCall", 0, C::NAME, self.0)
            }
        }
        serde_json::to_string(&Named(self))
    }
}

macro_rules! calls {
    ($($(#[$doc:meta])* $name:literal: $call:ident -> $answer:ty, changes lists: $changes:literal;)+) => {
        /// Any call, as a registry parses it.
        #[derive(Debug, Clone, Deserialize)]
        pub enum AnyCall {
            $($(#[$doc])* #[serde(rename = $name)] $call($call),)+
        }

        impl AnyCall {
            /// [`Call::CHANGES_LISTS`]
            pub const fn changes_lists(&self) -> bool {
                match self {
                    $(Self::$call(_) => $changes,)+
                }
            }
        }

        $(impl Call for $call {
            const NAME: &'static str = $name;
            const CHANGES_LISTS: bool = $changes;
            type Answer = $answer;
        })+
    };
}

calls! {
    /// Creates a token, unless its owner has reached a limit.
    "create": Create -> Result<Created, CreationLimit>, changes lists: true;
    /// Returns all tokens of a user, newest first.
    "list": ListTokens -> Vec<TokenRecord>, changes lists: false;
    /// Returns one token, or `None` if the user has no such token.
    "read": ReadToken -> Option<TokenRecord>, changes lists: false;
    /// Revokes tokens. The registry answers once no edge accepts them any longer.
    "revoke": Revoke -> Result<Revoked, QuotaExceeded>, changes lists: true;
    /// Grants a lease on a list, or returns `None` if the list does not exist.
    "lease": LeaseRequest -> Option<LeaseAnswer>, changes lists: false;
    /// Records that tokens were used, without granting a lease.
    "used": Used -> (), changes lists: false;
    /// Returns a whole list, signed recently, or `None` if it does not exist.
    "signed_list": ReadSignedList -> Option<SignedList>, changes lists: false;
    /// Returns the numbers of all lists that have not been retired.
    "lists": ReadListNumbers -> Vec<u32>, changes lists: false;
}

/// A call about one user's tokens. Only that user's registry can answer it.
pub trait OwnerCall: Call {
    /// The user.
    fn owner(&self) -> &UserId;
}

macro_rules! owner_calls {
    ($($call:ident),+) => {
        $(impl OwnerCall for $call {
            fn owner(&self) -> &UserId {
                &self.owner
            }
        })+
    };
}

owner_calls!(Create, ListTokens, ReadToken, Revoke);

/// Lists a user's tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListTokens {
    /// The user.
    pub owner: UserId,
}

/// Reads one token of a user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadToken {
    /// The user; another user's token is not found.
    pub owner: UserId,
    /// The token.
    pub id: TokenId,
}

/// Revokes tokens of a user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Revoke {
    /// The user; another user's tokens are not found.
    pub owner: UserId,
    /// The tokens to revoke.
    pub target: RevokeTarget,
    /// Whether the owner or the token itself requested it.
    pub by: Revoker,
}

/// Who revokes tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revoker {
    /// The owner. These calls count against [`crate::quota::REVOCATIONS`].
    Owner,
    /// The token itself. It is not counted: someone who has found a token must not use up its
    /// owner's quota, and a token can revoke itself only once.
    Itself,
}

/// Reports that tokens were used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Used {
    /// The list's number in the registry.
    pub list: u32,
    /// The uses since the edge last reported.
    pub usage: Vec<Usage>,
}

/// Reads a signed list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadSignedList {
    /// The list's number in the registry.
    pub list: u32,
}

/// Reads the numbers of all lists.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadListNumbers {}

/// Requests a lease, and reports uses with the same call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// The list's number in the registry.
    pub list: u32,
    /// The version that the edge has; `None` if it has none.
    pub since: Option<u64>,
    /// The uses since the edge last reported.
    pub usage: Vec<Usage>,
}

/// A use of a token. [`crate::revocation::usage`] says how often uses are reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// The token's index in the list.
    pub idx: u32,
    /// When, by the edge's clock.
    #[serde(with = "numeric")]
    pub at: Timestamp,
    /// The client's address, if the edge knows it.
    pub address: Option<IpAddr>,
}

/// A lease on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseAnswer {
    /// The list's current version.
    pub version: u64,
    /// The part that the edge does not have yet.
    pub content: ListContent,
    /// Milliseconds, from when the edge sent its request.
    pub length: u64,
    /// The thumbprints of all keys in use. A thumbprint identifies a key (RFC 7638), so a key that
    /// is not listed here has been retired.
    pub kids: Vec<String>,
}

/// The part of a list that an edge does not have yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListContent {
    /// The changes after a version.
    Changes {
        /// The version that the edge has.
        since: u64,
        /// Indexes and their new statuses.
        changes: Vec<(u32, Status)>,
    },
    /// The whole list, as an `lst` member.
    Whole(String),
}

impl ListContent {
    /// The version that the changes apply to; `None` for a whole list.
    pub fn since(&self) -> Option<u64> {
        match self {
            Self::Changes { since, .. } => Some(*since),
            Self::Whole(_) => None,
        }
    }
}

/// With more changes than this, the whole list is smaller.
pub const MAX_CHANGES: usize = 1_000;

/// Creates a token whose members have passed the rules of [`crate::issue`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Create {
    /// The owner.
    pub owner: UserId,
    /// 128 random bits.
    pub id: TokenId,
    /// The owner's name for the token.
    pub name: String,
    /// At least one.
    pub organizations: Vec<OrganizationId>,
    /// Names of scopes; `None` if RBAC is off.
    pub scopes: Option<Vec<String>>,
    /// The time of the request; the limits are checked as of then.
    #[serde(with = "numeric")]
    pub created_at: Timestamp,
    /// The first second in which the token no longer works.
    #[serde(with = "numeric")]
    pub expires_at: Timestamp,
}

/// A token that was created.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Created {
    /// What the owner sees.
    pub record: TokenRecord,
    /// The `status` claim.
    pub status: StatusReference,
}

/// A signed list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignedList {
    /// The signed list (Token Status List, section 5.1).
    pub jwt: String,
    /// Identifies this text among all that the registry has signed, for `ETag`.
    pub tag: String,
}

/// The outcome of a revocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// The revoked tokens, including those that the call named and that had been revoked before.
    pub records: Vec<TokenRecord>,
    /// Ids that belong to no token of the user.
    pub unknown: Vec<TokenId>,
    /// When the last edge stopped accepting the tokens, in milliseconds since 1970.
    pub effective_ms: u64,
    /// How long the call waited for that, in milliseconds.
    pub waited_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_parses_the_calls_that_are_sent() {
        fn sent<C: Call>(call: &C) -> AnyCall {
            serde_json::from_str(&call.to_json().unwrap()).unwrap()
        }
        let owner: UserId = "ada".parse().unwrap();
        let call = sent(&ListTokens {
            owner: owner.clone(),
        });
        assert!(matches!(call, AnyCall::ListTokens(list) if list.owner == owner));
        assert!(matches!(
            sent(&ReadListNumbers {}),
            AnyCall::ReadListNumbers(_)
        ));
        let request = LeaseRequest {
            list: 3,
            since: None,
            usage: Vec::new(),
        };
        assert_eq!(
            request.to_json().unwrap(),
            r#"{"lease":{"list":3,"since":null,"usage":[]}}"#
        );
        assert!(matches!(sent(&request), AnyCall::LeaseRequest(same) if same == request));
    }
}
