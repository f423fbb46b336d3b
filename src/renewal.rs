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

use crate::lease::{self, Instant, Need};
use std::iter;

/// The longest that an answer is waited for, in milliseconds. A question that is older is lost.
pub const PATIENCE: u64 = 2_000;

/// For how long after failures nobody waits, in milliseconds; `Retry-After` follows from it.
pub const PAUSE: u64 = 1_000;

/// How many questions one request waits for: the second where the first failed.
pub const MAX_TRIES: u8 = 2;

/// How long a request that waits pauses before it looks again, in milliseconds: at first, and at
/// last. Each time it pauses twice as long.
const LOOKS: (u64, u64) = (2, 32);

/// The pauses of a request that waits, in milliseconds.
pub fn looks() -> impl Iterator<Item = u64> {
    let (first, last) = LOOKS;
    iter::successors(Some(first), move |pause| Some(last.min(pause * 2)))
}

/// The longest round trip to a registry, in milliseconds, at which requests are answered under
/// leases of that length: a request that waited sees the answer before the lease is over.
pub const fn longest_round_trip(length: u64) -> u64 {
    let usable = lease::lease_end(Instant::from_millis(0), length).millis();
    patient(usable.saturating_sub(LOOKS.1))
}

/// The longest round trip, in milliseconds, at which under steady traffic no request waits: the
/// answer comes while the lease before is good.
pub const fn smooth_round_trip(length: u64) -> u64 {
    patient(lease::renew_ahead(length))
}

/// No answer is waited for longer.
const fn patient(round_trip: u64) -> u64 {
    if round_trip < PATIENCE {
        round_trip
    } else {
        PATIENCE - 1
    }
}

/// What one request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Judge by what is known, be it enough or not.
    Judge,
    /// Judge by what is known, and ask behind that.
    JudgeAndAsk,
    /// Ask, and wait for the answer like all others.
    Ask,
    /// Wait for the answer to the question that is out.
    Wait,
}

/// One question, among those about one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Question(u64);

/// The questions about one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Renewal {
    /// How many there were.
    count: u64,
    /// When the last of them went out; None: it has ended.
    asked_at: Option<Instant>,
    ended_at: Option<Instant>,
    /// How many failed or were lost since the last answer.
    failures: u32,
}

impl Renewal {
    /// What a request does that has the need. `pause` is for how long after an answer nobody
    /// asks ahead of time, in milliseconds.
    pub fn step(&self, need: Need, now: Instant, pause: u64) -> Step {
        let asked = self.is_asked(now);
        // Who could not be answered twice is not waited for again.
        let in_doubt = self.failures >= u32::from(MAX_TRIES);
        let paused = |pause| is_within(self.ended_at, now, pause);
        let backoff = if in_doubt { PAUSE } else { 0 };
        let pause = if self.failures > 0 { backoff } else { pause };
        match need {
            Need::Nothing => Step::Judge,
            Need::RenewSoon if asked || paused(pause) => Step::Judge,
            Need::RenewSoon => Step::JudgeAndAsk,
            Need::RenewFirst if in_doubt && (asked || paused(backoff)) => Step::Judge,
            Need::RenewFirst if asked => Step::Wait,
            Need::RenewFirst => Step::Ask,
        }
    }

    /// A question goes out.
    pub fn begin(&mut self, now: Instant) -> Question {
        if self.asked_at.is_some() {
            self.failures = self.failures.saturating_add(1);
        }
        self.count += 1;
        self.asked_at = Some(now);
        Question(self.count)
    }

    /// Its answer came, or is not expected any more. The end of a question that was given up
    /// before says nothing of the one that is out.
    pub fn end(&mut self, question: Question, now: Instant, answered: bool) {
        if answered {
            self.failures = 0;
        }
        if question != Question(self.count) || self.asked_at.is_none() {
            return;
        }
        if !answered {
            self.failures = self.failures.saturating_add(1);
        }
        self.asked_at = None;
        self.ended_at = Some(now);
    }

    /// Forgets what was counted by a clock that cannot be trusted.
    pub fn forget_times(&mut self) {
        *self = Self {
            count: self.count,
            ..Self::default()
        };
    }

    /// The question whose answer may still come.
    pub fn question(&self, now: Instant) -> Option<Question> {
        self.is_asked(now).then_some(Question(self.count))
    }

