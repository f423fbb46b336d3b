//! Which tokens were used, as an edge remembers it until it tells the registry.
//!
//! *Last used* is shown to the minute, so one entry a token and minute is enough: a busy token
//! costs one entry, not one a request. Entries ride on the renewals of leases. What an isolate
//! has not told when it ends is lost; the next use tells as much.

use crate::{mode::RevocationMode, registry::Usage, time::Timestamp};
use std::{collections::BTreeSet, net::IpAddr};

/// The most entries that one message carries, and that are kept for the next. Beyond, uses are
/// forgotten: a registry that does not answer must not cost the edge its memory.
pub const MAX_ENTRIES: usize = 1_000;

/// How long a use waits for a renewal to take it along before it is told by itself, in
/// milliseconds: several leases. Without leases the registry is spared.
pub const fn flush_delay(mode: RevocationMode) -> u64 {
    match mode {
        RevocationMode::Lease => 2_000,
        RevocationMode::Kv { .. } => 20_000,
    }
}

/// The uses of one list's tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageLog {
    /// Minutes since 1970.
    minute: u64,
    /// Who was noted in this minute.
    noted: BTreeSet<u32>,
    waiting: Vec<Usage>,
    /// How often they were taken.
    batch: BatchId,
    /// Somebody sees to it that those of this round are told.
    flush_scheduled: bool,
}

/// Between two times that uses were taken along.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchId(u64);

impl UsageLog {
    /// Notes a use of the token at a place. `address` is asked for only if the note is news.
    /// Given a round, the caller is to see to it that its uses are told: [`Self::take_batch`].
    pub fn note(
        &mut self,
        idx: u32,
        at: Timestamp,
        address: impl FnOnce() -> Option<IpAddr>,
    ) -> Option<BatchId> {
        let minute = at.seconds() / 60;
        if minute != self.minute {
            self.minute = minute;
            self.noted.clear();
            // Work behind an answer may be cut off without a word.
            self.flush_scheduled = false;
        }
        if self.waiting.len() >= MAX_ENTRIES || !self.noted.insert(idx) {
            return None;
        }
        self.waiting.push(Usage {
            idx,
            at,
            address: address(),
        });
        let flush_scheduled = std::mem::replace(&mut self.flush_scheduled, true);
        (!flush_scheduled).then_some(self.batch)
    }

    /// Would [`Self::note`] note something?
    pub fn would_record(&self, idx: u32, at: Timestamp) -> bool {
        let this_minute = at.seconds() / 60 == self.minute;
        !(this_minute && self.noted.contains(&idx)) && self.waiting.len() < MAX_ENTRIES
    }

    /// Does somebody see to it already that what is noted now will be told?
    pub fn is_flush_scheduled(&self, at: Timestamp) -> bool {
        self.flush_scheduled && at.seconds() / 60 == self.minute
    }

    /// Takes what is to be told, and begins a new round.
    pub fn take(&mut self) -> Vec<Usage> {
        self.batch.0 += 1;
        self.flush_scheduled = false;
        std::mem::take(&mut self.waiting)
    }

    /// Takes what is to be told, unless the uses of this round have been taken along already: then
    /// what waits now is somebody else's.
    pub fn take_batch(&mut self, batch: BatchId) -> Vec<Usage> {
        if self.batch == batch {
            self.take()
        } else {
            Vec::new()
        }
    }

    /// Puts back what could not be told.
    pub fn put_back(&mut self, mut untold: Vec<Usage>) {
        untold.append(&mut self.waiting);
        untold.truncate(MAX_ENTRIES);
        self.waiting = untold;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn a_token_is_told_once_a_minute() {
        let mut log = UsageLog::default();
        let note = |log: &mut UsageLog, idx, seconds| log.note(idx, at(seconds), || None);
        assert!(note(&mut log, 7, 600).is_some());
        let again = log.note(7, at(659), || unreachable!("nobody asks for the address"));
        assert_eq!(again, None);
        assert_eq!(note(&mut log, 8, 659), None, "somebody sees to it");
        let told = log.take();
        assert_eq!(
            told.iter().map(|use_of| use_of.idx).collect::<Vec<_>>(),
            [7, 8]
        );
        assert_eq!(note(&mut log, 7, 659), None);
        assert_eq!(log.take(), [], "told is told");
        assert!(note(&mut log, 7, 660).is_some(), "the next minute");
    }

    #[test]
    fn uses_that_a_renewal_took_along_are_not_told_apart() {
        let mut log = UsageLog::default();
        let first = log.note(1, at(0), || None).unwrap();
        assert_eq!(log.take().len(), 1, "a renewal");
        let second = log.note(2, at(0), || None).unwrap();
        assert_eq!(log.take_batch(first), [], "what waits now is the second's");
        assert_eq!(log.take_batch(second).len(), 1);
        assert_eq!(log.take_batch(second), []);
    }

    #[test]
    fn after_a_failure_the_next_use_sees_to_it_again() {
        let mut log = UsageLog::default();
        let first = log.note(1, at(0), || None).unwrap();
        assert!(log.is_flush_scheduled(at(0)));
        let untold = log.take_batch(first);
        assert!(!log.is_flush_scheduled(at(0)));
        log.put_back(untold);
        let second = log.note(2, at(0), || None).unwrap();
        assert_eq!(log.take_batch(second).len(), 2);

        log.note(3, at(0), || None).unwrap();
        assert!(
            !log.is_flush_scheduled(at(60)),
            "whoever saw to it may be gone"
        );
        assert!(log.note(3, at(60), || None).is_some());
    }

    #[test]
    fn what_could_not_be_told_is_told_the_next_time_within_bounds() {
        let mut log = UsageLog::default();
        log.note(1, at(0), || None);
        let untold = log.take();
        log.note(2, at(60), || None);
        log.put_back(untold);
        let order: Vec<_> = log.take().iter().map(|use_of| use_of.idx).collect();
        assert_eq!(order, [1, 2], "the oldest first");

        let bound = u32::try_from(MAX_ENTRIES).unwrap();
        for idx in 0..=bound {
            log.note(idx, at(120), || None);
        }
        log.put_back(vec![Usage {
            idx: 0,
            at: at(0),
            address: None,
        }]);
        assert_eq!(log.take().len(), MAX_ENTRIES);
    }
}
