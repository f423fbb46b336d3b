//! Which refusals get a line in the log.
//!
//! Anyone can cause refusals. A line for each would let strangers fill the log, and writing it would
//! cost more than the refusal. So an isolate writes a few lines a second, and the next line states
//! how many were left out.

use crate::time::Timestamp;

/// The most lines per second and isolate.
pub const LINES_PER_SECOND: u32 = 10;

/// Counts the lines of the current second.
#[derive(Debug, Clone, Default)]
pub struct RefusalLog {
    second: u64,
    lines: u32,
    left_out: u64,
}

impl RefusalLog {
    /// Returns the number of lines left out since the last one if a line may be written now.
    pub fn admit(&mut self, now: Timestamp) -> Option<u64> {
        // Also true if the clock was set back.
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
    fn refusal_log_limits_lines_and_counts_those_left_out() {
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
