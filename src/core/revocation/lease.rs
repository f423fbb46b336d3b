//! Leases: how a revocation reaches every edge before its call returns, without a call per request.
//!
//! A registry *grants* leases on its status lists; an edge *holds* them. While an edge holds one,
//! it decides on its own, because the registry has promised not to answer a revocation before the
//! lease ends. The argument:
//!
//! - A holder reads its clock *before* it sends a request and counts the lease from then. The
//!   grantor counts from its answer, which is later, so the holder stops first. The margin covers
//!   clocks that run at different speeds. Readings of two clocks are never compared.
//! - An answer contains everything committed before it. A committed revocation waits only for
//!   leases granted earlier, and these end within one lease length.
//! - A grantor that restarts has forgotten its leases and acts as if it had just granted one on
//!   every list.
//!
//! This module is arithmetic only: no clock, no I/O, no lists. The content of a list is in
//! [`known_list`](super::known_list).

use super::freshness::{Freshness, Validity};
use crate::time::Instant;
use std::{collections::BTreeMap, ops::RangeInclusive};

/// The default length of a lease, in milliseconds. It bounds how long a revocation takes.
pub const DEFAULT_LENGTH: u64 = 1_000;

/// The permitted lengths, in milliseconds. Shorter leases would be useless to edges far from a
/// registry ([`longest_round_trip`](super::single_flight::longest_round_trip)); longer ones would
/// make revocation slower than most other systems do. A revocation must end well before the platform
/// stops the work of a request whose client has gone, 30 seconds later.
pub const LENGTHS: RangeInclusive<u64> = 500..=20_000;

/// The part of a lease that the holder does not use. It covers two clocks whose speeds differ by up
/// to a tenth, and readings in whole milliseconds.
pub const fn margin(length: u64) -> u64 {
    length.div_ceil(10) + 1
}

/// When a lease ends for a holder whose clock read `requested_at` before it sent the request.
pub const fn lease_end(requested_at: Instant, length: u64) -> Instant {
    requested_at.plus(length.saturating_sub(margin(length)))
}

/// How long before its end a lease is renewed under traffic, so that no request waits.
pub(crate) const fn renew_ahead(length: u64) -> u64 {
    length / 4
}

/// The registry's side: until when each list may be cached by some edge.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Grantor {
    /// The end of every lease that was granted before the last restart.
    floor: Instant,
    until: BTreeMap<u32, Instant>,
    /// The length last returned for storage.
    stored: u64,
    /// The lengths of leases that may be held on any list, and when the last lease of each length
    /// ends.
    lengths: BTreeMap<u64, Instant>,
}

impl Grantor {
    /// Creates a grantor that may have forgotten leases of up to `longest` milliseconds: the length
    /// that [`Self::grant`] last returned for storage.
    pub fn restarted(now: Instant, longest: u64) -> Self {
        Self {
            floor: now.plus(longest),
            until: BTreeMap::new(),
            stored: longest,
            lengths: BTreeMap::from([(longest, now.plus(longest))]),
        }
    }

    /// Grants a lease on a list. The answer must contain everything committed before this call.
    ///
    /// Returns a length that must be stored for the next restart before the answer leaves: a longer
    /// one at once, a shorter one when no longer lease can still be held. If storing fails, discard
    /// this grantor, because it assumes success.
    pub fn grant(&mut self, list: u32, now: Instant, length: u64) -> Option<u64> {
        let end = now.plus(length);
        let until = self.until.entry(list).or_default();
        *until = (*until).max(end);
        // A longer lease must have ended. Ending within this length is not enough, because a lease
        // that is counted across a restart can be off by more than the margin covers.
        self.lengths.retain(|_, until| *until > now);
        let until = self.lengths.entry(length).or_default();
        *until = (*until).max(end);
        let longest = self.lengths.last_key_value().map_or(length, |last| *last.0);
        let has_changed = longest != self.stored;
        self.stored = longest;
        has_changed.then_some(longest)
    }

    /// When every lease on the list that is held now will have ended. From then on every holder
    /// knows a change that is committed now.
    pub fn clear_at(&self, list: u32) -> Instant {
        self.until
            .get(&list)
            .map_or(self.floor, |until| self.floor.max(*until))
    }

    /// When every holder knows a change that was committed earlier. `recorded` is what
    /// [`Self::clear_at`] returned then, perhaps before a restart and by another clock, so it is
    /// clamped to the bounds that this clock guarantees.
    pub fn clear_since(&self, list: u32, recorded: Instant) -> Instant {
        recorded.clamp(self.floor, self.clear_at(list))
    }
}

/// The effect of the answer to a lease request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// The content is newer than what is known: apply it.
    Apply,
    /// The content is older than what is known. The lease counts.
    Older,
    /// The content builds on an unknown version. Nothing changes.
    Rejected,
}

