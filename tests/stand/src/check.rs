//! What is a violation of the promise, and what is not.
//!
//! All times are readings of one monotonic clock, that of the program which both revokes and
//! asks: when a request was about to be sent, and when the answer to the revocation had been
//! read. So no two clocks are compared, and what lies between the two readings is what a user
//! would call "after". Requests that overlap a revocation may end either way.

use std::collections::BTreeMap;

/// A reading of the program's clock, in microseconds.
pub type Micros = u64;

/// What was done to a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Life {
    /// Just before the first call that revokes it was sent.
    pub revoking: Option<Micros>,
    /// From when on it must be refused: just after such a call's answer was read or, where the
    /// answer names a later time, then.
    pub dead: Option<Micros>,
}

/// What an edge said to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
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
pub struct Request {
    /// The token's number.
    pub token: usize,
    /// Just before it was sent.
    pub start: Micros,
    /// Just after the answer.
    pub end: Micros,
    /// The answer.
    pub outcome: Outcome,
}

/// What may go wrong besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faults {
    /// Nothing: every live token is accepted.
    None,
    /// Something is broken: edges may say that they cannot know, or fall silent.
    Some,
}

/// How a request breaks the promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// It began when its token was dead, and passed.
    DeadAccepted,
    /// It ended before anyone began to revoke its token, and was refused.
    LiveRefused,
    /// No answer, or 503, while everything was well.
    Withheld,
    /// An answer that no request here can deserve.
    Wrong,
}

/// Judges one request.
pub fn judge(life: Life, request: &Request, faults: Faults) -> Option<Violation> {
    match request.outcome {
        Outcome::Accepted if is_after(life, request) => Some(Violation::DeadAccepted),
        Outcome::Accepted => None,
        Outcome::Revoked if life.revoking.is_none_or(|at| request.end < at) => {
            Some(Violation::LiveRefused)
        }
        Outcome::Revoked => None,
        Outcome::Unavailable | Outcome::Unanswered if faults == Faults::None => {
            Some(Violation::Withheld)
        }
        Outcome::Unavailable | Outcome::Unanswered => None,
        Outcome::Other(_) => Some(Violation::Wrong),
    }
}

/// Did it begin when its token was dead?
fn is_after(life: Life, request: &Request) -> bool {
    life.dead.is_some_and(|dead| request.start > dead)
}

/// All requests, judged.
#[derive(Debug, Default)]
pub struct Findings {
    /// All of them.
    pub requests: usize,
    /// By what was said.
    pub accepted: usize,
    /// 401 `token-revoked`.
    pub revoked: usize,
    /// 503.
    pub unavailable: usize,
    /// No answer.
    pub unanswered: usize,
    /// How many began when their token was dead: the ones that the promise is about.
    pub after: usize,
    /// How soon after that the first of them began.
    pub soonest: Option<Micros>,
    /// Of each kind.
    pub violations: BTreeMap<Violation, usize>,
    /// The longest that a dead token was still accepted.
    pub latest: Micros,
    /// The first violations, to be looked at.
    pub examples: Vec<(Violation, Life, Request)>,
}

/// How many violations are kept to be looked at.
const EXAMPLES: usize = 5;

impl Findings {
    /// Judges a history.
    pub fn of(lives: &[Life], requests: &[Request], faults: Faults) -> Self {
        let mut findings = Self::default();
        for request in requests {
            let life = lives.get(request.token).copied().unwrap_or_default();
            findings.add(life, request, faults);
        }
        findings
    }

    /// Violations of all kinds.
    pub fn total(&self) -> usize {
        self.violations.values().sum()
    }

    fn add(&mut self, life: Life, request: &Request, faults: Faults) {
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
        }
        let Some(violation) = judge(life, request, faults) else {
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

    #[test]
    fn a_dead_token_that_passes_is_found_however_short_ago_it_died() {
        let passes = |start| judge(ENDED, &request(start, 9_000, Outcome::Accepted), Faults::Some);
        assert_eq!(passes(2_001), Some(Violation::DeadAccepted));
        assert_eq!(passes(8_000), Some(Violation::DeadAccepted));
        assert_eq!(passes(2_000), None, "at the same reading: not surely after");
        assert_eq!(passes(1_500), None, "overlaps the call");
        assert_eq!(passes(500), None, "began before the call");
    }

    #[test]
    fn a_live_token_that_is_refused_is_found() {
        let refused = |life, end| judge(life, &request(0, end, Outcome::Revoked), Faults::Some);
        assert_eq!(refused(LIVE, 10), Some(Violation::LiveRefused));
        assert_eq!(refused(ENDED, 999), Some(Violation::LiveRefused));
        assert_eq!(refused(ENDED, 1_000), None, "the call may have arrived");
        let called = Life { dead: None, ..ENDED };
        assert_eq!(refused(called, 50_000), None, "nobody knows how the call ended");
    }

    #[test]
    fn only_faults_excuse_an_edge_that_does_not_answer() {
        for outcome in [Outcome::Unavailable, Outcome::Unanswered] {
            let request = request(0, 1, outcome);
            assert_eq!(judge(LIVE, &request, Faults::None), Some(Violation::Withheld));
            assert_eq!(judge(LIVE, &request, Faults::Some), None);
        }
        for status in [200, 403, 500, 502] {
            let request = request(0, 1, Outcome::Other(status));
            assert_eq!(judge(LIVE, &request, Faults::Some), Some(Violation::Wrong));
        }
    }

    #[test]
    fn one_violation_among_many_good_requests_is_found_and_kept() {
        let mut requests: Vec<_> = (0..10_000)
            .map(|at| {
                let outcome = if at < 1_500 { Outcome::Accepted } else { Outcome::Revoked };
                request(at, at + 1, outcome)
            })
            .collect();
        let findings = Findings::of(&[ENDED], &requests, Faults::None);
        assert_eq!((findings.total(), findings.after), (0, 7_999));
        assert_eq!(findings.soonest, Some(1));
        requests.push(request(2_750, 2_760, Outcome::Accepted));
        let findings = Findings::of(&[ENDED], &requests, Faults::None);
        assert_eq!(findings.violations, [(Violation::DeadAccepted, 1)].into());
        assert_eq!(findings.latest, 750);
        assert_eq!(findings.examples.len(), 1);
    }
}
