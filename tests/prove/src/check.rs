//! Decides which requests violate the promise.
//!
//! All times come from one monotonic clock, that of the program, which sends both requests and
//! revocations: just before a request is sent, and just after the response to a revocation has
//! been read. So no two clocks are compared, and "after" means what a user would mean. Requests
//! that overlap a revocation may end either way.

use patrol::revocation::single_flight::RETRY_BACKOFF;
use std::{collections::BTreeMap, ops::Range};

/// Microseconds on the program's clock.
pub(crate) type Micros = u64;

/// The revocation of a token, if there was one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Revocation {
    /// Just before the first call was sent.
    pub(crate) requested: Option<Micros>,
    /// From then on the token must be denied: just after the response to a call was read or, if
    /// the response names a later time, at that time.
    pub(crate) effective: Option<Micros>,
}

/// An edge's response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    /// 401 with the code `token-revoked`.
    Revoked,
    /// 503: the edge cannot know.
    Unavailable,
    /// A broken connection, or a timeout.
    NoResponse,
    /// Another status.
    Other(u16),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    /// The token's number.
    pub(crate) token: usize,
    /// Just before it was sent.
    pub(crate) start: Micros,
    /// Just after the response.
    pub(crate) end: Micros,
    pub(crate) outcome: Outcome,
}

/// The state of the system during the requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    /// While something was broken, edges may respond with 503 or not at all. At other times they
    /// must accept every valid token.
    pub(crate) disturbed: Vec<Range<Micros>>,
    /// While no edge could know about revocations, no token may pass.
    pub(crate) uninformed: Vec<Range<Micros>>,
    /// While edges could not learn the status of tokens.
    pub(crate) outages: Vec<Range<Micros>>,
    /// Edges that did not run, by their numbers.
    pub(crate) killed_edges: Vec<(usize, Range<Micros>)>,
}

/// An edge ends a connection when the status of its token has been unknown for so long.
const PATIENCE: Micros = patrol::authorize::stream::PATIENCE * 1_000;

/// How long after an outage an edge may take to learn the status: its pause after failures, and as
/// much again. What was under way when the outage ended arrives at once.
const RECOVERY: Micros = 2 * RETRY_BACKOFF * 1_000;

/// How much later than its cause the program sees the end of a connection.
const LAG: Micros = 1_000_000;

impl Conditions {
    /// The total disturbed time before `end`.
    pub(crate) fn disturbed_before(&self, end: Micros) -> Micros {
        let mut times: Vec<_> = self.disturbed.iter().collect();
        times.sort_unstable_by_key(|time| time.start);
        let (mut sum, mut counted) = (0, 0);
        for time in times {
            let (from, to) = (time.start.max(counted), time.end.min(end));
            sum += to.saturating_sub(from);
            counted = counted.max(to);
        }
        sum
    }

    /// Whether the status of a token may have been unknown for so long that a connection had to end.
    pub(crate) fn is_unknowable(&self, at: Micros) -> bool {
        let mut outages: Vec<_> = self.outages.iter().collect();
        outages.sort_unstable_by_key(|outage| outage.start);
        let mut unknown = 0..0;
        for outage in outages.into_iter().filter(|outage| outage.start < at) {
            if outage.start > unknown.end {
                unknown.start = outage.start;
            }
            unknown.end = unknown.end.max(outage.end.saturating_add(RECOVERY));
        }
        at >= unknown.start + PATIENCE && at < unknown.end.saturating_add(LAG)
    }

    /// Whether the edge was being killed then.
    pub(crate) fn was_edge_killed(&self, edge: usize, at: Micros) -> bool {
        self.killed_edges
            .iter()
            .any(|(killed, time)| *killed == edge && time.start <= at && at < time.end + LAG)
    }

    fn are_disturbed(&self, request: &Request) -> bool {
        let overlaps = |time: &Range<Micros>| request.start < time.end && time.start < request.end;
        self.disturbed.iter().any(overlaps)
    }

    fn are_uninformed(&self, request: &Request) -> bool {
        self.uninformed
            .iter()
            .any(|time| time.contains(&request.start))
    }
}

/// How a request violates the promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Violation {
    /// It started after the revocation of its token, and was accepted.
    RevokedAccepted,
    /// It ended before the revocation of its token, and was denied.
    ValidDenied,
    /// It got a 503 or no response while nothing was broken.
    NeedlesslyUnavailable,
    /// It was accepted by an edge that could not know about revocations.
    UninformedAccepted,
    /// It got a response that no request of the proof should get.
    Unexpected,
}

