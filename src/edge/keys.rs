//! Fetches the public keys from the origin, and learns with them which policy it has.

use crate::{isolate::with_validator, settings::EdgeSettings};
use patrol::{
    http::api::{POLICY_HASH, policy_difference},
    jose::keys::KeySet,
    routes,
};
use patrol_platform::{Fetcher, clock, policy::policy_hash, read};
use std::cell::RefCell;
use web_sys::Request;
use worker::{Env, Error, Result, console_warn};

pub(crate) async fn fetch(env: &Env, settings: &EdgeSettings) -> Result<()> {
    let fetched_at = clock();
    let address = settings.installation.paths.url_of(routes::JWKS);
    let request = Request::new_with_str(&address)?;
    let origin = Fetcher::binding(env, "ORIGIN")?;
    let response = origin.send(&request).await?;
    let policy = response.headers().get(POLICY_HASH)?;
    let text = read(response, "the key set").await?;
    warn_of_difference(policy);
    let keys = KeySet::from_jwks(&text).map_err(|error| Error::RustError(error.to_string()))?;
    with_validator(|validator| validator.set_keys(fetched_at, keys));
    Ok(())
}

/// Logs that the origin has another policy, once for each. No request fails of it: a deployment of
/// two Workers passes through that state.
fn warn_of_difference(origin: Option<String>) {
    thread_local! {
        static KNOWN: RefCell<Option<String>> = const { RefCell::new(None) };
    }
    if KNOWN.replace(origin.clone()) == origin {
        return;
    }
    let difference = origin.and_then(|origin| policy_difference(policy_hash(), &origin));
    if let Some(difference) = difference {
        console_warn!("edge: {difference}");
    }
}
