//! Leases: how a revocation is everywhere before its call returns, without a call per request.
//!
//! A registry *grants* leases on its status lists; an edge *holds* them. While it holds one, an
//! edge judges from memory: the registry has promised not to answer a revocation before that
//! lease is over. The argument:
//!
//! - A holder reads its clock *before* it asks, and counts the lease from there. The grantor
//!   counts from when it answers, which is later. So the holder stops first, and the margin
//!   covers clocks that do not run equally fast. Readings of two clocks are never compared.
//! - An answer carries everything committed before it. A revocation that is committed waits only
//!   for leases granted before, and these end within one lease length.
//! - A grantor that restarts has forgotten what it granted, and behaves as if it had just
//!   granted a lease on everything.
//!
//! Arithmetic only: no clock, no I/O, no lists. What the lists contain is [`crate::revocation::known_list`].

use crate::time::Instant;
use std::collections::BTreeMap;

/// The usual length of a lease, in milliseconds: the longest that a revocation can take.
pub const DEFAULT_LENGTH: u64 = 1_000;

/// The lengths that make sense: below, edges far away from a registry could not use a lease
/// ([`longest_round_trip`](crate::revocation::single_flight::longest_round_trip)); above, a revocation would be
/// slower than with most others.
pub const LENGTHS: std::ops::RangeInclusive<u64> = 500..=30_000;

/// What a holder does not use of a lease: room for two clocks that differ by up to a tenth while
/// they count one lease, and that show whole milliseconds only.
pub const fn margin(length: u64) -> u64 {
    length.div_ceil(10) + 1
}

/// When a lease of that length is over for a holder whose clock showed `asked_at` before it asked.
pub const fn lease_end(asked_at: Instant, length: u64) -> Instant {
    asked_at.plus(length.saturating_sub(margin(length)))
}

/// How long before its end a holder with traffic renews a lease, so that no request waits.
pub(crate) const fn renew_ahead(length: u64) -> u64 {
    length / 4
}

/// The registry's side: until when each list may be in somebody's memory as it was.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Grantor {
    floor: Instant,
    until: BTreeMap<u32, Instant>,
    /// What was last given to be written down.
    longest: u64,
    /// The lengths that may be out, on any list, and when the last of each is over.
    lengths: BTreeMap<u64, Instant>,
}

impl Grantor {
    /// A grantor that may have forgotten leases of up to `longest` milliseconds: the length that
    /// was last written down.
    pub fn restarted(now: Instant, longest: u64) -> Self {
        Self {
            floor: now.plus(longest),
            until: BTreeMap::new(),
            longest,
            lengths: BTreeMap::from([(longest, now.plus(longest))]),
        }
    }

    /// Grants a lease on a list. The answer must carry everything committed before this call.
    ///
    /// Gives a length that must be written down before the answer leaves, for the grantor's next
    /// start: a longer one at once, a shorter one when no longer lease can be out any more. If it
    /// cannot be written down, this grantor must not be used again: it believes that it was.
    pub fn grant(&mut self, list: u32, now: Instant, length: u64) -> Option<u64> {
        let end = now.plus(length);
        let until = self.until.entry(list).or_default();
        *until = (*until).max(end);
        // Longer ones must be over, not only end within this length: a lease that is counted in
        // two parts, by two starts, can be off by more than the margin covers.
        self.lengths.retain(|_, until| *until > now);
        let until = self.lengths.entry(length).or_default();
        *until = (*until).max(end);
        let longest = self.lengths.last_key_value().map_or(length, |last| *last.0);
        let news = longest != self.longest;
        self.longest = longest;
        news.then_some(longest)
    }

    /// When every lease on the list that is out now will be over: a change that is committed is
    /// known to every holder from then on.
    pub fn clear_at(&self, list: u32) -> Instant {
        self.until
            .get(&list)
            .map_or(self.floor, |until| self.floor.max(*until))
    }

    /// When a change on the list that was committed before is known to every holder. `recorded`
    /// is what [`Self::clear_at`] said then, perhaps before a restart and by another clock: it
    /// counts only between what this clock vouches for.
    pub fn clear_since(&self, list: u32, recorded: Instant) -> Instant {
        recorded.clamp(self.floor, self.clear_at(list))
    }
}

/// What a holder has to do before it judges by a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Nothing: the lease is good.
    Fresh,
    /// The lease is good, but should be renewed while it lasts.
    Aging,
    /// There is no good lease: ask, and wait for the answer.
    Stale,
}

/// What the answer to a request for a lease does to what is known of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// Its content is to be applied.
    Apply,
    /// Its content is older than what is known; the lease counts.
    Known,
    /// It builds on a version that is not known: nothing of it counts.
    Refused,
}

/// The edge's side: one list, in the memory of one isolate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Holder {
    version: Option<u64>,
    until: Instant,
    length: u64,
}

impl Holder {
    /// The version that is known: what an answer may build on.
    pub fn version(&self) -> Option<u64> {
        self.version
    }

    /// Takes a version from a snapshot, which is no lease. Says whether its content is news.
    pub fn learn(&mut self, version: u64) -> bool {
        let news = self.version.is_none_or(|known| version > known);
        if news {
            self.version = Some(version);
        }
        news
    }

