//! The access token: `patrol_` and a JWT.
//!
//! [`claims`] says what a token states, [`verify`] turns the text of a request into a
//! [`Token`] whose signature, issuer and audience are right. Whether that token may be used
//! now, and for what, is decided per request by [`crate::authorize::decision`], because times,
//! revocation and scopes change their answer while the signature does not.

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

/// Stands before the JWT so that secret scanners find a leaked token; not part of the JWS.
pub const PREFIX: &str = "patrol_";

/// The `typ` of an access token (RFC 8725, section 3.11).
pub const TYPE: &str = "pat+jwt";

/// The longest token that is looked at, in bytes. The longest that the origin issues, for
/// 16 organizations with names of 64 bytes and every scope of the default policy, has less than
/// three quarters of it.
pub const MAX_LENGTH: usize = 4096;

/// The longest lifetime of a token, in days.
pub const MAX_LIFETIME_DAYS: u64 = 365;

/// A freshly signed token: a secret, shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(String);

impl AccessToken {
    /// The text to give to its owner; the one way to get at it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

/// A token whose signature, issuer and audience are right. It may be expired or revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// `jti`
    pub id: TokenId,
    /// `kid`: the thumbprint of the key that signed it.
    pub kid: String,
    /// `sub`: the owner.
    pub owner: UserId,
    /// `org`: where it may act; never empty.
    pub organizations: Vec<OrganizationId>,
    /// What it may do.
    pub grant: Grant,
    /// Where its status is published.
    pub status: StatusReference,
    /// `nbf`: first second in which it may be used, where the token says so.
    pub not_before: Option<Timestamp>,
    /// `exp`: first second in which it may no longer be used.
    pub expires_at: Timestamp,
}
