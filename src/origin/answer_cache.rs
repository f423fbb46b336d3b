//! A cache of registries' answers, filled by one request at a time.
//!
//! Strangers must not be able to make an isolate call a registry often. So an answer is served from
//! here until it is too old, and only one call for it is in flight at a time. The call runs in
//! `waitUntil`: the runtime stops a request whose client goes away, and the call would never end.
//! After a failure the next call waits a moment ([`patrol::revocation::single_flight`]).
//!
//! Left out: what is cached, and for how long.

use crate::respond::ApiResult;
use patrol::{
    authorize::decision::Denial,
    revocation::{
        freshness::Freshness,
        single_flight::{FETCH_TIMEOUT, MAX_ATTEMPTS, SingleFlight, Step},
    },
    time::Timestamp,
};
use patrol_platform::{
    clock, now,
    timeout::{complete, continue_in_background, in_time, poll_until},
};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};
use worker::{Context, Result, console_error};

/// The most answers in one cache. A signed list has up to 64 KiB.
const MAX_ANSWERS: usize = 256;

/// Answers by their key. Clones share the same answers.
pub(crate) struct AnswerCache<K, V>(Rc<RefCell<BTreeMap<K, CachedAnswer<V>>>>);

struct CachedAnswer<V> {
    /// When the answer was requested, and the answer.
    value: Option<(Timestamp, V)>,
    flights: SingleFlight,
}

impl<K, V> Default for AnswerCache<K, V> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<K, V> Clone for AnswerCache<K, V> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<V> Default for CachedAnswer<V> {
    fn default() -> Self {
        Self {
            value: None,
            flights: SingleFlight::default(),
        }
    }
}

impl<V> CachedAnswer<V> {
    /// Drops the answer, and ignores one that is in flight.
    fn invalidate(&mut self) {
        self.value = None;
        self.flights.reset();
    }
}

impl<V: Clone> CachedAnswer<V> {
    fn fresh(&self, now: Timestamp, max_age: u64) -> Option<(Timestamp, V)> {
        // An answer dated in the future was cached before the clock was set back.
        let is_fresh = |(at, _): &&(Timestamp, V)| *at <= now && now.since(*at) < max_age;
        self.value.as_ref().filter(is_fresh).cloned()
    }
}

impl<K: Ord + Copy + 'static, V: Clone + 'static> AnswerCache<K, V> {
    /// Returns an answer that was requested less than `max_age` seconds ago, and when that was.
    /// Calls `request` if there is none.
    pub(crate) async fn get<R>(
        &self,
        key: K,
        max_age: u64,
        event: &Context,
        request: impl Fn() -> R,
    ) -> ApiResult<(Timestamp, V)>
    where
        R: Future<Output = Result<V>> + 'static,
    {
        let mut attempts = 0;
        loop {
            let requested_at = now();
            let cached = self.with(key, |answer| {
                answer.fresh(requested_at, max_age).ok_or(answer.flights)
            });
            let flights = match cached {
                Ok(answer) => return Ok(answer),
                Err(flights) => flights,
            };
            let flight = match flights.step(Freshness::Stale, clock(), 0) {
                _ if attempts == MAX_ATTEMPTS => None,
                Step::Fetch => {
                    let flight = self.with(key, |answer| answer.flights.begin(clock()));
                    let (cache, answer) = (self.clone(), request());
                    continue_in_background(event, async move {
                        let answer = in_time(Duration::from_millis(FETCH_TIMEOUT), answer).await;
                        if let Err(error) = &answer {
                            console_error!("origin: lists: {error}");
                        }
                        cache.with(key, |cached| {
                            // Unless it has been invalidated in the meantime.
                            if !cached.flights.has_ended(flight, clock()) {
                                cached.flights.end(flight, clock(), answer.is_ok());
                                cached.value = answer.ok().map(|answer| (requested_at, answer));
                            }
                        });
                    });
                    Some(flight)
                }
                Step::Wait => flights.in_flight(clock()),
                Step::Proceed | Step::ProceedAndFetch => None,
            };
            let Some(flight) = flight else {
                return Err(Denial::RevocationUnavailable.into());
            };
            attempts += 1;
            let cache = self.clone();
            let has_ended =
                move || cache.with(key, |answer| answer.flights.has_ended(flight, clock()));
            complete(event, poll_until(has_ended)).await;
        }
    }

    /// Invalidates the answers for these keys, including any in flight.
    pub(crate) fn invalidate(&self, is_affected: impl Fn(K) -> bool) {
        for (key, answer) in self.0.borrow_mut().iter_mut() {
            if is_affected(*key) {
                answer.invalidate();
            }
        }
    }

    fn with<R>(&self, key: K, act: impl FnOnce(&mut CachedAnswer<V>) -> R) -> R {
        let mut answers = self.0.borrow_mut();
        if answers.len() >= MAX_ANSWERS && !answers.contains_key(&key) {
            answers.clear();
        }
        act(answers.entry(key).or_default())
    }
}
