//! The public keys, as this isolate knows them.
//!
//! They come from the origin and are kept for a moment. A token with an unknown key asks for
//! them again, so that a new key works at once, but not more than once a second: anyone can
//! send such a token.

use crate::{runtime::Fetcher, settings::Settings};
use patrol::{keys::KeySet, policy::POLICY, surface, time::Timestamp, token::Verifier};
use patrol_platform::now;
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen_futures::JsFuture;
use web_sys::Request;
use worker::{Env, Error, Result};

/// For how many seconds the keys are used without asking.
const FRESH_SECONDS: u64 = 10;

struct Known {
    verifier: Rc<Verifier>,
    since: Timestamp,
}

thread_local! {
    static KNOWN: RefCell<Option<Known>> = const { RefCell::new(None) };
}

/// The verifier, if it is at most that many seconds old.
fn known(max_age: u64) -> Option<Rc<Verifier>> {
    KNOWN.with_borrow(|known| {
        let known = known.as_ref()?;
        (now().since(known.since) < max_age).then(|| known.verifier.clone())
    })
}

/// A verifier with the keys as they were a moment ago.
pub(crate) async fn verifier(env: &Env, settings: &Settings) -> Result<Rc<Verifier>> {
    match known(FRESH_SECONDS) {
        Some(verifier) => Ok(verifier),
        None => load(env, settings).await,
    }
}

/// A verifier with newer keys than `old`, if there can be any: for a token whose key is not
/// among the old ones.
pub(crate) async fn newer(
    old: &Rc<Verifier>,
    env: &Env,
    settings: &Settings,
) -> Result<Option<Rc<Verifier>>> {
    let verifier = match known(1) {
        Some(verifier) => verifier,
        None => load(env, settings).await?,
    };
    Ok((verifier.keys() != old.keys()).then_some(verifier))
}

async fn load(env: &Env, settings: &Settings) -> Result<Rc<Verifier>> {
    let since = now();
    let issuer = settings.installation.public_url.clone();
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
    let verifier = Rc::new(Verifier::new(issuer, keys, &POLICY));
    KNOWN.set(Some(Known {
        verifier: verifier.clone(),
        since,
    }));
    Ok(verifier)
}
