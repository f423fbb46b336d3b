//! The uses of tokens that an edge records until it reports them to the registry.
//!
//! *Last used* is shown to the minute, so one record per token and minute is enough: a busy token
//! costs one record, not one per request. Records travel with lease renewals. Those that an isolate
//! has not reported when it ends are lost; the next use makes up for them.

use crate::{registry::Usage, time::Timestamp};
use std::{collections::BTreeSet, net::IpAddr};

/// The most records stored for one list and sent in one message. Further uses are dropped, so that
/// an unreachable registry cannot exhaust the edge's memory.
pub const MAX_ENTRIES: usize = 1_000;

/// The recorded uses of one list's tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageLog {
    /// Minutes since 1970.
    minute: u64,
    /// The indexes recorded in this minute.
    recorded: BTreeSet<u32>,
    waiting: Vec<Usage>,
    batch: BatchId,
    /// Whether a request has scheduled the report of this batch.
    flush_scheduled: bool,
}

/// The uses recorded between two reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchId(u64);

impl UsageLog {
    /// Records a use of the token at an index. `address` is called only if the use is new.
    ///
    /// Returns a batch if the caller must schedule its report with [`Self::take_batch`].
    pub fn record(
        &mut self,
        idx: u32,
        at: Timestamp,
        address: impl FnOnce() -> Option<IpAddr>,
    ) -> Option<BatchId> {
        let minute = at.seconds() / 60;
        if minute != self.minute {
            self.minute = minute;
            self.recorded.clear();
            // The runtime may have cancelled the scheduled report without notice.
            self.flush_scheduled = false;
        }
        if self.waiting.len() >= MAX_ENTRIES || !self.recorded.insert(idx) {
            return None;
        }
        self.waiting.push(Usage {
            idx,
            at,
            address: address(),
        });
        let was_scheduled = std::mem::replace(&mut self.flush_scheduled, true);
        (!was_scheduled).then_some(self.batch)
    }

    /// Takes the waiting records and begins a new batch.
    pub fn take(&mut self) -> Vec<Usage> {
        self.batch.0 += 1;
        self.flush_scheduled = false;
        std::mem::take(&mut self.waiting)
    }

    /// Takes the waiting records if they belong to `batch`. Otherwise a renewal has carried that
    /// batch, and the waiting records have their own report.
    pub fn take_batch(&mut self, batch: BatchId) -> Vec<Usage> {
        if self.batch == batch {
            self.take()
        } else {
            Vec::new()
        }
    }

    /// Returns records that could not be reported.
    pub fn put_back(&mut self, mut unreported: Vec<Usage>) {
        unreported.append(&mut self.waiting);
        unreported.truncate(MAX_ENTRIES);
        self.waiting = unreported;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn usage_log_records_a_token_once_a_minute() {
        let mut log = UsageLog::default();
        let record = |log: &mut UsageLog, idx, seconds| log.record(idx, at(seconds), || None);
        assert!(record(&mut log, 7, 600).is_some());
        let again = log.record(7, at(659), || unreachable!("no new record"));
        assert_eq!(again, None);
        assert_eq!(record(&mut log, 8, 659), None, "a report is scheduled");
        let reported = log.take();
        assert_eq!(
            reported.iter().map(|usage| usage.idx).collect::<Vec<_>>(),
            [7, 8]
        );
        assert_eq!(record(&mut log, 7, 659), None);
        assert_eq!(log.take(), [], "reported once");
        assert!(record(&mut log, 7, 660).is_some(), "the next minute");
    }

    #[test]
    fn usage_log_reports_a_batch_once() {
        let mut log = UsageLog::default();
        let first = log.record(1, at(0), || None).unwrap();
        assert_eq!(log.take().len(), 1, "a renewal");
        let second = log.record(2, at(0), || None).unwrap();
        assert_eq!(log.take_batch(first), [], "the second batch is waiting");
        assert_eq!(log.take_batch(second).len(), 1);
        assert_eq!(log.take_batch(second), []);
    }

    #[test]
    fn usage_log_schedules_a_report_again_after_a_failure() {
        let mut log = UsageLog::default();
        let first = log.record(1, at(0), || None).unwrap();
        assert_eq!(log.record(2, at(0), || None), None, "it is scheduled");
        let unreported = log.take_batch(first);
        log.put_back(unreported);
        let second = log.record(3, at(0), || None).unwrap();
        assert_eq!(log.take_batch(second).len(), 3);

        log.record(4, at(0), || None).unwrap();
        let again = log.record(4, at(60), || None);
        assert!(again.is_some(), "the report may be lost");
    }

    #[test]
    fn usage_log_keeps_unreported_records_within_bounds() {
        let mut log = UsageLog::default();
        log.record(1, at(0), || None);
        let unreported = log.take();
        log.record(2, at(60), || None);
        log.put_back(unreported);
        let order: Vec<_> = log.take().iter().map(|usage| usage.idx).collect();
        assert_eq!(order, [1, 2], "oldest first");

        let bound = u32::try_from(MAX_ENTRIES).unwrap();
        for idx in 0..=bound {
            log.record(idx, at(120), || None);
        }
        log.put_back(vec![Usage {
            idx: 0,
            at: at(0),
            address: None,
        }]);
        assert_eq!(log.take().len(), MAX_ENTRIES);
    }
}
