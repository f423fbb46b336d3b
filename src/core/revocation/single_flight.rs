//! When an edge fetches something that it keeps fresh, and which requests wait for it.
//!
//! A busy edge has many requests that need the same thing at once. One fetch is in flight, and all
//! of them wait for it. The fetch belongs to none of these requests, so no client can cancel it.
//! While the current value is still usable, the fetch runs behind a request that does not wait.
//!
//! A fetch can fail, or be lost without notice. One such loss costs only time: the fetch is
//! repeated and the waiting requests keep waiting. After two losses in a row, no request waits
//! until [`RETRY_BACKOFF`] has passed. So in an outage each request is refused at once instead of
//! waiting, and the other side gets one fetch per second.
//!
//! Left out: what is fetched, and how.

use super::{
    freshness::Freshness,
    lease::{lease_end, renew_ahead},
};
use crate::time::Instant;
use std::iter;

/// How long a fetch may take, in milliseconds. An older one is lost.
pub const FETCH_TIMEOUT: u64 = 2_000;

/// How long no request waits after repeated failures, in milliseconds. `Retry-After` follows from
/// it.
pub const RETRY_BACKOFF: u64 = 1_000;

/// How many fetches one request waits for: the second one in case the first fails.
pub const MAX_ATTEMPTS: u8 = 2;

/// The first and the longest interval at which a waiting request polls, in milliseconds.
const POLL_INTERVALS: (u64, u64) = (2, 32);

/// The intervals at which a waiting request polls, in milliseconds. Each is twice the one before.
pub fn poll_intervals() -> impl Iterator<Item = u64> {
    let (first, longest) = POLL_INTERVALS;
    iter::successors(Some(first), move |interval| Some(longest.min(interval * 2)))
}

/// The longest round trip to a registry at which requests succeed, in milliseconds: a request that
/// waited sees the answer before the lease ends.
pub const fn longest_round_trip(length: u64) -> u64 {
    let usable = lease_end(Instant::from_millis(0), length).millis();
    capped(usable.saturating_sub(POLL_INTERVALS.1))
}

/// The longest round trip at which no request waits under steady traffic, in milliseconds: the
/// answer arrives before the previous lease ends.
pub const fn smooth_round_trip(length: u64) -> u64 {
    capped(renew_ahead(length))
}

const fn capped(round_trip: u64) -> u64 {
    if round_trip < FETCH_TIMEOUT {
        round_trip
    } else {
        FETCH_TIMEOUT - 1
    }
}

/// What one request does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Decide with the current value, even if it is stale.
    Proceed,
    /// Decide with the current value, and fetch in the background.
    ProceedAndFetch,
    /// Fetch, and wait for the result.
    Fetch,
    /// Wait for the fetch in flight.
    Wait,
}

/// One fetch, identified among those of one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flight(u64);

/// The fetches of one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SingleFlight {
    /// Number of fetches so far.
    count: u64,
    /// When the last fetch began. `None`: it has ended.
    began_at: Option<Instant>,
    ended_at: Option<Instant>,
    /// Fetches that failed or were lost since the last answer.
    failures: u32,
}

impl SingleFlight {
    /// Decides what a request does. `pause` is how long after an answer nothing is renewed early,
    /// in milliseconds.
    pub fn step(&self, freshness: Freshness, now: Instant, pause: u64) -> Step {
        let in_flight = self.in_flight(now).is_some();
        let in_outage = self.failures >= u32::from(MAX_ATTEMPTS);
        let is_paused = |pause| is_within(self.ended_at, now, pause);
        let backoff = if in_outage { RETRY_BACKOFF } else { 0 };
        let pause = if self.failures > 0 { backoff } else { pause };
        match freshness {
            Freshness::Fresh => Step::Proceed,
            Freshness::Aging if in_flight || is_paused(pause) => Step::Proceed,
            Freshness::Aging => Step::ProceedAndFetch,
            Freshness::Stale if in_outage && (in_flight || is_paused(backoff)) => Step::Proceed,
            Freshness::Stale if in_flight => Step::Wait,
            Freshness::Stale => Step::Fetch,
        }
    }

