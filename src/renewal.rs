//! When an edge asks for something that it keeps fresh, and who waits for the answer.
//!
//! A busy edge has many requests that need the same thing at once. One of them asks, the others
//! wait for what it brings: *single flight*. While what is known is still good, the question
//! goes out behind a request that does not wait. After a failure nobody waits for a moment, so
//! that an outage costs a refusal at once and not a queue of requests that hope.
//!
//! Decisions only: what is asked, and how, is the edge's business.

use crate::lease::{Instant, Need};

/// The longest that an answer is waited for, in milliseconds. A question that is older counts as
/// lost: the request that asked it may have been cancelled by its client.
pub const PATIENCE: u64 = 2_000;

/// For how long after a failure nobody waits, in milliseconds; `Retry-After` follows from it.
pub const PAUSE: u64 = 1_000;

/// What one request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Judge by what is known, be it enough or not.
    Judge,
    /// Judge by what is known, and ask behind that.
    JudgeAndAsk,
    /// Ask, and wait for the answer.
    Ask,
    /// Wait for the answer to the question of another request.
    Wait,
}

/// The questions about one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Renewal {
    asked_at: Option<Instant>,
    ended_at: Option<Instant>,
    failed: bool,
}

impl Renewal {
    /// What a request does that has the need. `pause` is for how long after an answer nobody
    /// asks ahead of time, in milliseconds.
    pub fn step(&self, need: Need, now: Instant, pause: u64) -> Step {
        // What lies ahead was read from a clock that was set back since: it binds nobody.
        let within = |then: Option<Instant>, time| {
            then.and_then(|then| then.age(now))
                .is_some_and(|age| age < time)
        };
        let asked = within(self.asked_at, PATIENCE);
        let paused = |pause| within(self.ended_at, pause);
        match need {
            Need::Nothing => Step::Judge,
            Need::RenewSoon if asked || paused(if self.failed { PAUSE } else { pause }) => {
                Step::Judge
            }
            Need::RenewSoon => Step::JudgeAndAsk,
            // Who could not be answered a moment ago is not waited for again.
            Need::RenewFirst if self.failed && (asked || paused(PAUSE)) => Step::Judge,
            Need::RenewFirst if asked => Step::Wait,
            Need::RenewFirst => Step::Ask,
        }
    }

    /// A question goes out.
    pub fn begin(&mut self, now: Instant) {
        self.asked_at = Some(now);
    }

    /// Its answer came, or is not expected any more.
    pub fn end(&mut self, now: Instant, answered: bool) {
        self.asked_at = None;
        self.ended_at = Some(now);
        self.failed = !answered;
    }

    /// Is a question out whose answer may still come?
    pub fn is_asked(&self, now: Instant) -> bool {
        self.step(Need::RenewFirst, now, 0) == Step::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn one_asks_and_the_others_wait() {
        let mut renewal = Renewal::default();
        assert_eq!(renewal.step(Need::Nothing, at(0), 0), Step::Judge);
        assert_eq!(renewal.step(Need::RenewSoon, at(0), 0), Step::JudgeAndAsk);
        assert_eq!(renewal.step(Need::RenewFirst, at(0), 0), Step::Ask);
        renewal.begin(at(10));
        assert_eq!(renewal.step(Need::RenewSoon, at(11), 0), Step::Judge);
        assert_eq!(renewal.step(Need::RenewFirst, at(11), 0), Step::Wait);
        assert!(renewal.is_asked(at(11)));
        renewal.end(at(12), true);
        assert!(!renewal.is_asked(at(12)));
        assert_eq!(renewal.step(Need::RenewFirst, at(13), 0), Step::Ask);
    }

    #[test]
    fn a_question_whose_request_was_cancelled_is_asked_again() {
        let mut renewal = Renewal::default();
        renewal.begin(at(0));
        assert_eq!(renewal.step(Need::RenewFirst, at(1_999), 0), Step::Wait);
        assert_eq!(renewal.step(Need::RenewFirst, at(2_000), 0), Step::Ask);
        assert_eq!(
            renewal.step(Need::RenewSoon, at(2_000), 0),
            Step::JudgeAndAsk
        );
    }

    #[test]
    fn in_an_outage_one_request_a_second_waits_and_the_others_are_answered_at_once() {
        let mut renewal = Renewal::default();
        renewal.begin(at(0));
        renewal.end(at(100), false);
        assert_eq!(renewal.step(Need::RenewFirst, at(1_099), 0), Step::Judge);
        assert_eq!(renewal.step(Need::RenewSoon, at(1_099), 0), Step::Judge);
        assert_eq!(renewal.step(Need::RenewFirst, at(1_100), 0), Step::Ask);
        renewal.begin(at(1_100));
        assert_eq!(renewal.step(Need::RenewFirst, at(1_101), 0), Step::Judge);
        renewal.end(at(1_200), true);
        renewal.begin(at(1_300));
        assert_eq!(renewal.step(Need::RenewFirst, at(1_301), 0), Step::Wait);
    }

    #[test]
    fn after_the_clock_was_set_back_it_is_asked_at_once() {
        let mut renewal = Renewal::default();
        renewal.begin(at(60_000));
        assert_eq!(renewal.step(Need::RenewFirst, at(5_000), 0), Step::Ask);
        for answered in [false, true] {
            renewal.end(at(60_100), answered);
            assert_eq!(renewal.step(Need::RenewFirst, at(5_000), 0), Step::Ask);
            let soon = renewal.step(Need::RenewSoon, at(5_000), 5_000);
            assert_eq!(soon, Step::JudgeAndAsk);
        }
    }

    #[test]
    fn what_cannot_get_fresher_is_not_asked_for_all_the_time() {
        let mut renewal = Renewal::default();
        renewal.begin(at(0));
        renewal.end(at(100), true);
        assert_eq!(renewal.step(Need::RenewSoon, at(5_099), 5_000), Step::Judge);
        assert_eq!(
            renewal.step(Need::RenewSoon, at(5_100), 5_000),
            Step::JudgeAndAsk
        );
    }
}
