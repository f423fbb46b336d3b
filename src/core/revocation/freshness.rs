//! Whether an edge's data is recent enough to act on.
//!
//! [`FreshnessPolicy`] is chosen once, from `REVOCATION_MODE`. The code that uses it does not
//! distinguish the modes.

use crate::{
    mode::{RevocationMode, heartbeat},
    time::Instant,
};

/// Whether something that an edge knows may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It may be used.
    Fresh,
    /// It may be used, but should be renewed now, so that no later request has to wait.
    Aging,
    /// It may not be used: renew it first.
    Stale,
}

/// Until when an answer about a token holds without another look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// It may not be relied on from this time on.
    pub until: Instant,
    /// When to renew what it rests on, so that it goes on holding. Not after `until`.
    pub renew_at: Instant,
}

impl Validity {
    /// The validity of what rests on both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            until: self.until.min(other.until),
            renew_at: self.renew_at.min(other.renew_at),
        }
    }

    /// The validity of what ends at a time, whatever is renewed.
    #[must_use]
    pub fn ending_at(self, end: Instant) -> Self {
        let until = self.until.min(end);
        let renew_at = self.renew_at.min(until);
        Self { until, renew_at }
    }
}

/// The rule by which an edge decides whether its data is fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreshnessPolicy {
    /// A lease from the registry.
    Lease {
        /// How long a lease stays usable after it ends, in milliseconds. Only 0 keeps the promise.
        stale_grace_ms: u64,
    },
    /// A signed snapshot from KV.
    Snapshot {
        /// Its maximum age, in seconds.
        max_age: u64,
    },
}

/// The age at which keys are refreshed where no lease vouches for them, in milliseconds.
const REFRESH_KEYS_AT: u64 = 10_000;

impl FreshnessPolicy {
    /// The policy of a mode.
    pub const fn new(mode: RevocationMode, stale_grace_ms: u64) -> Self {
        match mode {
            RevocationMode::Lease => Self::Lease { stale_grace_ms },
            RevocationMode::Kv { max_age } => Self::Snapshot { max_age },
        }
    }

    /// Whether a key set fetched at `fetched_at` may be used.
    ///
    /// Every lease names the keys in use, so under leases any key set will do: a removed key is
    /// known to be retired. Without leases, the set itself must be recent.
    pub fn of_keys(self, fetched_at: Instant, now: Instant) -> Freshness {
        let Self::Snapshot { max_age } = self else {
            return Freshness::Fresh;
        };
        let max_age = max_age * 1_000;
        match fetched_at.age(now) {
            Some(age) if age < REFRESH_KEYS_AT.min(max_age) => Freshness::Fresh,
            Some(age) if age < max_age => Freshness::Aging,
            _ => Freshness::Stale,
        }
    }

    /// Until when a key set fetched at `fetched_at` may be used. `None`: as long as leases name it.
    pub fn validity_of_keys(self, fetched_at: Instant) -> Option<Validity> {
        let Self::Snapshot { max_age } = self else {
            return None;
        };
        let max_age = max_age * 1_000;
        Some(Validity {
            until: fetched_at.plus(max_age),
            renew_at: fetched_at.plus(REFRESH_KEYS_AT.min(max_age)),
        })
    }

    /// How long after a renewal no early renewal starts, in milliseconds. KV rarely has a newer
    /// snapshot at once.
    pub const fn renewal_pause(self) -> u64 {
        match self {
            Self::Lease { .. } => 0,
            Self::Snapshot { max_age } => heartbeat(max_age) * 250,
        }
    }

    /// How long recorded uses wait for a lease renewal to carry them before a separate call reports
    /// them, in milliseconds. Without leases, a longer delay saves registry calls.
    pub const fn flush_delay(self) -> u64 {
        match self {
            Self::Lease { .. } => 2_000,
            Self::Snapshot { .. } => 20_000,
        }
    }
}