    /// Begins a fetch.
    pub fn begin(&mut self, now: Instant) -> Flight {
        if self.began_at.is_some() {
            self.failures = self.failures.saturating_add(1);
        }
        self.count += 1;
        self.began_at = Some(now);
        Flight(self.count)
    }

    /// Ends a fetch, answered or not. The end of a fetch that had already been given up does not
    /// affect the one in flight.
    pub fn end(&mut self, flight: Flight, now: Instant, answered: bool) {
        if answered {
            self.failures = 0;
        }
        if flight != Flight(self.count) || self.began_at.is_none() {
            return;
        }
        if !answered {
            self.failures = self.failures.saturating_add(1);
        }
        self.began_at = None;
        self.ended_at = Some(now);
    }

    /// Forgets everything that was timed by a clock that was since set back.
    pub fn reset(&mut self) {
        *self = Self {
            count: self.count,
            ..Self::default()
        };
    }

    /// The fetch whose answer may still arrive.
    pub fn in_flight(&self, now: Instant) -> Option<Flight> {
        is_within(self.began_at, now, FETCH_TIMEOUT).then_some(Flight(self.count))
    }

    /// Whether waiting for this fetch is pointless.
    pub fn has_ended(&self, flight: Flight, now: Instant) -> bool {
        self.in_flight(now) != Some(flight)
    }
}

