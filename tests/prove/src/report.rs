//! Prints the results of a scenario.

use crate::check::{Expected, Findings, Micros, Violation};
use crate::connection::Kind;
use crate::load::Record;
use crate::stream_check::{StreamFindings, StreamViolation};
use crate::streams::Flow;
use std::{collections::BTreeMap, time::Duration};

pub(crate) struct Report {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) expected: Expected,
    /// Whether something is broken all the time.
    pub(crate) is_disturbed: bool,
    pub(crate) processes: usize,
    pub(crate) isolates: usize,
    pub(crate) lists: usize,
    pub(crate) duration: Duration,
    pub(crate) revocations: usize,
    pub(crate) findings: Findings,
    pub(crate) streams: StreamFindings,
    /// The connections of good tokens after all faults.
    pub(crate) kept: Flow,
    pub(crate) record: Record,
    /// Registry calls of each edge, by kind, if they were counted from the start.
    pub(crate) calls: Option<BTreeMap<String, BTreeMap<String, u64>>>,
    /// Reads and writes.
    pub(crate) kv: (u64, u64),
}

impl Report {
    /// Whether the run is as expected. A run that tried no revoked token has shown nothing, so it
    /// is not.
    pub(crate) fn is_good(&self) -> bool {
        let found = &self.findings;
        let is_enough = found.after > 0 && found.accepted > 0;
        let is_undisturbed = self.is_disturbed || self.record.failures.is_empty();
        let is_as_expected = match self.expected {
            Expected::Promise => found.total() == 0,
            Expected::RevokedAccepted => found
                .violations
                .keys()
                .eq([Violation::RevokedAccepted].iter()),
        };
        is_enough && is_undisturbed && is_as_expected && self.are_streams_good()
    }

    /// As [`Self::is_good`], for the connections: some of each kind were open and ended, and some of
    /// good tokens lived.
    fn are_streams_good(&self) -> bool {
        let found = &self.streams;
        let is_enough = Kind::ALL.iter().all(|kind| found.ended.contains_key(kind));
        let is_as_expected = match self.expected {
            Expected::Promise => found.total() == 0,
            Expected::RevokedAccepted => found
                .violations
                .keys()
                .eq(&[StreamViolation::Sent, StreamViolation::Taken]),
        };
        is_enough && is_as_expected && self.kept.flowing > 0 && self.kept.stalled == 0
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of one run")]
    pub(crate) fn print(&self) {
        let found = &self.findings;
        let seconds = self.duration.as_secs_f64();
        println!("== {}: {}", self.name, self.title);
        println!(
            "   {} edges in {} processes, {} lists, {seconds:.0} s",
            self.isolates, self.processes, self.lists
        );
        println!(
            "   {} revocations ({} of them in {} bulk calls); {} failed calls were retried",
            self.revocations,
            self.record.in_bulk,
            self.record.bulk_calls,
            self.record.failures.len()
        );
        println!(
            "   {} requests: {} accepted, {} revoked, {} unavailable, {} without a response",
            found.requests, found.accepted, found.revoked, found.unavailable, found.no_response
        );
        println!(
            "   {} requests started after the revocation of their token was confirmed, the first {:.1} ms later",
            found.after,
            millis(found.soonest.unwrap_or_default())
        );
        if let Some(closest) = found.closest {
            println!(
                "   the last accepted request started {:.1} ms before the confirmation",
                millis(closest)
            );
        }
        let took = self.record.waits.iter().map(|(took, _)| *took);
        println!("   revocation calls took: {}", quantiles(took.collect()));
        let waited = self.record.waits.iter().filter_map(|(_, waited)| *waited);
        println!(
            "   of that, the Registry waited: {}",
            quantiles(waited.collect())
        );
        if !self.is_disturbed {
            println!(
                "   a 503 was excused for {:.0} s, because KV was late or this machine too busy",
                millis(self.record.conditions.disturbed_before(self.record.end)) / 1_000.0
            );
        }
        if let Some(calls) = &self.calls {
            let each = |count: u64| count as f64 / seconds / self.isolates as f64;
            let mut kinds = BTreeMap::new();
            for (kind, count) in calls.values().flatten() {
                *kinds.entry(kind).or_insert(0) += count;
            }
            for (kind, count) in kinds {
                println!(
                    "   Registry calls `{kind}` per second and edge: {:.2}, per list {:.2}",
                    each(count),
                    each(count) / self.lists as f64
                );
            }
            println!(
                "   requests per second and edge: {:.0}",
                each(found.requests as u64)
            );
        }
        println!("   KV: {} reads, {} writes", self.kv.0, self.kv.1);
        self.print_violations();
        self.print_streams();
    }

    fn print_violations(&self) {
        let found = &self.findings;
        println!("   violations: {}", found.total());
        for (violation, count) in &found.violations {
            println!("     {violation:?}: {count}");
        }
        if found.latest > 0 {
            println!(
                "     the latest started {:.0} ms after the revocation was confirmed",
                millis(found.latest)
            );
        }
        if !self.is_good() {
            for example in &found.examples {
                println!("     {example:?}");
            }
            let mut failures = BTreeMap::new();
            for failure in &self.record.failures {
                *failures.entry(failure).or_insert(0) += 1;
            }
            for (failure, count) in failures {
                println!("     {count} × {failure}");
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "for display")]
    fn print_streams(&self) {
        let found = &self.streams;
        println!(
            "   open connections, {:.1} MB passed:",
            found.bytes as f64 / 1e6
        );
        for kind in Kind::ALL {
            let count = |counts: &BTreeMap<Kind, usize>| counts.get(&kind).copied().unwrap_or(0);
            println!(
                "     {}: {} opened, {} ended by revocation",
                kind.name(),
                count(&found.opened),
                count(&found.ended)
            );
        }
        println!(
            "     ended by revocation at most {:.0} ms after it; the last byte before one was sent {:.1} ms before",
            millis(found.slowest_end),
            millis(found.closest.unwrap_or_default())
        );
        println!(
            "     of good tokens: {} open to the end, {} of them stalled; cut: {} when the status was unknown, {} with the edge's process",
            self.kept.flowing + self.kept.stalled,
            self.kept.stalled,
            found.unknown,
            found.edge_killed
        );
        println!("   violations of connections: {}", found.total());
        for (violation, count) in &found.violations {
            println!("     {violation:?}: {count}");
        }
        if found.late_bytes > 0 {
            println!(
                "     {} bytes after the revocation, the last {:.0} ms after it",
                found.late_bytes,
                millis(found.latest)
            );
        }
        if !self.are_streams_good() {
            for example in &found.examples {
                println!("     {example}");
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
fn millis(micros: Micros) -> f64 {
    micros as f64 / 1_000.0
}

fn quantiles(mut times: Vec<Micros>) -> String {
    times.sort_unstable();
    let at = |percent| millis(quantile(&times, percent));
    format!(
        "p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms",
        at(50),
        at(99),
        at(100)
    )
}

/// The value that this many percent do not exceed.
fn quantile(sorted: &[Micros], percent: usize) -> Micros {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default()
}
