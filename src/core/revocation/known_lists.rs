//! The lists that an edge has seen, each with the fetches that renew it and the uses to report.
//!
//! The three belong together because one call to the registry serves them: a renewal fetches the
//! changes and carries the uses. The table is bounded; a list that is dropped is fetched again.

use super::{
    freshness::{Freshness, FreshnessPolicy},
    known_list::{KnownList, LeaseRejected, StatusCheck},
    single_flight::{SingleFlight, Step},
    usage::{BatchId, UsageLog},
};
use crate::{
    jose::status_list::{StatusListId, VerifiedList},
    registry::{LeaseAnswer, LeaseRequest, Usage},
    time::{Instant, Timestamp},
    token::Token,
};
use std::{collections::HashMap, net::IpAddr};

/// One list at an edge.
#[derive(Debug, Clone, Default)]
pub struct ListEntry {
    pub(crate) known: KnownList,
    pub(crate) flights: SingleFlight,
    usage: UsageLog,
    /// Position in the order of last use.
    used: u64,
}

impl ListEntry {
    /// Drops everything timed by a clock that was set back.
    fn distrust_clock(&mut self) {
        self.known.forget_lease();
        self.flights.reset();
    }

    /// Decides what a request does before it uses the list.
    pub(crate) fn step(&self, policy: FreshnessPolicy, now: Instant) -> Step {
        let freshness = self.known.freshness(policy, now);
        self.flights.step(freshness, now, policy.renewal_pause())
    }

    /// Decides what a request does that needs a newer lease than the one it found.
    pub(crate) fn step_of_stale(&self, now: Instant) -> Step {
        self.flights.step(Freshness::Stale, now, 0)
    }

    /// Looks up a token's status.
    pub fn check(&self, token: &Token, policy: FreshnessPolicy, now: Instant) -> StatusCheck {
        self.known.check(token, policy, now)
    }

    /// Records a use of the token at an index: [`UsageLog::record`].
    pub(crate) fn record_use(
        &mut self,
        idx: u32,
        at: Timestamp,
        address: impl FnOnce() -> Option<IpAddr>,
    ) -> Option<BatchId> {
        self.usage.record(idx, at, address)
    }

    /// Whether nothing of the list is known yet, so that a snapshot would help.
    pub fn is_new(&self) -> bool {
        self.known.version().is_none()
    }

    /// Takes the recorded uses into a request for a lease on this list, which has this number in
    /// its registry. If it is not answered, return them by [`Self::put_back`].
    pub fn lease_request(&mut self, list: u32) -> LeaseRequest {
        LeaseRequest {
            list,
            since: self.known.version(),
            usage: self.usage.take(),
        }
    }

    /// Applies the answer to a lease request. `None`: the registry has no such list. `requested_at`
    /// is the clock's reading before the request was sent.
    ///
    /// # Errors
    /// [`LeaseRejected`] if the answer does not fit what is known.
    pub fn receive_lease(
        &mut self,
        requested_at: Instant,
        answer: Option<&LeaseAnswer>,
    ) -> Result<(), LeaseRejected> {
        let Some(answer) = answer else {
            self.known.mark_absent(requested_at);
            return Ok(());
        };
        self.known.apply_lease(requested_at, answer)
    }

    /// Applies a signed snapshot.
    pub fn receive_snapshot(&mut self, signed: &VerifiedList) {
        self.known.apply_snapshot(signed);
    }

    /// Takes the recorded uses of a batch: [`UsageLog::take_batch`].
    pub fn take_batch(&mut self, batch: BatchId) -> Vec<Usage> {
        self.usage.take_batch(batch)
    }

    /// Returns uses that could not be reported.
    pub fn put_back(&mut self, unreported: Vec<Usage>) {
        self.usage.put_back(unreported);
    }
}

/// The most lists that an edge keeps; they take 16 MiB.
pub const MAX_LISTS: usize = 512;

/// The lists that an edge has seen. The least recently used is dropped first.
#[derive(Debug, Clone, Default)]
pub struct KnownLists {
    entries: HashMap<StatusListId, ListEntry>,
    latest: Instant,
    uses: u64,
}

