//! The memory of this isolate: made on its first request, shared by all of its requests.

use crate::{authenticate::IdentityHeaders, settings::Settings};
use patrol::{authorize::validator::Validator, policy::POLICY, token::cache::CacheKey};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use worker::{Error, Result};

/// What is kept with each verified token: what tells an upstream who calls, and the answer of
/// forward-auth, by the organization that the request named. There are as many as the token has
/// organizations.
#[derive(Debug, Default)]
pub(crate) struct CachedIdentity {
    used: Cell<bool>,
    identities: RefCell<Vec<(Option<usize>, Rc<IdentityHeaders>)>>,
}

impl CachedIdentity {
    /// What there is for an organization. It is kept from the token's second use on: many tokens
    /// have no second one, and an object that lives long costs more than one that does not.
    pub(crate) fn get_or_make(
        &self,
        organization: Option<usize>,
        make: impl FnOnce() -> IdentityHeaders,
    ) -> Rc<IdentityHeaders> {
        let mut identities = self.identities.borrow_mut();
        if let Some((_, known)) = identities.iter().find(|(named, _)| *named == organization) {
            return Rc::clone(known);
        }
        let new = Rc::new(make());
        if self.used.replace(true) {
            identities.push((organization, Rc::clone(&new)));
        }
        new
    }
}

thread_local! {
    static MEMORY: RefCell<Option<Validator<CachedIdentity>>> = const { RefCell::new(None) };
}

/// Makes the memory, if this is the first request. Not earlier: the runtime gives random
/// numbers to requests only.
///
/// # Errors
/// The runtime has no random numbers.
pub(crate) fn prepare(settings: &Settings) -> Result<()> {
    MEMORY.with_borrow_mut(|memory| {
        if memory.is_none() {
            let mut random = [0; 16];
            getrandom::fill(&mut random).map_err(|error| Error::RustError(error.to_string()))?;
            *memory = Some(Validator::new(
                settings.installation.public_url.clone(),
                settings.installation.registries,
                settings.freshness(),
                &POLICY,
                CacheKey::new(random),
            ));
        }
        Ok(())
    })
}

/// Acts on the memory; None before [`prepare`].
pub(crate) fn with_validator<R>(
    act: impl FnOnce(&mut Validator<CachedIdentity>) -> R,
) -> Option<R> {
    MEMORY.with_borrow_mut(|memory| memory.as_mut().map(act))
}
