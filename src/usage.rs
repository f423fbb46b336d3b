//! Which tokens were used, as an edge remembers it until it tells the registry.
//!
//! *Last used* is shown to the minute, so one entry a token and minute is enough: a busy token
//! costs one entry, not one a request. Entries ride on the renewals of leases. What an isolate
//! has not told when it ends is lost; the next use tells as much.

use crate::{registry::Usage, revocation::Mode, time::Timestamp};
use std::{collections::BTreeSet, net::IpAddr};

/// The most entries that one message carries, and that are kept for the next. Beyond, uses are
/// forgotten: a registry that does not answer must not cost the edge its memory.
pub const MAX_ENTRIES: usize = 1_000;

/// How long a use waits for a renewal to take it along before it is told by itself, in
/// milliseconds: several leases. Without leases the registry is spared.
pub const fn tell_after(mode: Mode) -> u64 {
    match mode {
        Mode::Lease => 2_000,
        Mode::Kv { .. } => 20_000,
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
}

impl UsageLog {
    /// Notes a use of the token at a place. `address` is asked for only if the note is news.
    /// True: it is the first that waits to be told, so somebody should see to it.
    pub fn note(
        &mut self,
        idx: u32,
        at: Timestamp,
        address: impl FnOnce() -> Option<IpAddr>,
    ) -> bool {
        let minute = at.seconds() / 60;
        if minute != self.minute {
            self.minute = minute;
            self.noted.clear();
        }
        if self.waiting.len() >= MAX_ENTRIES || !self.noted.insert(idx) {
            return false;
        }
        self.waiting.push(Usage {
            idx,
            at,
            address: address(),
        });
        self.waiting.len() == 1
    }

    /// Would [`Self::note`] note something?
    pub fn is_news(&self, idx: u32, at: Timestamp) -> bool {
        let this_minute = at.seconds() / 60 == self.minute;
        !(this_minute && self.noted.contains(&idx)) && self.waiting.len() < MAX_ENTRIES
    }

    /// Is there nothing to tell?
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes what is to be told.
    pub fn take(&mut self) -> Vec<Usage> {
        std::mem::take(&mut self.waiting)
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
        assert!(log.note(7, at(600), || Some(IpAddr::from([192, 0, 2, 1]))));
        assert!(!log.note(7, at(659), || unreachable!("nobody asks for the address")));
        assert!(!log.note(8, at(659), || None), "the first waits already");
        let told = log.take();
        assert_eq!(
            told.iter().map(|use_of| use_of.idx).collect::<Vec<_>>(),
            [7, 8]
        );
        assert!(!log.note(7, at(659), || None));
        assert_eq!(log.take(), [], "told is told");
        assert!(log.note(7, at(660), || None), "the next minute");
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
