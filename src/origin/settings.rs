//! The origin's settings and keys. Each isolate reads them once.

use patrol::{
    account::{ExternalIdentity, Front},
    http::embedding::EmbedOrigins,
    jose::signing::SigningKeys,
    quota::{self, Quota},
    revocation::lease,
    session::{self, SessionCookie},
    sign_in::{
        access::Access,
        assertion::{Platform, PlatformSettings},
        client::Credential,
        provider::{self, Provider},
    },
};
use patrol_platform::{Installation, is_origin, number_setting, once, optional_setting};
use std::{fmt::Display, sync::OnceLock};
use worker::{Env, Error, Result};

#[derive(Debug)]
pub(crate) struct OriginSettings {
    /// The settings that the edge has too.
    pub(crate) installation: Installation,
    /// `SIGNING_KEYS`, for tokens and status lists.
    pub(crate) signing_keys: SigningKeys,
    /// `SESSION_KEYS`, for sessions only.
    pub(crate) session_keys: SigningKeys,
    /// `LEASE_MILLISECONDS`: how long an edge may rely on a list without asking, and the longest
    /// that a revocation waits.
    pub(crate) lease_length: u64,
    /// `CREATION_BURST` and `CREATIONS_PER_HOUR`, for each user.
    pub(crate) creations: Quota,
    /// `DEV_SIGN_IN`: anyone on this machine can sign in as a development user. `PUBLIC_URL` must be
    /// on loopback, and so must the host of each sign-in request.
    pub(crate) dev_sign_in: bool,
    /// The cookie of this installation.
    pub(crate) cookie: SessionCookie,
    /// Who else can sign users in.
    pub(crate) fronts: Fronts,
    /// `EMBED_ORIGINS`: pages of other sites that may embed the element.
    pub(crate) embed_origins: EmbedOrigins,
}

/// Other parties that sign users in.
#[derive(Debug)]
pub(crate) struct Fronts {
    /// `OIDC_PROVIDERS`, each with its secret.
    pub(crate) providers: Vec<(Provider, Credential)>,
    /// `ACCESS_TEAM` and `ACCESS_AUD`
    pub(crate) access: Option<Access>,
    /// `PLATFORM_ISSUER`, and `PLATFORM_JWKS_URL` or `PLATFORM_SECRET`
    pub(crate) platform: Option<Platform>,
}

impl Fronts {
    fn from_env(env: &Env) -> Result<Self> {
        let setting = |name: &str| optional_setting(env, name);
        let wrong = |error: &dyn Display| Error::RustError(error.to_string());
        let providers = provider::from_setting(setting(provider::SETTING).as_deref())
            .map_err(|error| wrong(&error))?;
        let with_credential = |provider: Provider| {
            let secret = setting(&provider.credential_setting());
            let credential = provider.credential(secret.as_deref());
            let credential = credential.map_err(|error| wrong(&error))?;
            Ok((provider, credential))
        };
        let [team, audience] = ["ACCESS_TEAM", "ACCESS_AUD"].map(setting);
        let platform = ["PLATFORM_ISSUER", "PLATFORM_JWKS_URL", "PLATFORM_SECRET"].map(setting);
        let [issuer, jwks_url, secret] = platform.each_ref().map(|value| value.as_deref());
        let platform = PlatformSettings {
            issuer,
            jwks_url,
            secret,
        };
        Ok(Self {
            providers: providers
                .into_iter()
                .map(with_credential)
                .collect::<Result<_>>()?,
            access: Access::from_settings(team.as_deref(), audience.as_deref())
                .map_err(|error| wrong(&error))?,
            platform: Platform::from_settings(platform).map_err(|error| wrong(&error))?,
        })
    }
}

static SETTINGS: OnceLock<OriginSettings> = OnceLock::new();

impl OriginSettings {
    /// Whether an identity still counts: sessions by a front that was removed do not.
    pub(crate) fn trusts(&self, identity: &ExternalIdentity) -> bool {
        let issuer = Some(&*identity.issuer);
        let Fronts {
            providers,
            access,
            platform,
        } = &self.fronts;
        match identity.front {
            Front::Development => self.dev_sign_in,
            Front::OpenIdConnect => providers.iter().any(|(provider, _)| {
                provider.name == identity.provider && Some(&*provider.issuer) == issuer
            }),
            Front::Access => access.as_ref().map(Access::issuer) == issuer,
            Front::Platform => platform.as_ref().map(Platform::issuer) == issuer,
        }
    }

    /// The settings of this isolate. An invalid setting fails every request, and the log names it.
    pub(crate) fn get(env: &Env) -> Result<&'static Self> {
        once(&SETTINGS, || Self::from_env(env))
    }

    fn from_env(env: &Env) -> Result<Self> {
        let installation = Installation::from_env(env)?;
        Ok(Self {
            signing_keys: keys(env, "SIGNING_KEYS")?,
            session_keys: keys(env, "SESSION_KEYS")?,
            lease_length: number_setting(env, "LEASE_MILLISECONDS", lease::LENGTHS)?
                .unwrap_or(lease::DEFAULT_LENGTH),
            creations: creations(env)?,
            dev_sign_in: dev_sign_in(env, &installation)?,
            cookie: SessionCookie::new(&installation.paths),
            fronts: Fronts::from_env(env)?,
            embed_origins: EmbedOrigins::from_setting(
                optional_setting(env, "EMBED_ORIGINS").as_deref(),
                is_origin,
            )
            .map_err(Error::RustError)?,
            installation,
        })
    }
}

fn creations(env: &Env) -> Result<Quota> {
    let number = |name, usual: u32| -> Result<u32> {
        let number = number_setting(env, name, quota::COUNTS)?;
        Ok(number
            .and_then(|number| number.try_into().ok())
            .unwrap_or(usual))
    };
    Ok(Quota {
        burst: number("CREATION_BURST", quota::CREATIONS.burst)?,
        per_hour: number("CREATIONS_PER_HOUR", quota::CREATIONS.per_hour)?,
    })
}

fn dev_sign_in(env: &Env, installation: &Installation) -> Result<bool> {
    let setting = optional_setting(env, "DEV_SIGN_IN");
    session::dev_sign_in(setting.as_deref(), installation.paths.host())
        .map_err(|error| Error::RustError(error.to_owned()))
}

/// The error never contains any part of the key set.
fn keys(env: &Env, name: &str) -> Result<SigningKeys> {
    let json = optional_setting(env, name).ok_or_else(|| {
        Error::RustError(format!(
            "the secret {name} is missing: create one with `cargo xtask keygen`"
        ))
    })?;
    SigningKeys::from_jwks(&json).map_err(|error| Error::RustError(format!("{name}: {error}")))
}
