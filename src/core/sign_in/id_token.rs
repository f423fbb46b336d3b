//! The claims of an ID token (OpenID Connect Core, section 3.1.3.7).
//!
//! Left out: `at_hash`, because the access token is not used.

use super::{
    authorization::ReturnTo,
    callback::Grant,
    claims::{self, AuthenticatedUser, ClaimsError},
    discovery::Discovery,
};
use crate::{
    jose::foreign::{Claims, Verified},
    time::Timestamp,
};

/// The end of a sign-in.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedIn {
    /// Who it is.
    pub user: AuthenticatedUser,
    /// For the rules of memberships; without an `email` that the provider has not verified.
    pub claims: Claims,
    /// Where the user wanted to go.
    pub return_to: ReturnTo,
}

impl Grant {
    /// Checks the ID token that the code was exchanged for.
    ///
    /// # Errors
    /// [`ClaimsError`].
    pub fn sign_in(
        self,
        id_token: Verified,
        discovery: &Discovery,
        now: Timestamp,
    ) -> Result<SignedIn, ClaimsError> {
        let provider = &discovery.provider;
        if self.pending.provider != provider.name {
            return Err(ClaimsError::Issuer);
        }
        // Logout tokens and access tokens of the same issuer have types of their own.
        if !id_token.is_untyped() {
            return Err(ClaimsError::Type);
        }
        let claims = id_token.into_claims();
        claims::check(&claims, &provider.issuer, now)?;
        claims::check_audience(&claims, &provider.client_id)?;
        if claims.text("nonce") != Some(&self.pending.nonce) {
            return Err(ClaimsError::Nonce);
        }
        let user = claims::identity(&claims, &provider.issuer, &provider.subject_claim)?;
        Ok(SignedIn {
            user,
            claims: claims::trusted(claims),
            return_to: self.pending.return_to,
        })
    }
}
