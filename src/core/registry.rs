//! What the Workers and a Registry say to each other.
//!
//! A Registry is a Durable Object that owns all tokens of its users, and the status lists of
//! these tokens. A user's registry follows from the name alone, so that any Worker finds it.
//! Both sides share these types: a call that one side does not know does not compile, nor does
//! an answer to another call.

use crate::{
    http::api::{RevokeTarget, TokenRecord},
    ids::{OrganizationId, TokenId, UserId},
    issue::rules::Limit,
    jose::status_list::{Status, StatusReference},
    quota::QuotaExceeded,
    time::{Timestamp, numeric},
};
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned};
use std::net::IpAddr;

/// A call to a registry, and what answers it: neither side can mean another answer.
pub trait Call: Serialize {
    /// What it is called on the way.
    const NAME: &'static str;

    /// Does it change what the lists say, or which there are?
    const CHANGES_LISTS: bool;

    /// What answers it.
    type Answer: Serialize + DeserializeOwned;
}

macro_rules! calls {
    ($($(#[$doc:meta])* $name:literal: $call:ident -> $answer:ty, changes lists: $changes:literal;)+) => {
        /// Any call, as a registry reads it.
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
    /// Make a token, if the owner may have one more.
    "create": Create -> Result<Created, Limit>, changes lists: true;
    /// All tokens of a user, newest first.
    "list": List -> Vec<TokenRecord>, changes lists: false;
    /// One token of a user. None: there is no such token of this user.
    "read": Read -> Option<TokenRecord>, changes lists: false;
    /// End tokens. The answer comes when no edge accepts them any more.
    "revoke": Revoke -> Result<Revoked, QuotaExceeded>, changes lists: true;
    /// A lease on a list. None: there is no such list.
    "lease": LeaseRequest -> Option<LeaseAnswer>, changes lists: false;
    /// Tokens were used, and no lease is wanted.
    "used": Used -> (), changes lists: false;
    /// A whole list, signed a moment ago. None: there is no such list.
    "signed_list": ReadSignedList -> Option<SignedList>, changes lists: false;
    /// The numbers of all lists that somebody may still need.
    "lists": ListNumbers -> Vec<u32>, changes lists: false;
}

/// A call about one user's tokens, which only that user's registry can answer.
pub trait OwnerCall: Call {
    /// The user.
    fn owner(&self) -> &UserId;
}

macro_rules! owners_calls {
    ($($call:ident),+) => {
        $(impl OwnerCall for $call {
            fn owner(&self) -> &UserId {
                &self.owner
            }
        })+
    };
}

owners_calls!(Create, List, Read, Revoke);

/// What is sent: a call, and the number of the registry that it is for. An object cannot know
/// its number by itself, and the addresses of its lists contain it.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// The registry's number.
    pub registry: u16,
    /// What it shall do.
    pub call: AnyCall,
}

impl Message {
    /// As JSON, from a call of which only the registry need know the others: an edge that could
    /// write them all would be larger by as much.
    ///
    /// # Errors
    /// None that these calls can cause.
    pub fn to_json<C: Call>(registry: u16, call: &C) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct Sent<'a, C: Call> {
            registry: u16,
            call: Named<'a, C>,
        }
        /// Written as serde writes [`AnyCall`].
        struct Named<'a, C>(&'a C);
        impl<C: Call> Serialize for Named<'_, C> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_variant("AnyCall", 0, C::NAME, self.0)
            }
        }
        serde_json::to_string(&Sent {
            registry,
            call: Named(call),
        })
    }
}

/// All tokens of a user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct List {
    /// Whose.
    pub owner: UserId,
}

/// One token of a user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Read {
    /// Whose.
    pub owner: UserId,
    /// Which.
    pub id: TokenId,
}

/// End tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Revoke {
    /// Whose.
    pub owner: UserId,
    /// Which.
    pub which: RevokeTarget,
    /// Who wants it.
    pub by: Revoker,
}

/// Who ends tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revoker {
    /// Their owner, whose calls are counted.
    Owner,
    /// The token itself, which can do it once: whoever found it must not use up what its owner
    /// may still do.
    Itself,
}

/// Tokens were used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Used {
    /// The list's number in the registry.
    pub list: u32,
    /// By whom.
    pub usage: Vec<Usage>,
}

/// A whole list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadSignedList {
    /// Its number in the registry.
    pub list: u32,
}

/// The numbers of all lists.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListNumbers {}

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

/// A token was used; [`crate::revocation::usage`] says how often that is told.
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
    pub content: ListContent,
    /// Milliseconds, from when the edge asked.
    pub length: u64,
    /// Thumbprints of the keys in use now. A thumbprint is its key's only possible name, so this
    /// is the whole key set; a key that is not among them is dead.
    pub kids: Vec<String>,
}

/// A list's content, as far as the edge lacks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListContent {
    /// What changed since a version.
    Changes {
        /// The version.
        since: u64,
        /// IndexPermutation and their statuses.
        changes: Vec<(u32, Status)>,
    },
    /// All of it, as an `lst`.
    Whole(String),
}

impl ListContent {
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

/// A token that was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Created {
    /// As the list will show it.
    pub record: TokenRecord,
    /// For the token's claims.
    pub status: StatusReference,
}

/// A list as a JWT.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignedList {
    /// The JWT.
    pub jwt: String,
    /// Another one for every other text.
    pub tag: String,
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
    fn a_registry_reads_the_calls_that_are_sent() {
        fn sent<C: Call>(call: &C) -> Message {
            serde_json::from_str(&Message::to_json(7, call).unwrap()).unwrap()
        }
        let owner: UserId = "ada".parse().unwrap();
        let message = sent(&List {
            owner: owner.clone(),
        });
        assert_eq!(message.registry, 7);
        assert!(matches!(message.call, AnyCall::List(list) if list.owner == owner));
        assert!(matches!(
            sent(&ListNumbers {}).call,
            AnyCall::ListNumbers(_)
        ));
        let request = LeaseRequest {
            list: 3,
            since: None,
            usage: Vec::new(),
        };
        let message = sent(&request);
        assert!(matches!(message.call, AnyCall::LeaseRequest(same) if same == request));
    }
}
