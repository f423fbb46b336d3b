//! `POST auth/session`: the platform's own assertion that a user is signed in there.
//!
//! It is a JWT for one use within a minute, so that a copy is worth nothing. It has the memberships
//! inside, because the platform knows them; the rules of `[membership]` do not apply.

use super::{
    address::{Address, InvalidAddress},
    claims::{self, AuthenticatedUser, ClaimsError},
};
use crate::{
    jose::foreign::{SharedSecret, Verified},
    json::Object,
    policy::{
        Policy,
        membership::{Mapped, MembershipRules},
    },
    routes::Paths,
    time::Timestamp,
};
use serde::Deserialize;
use std::fmt;

/// The name of this way to sign in.
pub const NAME: &str = "platform";

/// The longest time from `iat` to `exp`, in seconds.
pub const MAX_LIFETIME: u64 = 60;

/// The longest `jti`, in bytes.
const MAX_JTI: usize = 128;

/// How assertions are signed.
#[derive(Debug)]
pub enum PlatformKeys {
    /// `PLATFORM_JWKS_URL`: by a key of this JWK Set.
    JwkSet(Address),
    /// `PLATFORM_SECRET`: by HS256.
    Secret(SharedSecret),
}

/// The platform.
#[derive(Debug)]
pub struct Platform {
    issuer: String,
    /// How it signs.
    pub keys: PlatformKeys,
}

/// The values of the platform's settings.
#[derive(Clone, Copy, Default)]
pub struct PlatformSettings<'a> {
    /// `PLATFORM_ISSUER`
    pub issuer: Option<&'a str>,
    /// `PLATFORM_JWKS_URL`
    pub jwks_url: Option<&'a str>,
    /// `PLATFORM_SECRET`
    pub secret: Option<&'a str>,
}

impl Platform {
    /// Reads the settings. `None`: all are absent.
    ///
    /// # Errors
    /// Names the setting and says what it must be.
    pub fn from_settings(settings: PlatformSettings<'_>) -> Result<Option<Self>, String> {
        let PlatformSettings {
            issuer,
            jwks_url,
            secret,
        } = settings;
        let missing = jwks_url.is_none() && secret.is_none();
        if missing && issuer.is_none() {
            return Ok(None);
        }
        if missing {
            let problem = "PLATFORM_JWKS_URL is missing: set it, or the secret PLATFORM_SECRET";
            return Err(problem.to_owned());
        }
        let issuer = issuer.unwrap_or_default();
        if issuer.is_empty() || issuer.len() > 512 || issuer.chars().any(char::is_control) {
            return Err(
                "PLATFORM_ISSUER must be the `iss` of the platform's assertions".to_owned(),
            );
        }
        let keys = match (jwks_url, secret) {
            (Some(url), None) => PlatformKeys::JwkSet(
                Address::parse(url)
                    .map_err(|_| format!("PLATFORM_JWKS_URL must be {InvalidAddress}"))?,
            ),
            (None, Some(secret)) => {
                let least = SharedSecret::MIN_LENGTH;
                let secret = SharedSecret::from_text(secret, issuer);
                PlatformKeys::Secret(secret.ok_or_else(|| {
                    format!(
                        "PLATFORM_SECRET must have at least {least} characters, chosen at random"
                    )
                })?)
            }
            _ => {
                return Err(
                    "PLATFORM_JWKS_URL and PLATFORM_SECRET are both set: remove one".to_owned(),
                );
            }
        };
        let issuer = issuer.to_owned();
        Ok(Some(Self { issuer, keys }))
    }

    /// The `iss` of assertions, for the [`JwkSet`](crate::jose::foreign::JwkSet).
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Checks the claims of an assertion. The caller must still see to it that `jti` is new.
    ///
    /// # Errors
    /// [`ClaimsError`].
    pub fn identify(
        &self,
        assertion: &Verified,
        paths: &Paths,
        now: Timestamp,
        rules: &MembershipRules,
        policy: &Policy,
    ) -> Result<Asserted, ClaimsError> {
        if !assertion.is_untyped() {
            return Err(ClaimsError::Type);
        }
        let claims = assertion.claims();
        let issued_at = claims::check(claims, &self.issuer, now)?;
        claims::check_audience(claims, paths.public_url())?;
        let expires = claims.time("exp").ok_or(ClaimsError::Missing("exp"))?;
        if expires > issued_at.plus(MAX_LIFETIME) {
            return Err(ClaimsError::Lifetime);
        }
        let id = claims
            .text("jti")
            .filter(|id| (1..=MAX_JTI).contains(&id.len()));
        let list = claims.get("memberships").cloned().unwrap_or_default();
        let list: Vec<Object<AssertedMembership>> =
            serde_json::from_value(list).map_err(|_| ClaimsError::Memberships)?;
        let mut memberships = Mapped::default();
        for Object(AssertedMembership { id, name, roles }) in &list {
            let name = name
                .as_deref()
                .map(claims::shown)
                .filter(|name| !name.is_empty());
            for role in roles {
                memberships.grant(id, role, policy, |id| {
                    name.clone().unwrap_or_else(|| rules.name_of(id))
                });
            }
        }
        Ok(Asserted {
            user: claims::identity(claims, &self.issuer, "sub")?,
            memberships,
            id: id.ok_or(ClaimsError::Missing("jti"))?.to_owned(),
            remember_until: expires.plus(claims::LEEWAY),
        })
    }
}

/// An entry of `memberships`, with the members that the API uses for an organization.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssertedMembership {
    id: String,
    name: Option<String>,
    roles: Vec<String>,
}

/// What an assertion says.
#[derive(Clone, PartialEq, Eq)]
pub struct Asserted {
    /// Who it is.
    pub user: AuthenticatedUser,
    /// Their organizations and roles.
    pub memberships: Mapped,
    /// `jti`, which must not have been used before.
    pub id: String,
    /// Until when `jti` must be remembered.
    pub remember_until: Timestamp,
}

impl fmt::Debug for Asserted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Asserted({:?})", self.user)
    }
}
