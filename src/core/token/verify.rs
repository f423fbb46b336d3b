//! From the text of a request to a [`Token`].
//!
//! Order: length, form, signature, claims. Nothing of a token is believed, shown or logged
//! before its signature is checked. Nothing here depends on the time, so the answer for a
//! given text and key set is always the same and can be kept.

use super::{Claims, Grant, MAX_LENGTH, MAX_LIFETIME_DAYS, PREFIX, TYPE, Token};
use crate::{
    jose::{
        jws::{ParseError, Unverified, VerifyError},
        keys::KeySet,
        status_list::{LIST_SIZE, StatusListId, StatusReference},
    },
    placement,
    policy::{Policy, scope::is_scope},
    time::DAY,
};

/// Why a text is not a token of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    /// The form is wrong; nothing in it was believed.
    Form(ParseError),
    /// Signed, if at all, by a key that we do not know.
    UnknownKey,
    /// The signature is wrong.
    Signature,
    /// Our signature, but not the claims of an access token.
    Claims,
    /// Issued by another installation (`iss`).
    Issuer,
    /// Issued for another installation (`aud`).
    Audience,
    /// A lifetime of less than nothing or of more than 365 days.
    Lifetime,
    /// Its status list is not one of its owner's registry.
    List,
}

/// What a verifier of tokens has to know. Cheap to keep, made once per key set.
#[derive(Debug, Clone)]
pub struct Verifier {
    issuer: String,
    registries: u16,
    keys: KeySet,
    policy: &'static Policy,
}

impl Verifier {
    /// `issuer` is the public address of the installation, without a slash at its end,
    /// `registries` how many there are.
    pub fn new(issuer: String, registries: u16, keys: KeySet, policy: &'static Policy) -> Self {
        Self {
            issuer,
            registries,
            keys,
            policy,
        }
    }

    /// The keys in use.
    pub fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// Checks form, signature, issuer and audience. The prefix may be absent.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify(&self, text: &str) -> Result<Token, TokenError> {
        let jwt = text.strip_prefix(PREFIX).unwrap_or(text);
        let unverified = Unverified::parse(jwt, TYPE, MAX_LENGTH).map_err(TokenError::Form)?;
        let claims: Claims = unverified.verify(&self.keys).map_err(|error| match error {
            VerifyError::UnknownKey => TokenError::UnknownKey,
            VerifyError::Signature => TokenError::Signature,
            VerifyError::Claims => TokenError::Claims,
        })?;
        if claims.iss != self.issuer {
            return Err(TokenError::Issuer);
        }
        if claims.aud != self.issuer {
            return Err(TokenError::Audience);
        }
        if claims.exp <= claims.iat || claims.exp.since(claims.iat) > MAX_LIFETIME_DAYS * DAY {
            return Err(TokenError::Lifetime);
        }
        let reference = claims.status.status_list;
        let list =
            StatusListId::from_uri(&self.issuer, &reference.uri).ok_or(TokenError::Claims)?;
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
