//! Fetches the public keys from the origin.

use crate::{isolate::with_validator, settings::EdgeSettings};
use patrol::{jose::keys::KeySet, routes};
use patrol_platform::{Fetcher, clock};
use web_sys::Request;
use worker::{Env, Error, Result};

pub(crate) async fn fetch(env: &Env, settings: &EdgeSettings) -> Result<()> {
    let fetched_at = clock();
    let address = settings.installation.paths.url_of(routes::JWKS);
    let request = Request::new_with_str(&address)?;
    let origin = Fetcher::binding(env, "ORIGIN")?;
    let text = origin.read(&request, "the key set").await?;
    let keys = KeySet::from_jwks(&text).map_err(|error| Error::RustError(error.to_string()))?;
    with_validator(|validator| validator.set_keys(fetched_at, keys));
    Ok(())
}
