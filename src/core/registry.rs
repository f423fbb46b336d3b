//! The calls that a Registry answers.
//!
//! A Registry is a Durable Object. It owns its users' accounts, sessions and tokens, and the status
//! lists of these tokens. The user id alone determines the registry ([`crate::placement`]), so every Worker finds
//! it, and the object's name contains the registry's number.
//!
//! Callers and registries share these types, and [`Call::Answer`] ties each call to its answer, so
//! a mismatch does not compile.

use crate::{
    account::{AccountRecord, ExternalIdentity},
    audit::AuditEntry,
    http::{
        api::{CreateToken, RevokeTarget, SessionRecord, TokenList, TokenRecord},
        idempotency::IdempotencyKey,
    },
    ids::{SessionId, TokenId, UserId},
    issue::rules::{CreationLimit, Rejection},
    jose::status_list::{Status, StatusReference},
    listing::TokenQuery,
    quota::QuotaExceeded,
    session::Session,
    time::{Timestamp, numeric},
};
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned};
use std::net::IpAddr;

/// A call to a registry.
pub trait Call: Serialize {
    /// The call's name in its JSON.
    const NAME: &'static str;

    /// What the call can change.
    const EFFECT: Effect;

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

/// What a call can change that others have to know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// Rows that have to be deleted one day.
    Rows,
    /// Status lists, and such rows.
    Lists,
}

macro_rules! calls {
    ($($(#[$doc:meta])* $name:literal: $call:ident -> $answer:ty, changes $effect:ident;)+) => {
        /// Any call, as a registry parses it.
        #[derive(Debug, Clone, Deserialize)]
        pub enum AnyCall {
            $($(#[$doc])* #[serde(rename = $name)] $call($call),)+
        }

        impl AnyCall {
            /// [`Call::EFFECT`]
            pub const fn effect(&self) -> Effect {
                match self {
                    $(Self::$call(_) => Effect::$effect,)+
                }
            }
        }

        $(impl Call for $call {
            const NAME: &'static str = $name;
            const EFFECT: Effect = Effect::$effect;
            type Answer = $answer;
        })+
    };
}

calls! {
    /// Signs a user in: stores the account as its front describes it, and a new session.
    "sign_in": SignIn -> Result<(), SignInRefusal>, changes Rows;
    /// Ends the session that calls, and returns who vouched for its user. `None`: it had ended.
    "sign_out": SignOut -> Option<ExternalIdentity>, changes Rows;
    /// Returns the account of a session.
    "account": ReadAccount -> Result<AccountRecord, SessionEnded>, changes Nothing;
    /// Returns all sessions of a user, newest first.
    "sessions": ListSessions -> Result<Vec<SessionRecord>, SessionEnded>, changes Nothing;
    /// Ends a session of the user. Returns whether there was one.
    "end_session": EndSession -> Result<bool, SessionEnded>, changes Rows;
    /// Returns a page of a user's part of the audit log, newest first.
    "audit": ReadAudit -> Result<Vec<AuditEntry>, SessionEnded>, changes Nothing;
    /// Creates a token, if the account as it is now allows that.
    "create": Create -> Result<Result<Created, CreationRefusal>, SessionEnded>, changes Lists;
    /// Returns a page of a user's tokens.
    "list": ListTokens -> Result<TokenList, SessionEnded>, changes Nothing;
    /// Returns one token, or `None` if the user has no such token.
    "read": ReadToken -> Result<Option<TokenRecord>, SessionEnded>, changes Nothing;
    /// Revokes tokens. The registry answers once no edge accepts them any longer.
    "revoke": Revoke -> Result<Result<Revoked, QuotaExceeded>, SessionEnded>, changes Lists;
    /// Grants a lease on a list, or returns `None` if the list does not exist.
    "lease": LeaseRequest -> Option<LeaseAnswer>, changes Nothing;
    /// Records that tokens were used, without granting a lease.
    "used": Used -> (), changes Nothing;
    /// Returns a whole list, signed recently, or `None` if it does not exist.
    "signed_list": ReadSignedList -> Option<SignedList>, changes Nothing;
    /// Returns the numbers of all lists that have not been retired.
    "lists": ReadListNumbers -> Vec<u32>, changes Nothing;
}

/// A call about one user. Only that user's registry can answer it.
pub trait UserCall: Call {
    /// The user.
    fn user(&self) -> &UserId;
}

macro_rules! user_calls {
    ($($call:ident by $($field:ident).+;)+) => {
        $(impl UserCall for $call {
            fn user(&self) -> &UserId {
                &self.$($field).+
            }
        })+
    };
}

user_calls! {
    SignIn by account.id;
    SignOut by session.user;
    ReadAccount by session.user;
    ListSessions by session.user;
    EndSession by session.user;
    ReadAudit by session.user;
    Create by session.user;
    ListTokens by session.user;
    ReadToken by owner;
    Revoke by owner;
}

/// The session has ended, or never existed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEnded;

/// Why a sign-in is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInRefusal {
    /// Nobody may use the account.
    AccountDisabled,
    /// [`crate::quota::SIGN_INS`]
    Rate(QuotaExceeded),
    /// The assertion was used before.
    Replayed,
}

/// An assertion that can be used once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OneTimeAssertion {
    /// The `jti` claim.
    pub id: String,
    /// Until when it must be remembered.
    #[serde(with = "numeric")]
    pub remember_until: Timestamp,
}

/// The client of a request that changes something, for the audit log and the list of sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInfo {
    /// The client's address, if it is known.
    pub address: Option<IpAddr>,
    /// The start of the header `User-Agent`, at most [`ClientInfo::MAX_USER_AGENT`] characters.
    pub user_agent: Option<String>,
}

impl ClientInfo {
    /// The longest user agent that is kept, in Unicode scalar values.
    pub const MAX_USER_AGENT: usize = 256;

    /// Shortens the header `User-Agent` to what is kept.
    pub fn new(address: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        let shortened = |text: &str| text.chars().take(Self::MAX_USER_AGENT).collect();
        Self {
            address,
            user_agent: user_agent.map(shortened),
        }
    }
}

/// Signs a user in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignIn {
    /// The account, as its front describes it now.
    pub account: AccountRecord,
    /// 128 random bits.
    pub session: SessionId,
    /// The first second in which the session no longer counts.
    #[serde(with = "numeric")]
    pub expires_at: Timestamp,
    /// What the sign-in rests on, if that can be used once.
    pub assertion: Option<OneTimeAssertion>,
    /// For the audit log, and for the list of sessions.
    pub client: ClientInfo,
}

