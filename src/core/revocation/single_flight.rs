//! When an edge asks for something that it keeps fresh, and who waits for the answer.
//!
//! A busy edge has many requests that need the same thing at once. One question goes out, and all
//! of them wait for what it brings: *single flight*. The question belongs to none of them, so that
//! the client of none can end it. While what is known is still good, it goes out behind a request
//! that does not wait.
//!
//! A question can fail, and it can be lost without a word. Once, that costs nobody more than time:
//! it is asked again, and who waited waits for that too. After two in a row nobody waits for a
//! moment, so that an outage costs a refusal at once and not a queue of requests that hope, and
//! costs whoever is asked one question a second.
//!
//! Decisions only: what is asked, and how, is the edge's business.

use crate::{
    revocation::lease::{self, Freshness},
    time::Instant,
};
use std::iter;

/// The longest that an answer is waited for, in milliseconds. A question that is older is lost.
pub const FETCH_TIMEOUT: u64 = 2_000;

/// For how long after failures nobody waits, in milliseconds; `Retry-After` follows from it.
pub const RETRY_BACKOFF: u64 = 1_000;

/// How many questions one request waits for: the second where the first failed.
pub const MAX_ATTEMPTS: u8 = 2;

/// How long a request that waits pauses before it looks again, in milliseconds: at first, and at
/// last. Each time it pauses twice as long.
const POLL_INTERVALS: (u64, u64) = (2, 32);

/// The pauses of a request that waits, in milliseconds.
pub fn poll_intervals() -> impl Iterator<Item = u64> {
    let (first, last) = POLL_INTERVALS;
    iter::successors(Some(first), move |pause| Some(last.min(pause * 2)))
}

/// The longest round trip to a registry, in milliseconds, at which requests are answered under
/// leases of that length: a request that waited sees the answer before the lease is over.
pub const fn longest_round_trip(length: u64) -> u64 {
    let usable = lease::lease_end(Instant::from_millis(0), length).millis();
    capped(usable.saturating_sub(POLL_INTERVALS.1))
}

/// The longest round trip, in milliseconds, at which under steady traffic no request waits: the
/// answer comes while the lease before is good.
pub const fn smooth_round_trip(length: u64) -> u64 {
    capped(lease::renew_ahead(length))
}

/// No answer is waited for longer.
const fn capped(round_trip: u64) -> u64 {
    if round_trip < FETCH_TIMEOUT {
        round_trip
    } else {
        FETCH_TIMEOUT - 1
    }
}

/// What one request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Judge by what is known, be it enough or not.
    Proceed,
    /// Judge by what is known, and ask behind that.
    ProceedAndFetch,
    /// Ask, and wait for the answer like all others.
    Fetch,
    /// Wait for the answer to the question that is out.
    Wait,
}

/// One question, among those about one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flight(u64);

/// The questions about one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SingleFlight {
    /// How many there were.
    count: u64,
    /// When the last of them went out; None: it has ended.
    asked_at: Option<Instant>,
    ended_at: Option<Instant>,
    /// How many failed or were lost since the last answer.
    failures: u32,
}

impl SingleFlight {
    /// What a request does that has the need. `pause` is for how long after an answer nobody
    /// asks ahead of time, in milliseconds.
    pub fn step(&self, need: Freshness, now: Instant, pause: u64) -> Step {
        let asked = self.is_asked(now);
        // Who could not be answered twice is not waited for again.
        let in_doubt = self.failures >= u32::from(MAX_ATTEMPTS);
        let paused = |pause| is_within(self.ended_at, now, pause);
        let backoff = if in_doubt { RETRY_BACKOFF } else { 0 };
        let pause = if self.failures > 0 { backoff } else { pause };
        match need {
            Freshness::Fresh => Step::Proceed,
            Freshness::Aging if asked || paused(pause) => Step::Proceed,
            Freshness::Aging => Step::ProceedAndFetch,
            Freshness::Stale if in_doubt && (asked || paused(backoff)) => Step::Proceed,
            Freshness::Stale if asked => Step::Wait,
            Freshness::Stale => Step::Fetch,
        }
    }

