//! Which refusals get a line in the log.
//!
//! Anyone can be refused as often as they like, so a line for each would let a stranger fill the
//! log, and pay more for a refusal than it costs to decide it. An isolate writes so many in a
//! second; the next line tells how many were left out.

use crate::time::Timestamp;

/// Lines a second and isolate.
pub const LINES_PER_SECOND: u32 = 10;

/// What was written in this second.
#[derive(Debug, Clone, Default)]
pub struct RefusalLog {
    second: u64,
    lines: u32,
    left_out: u64,
}

impl RefusalLog {
    /// May a line be written? Then it tells how many were not since the last.
    pub fn admit(&mut self, now: Timestamp) -> Option<u64> {
        // Also when the clock was set back.
        if now.seconds() != self.second {
            self.second = now.seconds();
            self.lines = 0;
        }
        if self.lines >= LINES_PER_SECOND {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_the_next_one_tells_what_was_left_out() {
        let mut log = RefusalLog::default();
        let first = Timestamp::from_seconds(600);
        for _ in 0..LINES_PER_SECOND {
            assert_eq!(log.admit(first), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(log.admit(first), None);
        }
        assert_eq!(log.admit(first.plus(1)), Some(7));
        assert_eq!(log.admit(first.plus(1)), Some(0));
        assert_eq!(log.admit(Timestamp::from_seconds(0)), Some(0), "set back");
    }
}
