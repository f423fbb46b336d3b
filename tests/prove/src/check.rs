//! What is a violation of the promise, and what is not.
//!
//! All times are readings of one monotonic clock, that of the program which both revokes and
//! asks: when a request was about to be sent, and when the answer to the revocation had been
//! read. So no two clocks are compared, and what lies between the two readings is what a user
//! would call "after". Requests that overlap a revocation may end either way.

use std::{collections::BTreeMap, ops::Range};

/// A reading of the program's clock, in microseconds.
pub(crate) type Micros = u64;

/// What was done to a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Life {
    /// Just before the first call that revokes it was sent.
    pub(crate) revoking: Option<Micros>,
    /// From when on it must be refused: just after such a call's answer was read or, where the
    /// answer names a later time, then.
    pub(crate) dead: Option<Micros>,
}

/// What an edge said to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It may pass.
    Accepted,
    /// The token is revoked.
    Revoked,
    /// 503: the edge cannot know.
    Unavailable,
    /// Nothing: a broken connection, or no answer in time.
    Unanswered,
    /// Another status.
    Other(u16),
}

/// A request with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    /// The token's number.
    pub(crate) token: usize,
    /// Just before it was sent.
    pub(crate) start: Micros,
    /// Just after the answer.
    pub(crate) end: Micros,
    /// The answer.
    pub(crate) outcome: Outcome,
}

/// What was the matter while the requests were made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    /// Something was broken: edges may say that they cannot know, or fall silent. Outside of
    /// these times every live token is accepted.
    pub(crate) troubled: Vec<Range<Micros>>,
    /// The edges cannot know anything: not one token may pass.
    pub(crate) blind: Vec<Range<Micros>>,
}

impl Conditions {
    /// How long there was trouble before that reading.
    pub(crate) fn troubled_before(&self, end: Micros) -> Micros {
        let mut times: Vec<_> = self.troubled.iter().collect();
        times.sort_unstable_by_key(|time| time.start);
        let (mut sum, mut counted) = (0, 0);
        for time in times {
            let (from, to) = (time.start.max(counted), time.end.min(end));
            sum += to.saturating_sub(from);
            counted = counted.max(to);
        }
        sum
    }

    fn are_troubled(&self, request: &Request) -> bool {
        let overlaps = |time: &Range<Micros>| request.start < time.end && time.start < request.end;
        self.troubled.iter().any(overlaps)
    }

    fn are_blind(&self, request: &Request) -> bool {
        self.blind.iter().any(|time| time.contains(&request.start))
    }
}

/// How a request breaks the promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Violation {
    /// It began when its token was dead, and passed.
    DeadAccepted,
    /// It ended before anyone began to revoke its token, and was refused.
    LiveRefused,
    /// No answer, or 503, while everything was well.
    Withheld,
    /// It passed at an edge that could not know whether its token is dead.
    BlindAccepted,
    /// An answer that no request here can deserve.
    Wrong,
}

/// Judges one request.
pub(crate) fn judge(life: Life, request: &Request, conditions: &Conditions) -> Option<Violation> {
    match request.outcome {
        Outcome::Accepted if is_after(life, request) => Some(Violation::DeadAccepted),
        Outcome::Accepted => conditions
            .are_blind(request)
            .then_some(Violation::BlindAccepted),
        Outcome::Revoked => {
            let too_early = life.revoking.is_none_or(|at| request.end < at);
            too_early.then_some(Violation::LiveRefused)
        }
        Outcome::Unavailable | Outcome::Unanswered => {
            let excused = conditions.are_troubled(request);
            (!excused).then_some(Violation::Withheld)
        }
        Outcome::Other(_) => Some(Violation::Wrong),
    }
}

/// Did it begin when its token was dead?
fn is_after(life: Life, request: &Request) -> bool {
    life.dead.is_some_and(|dead| request.start > dead)
}

/// All requests, judged.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// All of them.
    pub(crate) requests: usize,
    /// By what was said.
    pub(crate) accepted: usize,
    /// 401 `token-revoked`.
    pub(crate) revoked: usize,
    /// 503.
    pub(crate) unavailable: usize,
    /// No answer.
    pub(crate) unanswered: usize,
    /// How many began when their token was dead: the ones that the promise is about.
    pub(crate) after: usize,
    /// How soon after that the first of them began.
    pub(crate) soonest: Option<Micros>,
    /// How shortly before its token was dead the last accepted one began.
    pub(crate) closest: Option<Micros>,
    /// Of each kind.
    pub(crate) violations: BTreeMap<Violation, usize>,
    /// The longest that a dead token was still accepted.
    pub(crate) latest: Micros,
    /// The first violations, to be looked at.
    pub(crate) examples: Vec<(Violation, Life, Request)>,
}

/// How many violations are kept to be looked at.
const EXAMPLES: usize = 5;

impl Findings {
    /// Judges a history.
    pub(crate) fn of(lives: &[Life], requests: &[Request], conditions: &Conditions) -> Self {
        let mut findings = Self::default();
        for request in requests {
            let life = lives.get(request.token).copied().unwrap_or_default();
            findings.add(life, request, conditions);
        }
        findings
    }

    /// Violations of all kinds.
    pub(crate) fn total(&self) -> usize {
        self.violations.values().sum()
    }

