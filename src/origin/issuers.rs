//! What other issuers publish, and the JWTs that they sign.
//!
//! Descriptions and keys are kept for some minutes. A JWT whose key is missing causes one more fetch,
//! because issuers rotate their keys; how often, [`patrol::sign_in::fetched`] says.

use crate::{
    external::{self, ExternalResponse},
    foreign_signature::RuntimeCrypto,
};
use patrol::{
    jose::foreign::{JwkSet, ParseError, Unverified, Verified, VerifyError},
    sign_in::{
        discovery::{self, Discovery, DiscoveryError},
        fetched::Fetched,
        provider::Provider,
    },
    time::Timestamp,
};
use patrol_platform::now;
use std::{cell::RefCell, collections::BTreeMap};

/// The longest JWK Set that is read, in bytes.
const MAX_JWK_SET: usize = 64 * 1024;

thread_local! {
    /// By the provider's name.
    static DISCOVERIES: RefCell<BTreeMap<String, Fetched<Discovery>>> = RefCell::default();
    /// By the address of the set.
    static JWK_SETS: RefCell<BTreeMap<String, Fetched<JwkSet>>> = RefCell::default();
}

/// Why an issuer cannot be used.
pub(crate) enum IssuerError {
    /// It does not respond, or not with 200.
    Unreachable(String),
    Discovery(DiscoveryError),
    /// Its keys are no JWK Set.
    JwkSet(String),
}

/// Why a JWT is not accepted.
pub(crate) enum JwtError {
    Issuer(IssuerError),
    Parse(ParseError),
    Verify(VerifyError),
}

/// Returns a provider's description.
pub(crate) async fn discovery(provider: &Provider) -> Result<Discovery, IssuerError> {
    let kept = DISCOVERIES.with_borrow(|all| all.get(&provider.name).cloned());
    if let Some(kept) = kept.filter(|kept| kept.is_current(now())) {
        return Ok(kept.value);
    }
    let at = now();
    let url = discovery::url(&provider.issuer);
    let body = get(&url, discovery::MAX_LENGTH).await?;
    let value = Discovery::read(&body, provider).map_err(IssuerError::Discovery)?;
    keep(&DISCOVERIES, &provider.name, &value, at);
    Ok(value)
}

/// Verifies a JWT by the keys that its issuer publishes.
pub(crate) async fn verify(text: &str, issuer: &str, keys_url: &str) -> Result<Verified, JwtError> {
    let jwt = Unverified::parse(text).map_err(JwtError::Parse)?;
    let kept = JWK_SETS.with_borrow(|all| all.get(keys_url).cloned());
    let keys = match kept.filter(|kept| kept.is_current(now())) {
        Some(kept) => kept,
        None => fetch_keys(issuer, keys_url).await?,
    };
    match jwt.verify(&keys.value, &RuntimeCrypto).await {
        Err(error) if error.may_need_newer_keys() && keys.may_be_renewed(now()) => {
            let keys = fetch_keys(issuer, keys_url).await?;
            jwt.verify(&keys.value, &RuntimeCrypto).await
        }
        verified => verified,
    }
    .map_err(JwtError::Verify)
}

async fn fetch_keys(issuer: &str, url: &str) -> Result<Fetched<JwkSet>, JwtError> {
    let at = now();
    let body = get(url, MAX_JWK_SET).await.map_err(JwtError::Issuer)?;
    let value = JwkSet::read(&body, issuer)
        .map_err(|_| JwtError::Issuer(IssuerError::JwkSet(url.to_owned())))?;
    keep(&JWK_SETS, url, &value, at);
    Ok(Fetched { value, at })
}

async fn get(url: &str, limit: usize) -> Result<Vec<u8>, IssuerError> {
    match external::get(url, limit).await {
        Some(ExternalResponse { status: 200, body }) => Ok(body),
        _ => Err(IssuerError::Unreachable(url.to_owned())),
    }
}

fn keep<T: Clone>(
    kept: &'static std::thread::LocalKey<RefCell<BTreeMap<String, Fetched<T>>>>,
    name: &str,
    value: &T,
    at: Timestamp,
) {
    let value = value.clone();
    kept.with_borrow_mut(|all| all.insert(name.to_owned(), Fetched { value, at }));
}
