//! How often somebody may do something: a token bucket.
//!
//! A bucket is full at first, an act takes one out of it, and it fills up again at a steady rate.
//! All that has to be kept is when it will be full: one that is full needs no record. That is the
//! *generic cell rate algorithm* of ATM (ITU-T I.371), told by its end.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, Ipv6Addr},
    ops::RangeInclusive,
};

/// The size of a bucket, and how fast it fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many acts may come at once.
    pub burst: u32,
    /// How many more there may be an hour.
    pub per_hour: u32,
}

/// The numbers that a [`Quota`] may have.
pub const COUNTS: RangeInclusive<u64> = 1..=1_000_000;

/// How many tokens a user may create: each keeps a row until long after its end, and its place in
/// a status list for good.
pub const CREATIONS: Quota = Quota {
    burst: 500,
    per_hour: 120,
};

/// How many calls of a user may revoke: more than may create, so that whatever was made can be
/// ended, each by a call of its own.
pub const REVOCATIONS: Quota = Quota {
    burst: 1_000,
    per_hour: 600,
};

/// How many attempts to sign in may come from one address, in a minute. The platform counts them,
/// by a binding whose numbers must be these.
pub const SIGN_INS_PER_MINUTE: u32 = 20;

/// There were as many as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaExceeded {
    /// Of what: the name of the policy in `RateLimit` and `RateLimit-Policy`.
    pub policy: QuotaPolicy,
    /// How many there may be in that time.
    pub quota: u32,
    /// In seconds.
    pub window: u64,
    /// Seconds until there may be one more.
    pub retry_after: u64,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuotaPolicy {
    /// `POST /api/v1/tokens`
    Creation,
    /// The owner's calls that revoke.
    Revocation,
    /// From one address.
    SignIn,
}

impl QuotaPolicy {
    /// Stable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creation => "creation",
            Self::Revocation => "revocation",
            Self::SignIn => "sign-in",
        }
    }
}

impl QuotaExceeded {
    /// Too many attempts to sign in. How long to wait is not told by the platform.
    pub const SIGN_INS: Self = Self {
        policy: QuotaPolicy::SignIn,
        quota: SIGN_INS_PER_MINUTE,
        window: 60,
        retry_after: 60,
    };

    /// The headers of the refusal (RFC 9110, section 10.2.3; draft-ietf-httpapi-ratelimit-headers-11).
    pub fn headers(&self) -> [(&'static str, String); 3] {
        let Self {
            policy,
            quota,
            window,
            retry_after,
        } = self;
        let policy = policy.name();
        [
            ("Retry-After", retry_after.to_string()),
            (
                "RateLimit-Policy",
                format!("\"{policy}\";q={quota};w={window}"),
            ),
            ("RateLimit", format!("\"{policy}\";r=0;t={retry_after}")),
        ]
    }
}

const HOUR: u64 = 3_600;

/// Milliseconds of a second.
const MILLIS: u64 = 1_000;

impl Quota {
    /// How long an empty bucket takes until it is full, in milliseconds.
    fn fills_in(self) -> u64 {
        u64::from(self.burst) * HOUR * MILLIS / u64::from(self.per_hour.max(1))
    }

