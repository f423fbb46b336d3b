//! The public keys, from the origin's key set.

use crate::{isolate::with_validator, settings::Settings};
use patrol::{jose::keys::KeySet, routes};
use patrol_platform::{Fetcher, clock};
use web_sys::Request;
use worker::{Env, Error, Result};

/// Brings the key set into memory.
pub(crate) async fn fetch(env: &Env, settings: &Settings) -> Result<()> {
    let asked_at = clock();
    let issuer = &settings.installation.public_url;
    let request = Request::new_with_str(&format!("{issuer}{}", routes::JWKS))?;
    let origin = Fetcher::binding(env, "ORIGIN")?;
    let text = origin.read(&request, "the key set").await?;
    let keys = KeySet::from_jwks(&text).map_err(|error| Error::RustError(error.to_string()))?;
    with_validator(|memory| memory.learn_keys(asked_at, keys));
    Ok(())
}
