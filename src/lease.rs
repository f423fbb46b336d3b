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
//! Arithmetic only: no clock, no I/O, no lists. What the lists contain is [`crate::revocation`].

use std::collections::BTreeMap;

/// A reading of one party's own clock, in milliseconds. It means nothing to another party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// That many milliseconds after the clock's zero.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds after the clock's zero.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// That many milliseconds later.
    #[must_use]
    pub const fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds until a later reading; 0 if it is not later.
    pub const fn until(self, later: Self) -> u64 {
        later.0.saturating_sub(self.0)
    }
}

/// The usual length of a lease, in milliseconds: the longest that a revocation can take.
pub const DEFAULT_LENGTH: u64 = 1_000;

/// The lengths that make sense: below, every second request would ask; above, a revocation would
/// be slower than with most others.
pub const LENGTHS: std::ops::RangeInclusive<u64> = 100..=30_000;

/// What a holder does not use of a lease: room for two clocks that differ by up to a tenth while
/// they count one lease.
pub const fn margin(length: u64) -> u64 {
    length / 10 + 1
}

/// How long before its end a holder with traffic renews a lease, so that no request waits.
const fn renew_ahead(length: u64) -> u64 {
    length / 4
}

/// The registry's side: until when each list may be in somebody's memory as it was.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Grantor {
    floor: Instant,
    longest: u64,
    until: BTreeMap<u32, Instant>,
}

impl Grantor {
    /// A grantor that may have forgotten leases of up to `longest` milliseconds: the length that
    /// was last written down.
    pub fn restarted(now: Instant, longest: u64) -> Self {
        Self {
            floor: now.plus(longest),
            longest,
            until: BTreeMap::new(),
        }
    }

    /// Grants a lease on a list. The answer must carry everything committed before this call.
    ///
    /// Gives a length that must be written down before the answer leaves, for the grantor's next
    /// start: a longer one at once, a shorter one when no longer lease can be out any more.
    pub fn grant(&mut self, list: u32, now: Instant, length: u64) -> Option<u64> {
        let until = self.until.entry(list).or_default();
        *until = (*until).max(now.plus(length));
        let news = length > self.longest || length < self.longest && now >= self.floor;
        if !news {
            return None;
        }
        self.longest = length;
        Some(length)
    }

    /// When every lease on the list that is out now will be over: a change that is committed is
    /// known to every holder from then on.
    pub fn clear_at(&self, list: u32) -> Instant {
        self.until
            .get(&list)
            .map_or(self.floor, |until| self.floor.max(*until))
    }

    /// When every lease that may have been forgotten is over. What an earlier start of the
    /// grantor has reckoned does not hold before: it was by another clock.
    pub fn forgotten_until(&self) -> Instant {
        self.floor
    }
}

/// What a holder has to do before it judges by a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: the lease is good.
    Nothing,
    /// The lease is good, but should be renewed while it lasts.
    RenewSoon,
    /// There is no good lease: ask, and wait for the answer.
    RenewFirst,
}

/// What the answer to a request for a lease does to what is known of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
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

    /// Forgets the lease, not the version.
    pub fn forget_lease(&mut self) {
        self.until = Instant::default();
    }

    /// May the list be judged by, at this reading of the holder's clock? `grace` milliseconds
    /// more than the lease says: 0 where the promise is to be kept.
    pub fn is_valid(&self, now: Instant, grace: u64) -> bool {
        self.version.is_some() && now < self.until.plus(grace)
    }

    /// What to do before judging.
    pub fn need(&self, now: Instant) -> Need {
        if !self.is_valid(now, 0) {
            Need::RenewFirst
        } else if now.until(self.until) <= renew_ahead(self.length) {
            Need::RenewSoon
        } else {
            Need::Nothing
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
    ) -> Effect {
        let builds_on_known = match (since, self.version) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(since), Some(known)) => since <= known,
        };
        if !builds_on_known {
            return Effect::Refused;
        }
        let until = asked_at.plus(length.saturating_sub(margin(length)));
        if until > self.until {
            self.until = until;
            self.length = length;
        }
        let older = self.version.is_some_and(|known| version < known);
        self.version = self.version.max(Some(version));
        // A whole list is applied even when it calls itself older: a registry that lost its
        // newest versions may count them again, and only ever adds revocations.
        if older && since.is_some() {
            Effect::Known
        } else {
            Effect::Apply
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(holder.receive(at(5_000), None, 1, L), Effect::Apply);
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
        assert_eq!(grantor.grant(0, at(511), 900), Some(900));
    }

    #[test]
    fn a_lease_is_renewed_while_it_lasts_and_waited_for_when_it_is_over() {
        let mut holder = Holder::default();
        assert_eq!(holder.need(at(0)), Need::RenewFirst);
        holder.learn(7);
        assert_eq!(
            holder.need(at(0)),
            Need::RenewFirst,
            "a snapshot is no lease"
        );
        holder.receive(at(0), Some(7), 9, L);
        for (now, need) in [
            (0, Need::Nothing),
            (648, Need::Nothing),
            (649, Need::RenewSoon),
            (898, Need::RenewSoon),
            (899, Need::RenewFirst),
        ] {
            assert_eq!(holder.need(at(now)), need, "{now}");
        }
        assert!(
            holder.is_valid(at(899), 100) && !holder.is_valid(at(999), 100),
            "grace"
        );
    }

    #[test]
    fn answers_that_come_late_twice_or_out_of_order_take_nothing_back() {
        let mut holder = Holder::default();
        assert_eq!(
            holder.receive(at(0), Some(3), 5, L),
            Effect::Refused,
            "builds on nothing known"
        );
        assert!(!holder.is_valid(at(1), 0));
        assert_eq!(holder.receive(at(100), None, 5, L), Effect::Apply);
        assert_eq!(holder.receive(at(200), Some(5), 8, L), Effect::Apply);
        assert_eq!(holder.receive(at(150), Some(5), 6, L), Effect::Known);
        assert_eq!(
            holder.receive(at(200), Some(5), 8, L),
            Effect::Apply,
            "twice"
        );
        assert_eq!(holder.version(), Some(8));
        assert!(holder.is_valid(at(1_098), 0) && !holder.is_valid(at(1_099), 0));
        assert!(!holder.learn(7), "an older snapshot");
        assert_eq!(holder.receive(at(300), Some(9), 10, L), Effect::Refused);
    }
}