    fn add(&mut self, life: Life, request: &Request, conditions: &Conditions) {
        self.requests += 1;
        match request.outcome {
            Outcome::Accepted => self.accepted += 1,
            Outcome::Revoked => self.revoked += 1,
            Outcome::Unavailable => self.unavailable += 1,
            Outcome::Unanswered => self.unanswered += 1,
            Outcome::Other(_) => {}
        }
        let since_dead = request.start.saturating_sub(life.dead.unwrap_or_default());
        if is_after(life, request) {
            self.after += 1;
            self.soonest = Some(self.soonest.map_or(since_dead, |old| old.min(since_dead)));
        } else if let (Outcome::Accepted, Some(dead)) = (request.outcome, life.dead) {
            let until_dead = dead - request.start;
            self.closest = Some(self.closest.map_or(until_dead, |old| old.min(until_dead)));
        }
        let Some(violation) = judge(life, request, conditions) else {
            return;
        };
        *self.violations.entry(violation).or_default() += 1;
        if violation == Violation::DeadAccepted {
            self.latest = self.latest.max(since_dead);
        }
        if self.examples.len() < EXAMPLES {
            self.examples.push((violation, life, *request));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: Life = Life {
        revoking: None,
        dead: None,
    };
    const ENDED: Life = Life {
        revoking: Some(1_000),
        dead: Some(2_000),
    };

    fn request(start: Micros, end: Micros, outcome: Outcome) -> Request {
        Request {
            token: 0,
            start,
            end,
            outcome,
        }
    }

    fn only(time: Range<Micros>) -> Vec<Range<Micros>> {
        std::iter::once(time).collect()
    }

    fn judged(life: Life, request: Request) -> Option<Violation> {
        let conditions = Conditions {
            troubled: only(0..Micros::MAX),
            blind: Vec::new(),
        };
        judge(life, &request, &conditions)
    }

    #[test]
    fn a_dead_token_that_passes_is_found_however_short_ago_it_died() {
        let passes = |start| judged(ENDED, request(start, 9_000, Outcome::Accepted));
        assert_eq!(passes(2_001), Some(Violation::DeadAccepted));
        assert_eq!(passes(8_000), Some(Violation::DeadAccepted));
        assert_eq!(passes(2_000), None, "at the same reading: not surely after");
        assert_eq!(passes(1_500), None, "overlaps the call");
        assert_eq!(passes(500), None, "began before the call");
    }

    #[test]
    fn a_live_token_that_is_refused_is_found() {
        let refused = |life, end| judged(life, request(0, end, Outcome::Revoked));
        assert_eq!(refused(LIVE, 10), Some(Violation::LiveRefused));
        assert_eq!(refused(ENDED, 999), Some(Violation::LiveRefused));
        assert_eq!(refused(ENDED, 1_000), None, "the call may have arrived");
        let called = Life {
            dead: None,
            ..ENDED
        };
        let unknown = refused(called, 50_000);
        assert_eq!(unknown, None, "nobody knows how the call ended");
    }

    #[test]
    fn only_trouble_excuses_an_edge_that_does_not_answer() {
        let conditions = Conditions {
            troubled: vec![100..200, 500..600],
            blind: Vec::new(),
        };
        for outcome in [Outcome::Unavailable, Outcome::Unanswered] {
            for (start, end, expected) in [
                (0, 100, Some(Violation::Withheld)),
                (0, 101, None),
                (199, 300, None),
                (200, 500, Some(Violation::Withheld)),
                (550, 560, None),
            ] {
                let request = request(start, end, outcome);
                assert_eq!(judge(LIVE, &request, &conditions), expected, "{start}");
            }
        }
        for status in [200, 403, 500, 502] {
            let wrong = judged(LIVE, request(0, 1, Outcome::Other(status)));
            assert_eq!(wrong, Some(Violation::Wrong));
        }
    }

    #[test]
    fn times_of_trouble_that_overlap_count_once() {
        let conditions = Conditions {
            troubled: vec![500..Micros::MAX, 100..300, 200..250, 250..400],
            blind: Vec::new(),
        };
        assert_eq!(conditions.troubled_before(1_000), 300 + 500);
        assert_eq!(conditions.troubled_before(350), 250);
    }

    #[test]
    fn nothing_may_pass_an_edge_that_cannot_know() {
        let conditions = Conditions {
            troubled: Vec::new(),
            blind: only(100..200),
        };
        let passes = |start| {
            let request = request(start, 300, Outcome::Accepted);
            judge(LIVE, &request, &conditions)
        };
        assert_eq!(passes(99), None);
        assert_eq!(passes(100), Some(Violation::BlindAccepted));
    }

    #[test]
    fn one_violation_among_many_good_requests_is_found_and_kept() {
        let mut requests: Vec<_> = (0..10_000)
            .map(|at| {
                let passes = at < 1_500;
                let outcome = if passes {
                    Outcome::Accepted
                } else {
                    Outcome::Revoked
                };
                request(at, at + 1, outcome)
            })
            .collect();
        let findings = Findings::of(&[ENDED], &requests, &Conditions::default());
        assert_eq!((findings.total(), findings.after), (0, 7_999));
        assert_eq!(findings.soonest, Some(1));
        requests.push(request(2_750, 2_760, Outcome::Accepted));
        let findings = Findings::of(&[ENDED], &requests, &Conditions::default());
        assert_eq!(findings.violations, [(Violation::DeadAccepted, 1)].into());
        assert_eq!(findings.latest, 750);
        assert_eq!(findings.examples.len(), 1);
    }
}
