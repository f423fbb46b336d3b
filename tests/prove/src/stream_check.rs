//! Decides which connections violate the promise.
//!
//! A byte that was sent after the revocation of its token and reached the other side was passed on by
//! an edge after the revocation, whatever lay in buffers. And a connection must end, soon after its
//! revocation, and not before it.

use crate::check::{Conditions, Micros, Revocation};
use crate::connection::{End, Kind};
use crate::streams::Stream;
use std::collections::BTreeMap;

/// The close codes of the edge.
const CLOSED_FOR_TOKEN: u16 = patrol::authorize::stream::CLOSE_DENIED;
const CLOSED_UNKNOWN: u16 = patrol::authorize::stream::CLOSE_UNAVAILABLE;

/// How a connection violates the promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StreamViolation {
    /// The edge sent the client a byte after the revocation.
    Sent,
    /// The edge took a byte of the client's after the revocation.
    Taken,
    /// A byte passed although the edge could not know about revocations.
    Uninformed,
    /// It did not end in time, on both sides.
    LeftOpen,
    /// It ended although its token was good and its status could be known.
    LiveCut,
    /// It ended in a way in which none should.
    Unexpected,
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Revocation,
    /// The token's status was unknown.
    Unknown,
    /// The process of its edge was killed.
    EdgeKilled,
}

/// The cause of a connection's end, unless it ended in a wrong way.
fn cause(
    stream: &Stream,
    revocation: Revocation,
    conditions: &Conditions,
) -> Result<Cause, StreamViolation> {
    let is_live = revocation.requested.is_none_or(|at| stream.ended < at);
    let is_body = stream.kind != Kind::Socket;
    match stream.end {
        End::LeftOpen => return Err(StreamViolation::LeftOpen),
        End::Closed(CLOSED_FOR_TOKEN) | End::Answered(401, _) if !is_live => {
            return Ok(Cause::Revocation);
        }
        End::Closed(CLOSED_FOR_TOKEN) | End::Answered(401, _) => {
            return Err(StreamViolation::LiveCut);
        }
        End::Closed(CLOSED_UNKNOWN) | End::Answered(503, _) => {}
        // An edge that is killed cuts everything, and any end of a body looks like this.
        End::Cut if conditions.was_edge_killed(stream.edge, stream.ended) => {
            return Ok(Cause::EdgeKilled);
        }
        End::Cut if is_body && !is_live => return Ok(Cause::Revocation),
        End::Cut if is_body => {}
        _ => return Err(StreamViolation::Unexpected),
    }
    let is_excused = conditions.is_unknowable(stream.ended);
    is_excused
        .then_some(Cause::Unknown)
        .ok_or(StreamViolation::LiveCut)
}

/// The checked connections of a scenario.
#[derive(Debug, Default)]
pub(crate) struct StreamFindings {
    /// Connections that were open, by kind, and those of them whose token was revoked while they
    /// were open.
    pub(crate) opened: BTreeMap<Kind, usize>,
    pub(crate) ended: BTreeMap<Kind, usize>,
    /// Connections that ended for other reasons.
    pub(crate) unknown: usize,
    pub(crate) edge_killed: usize,
    /// All bytes that passed.
    pub(crate) bytes: usize,
    /// Bytes that passed after the revocation.
    pub(crate) late_bytes: usize,
    /// The longest time after its revocation that a byte passed.
    pub(crate) latest: Micros,
    /// The shortest time between a byte that passed and the revocation that followed.
    pub(crate) closest: Option<Micros>,
    /// The longest time from a revocation to the end of a connection, on both sides.
    pub(crate) slowest_end: Micros,
    pub(crate) violations: BTreeMap<StreamViolation, usize>,
    /// The first violations.
    pub(crate) examples: Vec<String>,
}

const MAX_EXAMPLES: usize = 8;

impl StreamFindings {
    /// `bound` is the longest time that a connection may take to end.
    pub(crate) fn of(
        revocations: &[Revocation],
        streams: &[Stream],
        conditions: &Conditions,
        bound: Micros,
    ) -> Self {
        let mut findings = Self::default();
        for stream in streams {
            let revocation = revocations.get(stream.token).copied().unwrap_or_default();
            findings.add(revocation, stream, conditions, bound);
        }
        findings
    }