/// What a scenario must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// No violation.
    Promise,
    /// Accepted revoked tokens, and no other violation.
    RevokedAccepted,
}

pub(crate) fn check(
    revocation: Revocation,
    request: &Request,
    conditions: &Conditions,
) -> Option<Violation> {
    match request.outcome {
        Outcome::Accepted if is_after(revocation, request) => Some(Violation::RevokedAccepted),
        Outcome::Accepted => conditions
            .are_uninformed(request)
            .then_some(Violation::UninformedAccepted),
        Outcome::Revoked => {
            let is_early = revocation.requested.is_none_or(|at| request.end < at);
            is_early.then_some(Violation::ValidDenied)
        }
        Outcome::Unavailable | Outcome::NoResponse => {
            let is_excused = conditions.are_disturbed(request);
            (!is_excused).then_some(Violation::NeedlesslyUnavailable)
        }
        Outcome::Other(_) => Some(Violation::Unexpected),
    }
}

fn is_after(revocation: Revocation, request: &Request) -> bool {
    revocation.effective.is_some_and(|at| request.start > at)
}

/// The checked requests of a scenario.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) requests: usize,
    pub(crate) accepted: usize,
    pub(crate) revoked: usize,
    pub(crate) unavailable: usize,
    pub(crate) no_response: usize,
    /// Requests that started after the revocation of their token: those that the promise is about.
    pub(crate) after: usize,
    /// The shortest time between a revocation and such a request.
    pub(crate) soonest: Option<Micros>,
    /// The shortest time between an accepted request and the revocation that followed.
    pub(crate) closest: Option<Micros>,
    pub(crate) violations: BTreeMap<Violation, usize>,
    /// The longest time after its revocation that a token was accepted.
    pub(crate) latest: Micros,
    /// The first violations.
    pub(crate) examples: Vec<(Violation, Revocation, Request)>,
}

const MAX_EXAMPLES: usize = 5;

impl Findings {
    pub(crate) fn of(
        revocations: &[Revocation],
        requests: &[Request],
        conditions: &Conditions,
    ) -> Self {
        let mut findings = Self::default();
        for request in requests {
            let revocation = revocations.get(request.token).copied().unwrap_or_default();
            findings.add(revocation, request, conditions);
        }
        findings
    }

    /// Violations of all kinds.
    pub(crate) fn total(&self) -> usize {
        self.violations.values().sum()
    }

