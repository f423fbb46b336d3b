//! The origin's settings and keys. Each isolate reads them once.

use patrol::{
    jose::signing::SigningKeys,
    quota::{self, Quota},
    revocation::lease,
    session::{self, SessionCookie},
};
use patrol_platform::{Installation, number_setting, once, optional_setting};
use std::sync::OnceLock;
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
}

static SETTINGS: OnceLock<OriginSettings> = OnceLock::new();

impl OriginSettings {
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
