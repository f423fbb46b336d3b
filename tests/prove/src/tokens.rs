//! The tokens of a scenario, and the program's clock.

use crate::check::{Micros, Revocation};
use crate::connection::Effective;
use patrol::time::Timestamp;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::watch;

/// The program's clock: monotonic, and compared with the system's clock once, to convert times in
/// responses.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
    /// The system's time at the start, in microseconds.
    system_start: Micros,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let system = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            start: Instant::now(),
            system_start: system.map_or(0, |since| micros(since.as_micros())),
        }
    }

    pub(crate) fn now(&self) -> Micros {
        micros(self.start.elapsed().as_micros())
    }

    /// Converts a time of the system's clock.
    pub(crate) fn at(&self, time: Timestamp) -> Micros {
        (time.seconds() * 1_000_000).saturating_sub(self.system_start)
    }
}

fn micros(value: u128) -> Micros {
    value.try_into().unwrap_or(Micros::MAX)
}

/// Requests use this many of the tokens that were revoked last.
const RECENTLY_REVOKED: usize = 48;

#[derive(Default)]
pub(crate) struct Tokens(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    texts: Vec<Arc<str>>,
    revocations: Vec<Revocation>,
    /// When the revocation of each token takes effect, for those that wait for it.
    effective: Vec<watch::Sender<Option<Micros>>>,
    /// The numbers of tokens in each state.
    valid: Vec<usize>,
    being_revoked: Vec<usize>,
    revoked: VecDeque<usize>,
}

impl Tokens {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a valid token; returns its number.
    pub(crate) fn add(&self, text: &str) -> usize {
        let mut inner = self.inner();
        let number = inner.add(text);
        inner.valid.push(number);
        number
    }

    /// Adds a valid token that no request is to use.
    pub(crate) fn add_unused(&self, text: &str) -> usize {
        self.inner().add(text)
    }

    /// Notes that the revocation of these tokens is about to be requested.
    pub(crate) fn revoke_requested(&self, tokens: &[usize], now: Micros) {
        let mut inner = self.inner();
        inner.valid.retain(|token| !tokens.contains(token));
        for &token in tokens {
            inner.being_revoked.push(token);
            if let Some(revocation) = inner.revocations.get_mut(token) {
                revocation.requested.get_or_insert(now);
            }
        }
    }

    /// Notes the response to their revocation, and when it takes effect.
    pub(crate) fn revoke_confirmed(&self, tokens: &[usize], effective: Micros) {
        let mut inner = self.inner();
        for &token in tokens {
            if let Some(revocation) = inner.revocations.get_mut(token) {
                revocation.effective = Some(effective);
            }
            if let Some(waiting) = inner.effective.get(token) {
                waiting.send_replace(Some(effective));
            }
        }
    }

    /// Tells when the revocation of a token takes effect.
    pub(crate) fn effective(&self, token: usize) -> Option<Effective> {
        let inner = self.inner();
        inner.effective.get(token).map(watch::Sender::subscribe)
    }

    /// Picks a token for a request: a valid one half of the time, otherwise one that is being
    /// revoked or was revoked recently.
    pub(crate) fn pick(&self, now: Micros) -> Option<(usize, Arc<str>)> {
        let mut inner = self.inner();
        inner.move_revoked(now);
        let roll = rand::random_range(0..10);
        let order: [&[usize]; 3] = match roll {
            0..5 => [
                &inner.valid,
                &inner.being_revoked,
                inner.revoked.as_slices().0,
            ],
            5..7 => [
                &inner.being_revoked,
                inner.revoked.as_slices().0,
                &inner.valid,
            ],
            _ => [
                inner.revoked.as_slices().0,
                &inner.valid,
                &inner.being_revoked,
            ],
        };
        let some = order.into_iter().find(|tokens| !tokens.is_empty())?;
        let token = *some.get(rand::random_range(0..some.len()))?;
        Some((token, inner.texts.get(token)?.clone()))
    }

    pub(crate) fn text(&self, token: usize) -> Option<Arc<str>> {
        self.inner().texts.get(token).cloned()
    }

    /// When all confirmed revocations have taken effect.
    pub(crate) fn all_effective_at(&self) -> Micros {
        let inner = self.inner();
        inner
            .revocations
            .iter()
            .filter_map(|revocation| revocation.effective)
            .max()
            .unwrap_or_default()
    }

    /// The number of confirmed revocations.
    pub(crate) fn confirmed(&self) -> usize {
        self.inner()
            .revocations
            .iter()
            .filter(|revocation| revocation.effective.is_some())
            .count()
    }

    /// The revocation of each token, by its number.
    pub(crate) fn revocations(&self) -> Vec<Revocation> {
        self.inner().revocations.clone()
    }
}

impl Inner {
    fn add(&mut self, text: &str) -> usize {
        self.texts.push(text.into());
        self.revocations.push(Revocation::default());
        self.effective.push(watch::Sender::default());
        self.texts.len() - 1
    }

    /// Moves tokens whose revocation has taken effect.
    fn move_revoked(&mut self, now: Micros) {
        let revocations = &self.revocations;
        let is_revoked = |token: &usize| {
            let revocation = revocations.get(*token).copied().unwrap_or_default();
            revocation.effective.is_some_and(|at| at <= now)
        };
        let (revoked, remaining): (Vec<usize>, Vec<usize>) = self
            .being_revoked
            .iter()
            .partition(|token| is_revoked(token));
        self.being_revoked = remaining;
        self.revoked.extend(revoked);
        while self.revoked.len() > RECENTLY_REVOKED {
            self.revoked.pop_front();
        }
        self.revoked.make_contiguous();
    }
}