    /// Violations of all kinds.
    pub(crate) fn total(&self) -> usize {
        self.violations.values().sum()
    }

    fn add(
        &mut self,
        revocation: Revocation,
        stream: &Stream,
        conditions: &Conditions,
        bound: Micros,
    ) {
        *self.opened.entry(stream.kind).or_default() += 1;
        self.bytes += stream.to_client.bytes() + stream.to_upstream.bytes();
        self.add_bytes(revocation, stream, conditions);
        self.add_end(revocation, stream, conditions, bound);
    }

    fn add_bytes(&mut self, revocation: Revocation, stream: &Stream, conditions: &Conditions) {
        let directions = [
            (&stream.to_client, StreamViolation::Sent),
            (&stream.to_upstream, StreamViolation::Taken),
        ];
        for (arrived, violation) in directions {
            if let Some(start) = conditions.uninformed.iter().map(|time| time.start).min()
                && arrived.bytes_after(start) > 0
            {
                self.violate(StreamViolation::Uninformed, revocation, stream);
            }
            let Some(effective) = revocation.effective else {
                continue;
            };
            if let Some(last) = arrived.latest_until(effective) {
                let before = effective - last;
                self.closest = Some(self.closest.map_or(before, |old| old.min(before)));
            }
            let late = arrived.bytes_after(effective);
            if late > 0 {
                self.late_bytes += late;
                let latest = arrived.latest().unwrap_or_default();
                self.latest = self.latest.max(latest.saturating_sub(effective));
                self.violate(violation, revocation, stream);
            }
        }
    }

    fn add_end(
        &mut self,
        revocation: Revocation,
        stream: &Stream,
        conditions: &Conditions,
        bound: Micros,
    ) {
        let ended = stream.upstream_ended.map(|at| at.max(stream.ended));
        let effective = revocation.effective.unwrap_or(Micros::MAX);
        let took = ended.map(|ended| ended.saturating_sub(effective));
        self.slowest_end = self.slowest_end.max(took.unwrap_or_default());
        match cause(stream, revocation, conditions) {
            _ if took.is_none_or(|took| took > bound) => {
                self.violate(StreamViolation::LeftOpen, revocation, stream);
            }
            Ok(Cause::Revocation) => *self.ended.entry(stream.kind).or_default() += 1,
            Ok(Cause::Unknown) => self.unknown += 1,
            Ok(Cause::EdgeKilled) => self.edge_killed += 1,
            Err(violation) => self.violate(violation, revocation, stream),
        }
    }

