//! The public keys, from the origin's key set.

use crate::{isolate::with_memory, runtime::Fetcher, settings::Settings};
use patrol::{keys::KeySet, surface};
use patrol_platform::clock;
use wasm_bindgen_futures::JsFuture;
use web_sys::Request;
use worker::{Env, Error, Result};

/// Brings the key set into memory.
pub(crate) async fn fetch(env: &Env, settings: &Settings) -> Result<()> {
    let asked_at = clock();
    let issuer = &settings.installation.public_url;
    let request = Request::new_with_str(&format!("{issuer}{}", surface::JWKS))?;
    let response = Fetcher::binding(env, "ORIGIN")?.send(&request).await?;
    if !response.ok() {
        return Err(Error::RustError(format!(
            "the key set answered {}",
            response.status()
        )));
    }
    let text = JsFuture::from(response.text()?)
        .await?
        .as_string()
        .unwrap_or_default();
    let keys = KeySet::from_jwks(&text).map_err(|error| Error::RustError(error.to_string()))?;
    with_memory(|memory| memory.learn_keys(asked_at, keys));
    Ok(())
}
