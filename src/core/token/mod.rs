//! The access token: `patrol_` and a JWT.
//!
//! [`claims`] defines what a token states. [`verify`] turns text into a [`Token`] whose signature,
//! issuer and audience have been verified. Whether it may be used now, and for what, depends on
//! time, revocation and scopes, so [`crate::authorize`] decides that for every request.

pub mod cache;
pub mod claims;
pub mod verify;

pub use claims::{Claims, Grant};
pub use verify::{TokenError, Verifier};

use crate::{
    ids::{OrganizationId, TokenId, UserId},
    jose::status_list::StatusReference,
    time::Timestamp,
};
use std::fmt;

/// The prefix by which secret scanners find a leaked token. It is not part of the JWS.
pub const PREFIX: &str = "patrol_";

/// The `typ` of an access token (RFC 8725, section 3.11).
pub const TYPE: &str = "pat+jwt";

/// The longest token that is parsed, in bytes. The longest that the origin issues, for 16
/// organizations with ids of 64 bytes and every scope of the default policy, is under three
/// quarters of this.
pub const MAX_LENGTH: usize = 4096;

/// The longest lifetime of a token, in days.
pub const MAX_LIFETIME_DAYS: u64 = 365;

/// A newly signed token: a secret, shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(String);

impl AccessToken {
    /// The text for its owner. There is no other way to read it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

/// A token whose signature, issuer and audience have been verified. It may be expired or revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// `jti`
    pub id: TokenId,
    /// `kid`: the name of the key that signed it.
    pub kid: String,
    /// `sub`
    pub owner: UserId,
    /// `org`; never empty.
    pub organizations: Vec<OrganizationId>,
    /// `scope`
    pub grant: Grant,
    /// `status`: where the token's status is published.
    pub status: StatusReference,
    /// `nbf`: the first second in which it may be used, if the token states one.
    pub not_before: Option<Timestamp>,
    /// `exp`: the first second in which it may no longer be used.
    pub expires_at: Timestamp,
}