/// Ends the session that calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignOut {
    /// The session.
    pub session: Session,
    /// For the audit log.
    pub client: ClientInfo,
}

/// Reads the account of a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadAccount {
    /// The session that asks.
    pub session: Session,
}

/// Lists a user's sessions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListSessions {
    /// The session that asks.
    pub session: Session,
}

/// Ends a session of a user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndSession {
    /// The session that asks.
    pub session: Session,
    /// The session that ends. It may be the same one.
    pub id: SessionId,
    /// For the audit log.
    pub client: ClientInfo,
}

/// Reads a page of a user's part of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadAudit {
    /// The session that asks.
    pub session: Session,
    /// Only entries with a lower number. `None`: from the newest on.
    pub before: Option<u64>,
}

/// Lists a user's tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListTokens {
    /// The session that asks.
    pub session: Session,
    /// Which of them, and in which order.
    pub query: TokenQuery,
}

/// What a call about an existing token rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// A session of the owner. Its revocations count against [`crate::quota::REVOCATIONS`].
    Session(SessionId),
    /// The token itself, which the caller has verified. The call is a use of it. Its revocation is not
    /// counted: someone who has found a token must not use up its owner's quota, and a token can revoke
    /// itself only once.
    Token {
        /// The client's address, if it is known.
        address: Option<IpAddr>,
    },
}

/// Reads one token of a user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadToken {
    /// The user; another user's token is not found.
    pub owner: UserId,
    /// Who asks.
    pub credential: Credential,
    /// The token.
    pub id: TokenId,
}

/// Revokes tokens of a user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Revoke {
    /// The user; another user's tokens are not found.
    pub owner: UserId,
    /// Who asks.
    pub credential: Credential,
    /// The tokens to revoke.
    pub target: RevokeTarget,
    /// For the audit log.
    pub client: ClientInfo,
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
    /// The names of all keys in use. A key that is not listed here has been retired.
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

/// Creates a token. The registry applies the rules of [`crate::issue`] to the account as it is now.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Create {
    /// The owner's session.
    pub session: Session,
    /// Random.
    pub id: TokenId,
    /// What the owner asks for.
    pub request: CreateToken,
    /// With the key of an earlier token, nothing is created.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The time of the request; the limits are checked as of then.
    #[serde(with = "numeric")]
    pub created_at: Timestamp,
    /// For the audit log.
    pub client: ClientInfo,
}

/// Why a token was not created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreationRefusal {
    /// This token was created with the same [`IdempotencyKey`].
    AlreadyCreated(TokenId),
    /// The request breaks these rules.
    Invalid(Vec<Rejection>),
    /// The token would have more than [`crate::token::MAX_LENGTH`] bytes.
    TooLong,
    /// The owner has reached a limit.
    Limit(CreationLimit),
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
        let session = Session {
            user: "ada".parse().unwrap(),
            id: SessionId::from_random([1; 16]),
        };
        let call = sent(&ListTokens {
            session: session.clone(),
            query: TokenQuery::parse([]).unwrap(),
        });
        assert!(matches!(call, AnyCall::ListTokens(list) if list.session == session));
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