/// The edge's side: the lease of one isolate on one list, and the version that it knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Holder {
    version: Option<u64>,
    until: Instant,
    length: u64,
}

impl Holder {
    /// The known version, on which an answer may build.
    pub fn version(&self) -> Option<u64> {
        self.version
    }

    /// Learns a version from a snapshot, which brings no lease. Returns whether it is newer.
    pub fn learn(&mut self, version: u64) -> bool {
        let is_newer = self.version.is_none_or(|known| version > known);
        if is_newer {
            self.version = Some(version);
        }
        is_newer
    }

    /// Whether no later lease has been received than the one requested at `requested_at`.
    pub fn is_newest(&self, requested_at: Instant, length: u64) -> bool {
        lease_end(requested_at, length) >= self.until
    }

    /// Whether the lease was requested before `then`.
    pub fn is_from_before(&self, then: Instant) -> bool {
        self.until < lease_end(then, self.length)
    }

    /// Drops the lease but keeps the version.
    pub fn forget_lease(&mut self) {
        self.until = Instant::default();
    }

    /// Whether the lease ends later than a lease requested by `now` can. Then the clock was set
    /// back, perhaps while the answer was in flight.
    pub fn is_ahead(&self, now: Instant) -> bool {
        now.until(self.until) > self.length
    }

    /// Whether the list may be used at `now`, a reading of the holder's clock. `grace` extends the
    /// lease by that many milliseconds; only 0 keeps the promise.
    pub fn is_valid(&self, now: Instant, grace: u64) -> bool {
        self.version.is_some() && now < self.until.plus(grace) && !self.is_ahead(now)
    }

    /// Until when the lease may be relied on, with the same `grace` as for [`Self::is_valid`].
    pub fn validity(&self, grace: u64) -> Validity {
        let ahead = renew_ahead(self.length);
        let renew_at = self.until.millis().saturating_sub(ahead);
        Validity {
            until: self.until.plus(grace),
            renew_at: Instant::from_millis(renew_at),
        }
    }

    /// Whether to renew the lease.
    pub fn freshness(&self, now: Instant) -> Freshness {
        if !self.is_valid(now, 0) {
            Freshness::Stale
        } else if now.until(self.until) <= renew_ahead(self.length) {
            Freshness::Aging
        } else {
            Freshness::Fresh
        }
    }