    /// A question goes out.
    pub fn begin(&mut self, now: Instant) -> Flight {
        if self.asked_at.is_some() {
            self.failures = self.failures.saturating_add(1);
        }
        self.count += 1;
        self.asked_at = Some(now);
        Flight(self.count)
    }

    /// Its answer came, or is not expected any more. The end of a question that was given up
    /// before says nothing of the one that is out.
    pub fn end(&mut self, flight: Flight, now: Instant, answered: bool) {
        if answered {
            self.failures = 0;
        }
        if flight != Flight(self.count) || self.asked_at.is_none() {
            return;
        }
        if !answered {
            self.failures = self.failures.saturating_add(1);
        }
        self.asked_at = None;
        self.ended_at = Some(now);
    }

    /// Forgets what was counted by a clock that cannot be trusted.
    pub fn reset(&mut self) {
        *self = Self {
            count: self.count,
            ..Self::default()
        };
    }

    /// The question whose answer may still come.
    pub fn flight(&self, now: Instant) -> Option<Flight> {
        self.is_asked(now).then_some(Flight(self.count))
    }

    /// Is there nothing to wait for any more?
    pub fn has_ended(&self, flight: Flight, now: Instant) -> bool {
        self.flight(now) != Some(flight)
    }

    fn is_asked(&self, now: Instant) -> bool {
        is_within(self.asked_at, now, FETCH_TIMEOUT)
    }
}

