//! The claims of an access token, in the terms of RFC 7519 and the Token Status List draft.

use super::{AccessToken, MAX_LENGTH, PREFIX, TYPE};
use crate::{
    ids::{OrganizationId, TokenId, UserId},
    jose::{jws, signing::SigningKey},
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
    /// Audience: the same address, so that a token for one installation is worthless at another.
    pub aud: String,
    /// Owner.
    pub sub: UserId,
    /// The organizations that the token may act in.
    pub org: Vec<OrganizationId>,
    /// Token id.
    pub jti: TokenId,
    /// Issued at. It is never compared with a clock.
    #[serde(with = "numeric")]
    pub iat: Timestamp,
    /// Not before. The origin does not issue it, because an edge's clock may be behind.
    #[serde(
        default,
        with = "numeric::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub nbf: Option<Timestamp>,
    /// Expires, exclusive.
    #[serde(with = "numeric")]
    pub exp: Timestamp,
    /// Scope names separated by spaces (RFC 8693, section 4.2). Absent if RBAC is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Status (Token Status List, section 6).
    #[serde(deserialize_with = "json::object")]
    pub status: StatusClaim,
}

/// The `status` claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusClaim {
    /// The only status mechanism that Patrol uses.
    #[serde(deserialize_with = "json::object")]
    pub status_list: StatusListClaim,
}

/// The `status_list` member of the `status` claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusListClaim {
    /// The token's index in the list.
    pub idx: u32,
    /// The list's address.
    pub uri: String,
}

/// What a token may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// The token names scopes.
    Scopes {
        /// Those that the policy has.
        set: ScopeSet,
        /// The claim as signed, for the upstream.
        claim: String,
    },
    /// The token names no scopes, because RBAC was off when it was created. It may act for its
    /// owner while RBAC stays off, and may do nothing once RBAC is on.
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

    /// The scopes that the token holds by name.
    pub fn scopes(&self) -> ScopeSet {
        match self {
            Self::Scopes { set, .. } => *set,
            Self::Unscoped => ScopeSet::EMPTY,
        }
    }
}

/// Why a token could not be issued. Both are faults of the installation, not of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueError {
    /// The token would be longer than [`MAX_LENGTH`].
    TooLong,
    /// The claims could not be written as JSON.
    Claims,
}

/// Signs the claims and adds the prefix.
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
