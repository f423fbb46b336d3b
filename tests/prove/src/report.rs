//! What a scenario has shown, in print.

use crate::check::{Findings, Micros, Violation};
use crate::{load::Record, scenario::Expected};
use std::{collections::BTreeMap, time::Duration};

/// All that is known in the end.
pub(crate) struct Report {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) expected: Expected,
    /// Something is broken all the time.
    pub(crate) is_trouble: bool,
    pub(crate) processes: usize,
    pub(crate) isolates: usize,
    pub(crate) lists: usize,
    pub(crate) time: Duration,
    pub(crate) revocations: usize,
    pub(crate) findings: Findings,
    pub(crate) record: Record,
    /// Of each edge, where they could be counted from the beginning.
    pub(crate) calls: Option<BTreeMap<String, BTreeMap<String, u64>>>,
    /// Reads and writes.
    pub(crate) kv: (u64, u64),
}

impl Report {
    /// Is it as it must be? A run that tried no dead token has shown nothing.
    pub(crate) fn is_good(&self) -> bool {
        let found = &self.findings;
        let enough = found.after > 0 && found.accepted > 0;
        let undisturbed = self.is_trouble || self.record.failures.is_empty();
        let as_expected = match self.expected {
            Expected::Promise => found.total() == 0,
            Expected::DeadAccepted => found.violations.keys().eq([Violation::DeadAccepted].iter()),
        };
        enough && undisturbed && as_expected
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of one run")]
    pub(crate) fn print(&self) {
        let found = &self.findings;
        let seconds = self.time.as_secs_f64();
        println!("== {}: {}", self.name, self.title);
        println!(
            "   {} edges in {} processes, {} lists, {seconds:.0} s",
            self.isolates, self.processes, self.lists
        );
        println!(
            "   revocations {} ({} of them by {} calls for many), {} calls that failed and were tried again",
            self.revocations,
            self.record.in_bulk,
            self.record.bulk_calls,
            self.record.failures.len()
        );
        println!(
            "   requests {}: {} accepted, {} revoked, {} unavailable, {} without an answer",
            found.requests, found.accepted, found.revoked, found.unavailable, found.unanswered
        );
        println!(
            "   requests that began after their token's revocation was answered: {}, the soonest {:.1} ms after",
            found.after,
            millis(found.soonest.unwrap_or_default())
        );
        if let Some(closest) = found.closest {
            println!(
                "   the last one that passed began {:.1} ms before",
                millis(closest)
            );
        }
        let took = self.record.waits.iter().map(|(took, _)| *took);
        println!("   the revoke call took: {}", quantiles(took.collect()));
        let waited = self.record.waits.iter().filter_map(|(_, waited)| *waited);
        println!(
            "   of that, the Registry waited: {}",
            quantiles(waited.collect())
        );
        if !self.is_trouble {
            println!(
                "   for {:.0} s of that a 503 was excused: KV too late, or this machine too busy",
                millis(self.record.conditions.troubled_before(self.record.end)) / 1_000.0
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
                    "   Registry calls \"{kind}\" a second and edge: {:.2}, for each list {:.2}",
                    each(count),
                    each(count) / self.lists as f64
                );
            }
            println!(
                "   requests a second and edge: {:.0}",
                each(found.requests as u64)
            );
        }
        println!("   KV: {} reads, {} writes", self.kv.0, self.kv.1);
        println!("   violations: {}", found.total());
        for (violation, count) in &found.violations {
            println!("     {violation:?}: {count}");
        }
        if found.latest > 0 {
            println!(
                "     the latest began {:.0} ms after the revocation was answered",
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
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn millis(micros: Micros) -> f64 {
    micros as f64 / 1_000.0
}

fn quantiles(mut of: Vec<Micros>) -> String {
    of.sort_unstable();
    let at = |percent| millis(quantile(&of, percent));
    format!(
        "p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms",
        at(50),
        at(99),
        at(100)
    )
}

/// The value below which that many percent of them are.
fn quantile(sorted: &[Micros], percent: usize) -> Micros {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default()
}
