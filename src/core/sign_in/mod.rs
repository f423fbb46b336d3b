//! Signing in by a JWT of another party: an OpenID Connect provider, Cloudflare Access, the platform.
//!
//! The three differ in how the JWT arrives. It is always verified as [`crate::jose::foreign`], and
//! its [`claims`] are checked here. What comes out is an [`claims::AuthenticatedUser`] and the claims, which the
//! policy's [`membership`](crate::policy::membership) rules turn into organizations and roles.
//!
//! OpenID Connect is the authorization code flow (OpenID Connect Core, section 3.1) with PKCE (RFC
//! 7636), `state`, `nonce` and `iss` (RFC 9207):
//!
//! 1. [`provider`] reads `OIDC_PROVIDERS`; [`discovery`] the provider's own description.
//! 2. [`authorization`] sends the browser to the provider, and keeps what must match in a cookie.
//! 3. [`callback`] reads the provider's answer; [`token_request`] exchanges its code for an ID token.
//! 4. [`id_token`] checks the claims. [`logout`] ends the session at the provider.
//!
//! The flow is written by hand: the crate `oauth2` 5 adds 114 KB to a Worker, compressed, and the
//! same by `form_urlencoded` 4. It also knows neither discovery, `nonce` and `iss`, nor
//! `private_key_jwt`.
//!
//! Left out: who fetches, and keeping sessions; both are the origin's.

pub mod access;
pub mod address;
pub mod assertion;
pub mod authorization;
pub mod callback;
pub mod claims;
pub mod client;
pub mod discovery;
pub mod fetched;
pub mod id_token;
pub mod logout;
pub mod provider;
#[cfg(test)]
mod tests;
pub mod token_request;

use std::fmt;

/// A text that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text. Send it only to whom it is for.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
