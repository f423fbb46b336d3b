//! What an isolate knows of the registries' lists ([`crate::public`] serves it).

use crate::answer_cache::AnswerCache;
use patrol::{jose::status_list::StatusListId, registry::SignedList};
use std::{cell::RefCell, collections::BTreeSet};

thread_local! {
    /// Registries that are known to exist.
    pub(crate) static EXISTING: RefCell<BTreeSet<u16>> = RefCell::default();
    /// The numbers of a registry's lists. Requests for other lists go no further.
    pub(crate) static LIST_NUMBERS: AnswerCache<u16, Vec<u32>> = AnswerCache::default();
    pub(crate) static SIGNED_LISTS: AnswerCache<StatusListId, Option<SignedList>> =
        AnswerCache::default();
}

/// Drops a registry's cached answers and notes that it exists. Call this after each call that may
/// have changed its lists.
pub(crate) fn invalidate(registry: u16) {
    EXISTING.with_borrow_mut(|existing| existing.insert(registry));
    LIST_NUMBERS.with(|cache| cache.invalidate(|key| key == registry));
    SIGNED_LISTS.with(|cache| cache.invalidate(|id| id.registry == registry));
}