    /// Receives the answer to a request for a lease. `requested_at` is the clock's reading before
    /// the request was sent. `since` is the version that the answer builds on, `None` for a whole
    /// list.
    pub fn receive(
        &mut self,
        requested_at: Instant,
        since: Option<u64>,
        version: u64,
        length: u64,
    ) -> LeaseOutcome {
        let builds_on_known = match (since, self.version) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(since), Some(known)) => since <= known,
        };
        if !builds_on_known {
            return LeaseOutcome::Rejected;
        }
        let until = lease_end(requested_at, length);
        if until > self.until {
            self.until = until;
            self.length = length;
        }
        // A whole list counts even if its version is lower. A registry restored to an earlier state
        // reuses version numbers for other changes, and knowing too low a version only makes the
        // next answer larger.
        if since.is_some() && self.version > Some(version) {
            LeaseOutcome::Older
        } else {
            self.version = Some(version);
            LeaseOutcome::Apply
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DISORDER;

    const L: u64 = 1_000;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn holder_stops_before_the_grantor_answers() {
        let mut grantor = Grantor::restarted(at(0), L);
        let mut holder = Holder::default();
        // Requested at 5000 and granted at 5020, when the grantor's own clock shows 77020.
        grantor.grant(0, at(77_020), L);
        assert_eq!(holder.receive(at(5_000), None, 1, L), LeaseOutcome::Apply);
        assert!(holder.is_valid(at(5_898), 0));
        assert!(!holder.is_valid(at(5_899), 0));
        assert_eq!(grantor.clear_at(0), at(78_020));
    }

    #[test]
    fn grantor_does_not_wait_if_no_lease_is_held() {
        let mut grantor = Grantor::restarted(at(0), L);
        assert_eq!(grantor.clear_at(3), at(1_000), "forgotten leases");
        grantor.grant(4, at(10_000), L);
        assert!(
            grantor.clear_at(3) < at(10_000),
            "another list's lease does not count"
        );
        assert_eq!(grantor.clear_at(4), at(11_000));
        grantor.grant(4, at(10_500), 100);
        assert_eq!(
            grantor.clear_at(4),
            at(11_000),
            "a shorter lease shortens nothing"
        );
    }

    #[test]
    fn grantor_returns_the_longest_length_held_for_storage() {
        let mut grantor = Grantor::restarted(at(0), 0);
        assert_eq!(grantor.grant(0, at(1), 500), Some(500), "the first");
        assert_eq!(grantor.grant(0, at(2), 500), None);
        let mut grantor = Grantor::restarted(at(10), 500);
        assert_eq!(grantor.grant(0, at(11), 200), None, "500 may be out still");
        assert_eq!(grantor.grant(0, at(510), 200), Some(200));
        assert_eq!(grantor.grant(7, at(511), 900), Some(900));
        assert_eq!(grantor.grant(0, at(512), 200), None, "900 is out on list 7");
        assert_eq!(grantor.grant(0, at(1_300), 500), None);
        assert_eq!(grantor.grant(0, at(1_411), 200), Some(500));
        assert_eq!(grantor.grant(0, at(1_800), 200), Some(200));
    }

    #[test]
    fn margin_covers_a_tenth_and_whole_milliseconds() {
        for length in LENGTHS {
            // When the grantor has counted `length` milliseconds, more than `length - 1` have
            // passed by its clock. A clock that is slower by a tenth has counted nine tenths of
            // that.
            let used = lease_end(at(0), length).millis();
            assert!(10 * used <= 9 * (length - 1), "{length}");
        }
        assert_eq!(margin(DEFAULT_LENGTH), 101);
    }

    #[test]
    fn grantor_clamps_times_of_another_clock() {
        let mut grantor = Grantor::restarted(at(10_000), L);
        grantor.grant(0, at(10_500), L);
        for (recorded, expected, why) in [
            (9_000, 11_000, "that clock was behind"),
            (11_200, 11_200, "this clock"),
            (99_000, 11_500, "that clock was ahead"),
        ] {
            let found = grantor.clear_since(0, at(recorded));
            assert_eq!(found, at(expected), "{why}");
        }
    }

    #[test]
    fn holder_renews_a_lease_before_it_ends() {
        let mut holder = Holder::default();
        assert_eq!(holder.freshness(at(0)), Freshness::Stale);
        holder.learn(7);
        assert_eq!(
            holder.freshness(at(0)),
            Freshness::Stale,
            "a snapshot is no lease"
        );
        holder.receive(at(0), Some(7), 9, L);
        for (now, need) in [
            (0, Freshness::Fresh),
            (648, Freshness::Fresh),
            (649, Freshness::Aging),
            (898, Freshness::Aging),
            (899, Freshness::Stale),
        ] {
            assert_eq!(holder.freshness(at(now)), need, "{now}");
        }
        assert!(
            holder.is_valid(at(899), 100) && !holder.is_valid(at(999), 100),
            "grace"
        );
    }

    #[test]
    fn holder_ignores_a_lease_from_before_the_clock_was_set_back() {
        let mut holder = Holder::default();
        holder.receive(at(60_000), None, 1, L);
        for (now, valid) in [
            (60_000, true),
            (60_000 - DISORDER, true),
            (59_898, false),
            (5_000, false),
        ] {
            assert_eq!(holder.is_valid(at(now), 0), valid, "{now}");
            assert_eq!(holder.is_valid(at(now), 5_000), valid, "{now}, with grace");
            assert_eq!(holder.is_ahead(at(now)), !valid, "{now}");
        }
    }

    #[test]
    fn holder_takes_nothing_back_for_late_or_repeated_answers() {
        let mut holder = Holder::default();
        assert_eq!(
            holder.receive(at(0), Some(3), 5, L),
            LeaseOutcome::Rejected,
            "builds on nothing known"
        );
        assert!(!holder.is_valid(at(1), 0));
        assert_eq!(holder.receive(at(100), None, 5, L), LeaseOutcome::Apply);
        assert_eq!(holder.receive(at(200), Some(5), 8, L), LeaseOutcome::Apply);
        assert_eq!(holder.receive(at(150), Some(5), 6, L), LeaseOutcome::Older);
        assert_eq!(
            holder.receive(at(200), Some(5), 8, L),
            LeaseOutcome::Apply,
            "twice"
        );
        assert_eq!(holder.version(), Some(8));
        assert!(holder.is_valid(at(1_098), 0) && !holder.is_valid(at(1_099), 0));
        assert!(!holder.learn(7), "an older snapshot");
        assert_eq!(
            holder.receive(at(300), Some(9), 10, L),
            LeaseOutcome::Rejected
        );
    }

    #[test]
    fn holder_accepts_a_restored_registry() {
        let mut holder = Holder::default();
        assert!(holder.learn(8));
        assert_eq!(holder.receive(at(0), Some(8), 10, L), LeaseOutcome::Apply);
        // The registry does not know version 10, so it returns the whole list.
        assert_eq!(holder.receive(at(600), None, 7, L), LeaseOutcome::Apply);
        assert_eq!(holder.version(), Some(7), "not 10, which is to come again");
        assert_eq!(
            holder.receive(at(1_200), Some(7), 10, L),
            LeaseOutcome::Apply
        );
        assert_eq!(holder.version(), Some(10));
    }
}
