//! How long what a provider publishes is used: its description and its keys.

use crate::time::Timestamp;

/// How long it is used without asking again, in seconds. A key that the provider removed, because it
/// was stolen, is believed for as long.
pub const MAX_AGE: u64 = 15 * 60;

/// The shortest time between two fetches, in seconds. Anyone can send JWTs with invented keys, and
/// none of them may become a flood of requests to the provider.
pub const MIN_INTERVAL: u64 = 30;

/// Something that was fetched.
#[derive(Debug, Clone)]
pub struct Fetched<T> {
    /// What was fetched.
    pub value: T,
    /// When the request was sent.
    pub at: Timestamp,
}

impl<T> Fetched<T> {
    /// Whether it may be used without asking again. After a clock was set back, it may not.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.at <= now && now.since(self.at) < MAX_AGE
    }

    /// Whether it may be fetched again, because a key is missing
    /// ([`may_need_newer_keys`](crate::jose::foreign::VerifyError::may_need_newer_keys)).
    pub fn may_be_renewed(&self, now: Timestamp) -> bool {
        self.at > now || now.since(self.at) >= MIN_INTERVAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetched_is_renewed_after_a_while_and_never_in_a_row() {
        let at = Timestamp::from_seconds(10_000);
        let fetched = Fetched { value: (), at };
        for (now, current, renewable) in [
            (at, true, false),
            (at.plus(MIN_INTERVAL - 1), true, false),
            (at.plus(MIN_INTERVAL), true, true),
            (at.plus(MAX_AGE - 1), true, true),
            (at.plus(MAX_AGE), false, true),
            (Timestamp::from_seconds(9_999), false, true),
        ] {
            assert_eq!(fetched.is_current(now), current, "{now}");
            assert_eq!(fetched.may_be_renewed(now), renewable, "{now}");
        }
    }
}
