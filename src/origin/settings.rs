//! The origin's settings and keys, read once per isolate.

use patrol::{
    jose::signing::SigningKeys,
    policy::POLICY,
    quota::{self, Quota},
    revocation::lease,
    session,
    token::Verifier,
};
use patrol_platform::{Installation, number_setting, once, optional_setting};
use std::sync::OnceLock;
use worker::{Env, Error, Result, Url};

/// All that the origin is configured with.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Shared with the edge.
    pub(crate) installation: Installation,
    /// `SIGNING_KEYS`: they sign tokens and lists.
    pub(crate) signing_keys: SigningKeys,
    /// `SESSION_KEYS`: they sign sessions, and nothing else.
    pub(crate) session_keys: SigningKeys,
    /// `LEASE_MILLISECONDS`: how long an edge judges without asking, and the longest that a
    /// revocation waits.
    pub(crate) lease_length: u64,
    /// `CREATION_BURST` and `CREATIONS_PER_HOUR`: how many tokens a user may create.
    pub(crate) creations: Quota,
    /// `DEV_SIGN_IN`: anyone on this machine may be a development user. It is on only if
    /// `PUBLIC_URL` is at a loopback address; each sign-in is checked for one, too.
    pub(crate) dev_sign_in: bool,
    /// Checks tokens that come here themselves.
    pub(crate) verifier: Verifier,
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

impl Settings {
    /// The settings of this isolate. Wrong ones are an error on every request, which names
    /// the setting in the log.
    pub(crate) fn get(env: &Env) -> Result<&'static Self> {
        once(&SETTINGS, || Self::from_env(env))
    }

    fn from_env(env: &Env) -> Result<Self> {
        let installation = Installation::from_env(env)?;
        let signing_keys = keys(env, "SIGNING_KEYS")?;
        let verifier = Verifier::new(
            installation.public_url.clone(),
            installation.registries,
            signing_keys.public().clone(),
            &POLICY,
        );
        Ok(Self {
            session_keys: keys(env, "SESSION_KEYS")?,
            lease_length: number_setting(env, "LEASE_MILLISECONDS", lease::LENGTHS)?
                .unwrap_or(lease::DEFAULT_LENGTH),
            creations: creations(env)?,
            dev_sign_in: dev_sign_in(env, &installation)?,
            installation,
            signing_keys,
            verifier,
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
    let url = Url::parse(&installation.public_url)?;
    let setting = optional_setting(env, "DEV_SIGN_IN");
    session::dev_sign_in(setting.as_deref(), url.host_str().unwrap_or_default())
        .map_err(|error| Error::RustError(error.to_owned()))
}

/// The error says what is wrong with the key set, never what is in it.
fn keys(env: &Env, name: &str) -> Result<SigningKeys> {
    let json = env
        .secret(name)
        .map(|secret| secret.to_string())
        .map_err(|_| {
            Error::RustError(format!(
                "the secret {name} is missing: make one with `cargo xtask keygen`"
            ))
        })?;
    SigningKeys::from_jwks(&json).map_err(|error| Error::RustError(format!("{name}: {error}")))
}