    fn violate(&mut self, violation: StreamViolation, revocation: Revocation, stream: &Stream) {
        *self.violations.entry(violation).or_default() += 1;
        if self.examples.len() < MAX_EXAMPLES {
            let Stream {
                kind,
                edge,
                opened,
                ended,
                end,
                upstream_ended,
                ..
            } = stream;
            self.examples.push(format!(
                "{violation:?}: {kind:?} at edge {edge}, opened {opened}, ended {ended} {end:?}, \
                 at the upstream {upstream_ended:?}, latest bytes {:?} and {:?}, {revocation:?}",
                stream.to_client.latest(),
                stream.to_upstream.latest(),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{Arrived, stamp};

    const VALID: Revocation = Revocation {
        requested: None,
        effective: None,
    };
    const REVOKED: Revocation = Revocation {
        requested: Some(10_000_000),
        effective: Some(11_000_000),
    };
    const BOUND: Micros = 10_000_000;

    fn stream(kind: Kind, ended: Micros, end: End) -> Stream {
        Stream {
            token: 0,
            kind,
            edge: 1,
            opened: 0,
            ended,
            end,
            upstream_ended: Some(ended),
            to_client: Arrived::default(),
            to_upstream: Arrived::default(),
        }
    }

    fn socket(ended: Micros, end: End) -> Stream {
        stream(Kind::Socket, ended, end)
    }

    fn arrived(stamps: &[Micros]) -> Arrived {
        let mut arrived = Arrived::default();
        for time in stamps {
            arrived.read(format!("{}\n", stamp(*time)).as_bytes());
        }
        arrived
    }

    fn find(revocation: Revocation, stream: Stream, conditions: &Conditions) -> StreamFindings {
        StreamFindings::of(&[revocation], &[stream], conditions, BOUND)
    }

    fn violations(revocation: Revocation, stream: Stream) -> Vec<StreamViolation> {
        let found = find(revocation, stream, &Conditions::default());
        found.violations.into_keys().collect()
    }

    #[test]
    fn check_finds_a_byte_that_was_sent_after_the_revocation() {
        let with = |to_client: &[Micros], to_upstream: &[Micros]| Stream {
            to_client: arrived(to_client),
            to_upstream: arrived(to_upstream),
            ..socket(11_500_000, End::Closed(4401))
        };
        assert_eq!(
            violations(REVOKED, with(&[9, 10_500_000], &[11_000_000])),
            []
        );
        let sent = with(&[9, 11_000_001, 10], &[]);
        assert_eq!(violations(REVOKED, sent), [StreamViolation::Sent]);
        let taken = with(&[], &[11_400_000]);
        assert_eq!(violations(REVOKED, taken), [StreamViolation::Taken]);
        let found = find(
            REVOKED,
            with(&[11_000_004], &[11_000_007]),
            &Conditions::default(),
        );
        assert_eq!((found.total(), found.late_bytes, found.latest), (2, 32, 7));
        assert_eq!(
            violations(VALID, with(&[99], &[99])),
            [StreamViolation::LiveCut]
        );
    }

    #[test]
    fn check_finds_a_byte_that_an_uninformed_edge_passes() {
        let conditions = Conditions {
            uninformed: std::iter::once(500..Micros::MAX).collect(),
            ..Conditions::default()
        };
        let passed = |stamp| {
            let stream = Stream {
                to_client: arrived(&[stamp]),
                ..socket(11_000_000, End::Closed(4401))
            };
            find(REVOKED, stream, &conditions).violations
        };
        assert_eq!(passed(500), [].into());
        assert_eq!(passed(501), [(StreamViolation::Uninformed, 1)].into());
    }

    #[test]
    fn check_finds_a_connection_that_does_not_end() {
        let left = |stream| violations(REVOKED, stream) == [StreamViolation::LeftOpen];
        assert!(left(socket(21_000_000, End::LeftOpen)));
        assert!(left(socket(21_000_001, End::Closed(4401))));
        assert!(!left(socket(21_000_000, End::Closed(4401))));
        for upstream_ended in [None, Some(21_000_001)] {
            assert!(left(Stream {
                upstream_ended,
                ..socket(11_000_000, End::Closed(4401))
            }));
        }
    }

    #[test]
    fn check_finds_a_live_connection_that_was_cut() {
        for (kind, end) in [
            (Kind::Socket, End::Closed(4401)),
            (Kind::Socket, End::Closed(4503)),
            (Kind::Events, End::Cut),
            (Kind::Upload, End::Answered(401, String::new())),
            (Kind::Upload, End::Answered(503, String::new())),
        ] {
            for revocation in [VALID, REVOKED] {
                let found = violations(revocation, stream(kind, 9_999_999, end.clone()));
                assert_eq!(found, [StreamViolation::LiveCut], "{kind:?} {end:?}");
            }
        }
        for (kind, end) in [
            (Kind::Socket, End::Cut),
            (Kind::Socket, End::Closed(1001)),
            (Kind::Events, End::Complete),
            (Kind::Upload, End::Answered(200, String::new())),
        ] {
            let found = violations(REVOKED, stream(kind, 10_500_000, end.clone()));
            assert_eq!(found, [StreamViolation::Unexpected], "{kind:?} {end:?}");
        }
    }

    #[test]
    fn check_excuses_what_a_fault_explains() {
        let conditions = Conditions {
            outages: std::iter::once(1_000_000..7_000_000).collect(),
            killed_edges: std::iter::once((1, 3_000_000..3_100_000)).collect(),
            ..Conditions::default()
        };
        let found = |stream| find(VALID, stream, &conditions);
        assert_eq!(found(socket(7_000_000, End::Closed(4503))).unknown, 1);
        assert_eq!(found(socket(5_999_999, End::Closed(4503))).total(), 1);
        assert_eq!(found(socket(3_050_000, End::Cut)).edge_killed, 1);
        assert_eq!(found(socket(2_999_999, End::Cut)).total(), 1);
        let other_edge = Stream {
            edge: 2,
            ..socket(3_050_000, End::Cut)
        };
        assert_eq!(found(other_edge).total(), 1);
    }
}