/// Whether `then` is less than `time` milliseconds ago. A reading in the future was taken before
/// the clock was set back, and does not count.
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
    fn single_flight_has_one_request_in_flight_and_all_wait_for_it() {
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
        assert_eq!(flights.in_flight(at(11)), Some(flight));
        assert!(!flights.has_ended(flight, at(11)));
        flights.end(flight, at(12), true);
        assert!(flights.has_ended(flight, at(12)));
        assert_eq!(flights.step(Freshness::Stale, at(13), 0), Step::Fetch);
    }

    #[test]
    fn single_flight_repeats_a_lost_request() {
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
        assert_eq!(third, Step::Wait, "answers arrive again");
    }

    #[test]
    fn single_flight_retries_one_failure_at_once() {
        let mut flights = SingleFlight::default();
        let first = flights.begin(at(0));
        flights.end(first, at(100), false);
        assert!(flights.has_ended(first, at(100)));
        for freshness in [Freshness::Stale, Freshness::Aging] {
            let step = flights.step(freshness, at(100), 5_000);
            assert!(
                matches!(step, Step::Fetch | Step::ProceedAndFetch),
                "{freshness:?}"
            );
        }
        let second = flights.begin(at(100));
        assert_eq!(flights.step(Freshness::Stale, at(101), 0), Step::Wait);
        flights.end(second, at(200), true);
        let third = flights.begin(at(300));
        flights.end(third, at(400), false);
        let step = flights.step(Freshness::Stale, at(400), 0);
        assert_eq!(step, Step::Fetch, "an answer came between the failures");
    }

    #[test]
    fn single_flight_asks_once_a_second_in_an_outage() {
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
    fn single_flight_asks_at_once_after_the_clock_was_set_back() {
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
    fn single_flight_intervals_between_early_renewals() {
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
    enum FlightEvent {
        Passes(u64),
        Request(Freshness),
        Ends { answered: bool },
    }

    fn event() -> impl Strategy<Value = FlightEvent> {
        let freshness = prop_oneof![Just(Freshness::Aging), Just(Freshness::Stale)];
        prop_oneof![
            (1..1_500_u64).prop_map(FlightEvent::Passes),
            freshness.prop_map(FlightEvent::Request),
            any::<bool>().prop_map(|answered| FlightEvent::Ends { answered }),
        ]
    }

    proptest! {
        /// For any order of answers, failures and losses: no request is refused before two fetches
        /// in a row have failed, one fetch is in flight at a time, and an outage costs one fetch a
        /// second.
        #[test]
        fn single_flight_gives_up_only_in_an_outage(events in prop::collection::vec(event(), 1..200)) {
            let mut flights = SingleFlight::default();
            let mut now = 1_000_000;
            // The fetch in flight and when it began; the failures since the last answer; when the
            // last fetch ended.
            let mut current: Option<(Flight, u64)> = None;
            let (mut failed, mut ended_at) = (0, 0);
            for event in events {
                match event {
                    FlightEvent::Passes(time) => now += time,
                    FlightEvent::Ends { answered } => {
                        if let Some((flight, _)) = current.take() {
                            flights.end(flight, at(now), answered);
                            failed = if answered { 0 } else { failed + 1 };
                            ended_at = now;
                        }
                    }
                    FlightEvent::Request(freshness) => {
                        let is_in_flight =
                            current.is_some_and(|(_, began)| now - began < FETCH_TIMEOUT);
                        match flights.step(freshness, at(now), 0) {
                            Step::Proceed => prop_assert!(freshness == Freshness::Aging || failed >= 2),
                            Step::Wait => prop_assert!(is_in_flight),
                            Step::Fetch | Step::ProceedAndFetch => {
                                prop_assert!(!is_in_flight);
                                if current.is_some() {
                                    failed += 1;
                                } else if failed >= 2 {
                                    prop_assert!(now - ended_at >= RETRY_BACKOFF);
                                }
                                current = Some((flights.begin(at(now)), now));
                            }
                        }
                    }
                }
            }
        }
    }

    /// Simulates steady traffic at an edge whose registry is one `round_trip` away. Returns how
    /// many requests waited and how many were refused.
    fn traffic(length: u64, round_trip: u64) -> (u32, u32) {
        struct Waits {
            flight: Flight,
            attempts: u8,
            polls_at: u64,
            intervals: Box<dyn Iterator<Item = u64>>,
        }
        let (mut flights, mut holder) = (SingleFlight::default(), Holder::default());
        let mut answer: Option<(Flight, u64)> = None;
        let mut waiting: Vec<Waits> = Vec::new();
        let (mut waited, mut refused) = (0, 0);
        for now in 0..6 * length {
            if let Some((flight, sent_at)) = answer
                && now == sent_at + round_trip
            {
                holder.receive(at(sent_at), None, 1, length);
                flights.end(flight, at(now), true);
                answer = None;
            }
            // The requests to check now, by their attempts: a new one, and those whose fetch has
            // ended.
            let mut arrive = vec![0];
            for mut waits in std::mem::take(&mut waiting) {
                if now < waits.polls_at {
                    waiting.push(waits);
                } else if flights.has_ended(waits.flight, at(now)) {
                    arrive.push(waits.attempts);
                } else {
                    waits.polls_at = now + waits.intervals.next().unwrap();
                    waiting.push(waits);
                }
            }
            for attempts in arrive {
                let step = flights.step(holder.freshness(at(now)), at(now), 0);
                if matches!(step, Step::Fetch | Step::ProceedAndFetch) {
                    answer = Some((flights.begin(at(now)), now));
                }
                match step {
                    Step::Fetch | Step::Wait if attempts < MAX_ATTEMPTS => {
                        waited += u32::from(attempts == 0);
                        let mut intervals = Box::new(poll_intervals());
                        waiting.push(Waits {
                            flight: flights.in_flight(at(now)).unwrap(),
                            attempts: attempts + 1,
                            polls_at: now + intervals.next().unwrap(),
                            intervals,
                        });
                    }
                    _ => refused += u32::from(!holder.is_valid(at(now), 0)),
                }
            }
        }
        (waited, refused)
    }

    #[test]
    fn lease_tolerates_its_documented_round_trip() {
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
    fn shortest_lease_tolerates_a_round_trip_around_the_world() {
        // Twice half the equator at 200 km/ms, the speed in fibre, and a third more for detours.
        let around_the_world = 40_000 / 200 * 4 / 3;
        assert!(longest_round_trip(*LENGTHS.start()) >= around_the_world);
        // As in docs/REVOCATION.md.
        for (length, smooth, longest) in [
            (500, 125, 417),
            (1_000, 250, 867),
            (2_000, 500, 1_767),
            (10_000, 1_999, 1_999),
            (20_000, 1_999, 1_999),
        ] {
            let found = (smooth_round_trip(length), longest_round_trip(length));
            assert_eq!(found, (smooth, longest), "{length}");
        }
    }
}
