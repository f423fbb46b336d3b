//! What a token states, in the names of RFC 7519 and the Token Status List draft.

use super::{AccessToken, MAX_LENGTH, PREFIX, TYPE};
use crate::{
    ids::{OrganizationId, TokenId, UserId},
    jose::{jws, keys::SigningKey},
    json,
    policy::{Policy, scope::ScopeSet},
    time::{Timestamp, numeric},
};
use serde::{Deserialize, Serialize};

/// The JWT claims of an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer: the public address of this installation.
    pub iss: String,
    /// Audience: the same address; a token for one installation is nothing to another.
    pub aud: String,
    /// Owner.
    pub sub: UserId,
    /// Organizations that the token may act in, chosen at creation.
    pub org: Vec<OrganizationId>,
    /// Token id.
    pub jti: TokenId,
    /// Issued at.
    #[serde(with = "numeric")]
    pub iat: Timestamp,
    /// Not before: none of ours states it, as the clock of an edge may be behind that of the
    /// origin.
    #[serde(
        default,
        with = "numeric::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub nbf: Option<Timestamp>,
    /// Expires, exclusive.
    #[serde(with = "numeric")]
    pub exp: Timestamp,
    /// Scope names between spaces (RFC 8693, section 4.2); absent when RBAC is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Status (Token Status List, section 6).
    #[serde(deserialize_with = "json::object")]
    pub status: StatusClaim,
}

/// The `status` claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusClaim {
    /// The one way we publish status.
    #[serde(deserialize_with = "json::object")]
    pub status_list: StatusListClaim,
}

/// The `status_list` member of the `status` claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusListClaim {
    /// The token's place in the list.
    pub idx: u32,
    /// The list's address.
    pub uri: String,
}

/// What a token may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// The token names scopes. The claim is kept for the upstream.
    Scopes {
        /// Those that the policy knows.
        set: ScopeSet,
        /// As signed.
        claim: String,
    },
    /// The token names no scopes. It may act for its owner where RBAC is off, and may do
    /// nothing where it is on: a token from before the switch does not grow.
    Unscoped,
}

impl Grant {
    /// Reads the `scope` claim.
    pub fn new(claim: Option<String>, policy: &Policy) -> Self {
        match claim {
            Some(claim) => Self::Scopes {
                set: policy.parse_scopes(&claim),
                claim,
            },
            None => Self::Unscoped,
        }
    }

    /// The scopes held by name.
    pub fn scopes(&self) -> ScopeSet {
        match self {
            Self::Scopes { set, .. } => *set,
            Self::Unscoped => ScopeSet::EMPTY,
        }
    }
}

/// Why a token could not be issued. Both are mistakes of the installation, not of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueError {
    /// The token would be longer than verifiers accept.
    TooLong,
    /// The claims could not be written as JSON.
    Claims,
}

/// Signs the claims and puts the prefix before them.
///
/// # Errors
/// [`IssueError`].
pub fn issue(claims: &Claims, key: &SigningKey) -> Result<AccessToken, IssueError> {
    let jwt = jws::sign(key, TYPE, claims).map_err(|_| IssueError::Claims)?;
    if jwt.len() > MAX_LENGTH {
        return Err(IssueError::TooLong);
    }
    Ok(AccessToken(format!("{PREFIX}{jwt}")))
}