    /// Is the lease that was asked for then the newest of those that were taken?
    pub fn is_newest(&self, asked_at: Instant, length: u64) -> bool {
        lease_end(asked_at, length) >= self.until
    }

    /// Was the lease asked for before that?
    pub fn is_from_before(&self, then: Instant) -> bool {
        self.until < lease_end(then, self.length)
    }

    /// Forgets the lease, not the version.
    pub fn forget_lease(&mut self) {
        self.until = Instant::default();
    }

    /// Does the lease end later than any that is counted by a clock that shows this? Then the
    /// clock was set back, perhaps while the answer was under way.
    pub fn is_ahead(&self, now: Instant) -> bool {
        now.until(self.until) > self.length
    }

    /// May the list be judged by, at this reading of the holder's clock? `grace` milliseconds
    /// more than the lease says: 0 where the promise is to be kept.
    pub fn is_valid(&self, now: Instant, grace: u64) -> bool {
        self.version.is_some() && now < self.until.plus(grace) && !self.is_ahead(now)
    }

    /// What to do before judging.
    pub fn need(&self, now: Instant) -> Freshness {
        if !self.is_valid(now, 0) {
            Freshness::Stale
        } else if now.until(self.until) <= renew_ahead(self.length) {
            Freshness::Aging
        } else {
            Freshness::Fresh
        }
    }

    /// Takes an answer. `asked_at` is the reading from before the request was sent; `since` is
    /// the version that the answer builds on, none for a whole list.
    pub fn receive(
        &mut self,
        asked_at: Instant,
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
            return LeaseOutcome::Refused;
        }
        let until = lease_end(asked_at, length);
        if until > self.until {
            self.until = until;
            self.length = length;
        }
        // A whole list counts even when it calls itself older: a registry that was restored to an
        // earlier state counts the same versions again, for other changes. To know a lower
        // version than one could costs only that more is sent.
        if since.is_some() && self.version > Some(version) {
            LeaseOutcome::Known
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
    fn a_holder_stops_before_the_grantor_answers() {
        let mut grantor = Grantor::restarted(at(0), L);
        let mut holder = Holder::default();
        // Asked at 5000, granted at 5020 by a clock of its own that shows 77020.
        grantor.grant(0, at(77_020), L);
        assert_eq!(holder.receive(at(5_000), None, 1, L), LeaseOutcome::Apply);
        assert!(holder.is_valid(at(5_898), 0));
        assert!(!holder.is_valid(at(5_899), 0));
        assert_eq!(grantor.clear_at(0), at(78_020));
    }

    #[test]
    fn a_revocation_waits_for_no_one_when_no_lease_is_out() {
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
    fn the_longest_length_that_may_be_out_is_written_down() {
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
    fn the_margin_covers_a_tenth_and_whole_milliseconds() {
        for length in LENGTHS {
            // The grantor has counted `length` when more than one less has passed by its clock;
            // a clock that is slower by a tenth has counted nine tenths of that.
            let used = lease_end(at(0), length).millis();
            assert!(10 * used <= 9 * (length - 1), "{length}");
        }
        assert_eq!(margin(DEFAULT_LENGTH), 101);
    }

    #[test]
    fn a_time_of_another_clock_counts_only_as_far_as_this_clock_vouches_for_it() {
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
    fn a_lease_is_renewed_while_it_lasts_and_waited_for_when_it_is_over() {
        let mut holder = Holder::default();
        assert_eq!(holder.need(at(0)), Freshness::Stale);
        holder.learn(7);
        assert_eq!(
            holder.need(at(0)),
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
            assert_eq!(holder.need(at(now)), need, "{now}");
        }
        assert!(
            holder.is_valid(at(899), 100) && !holder.is_valid(at(999), 100),
            "grace"
        );
    }

    #[test]
    fn a_lease_that_was_asked_for_by_a_clock_since_set_back_is_not_judged_by() {
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
    fn answers_that_come_late_twice_or_out_of_order_take_nothing_back() {
        let mut holder = Holder::default();
        assert_eq!(
            holder.receive(at(0), Some(3), 5, L),
            LeaseOutcome::Refused,
            "builds on nothing known"
        );
        assert!(!holder.is_valid(at(1), 0));
        assert_eq!(holder.receive(at(100), None, 5, L), LeaseOutcome::Apply);
        assert_eq!(holder.receive(at(200), Some(5), 8, L), LeaseOutcome::Apply);
        assert_eq!(holder.receive(at(150), Some(5), 6, L), LeaseOutcome::Known);
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
            LeaseOutcome::Refused
        );
    }

    #[test]
    fn a_registry_that_was_restored_is_believed_again() {
        let mut holder = Holder::default();
        assert!(holder.learn(8));
        assert_eq!(holder.receive(at(0), Some(8), 10, L), LeaseOutcome::Apply);
        // It knows no version 10, so it gives all that it has.
        assert_eq!(holder.receive(at(600), None, 7, L), LeaseOutcome::Apply);
        assert_eq!(holder.version(), Some(7), "not 10, which is to come again");
        assert_eq!(
            holder.receive(at(1_200), Some(7), 10, L),
            LeaseOutcome::Apply
        );
        assert_eq!(holder.version(), Some(10));
    }
}