    /// Is there nothing to wait for any more?
    pub fn is_over(&self, question: Question, now: Instant) -> bool {
        self.question(now) != Some(question)
    }

    fn is_asked(&self, now: Instant) -> bool {
        is_within(self.asked_at, now, PATIENCE)
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
    use crate::lease::{Holder, LENGTHS};
    use proptest::prelude::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn one_question_is_out_and_all_wait_for_it() {
        let mut renewal = Renewal::default();
        assert_eq!(renewal.step(Need::Nothing, at(0), 0), Step::Judge);
        assert_eq!(renewal.step(Need::RenewSoon, at(0), 0), Step::JudgeAndAsk);
        assert_eq!(renewal.step(Need::RenewFirst, at(0), 0), Step::Ask);
        let question = renewal.begin(at(10));
        assert_eq!(renewal.step(Need::RenewSoon, at(11), 0), Step::Judge);
        assert_eq!(renewal.step(Need::RenewFirst, at(11), 0), Step::Wait);
        assert_eq!(renewal.question(at(11)), Some(question));
        assert!(!renewal.is_over(question, at(11)));
        renewal.end(question, at(12), true);
        assert!(renewal.is_over(question, at(12)));
        assert_eq!(renewal.step(Need::RenewFirst, at(13), 0), Step::Ask);
    }

    #[test]
    fn a_question_that_was_lost_is_asked_anew() {
        let mut renewal = Renewal::default();
        let lost = renewal.begin(at(0));
        assert_eq!(renewal.step(Need::RenewFirst, at(1_999), 0), Step::Wait);
        assert!(renewal.is_over(lost, at(2_000)));
        let soon = renewal.step(Need::RenewSoon, at(2_000), 0);
        assert_eq!(soon, Step::JudgeAndAsk);
        assert_eq!(renewal.step(Need::RenewFirst, at(2_000), 0), Step::Ask);
        let second = renewal.begin(at(2_000));
        assert_eq!(renewal.step(Need::RenewFirst, at(2_001), 0), Step::Wait);
        // The first was only late. It ends nothing but itself.
        renewal.end(lost, at(2_100), false);
        assert!(!renewal.is_over(second, at(2_100)));
        assert_eq!(renewal.step(Need::RenewFirst, at(4_000), 0), Step::Ask);
        renewal.begin(at(4_000));
        let third = renewal.step(Need::RenewFirst, at(4_001), 0);
        assert_eq!(third, Step::Judge, "two were lost");
        renewal.end(second, at(4_100), true);
        let third = renewal.step(Need::RenewFirst, at(4_101), 0);
        assert_eq!(third, Step::Wait, "somebody answers again");
    }

    #[test]
    fn one_failure_costs_nobody_more_than_time() {
        let mut renewal = Renewal::default();
        let first = renewal.begin(at(0));
        renewal.end(first, at(100), false);
        assert!(renewal.is_over(first, at(100)));
        for need in [Need::RenewFirst, Need::RenewSoon] {
            let step = renewal.step(need, at(100), 5_000);
            assert!(matches!(step, Step::Ask | Step::JudgeAndAsk), "{need:?}");
        }
        let second = renewal.begin(at(100));
        assert_eq!(renewal.step(Need::RenewFirst, at(101), 0), Step::Wait);
        renewal.end(second, at(200), true);
        let third = renewal.begin(at(300));
        renewal.end(third, at(400), false);
        let step = renewal.step(Need::RenewFirst, at(400), 0);
        assert_eq!(step, Step::Ask, "an answer was between the failures");
    }

    #[test]
    fn in_an_outage_one_request_a_second_waits_and_the_others_are_answered_at_once() {
        let mut renewal = Renewal::default();
        for _ in 0..MAX_TRIES {
            let question = renewal.begin(at(0));
            renewal.end(question, at(100), false);
        }
        assert_eq!(renewal.step(Need::RenewFirst, at(1_099), 0), Step::Judge);
        assert_eq!(renewal.step(Need::RenewSoon, at(1_099), 0), Step::Judge);
        assert_eq!(renewal.step(Need::RenewFirst, at(1_100), 0), Step::Ask);
        let question = renewal.begin(at(1_100));
        assert_eq!(renewal.step(Need::RenewFirst, at(1_101), 0), Step::Judge);
        renewal.end(question, at(1_200), true);
        renewal.begin(at(1_300));
        assert_eq!(renewal.step(Need::RenewFirst, at(1_301), 0), Step::Wait);
    }

    #[test]
    fn after_the_clock_was_set_back_it_is_asked_at_once() {
        let mut renewal = Renewal::default();
        let question = renewal.begin(at(60_000));
        assert_eq!(renewal.step(Need::RenewFirst, at(5_000), 0), Step::Ask);
        assert!(renewal.is_over(question, at(5_000)));
        for answered in [false, true] {
            renewal.end(question, at(60_100), answered);
            assert_eq!(renewal.step(Need::RenewFirst, at(5_000), 0), Step::Ask);
            let soon = renewal.step(Need::RenewSoon, at(5_000), 5_000);
            assert_eq!(soon, Step::JudgeAndAsk);
        }
    }

    #[test]
    fn what_cannot_get_fresher_is_not_asked_for_all_the_time() {
        let mut renewal = Renewal::default();
        let question = renewal.begin(at(0));
        renewal.end(question, at(100), true);
        assert_eq!(renewal.step(Need::RenewSoon, at(5_099), 5_000), Step::Judge);
        assert_eq!(
            renewal.step(Need::RenewSoon, at(5_100), 5_000),
            Step::JudgeAndAsk
        );
    }

    /// What may happen next.
    #[derive(Debug, Clone)]
    enum Event {
        Passes(u64),
        Request(Need),
        Ends { answered: bool },
    }

    fn event() -> impl Strategy<Value = Event> {
        let need = prop_oneof![Just(Need::RenewSoon), Just(Need::RenewFirst)];
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
            let mut renewal = Renewal::default();
            let mut now = 1_000_000;
            // The question that is out; how many came to nothing since the last answer, and when
            // the last of them ended.
            let mut out: Option<(Question, u64)> = None;
            let (mut vain, mut ended) = (0, 0);
            for event in events {
                match event {
                    Event::Passes(time) => now += time,
                    Event::Ends { answered } => {
                        if let Some((question, _)) = out.take() {
                            renewal.end(question, at(now), answered);
                            vain = if answered { 0 } else { vain + 1 };
                            ended = now;
                        }
                    }
                    Event::Request(need) => {
                        let is_out = out.is_some_and(|(_, asked)| now - asked < PATIENCE);
                        match renewal.step(need, at(now), 0) {
                            Step::Judge => prop_assert!(need == Need::RenewSoon || vain >= 2),
                            Step::Wait => prop_assert!(is_out),
                            Step::Ask | Step::JudgeAndAsk => {
                                prop_assert!(!is_out);
                                if out.is_some() {
                                    vain += 1;
                                } else if vain >= 2 {
                                    prop_assert!(now - ended >= PAUSE);
                                }
                                out = Some((renewal.begin(at(now)), now));
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
            question: Question,
            tries: u8,
            looks_at: u64,
            pauses: Box<dyn Iterator<Item = u64>>,
        }
        let (mut renewal, mut holder) = (Renewal::default(), Holder::default());
        let mut answer: Option<(Question, u64)> = None;
        let mut waiting: Vec<Waits> = Vec::new();
        let (mut waited, mut refused) = (0, 0);
        for now in 0..6 * length {
            if let Some((question, asked)) = answer
                && now == asked + round_trip
            {
                holder.receive(at(asked), None, 1, length);
                renewal.end(question, at(now), true);
                answer = None;
            }
            // Who looks now, and who comes now.
            let mut arrive = vec![0];
            for mut waits in std::mem::take(&mut waiting) {
                if now < waits.looks_at {
                    waiting.push(waits);
                } else if renewal.is_over(waits.question, at(now)) {
                    arrive.push(waits.tries);
                } else {
                    waits.looks_at = now + waits.pauses.next().unwrap();
                    waiting.push(waits);
                }
            }
            for tries in arrive {
                let step = renewal.step(holder.need(at(now)), at(now), 0);
                if matches!(step, Step::Ask | Step::JudgeAndAsk) {
                    answer = Some((renewal.begin(at(now)), now));
                }
                match step {
                    Step::Ask | Step::Wait if tries < MAX_TRIES => {
                        waited += u32::from(tries == 0);
                        let mut pauses = Box::new(looks());
                        waiting.push(Waits {
                            question: renewal.question(at(now)).unwrap(),
                            tries: tries + 1,
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
            let (_, refused) = traffic(length, length.min(PATIENCE + 1));
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