/// Is that less than `time` milliseconds ago? What lies ahead was read from a clock that was set
/// back since: it binds nobody.
fn is_within(then: Option<Instant>, now: Instant, time: u64) -> bool {
    then.and_then(|then| then.age(now))
        .is_some_and(|age| age < time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revocation::lease::{Holder, LENGTHS};
    use proptest::prelude::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn one_question_is_out_and_all_wait_for_it() {
        let mut flights = SingleFlight::default();
        assert_eq!(flights.step(Freshness::Fresh, at(0), 0), Step::Proceed);
        assert_eq!(
            flights.step(Freshness::Aging, at(0), 0),
            Step::ProceedAndFetch
        );
        assert_eq!(flights.step(Freshness::Stale, at(0), 0), Step::Fetch);
        let flight = flights.begin(at(10));
        assert_eq!(flights.step(Freshness::Aging, at(11), 0), Step::Proceed);
        assert_eq!(flights.step(Freshness::Stale, at(11), 0), Step::Wait);
        assert_eq!(flights.flight(at(11)), Some(flight));
        assert!(!flights.has_ended(flight, at(11)));
        flights.end(flight, at(12), true);
        assert!(flights.has_ended(flight, at(12)));
        assert_eq!(flights.step(Freshness::Stale, at(13), 0), Step::Fetch);
    }

    #[test]
    fn a_question_that_was_lost_is_asked_anew() {
        let mut flights = SingleFlight::default();
        let lost = flights.begin(at(0));
        assert_eq!(flights.step(Freshness::Stale, at(1_999), 0), Step::Wait);
        assert!(flights.has_ended(lost, at(2_000)));
        let soon = flights.step(Freshness::Aging, at(2_000), 0);
        assert_eq!(soon, Step::ProceedAndFetch);
        assert_eq!(flights.step(Freshness::Stale, at(2_000), 0), Step::Fetch);
        let second = flights.begin(at(2_000));
        assert_eq!(flights.step(Freshness::Stale, at(2_001), 0), Step::Wait);
        // The first was only late. It ends nothing but itself.
        flights.end(lost, at(2_100), false);
        assert!(!flights.has_ended(second, at(2_100)));
        assert_eq!(flights.step(Freshness::Stale, at(4_000), 0), Step::Fetch);
        flights.begin(at(4_000));
        let third = flights.step(Freshness::Stale, at(4_001), 0);
        assert_eq!(third, Step::Proceed, "two were lost");
        flights.end(second, at(4_100), true);
        let third = flights.step(Freshness::Stale, at(4_101), 0);
        assert_eq!(third, Step::Wait, "somebody answers again");
    }

    #[test]
    fn one_failure_costs_nobody_more_than_time() {
        let mut flights = SingleFlight::default();
        let first = flights.begin(at(0));
        flights.end(first, at(100), false);
        assert!(flights.has_ended(first, at(100)));
        for need in [Freshness::Stale, Freshness::Aging] {
            let step = flights.step(need, at(100), 5_000);
            assert!(
                matches!(step, Step::Fetch | Step::ProceedAndFetch),
                "{need:?}"
            );
        }
        let second = flights.begin(at(100));
        assert_eq!(flights.step(Freshness::Stale, at(101), 0), Step::Wait);
        flights.end(second, at(200), true);
        let third = flights.begin(at(300));
        flights.end(third, at(400), false);
        let step = flights.step(Freshness::Stale, at(400), 0);
        assert_eq!(step, Step::Fetch, "an answer was between the failures");
    }

    #[test]
    fn in_an_outage_one_request_a_second_waits_and_the_others_are_answered_at_once() {
        let mut flights = SingleFlight::default();
        for _ in 0..MAX_ATTEMPTS {
            let flight = flights.begin(at(0));
            flights.end(flight, at(100), false);
        }
        assert_eq!(flights.step(Freshness::Stale, at(1_099), 0), Step::Proceed);
        assert_eq!(flights.step(Freshness::Aging, at(1_099), 0), Step::Proceed);
        assert_eq!(flights.step(Freshness::Stale, at(1_100), 0), Step::Fetch);
        let flight = flights.begin(at(1_100));
        assert_eq!(flights.step(Freshness::Stale, at(1_101), 0), Step::Proceed);
        flights.end(flight, at(1_200), true);
        flights.begin(at(1_300));
        assert_eq!(flights.step(Freshness::Stale, at(1_301), 0), Step::Wait);
    }

    #[test]
    fn after_the_clock_was_set_back_it_is_asked_at_once() {
        let mut flights = SingleFlight::default();
        let flight = flights.begin(at(60_000));
        assert_eq!(flights.step(Freshness::Stale, at(5_000), 0), Step::Fetch);
        assert!(flights.has_ended(flight, at(5_000)));
        for answered in [false, true] {
            flights.end(flight, at(60_100), answered);
            assert_eq!(flights.step(Freshness::Stale, at(5_000), 0), Step::Fetch);
            let soon = flights.step(Freshness::Aging, at(5_000), 5_000);
            assert_eq!(soon, Step::ProceedAndFetch);
        }
    }

    #[test]
    fn what_cannot_get_fresher_is_not_asked_for_all_the_time() {
        let mut flights = SingleFlight::default();
        let flight = flights.begin(at(0));
        flights.end(flight, at(100), true);
        assert_eq!(
            flights.step(Freshness::Aging, at(5_099), 5_000),
            Step::Proceed
        );
        assert_eq!(
            flights.step(Freshness::Aging, at(5_100), 5_000),
            Step::ProceedAndFetch
        );
    }

    /// What may happen next.
    #[derive(Debug, Clone)]
    enum Event {
        Passes(u64),
        Request(Freshness),
        Ends { answered: bool },
    }

    fn event() -> impl Strategy<Value = Event> {
        let need = prop_oneof![Just(Freshness::Aging), Just(Freshness::Stale)];
        prop_oneof![
            (1..1_500_u64).prop_map(Event::Passes),
            need.prop_map(Event::Request),
            any::<bool>().prop_map(|answered| Event::Ends { answered }),
        ]
    }

    proptest! {
        /// Whatever is answered, fails or is lost: nobody is refused before two questions in a row
        /// came to nothing, one question is out at a time, and an outage costs one a second.
        #[test]
        fn a_request_is_refused_only_in_an_outage(events in prop::collection::vec(event(), 1..200)) {
            let mut flights = SingleFlight::default();
            let mut now = 1_000_000;
            // The question that is out; how many came to nothing since the last answer, and when
            // the last of them ended.
            let mut out: Option<(Flight, u64)> = None;
            let (mut vain, mut ended) = (0, 0);
            for event in events {
                match event {
                    Event::Passes(time) => now += time,
                    Event::Ends { answered } => {
                        if let Some((flight, _)) = out.take() {
                            flights.end(flight, at(now), answered);
                            vain = if answered { 0 } else { vain + 1 };
                            ended = now;
                        }
                    }
                    Event::Request(need) => {
                        let is_out = out.is_some_and(|(_, asked)| now - asked < FETCH_TIMEOUT);
                        match flights.step(need, at(now), 0) {
                            Step::Proceed => prop_assert!(need == Freshness::Aging || vain >= 2),
                            Step::Wait => prop_assert!(is_out),
                            Step::Fetch | Step::ProceedAndFetch => {
                                prop_assert!(!is_out);
                                if out.is_some() {
                                    vain += 1;
                                } else if vain >= 2 {
                                    prop_assert!(now - ended >= RETRY_BACKOFF);
                                }
                                out = Some((flights.begin(at(now)), now));
                            }
                        }
                    }
                }
            }
        }
    }

    /// Requests that come all the time for a while, at an edge whose registry is a round trip
    /// away: how many of them waited, and how many were refused.
    fn traffic(length: u64, round_trip: u64) -> (u32, u32) {
        struct Waits {
            flight: Flight,
            attempts: u8,
            looks_at: u64,
            pauses: Box<dyn Iterator<Item = u64>>,
        }
        let (mut flights, mut holder) = (SingleFlight::default(), Holder::default());
        let mut answer: Option<(Flight, u64)> = None;
        let mut waiting: Vec<Waits> = Vec::new();
        let (mut waited, mut refused) = (0, 0);
        for now in 0..6 * length {
            if let Some((flight, asked)) = answer
                && now == asked + round_trip
            {
                holder.receive(at(asked), None, 1, length);
                flights.end(flight, at(now), true);
                answer = None;
            }
            // Who looks now, and who comes now.
            let mut arrive = vec![0];
            for mut waits in std::mem::take(&mut waiting) {
                if now < waits.looks_at {
                    waiting.push(waits);
                } else if flights.has_ended(waits.flight, at(now)) {
                    arrive.push(waits.attempts);
                } else {
                    waits.looks_at = now + waits.pauses.next().unwrap();
                    waiting.push(waits);
                }
            }
            for attempts in arrive {
                let step = flights.step(holder.need(at(now)), at(now), 0);
                if matches!(step, Step::Fetch | Step::ProceedAndFetch) {
                    answer = Some((flights.begin(at(now)), now));
                }
                match step {
                    Step::Fetch | Step::Wait if attempts < MAX_ATTEMPTS => {
                        waited += u32::from(attempts == 0);
                        let mut pauses = Box::new(poll_intervals());
                        waiting.push(Waits {
                            flight: flights.flight(at(now)).unwrap(),
                            attempts: attempts + 1,
                            looks_at: now + pauses.next().unwrap(),
                            pauses,
                        });
                    }
                    _ => refused += u32::from(!holder.is_valid(at(now), 0)),
                }
            }
        }
        (waited, refused)
    }

    #[test]
    fn a_lease_bears_the_round_trip_that_is_told_of_it() {
        for length in [*LENGTHS.start(), 1_000, 2_500, 10_000] {
            let (cold, refused) = traffic(length, smooth_round_trip(length));
            assert_eq!(refused, 0, "{length}");
            let only_the_first = u32::try_from(smooth_round_trip(length)).unwrap();
            assert!(cold <= only_the_first, "{length}: {cold} waited");
            for round_trip in [
                1,
                longest_round_trip(length) / 2,
                longest_round_trip(length),
            ] {
                let (_, refused) = traffic(length, round_trip);
                assert_eq!(refused, 0, "{length}, {round_trip}");
            }
            let (_, refused) = traffic(length, length.min(FETCH_TIMEOUT + 1));
            assert!(refused > 0, "{length}: the answer comes too late");
        }
    }

    #[test]
    fn the_shortest_lease_bears_a_round_trip_around_the_world() {
        // Twice half the equator at 200 km/ms, the speed in fibre, and a third more for detours.
        let around_the_world = 40_000 / 200 * 4 / 3;
        assert!(longest_round_trip(*LENGTHS.start()) >= around_the_world);
        // As docs/REVOCATION.md tells them.
        for (length, smooth, longest) in [
            (500, 125, 417),
            (1_000, 250, 867),
            (2_000, 500, 1_767),
            (10_000, 1_999, 1_999),
            (30_000, 1_999, 1_999),
        ] {
            let found = (smooth_round_trip(length), longest_round_trip(length));
            assert_eq!(found, (smooth, longest), "{length}");
        }
    }
}
