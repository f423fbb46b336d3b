//! The memory of this isolate: made on its first request, shared by all of its requests.

use crate::settings::Settings;
use patrol::{memory::Memory, policy::POLICY, token::cache::CacheKey};
use std::cell::{Cell, RefCell};
use web_sys::Response;
use worker::{Error, Result};

/// What is kept with each verified token: the answers that allowed it something, by the
/// organization that the request named. There are as many as the token has organizations. They
/// have no body, so that one can answer any number of requests.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    used: Cell<bool>,
    kept: RefCell<Vec<(Option<usize>, Response)>>,
}

impl Answers {
    /// The answer for an organization. It is kept from the token's second use on: many tokens
    /// have no second one, and an object that lives long costs more than one that does not.
    pub(crate) fn get_or_make(
        &self,
        organization: Option<usize>,
        make: impl FnOnce() -> Result<Response>,
    ) -> Result<Response> {
        let mut kept = self.kept.borrow_mut();
        if let Some((_, answer)) = kept.iter().find(|(named, _)| *named == organization) {
            // Not `Response.clone()`: the very same answer again.
            return Ok(Clone::clone(answer));
        }
        let answer = make()?;
        if self.used.replace(true) {
            kept.push((organization, Clone::clone(&answer)));
        }
        Ok(answer)
    }
}

thread_local! {
    static MEMORY: RefCell<Option<Memory<Answers>>> = const { RefCell::new(None) };
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
            *memory = Some(Memory::new(
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
pub(crate) fn with_memory<R>(act: impl FnOnce(&mut Memory<Answers>) -> R) -> Option<R> {
    MEMORY.with_borrow_mut(|memory| memory.as_mut().map(act))
}