    /// Takes one out of a bucket that will be full then, in milliseconds since 1970 (0: it is
    /// full). Gives when it will be full now.
    ///
    /// # Errors
    /// The bucket is empty; nothing was taken.
    pub fn take(
        self,
        policy: QuotaPolicy,
        full_at: u64,
        now: Timestamp,
    ) -> Result<u64, QuotaExceeded> {
        let now = now.seconds() * MILLIS;
        let fills_in = self.fills_in();
        let one = fills_in / u64::from(self.burst.max(1));
        // Not later than that of an empty one: a clock may have been set back, a quota changed.
        let empty = now.saturating_add(one * u64::from(self.burst));
        let after = full_at.clamp(now, empty).saturating_add(one);
        let over = after.saturating_sub(empty);
        if over == 0 {
            return Ok(after);
        }
        Err(QuotaExceeded {
            policy,
            quota: self.burst,
            window: fills_in.div_ceil(MILLIS),
            retry_after: over.div_ceil(MILLIS),
        })
    }
}

/// What attempts to sign in are counted by: an IPv4 address, or of an IPv6 address the network,
/// which is what one household or machine has of these (RFC 6177).
pub fn of_address(address: Option<IpAddr>) -> String {
    let Some(address) = address else {
        return "unknown".to_owned();
    };
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            format!("{}/64", Ipv6Addr::from(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

    /// Takes as many as there are, and gives how many these were.
    fn drain(quota: Quota, full_at: &mut u64, now: Timestamp) -> (u32, QuotaExceeded) {
        for taken in 0.. {
            match quota.take(QuotaPolicy::Creation, *full_at, now) {
                Ok(after) => *full_at = after,
                Err(exceeded) => return (taken, exceeded),
            }
        }
        unreachable!("a bucket is empty at last")
    }

    #[test]
    fn a_bucket_has_a_burst_and_then_what_has_flowed_in() {
        let mut full_at = 0;
        let (taken, exceeded) = drain(CREATIONS, &mut full_at, START);
        assert_eq!(taken, 500);
        assert_eq!(
            exceeded,
            QuotaExceeded {
                policy: QuotaPolicy::Creation,
                quota: 500,
                window: 15_000,
                retry_after: 30,
            }
        );
        for (after, expected) in [(29, 0), (30, 1), (90, 2), (3_690, 120), (1_000_000, 500)] {
            let (taken, _) = drain(CREATIONS, &mut full_at, START.plus(after));
            assert_eq!(taken, expected, "{after}");
        }
    }

    #[test]
    fn who_waits_as_long_as_told_gets_one_more() {
        for quota in [
            CREATIONS,
            REVOCATIONS,
            Quota {
                burst: 1,
                per_hour: 1,
            },
            Quota {
                burst: 3,
                per_hour: 7_000,
            },
        ] {
            let mut full_at = 0;
            let (taken, exceeded) = drain(quota, &mut full_at, START);
            assert_eq!(taken, quota.burst);
            assert!(exceeded.retry_after > 0);
            let later = START.plus(exceeded.retry_after);
            assert!(quota.take(QuotaPolicy::Creation, full_at, later).is_ok());
        }
    }

    #[test]
    fn a_clock_that_was_set_back_or_a_smaller_quota_locks_nobody_out_for_longer_than_a_refill() {
        let ahead = START.plus(10_000_000).seconds() * 1_000;
        let exceeded = CREATIONS
            .take(QuotaPolicy::Creation, ahead, START)
            .unwrap_err();
        assert_eq!(exceeded.retry_after, 30);
    }

    #[test]
    fn a_refusal_says_when_to_come_again() {
        let exceeded = QuotaExceeded {
            policy: QuotaPolicy::Creation,
            quota: 500,
            window: 15_000,
            retry_after: 30,
        };
        assert_eq!(
            exceeded.headers(),
            [
                ("Retry-After", "30".to_owned()),
                ("RateLimit-Policy", "\"creation\";q=500;w=15000".to_owned()),
                ("RateLimit", "\"creation\";r=0;t=30".to_owned()),
            ]
        );
    }

    #[test]
    fn attempts_are_counted_by_address_or_network() {
        for (address, counted) in [
            (Some("192.0.2.7"), "192.0.2.7"),
            (Some("::ffff:192.0.2.7"), "192.0.2.7"),
            (Some("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64"),
            (Some("2001:db8:1:2::"), "2001:db8:1:2::/64"),
            (None, "unknown"),
        ] {
            let address = address.map(|text| text.parse().unwrap());
            assert_eq!(of_address(address), counted);
        }
    }
}