impl KnownLists {
    /// Returns a list's entry, and adds it if needed. Every access goes through here, so this also
    /// notices a clock that was set back. Such a clock would lengthen every lease, so all leases
    /// are dropped.
    pub fn entry(&mut self, id: StatusListId, now: Instant) -> &mut ListEntry {
        if self.latest.age(now).is_none() {
            self.entries
                .values_mut()
                .for_each(ListEntry::distrust_clock);
            self.latest = now;
        }
        self.latest = self.latest.max(now);
        self.uses += 1;
        if self.entries.len() >= MAX_LISTS && !self.entries.contains_key(&id) {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                self.entries.remove(&oldest);
            }
        }
        let entry = self.entries.entry(id).or_default();
        entry.known.discard_future(now);
        entry.used = self.uses;
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        jose::status_list::StatusList,
        revocation::{
            known_list::{
                second,
                tests::{LEASE, NOW, SNAPSHOT, VALID, changes, grace, signed, token, whole},
            },
            single_flight::MAX_ATTEMPTS,
        },
    };

    #[test]
    fn known_lists_end_every_lease_when_the_clock_is_set_back() {
        let list = |list| StatusListId { registry: 0, list };
        let mut lists = KnownLists::default();
        for id in [list(0), list(1)] {
            let known = &mut lists.entry(id, NOW).known;
            known.apply_lease(NOW, &whole(1, &[])).unwrap();
        }
        let later = NOW.plus(500);
        assert_eq!(
            lists.entry(list(0), later).known.freshness(LEASE, later),
            Freshness::Fresh
        );
        let disordered = NOW.plus(495);
        let known = &lists.entry(list(0), disordered).known;
        assert_eq!(known.freshness(LEASE, disordered), Freshness::Fresh);
        let back = NOW.plus(494);
        for id in [list(0), list(1)] {
            assert_eq!(
                lists.entry(id, back).known.freshness(LEASE, back),
                Freshness::Stale
            );
        }
    }

    #[test]
    fn known_lists_reject_a_lease_that_spans_a_clock_set_back() {
        let id = token(1).status.list;
        let mut lists = KnownLists::default();
        lists.entry(id, NOW).flights.begin(NOW);
        // The clock's reading when the answer to the request of NOW arrives.
        let back = Instant::from_millis(1_000);
        let entry = lists.entry(id, back);
        entry.known.apply_lease(NOW, &whole(1, &[])).unwrap();
        assert_eq!(entry.known.freshness(LEASE, back), Freshness::Stale);
        let found = entry.known.check(&token(1), grace(10_000), back);
        assert_eq!(found, StatusCheck::Unavailable);
        let known = &mut lists.entry(id, back).known;
        known.apply_lease(back, &changes(1, 1, &[])).unwrap();
        assert_eq!(
            lists.entry(id, back).known.check(&token(1), LEASE, back),
            VALID
        );
    }

    #[test]
    fn known_lists_renew_after_the_clock_was_set_back() {
        let id = token(1).status.list;
        let mut lists = KnownLists::default();
        for _ in 0..MAX_ATTEMPTS {
            let flights = &mut lists.entry(id, NOW).flights;
            let flight = flights.begin(NOW);
            flights.end(flight, NOW, false);
        }
        for (after, expected) in [(0, Step::Proceed), (500, Step::Proceed), (100, Step::Fetch)] {
            let now = NOW.plus(after);
            let step = lists.entry(id, now).step(LEASE, now);
            assert_eq!(step, expected, "{after}");
        }
    }

    #[test]
    fn known_lists_replace_a_snapshot_dated_ahead() {
        let id = token(1).status.list;
        let mut lists = KnownLists::default();
        let ahead = second(NOW.plus(60_000));
        let known = &mut lists.entry(id, NOW).known;
        known.apply_snapshot(&signed(StatusList::all_valid(), 1, ahead));
        let known = &mut lists.entry(id, NOW).known;
        known.apply_snapshot(&signed(StatusList::all_valid(), 1, second(NOW)));
        assert_eq!(known.check(&token(1), SNAPSHOT, NOW), VALID);
    }

    #[test]
    fn known_lists_drop_the_least_recently_used() {
        let mut lists = KnownLists::default();
        let id = |list| StatusListId { registry: 0, list };
        let most = u32::try_from(MAX_LISTS).unwrap();
        for number in 0..most {
            lists.entry(id(number), NOW).flights.begin(NOW);
        }
        lists.entry(id(0), NOW);
        lists.entry(id(most), NOW);
        assert_eq!(lists.entries.len(), MAX_LISTS);
        assert!(lists.entries.contains_key(&id(0)), "used a moment ago");
        assert!(!lists.entries.contains_key(&id(1)), "the oldest");
    }
}
