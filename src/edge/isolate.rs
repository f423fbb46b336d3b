//! The validator of this isolate, created on its first request and shared by all of them.

use crate::{identity::CachedIdentities, settings::EdgeSettings, signature::RuntimeCrypto};
use patrol::{authorize::validator::Validator, policy::Policy, token::cache::CacheKey};
use std::cell::RefCell;
use worker::{Error, Result};

pub(crate) type EdgeValidator = Validator<CachedIdentities, RuntimeCrypto>;

thread_local! {
    static VALIDATOR: RefCell<Option<EdgeValidator>> = const { RefCell::new(None) };
}

/// Creates the validator on the first request. It cannot exist earlier, because the runtime
/// provides random numbers only during requests.
///
/// # Errors
/// Fails if the runtime provides no random numbers.
pub(crate) fn initialize(settings: &EdgeSettings, policy: &'static Policy) -> Result<()> {
    VALIDATOR.with_borrow_mut(|validator| {
        if validator.is_none() {
            let mut random = [0; 16];
            getrandom::fill(&mut random).map_err(|error| Error::RustError(error.to_string()))?;
            *validator = Some(Validator::new(
                settings.installation.paths.clone(),
                settings.installation.registries,
                settings.freshness,
                policy,
                CacheKey::new(random),
                RuntimeCrypto,
            ));
        }
        Ok(())
    })
}

/// Calls `act` with the validator. `None` before [`initialize`].
pub(crate) fn with_validator<R>(act: impl FnOnce(&mut EdgeValidator) -> R) -> Option<R> {
    VALIDATOR.with_borrow_mut(|validator| validator.as_mut().map(act))
}
