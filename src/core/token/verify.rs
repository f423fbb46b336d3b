//! From text to a [`Token`].
//!
//! The order is length, form, signature, claims. Nothing in a token is trusted, shown or logged
//! before its signature is verified. The result does not depend on the time, so it can be cached by
//! text and key set.

use super::{Claims, Grant, MAX_LENGTH, MAX_LIFETIME_DAYS, PREFIX, TYPE, Token};
use crate::{
    jose::{
        VerifySignature,
        jws::{ParseError, Unverified, VerifyError},
        keys::KeySet,
        status_list::{LIST_SIZE, StatusListId, StatusReference},
    },
    placement,
    policy::{Policy, scope::is_scope},
    routes::Paths,
    time::DAY,
};

/// Why a text is not a token of this installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    /// Not a JWS in Patrol's form.
    Form(ParseError),
    /// `kid` names no key of the set.
    UnknownKey,
    /// The signature does not verify.
    Signature,
    /// The claims are not those of an access token.
    Claims,
    /// Issued by another installation (`iss`).
    Issuer,
    /// Issued for another installation (`aud`).
    Audience,
    /// The lifetime is not positive or exceeds [`MAX_LIFETIME_DAYS`].
    Lifetime,
    /// The status list does not belong to the owner's registry.
    List,
}

/// Everything needed to verify tokens. Created once per key set.
#[derive(Debug, Clone)]
pub struct Verifier {
    paths: Paths,
    registries: u16,
    keys: KeySet,
    policy: &'static Policy,
}

impl Verifier {
    /// `registries` is the setting `REGISTRIES`.
    pub fn new(paths: Paths, registries: u16, keys: KeySet, policy: &'static Policy) -> Self {
        Self {
            paths,
            registries,
            keys,
            policy,
        }
    }

    /// The keys that tokens may be signed with.
    pub fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// Verifies form, signature, issuer and audience. The prefix is optional.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify(
        &self,
        text: &str,
        signatures: &impl VerifySignature,
    ) -> Result<Token, TokenError> {
        let jwt = text.strip_prefix(PREFIX).unwrap_or(text);
        let unverified = Unverified::parse(jwt, TYPE, MAX_LENGTH).map_err(TokenError::Form)?;
        let claims: Claims =
            unverified
                .verify(&self.keys, signatures)
                .map_err(|error| match error {
                    VerifyError::UnknownKey => TokenError::UnknownKey,
                    VerifyError::Signature => TokenError::Signature,
                    VerifyError::Claims => TokenError::Claims,
                })?;
        if claims.iss != self.paths.public_url() {
            return Err(TokenError::Issuer);
        }
        if claims.aud != self.paths.public_url() {
            return Err(TokenError::Audience);
        }
        if claims.exp <= claims.iat || claims.exp.since(claims.iat) > MAX_LIFETIME_DAYS * DAY {
            return Err(TokenError::Lifetime);
        }
        let reference = claims.status.status_list;
        let list = StatusListId::from_uri(&self.paths, &reference.uri).ok_or(TokenError::Claims)?;
        if claims.org.is_empty()
            || reference.idx >= LIST_SIZE
            || !claims.scope.as_deref().is_none_or(is_scope)
        {
            return Err(TokenError::Claims);
        }
        if list.registry != placement::of_user(&claims.sub, self.registries) {
            return Err(TokenError::List);
        }
        Ok(Token {
            id: claims.jti,
            kid: unverified.into_kid(),
            owner: claims.sub,
            organizations: claims.org,
            grant: Grant::new(claims.scope, self.policy),
            status: StatusReference {
                list,
                idx: reference.idx,
            },
            not_before: claims.nbf,
            expires_at: claims.exp,
        })
    }
}