    fn add(&mut self, revocation: Revocation, request: &Request, conditions: &Conditions) {
        self.requests += 1;
        match request.outcome {
            Outcome::Accepted => self.accepted += 1,
            Outcome::Revoked => self.revoked += 1,
            Outcome::Unavailable => self.unavailable += 1,
            Outcome::NoResponse => self.no_response += 1,
            Outcome::Other(_) => {}
        }
        let effective = revocation.effective.unwrap_or_default();
        let elapsed = request.start.saturating_sub(effective);
        if is_after(revocation, request) {
            self.after += 1;
            self.soonest = Some(self.soonest.map_or(elapsed, |old| old.min(elapsed)));
        } else if let (Outcome::Accepted, Some(effective)) = (request.outcome, revocation.effective)
        {
            let remaining = effective - request.start;
            self.closest = Some(self.closest.map_or(remaining, |old| old.min(remaining)));
        }
        let Some(violation) = check(revocation, request, conditions) else {
            return;
        };
        *self.violations.entry(violation).or_default() += 1;
        if violation == Violation::RevokedAccepted {
            self.latest = self.latest.max(elapsed);
        }
        if self.examples.len() < MAX_EXAMPLES {
            self.examples.push((violation, revocation, *request));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: Revocation = Revocation {
        requested: None,
        effective: None,
    };
    const REVOKED: Revocation = Revocation {
        requested: Some(1_000),
        effective: Some(2_000),
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

    fn check_while_disturbed(revocation: Revocation, request: Request) -> Option<Violation> {
        let conditions = Conditions {
            disturbed: only(0..Micros::MAX),
            ..Conditions::default()
        };
        check(revocation, &request, &conditions)
    }

    #[test]
    fn check_finds_an_accepted_revoked_token_however_recent_its_revocation() {
        let accepted =
            |start| check_while_disturbed(REVOKED, request(start, 9_000, Outcome::Accepted));
        assert_eq!(accepted(2_001), Some(Violation::RevokedAccepted));
        assert_eq!(accepted(8_000), Some(Violation::RevokedAccepted));
        assert_eq!(accepted(2_000), None, "same reading: not surely after");
        assert_eq!(accepted(1_500), None, "overlaps the call");
        assert_eq!(accepted(500), None, "started before the call");
    }

    #[test]
    fn check_finds_a_denied_valid_token() {
        let denied =
            |revocation, end| check_while_disturbed(revocation, request(0, end, Outcome::Revoked));
        assert_eq!(denied(VALID, 10), Some(Violation::ValidDenied));
        assert_eq!(denied(REVOKED, 999), Some(Violation::ValidDenied));
        assert_eq!(denied(REVOKED, 1_000), None, "the call may have arrived");
        let requested = Revocation {
            effective: None,
            ..REVOKED
        };
        let unknown = denied(requested, 50_000);
        assert_eq!(unknown, None, "the result of the call is unknown");
    }

    #[test]
    fn check_excuses_unavailability_only_while_disturbed() {
        let conditions = Conditions {
            disturbed: vec![100..200, 500..600],
            ..Conditions::default()
        };
        for outcome in [Outcome::Unavailable, Outcome::NoResponse] {
            for (start, end, expected) in [
                (0, 100, Some(Violation::NeedlesslyUnavailable)),
                (0, 101, None),
                (199, 300, None),
                (200, 500, Some(Violation::NeedlesslyUnavailable)),
                (550, 560, None),
            ] {
                let request = request(start, end, outcome);
                assert_eq!(check(VALID, &request, &conditions), expected, "{start}");
            }
        }
        for status in [200, 403, 500, 502] {
            let violation = check_while_disturbed(VALID, request(0, 1, Outcome::Other(status)));
            assert_eq!(violation, Some(Violation::Unexpected));
        }
    }

    #[test]
    fn disturbed_times_that_overlap_count_once() {
        let conditions = Conditions {
            disturbed: vec![500..Micros::MAX, 100..300, 200..250, 250..400],
            ..Conditions::default()
        };
        assert_eq!(conditions.disturbed_before(1_000), 300 + 500);
        assert_eq!(conditions.disturbed_before(350), 250);
    }

    #[test]
    fn status_is_unknowable_after_an_outage_that_outlasts_the_patience() {
        let conditions = Conditions {
            outages: vec![20_000_000..22_000_000, 1_000_000..2_000_000],
            ..Conditions::default()
        };
        let unknowable = |at, conditions: &Conditions| conditions.is_unknowable(at);
        for at in [0, 1_500_000, 6_000_000, 22_000_000, 26_000_000] {
            assert!(!unknowable(at, &conditions), "{at}");
        }
        // Outages that an edge does not recover from count as one.
        let conditions = Conditions {
            outages: vec![
                1_000_000..2_000_000,
                3_000_000..4_000_000,
                5_500_000..6_000_000,
            ],
            ..Conditions::default()
        };
        assert!(!unknowable(5_999_999, &conditions));
        assert!(unknowable(6_000_000, &conditions));
        assert!(unknowable(8_999_999, &conditions));
        assert!(!unknowable(9_000_000, &conditions));
    }

    #[test]
    fn check_finds_a_token_accepted_by_an_uninformed_edge() {
        let conditions = Conditions {
            uninformed: only(100..200),
            ..Conditions::default()
        };
        let accepted = |start| {
            let request = request(start, 300, Outcome::Accepted);
            check(VALID, &request, &conditions)
        };
        assert_eq!(accepted(99), None);
        assert_eq!(accepted(100), Some(Violation::UninformedAccepted));
    }

    #[test]
    fn findings_keep_one_violation_among_many_good_requests() {
        let mut requests: Vec<_> = (0..10_000)
            .map(|at| {
                let outcome = if at < 1_500 {
                    Outcome::Accepted
                } else {
                    Outcome::Revoked
                };
                request(at, at + 1, outcome)
            })
            .collect();
        let findings = Findings::of(&[REVOKED], &requests, &Conditions::default());
        assert_eq!((findings.total(), findings.after), (0, 7_999));
        assert_eq!(findings.soonest, Some(1));
        requests.push(request(2_750, 2_760, Outcome::Accepted));
        let findings = Findings::of(&[REVOKED], &requests, &Conditions::default());
        assert_eq!(
            findings.violations,
            [(Violation::RevokedAccepted, 1)].into()
        );
        assert_eq!(findings.latest, 750);
        assert_eq!(findings.examples.len(), 1);
    }
}
