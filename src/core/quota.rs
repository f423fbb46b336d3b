//! Rate limits: a token bucket for each user or address.
//!
//! A bucket starts full, each call takes one token out of it, and it refills at a steady rate. Its
//! whole state is the time at which it will be full again, so a full bucket needs no record. This
//! is the generic cell rate algorithm (ITU-T I.371), with the time counted from the other end.
//!
//! Left out: where buckets are stored, which the registry decides.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, Ipv6Addr},
    ops::RangeInclusive,
};

/// The size of a bucket, and how fast it refills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The size: how many calls may come at once.
    pub burst: u32,
    /// The refill rate, in calls per hour.
    pub per_hour: u32,
}

/// The range of both numbers of a [`Quota`].
pub const COUNTS: RangeInclusive<u64> = 1..=1_000_000;

/// Limits how fast a user creates tokens: each one occupies a row until 400 days after it stops
/// working, and an index in a status list forever.
pub const CREATIONS: Quota = Quota {
    burst: 500,
    per_hour: 120,
};

/// Limits a user's revocation calls. Higher than [`CREATIONS`], so that a user can revoke
/// everything they created, one call per token.
pub const REVOCATIONS: Quota = Quota {
    burst: 1_000,
    per_hour: 600,
};

/// Limits how often a user signs in: each time occupies a row of the audit log for 400 days.
pub const SIGN_INS: Quota = Quota {
    burst: 1_000,
    per_hour: 120,
};

/// Sign-in attempts per minute from one address. The platform counts them: the `SIGN_IN_LIMIT`
/// binding in wrangler.origin.toml must have this number.
pub const SIGN_INS_PER_MINUTE: u32 = 20;

/// A quota is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaExceeded {
    /// The quota that is used up.
    pub policy: QuotaPolicy,
    /// Calls allowed in one window.
    pub quota: u32,
    /// The time that an empty bucket takes to refill, in seconds.
    pub window: u64,
    /// Seconds until the next call can succeed.
    pub retry_after: u64,
}

/// The quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuotaPolicy {
    /// `POST api/v1/tokens`
    Creation,
    /// Revocations by the owner.
    Revocation,
    /// Sign-ins of a user, and sign-in attempts from one address.
    SignIn,
}

impl QuotaPolicy {
    /// The name in `RateLimit` and `RateLimit-Policy`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creation => "creation",
            Self::Revocation => "revocation",
            Self::SignIn => "sign-in",
        }
    }
}

impl QuotaExceeded {
    /// Too many sign-in attempts. The platform does not say how long to wait, so this names the
    /// whole window.
    pub const SIGN_INS_OF_ADDRESS: Self = Self {
        policy: QuotaPolicy::SignIn,
        quota: SIGN_INS_PER_MINUTE,
        window: 60,
        retry_after: 60,
    };

    /// The headers of the 429 response (RFC 9110, section 10.2.3;
    /// draft-ietf-httpapi-ratelimit-headers-11).
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

const MILLIS: u64 = 1_000;

impl Quota {
    /// The time that an empty bucket takes to refill, in milliseconds.
    fn refill_time(self) -> u64 {
        u64::from(self.burst) * HOUR * MILLIS / u64::from(self.per_hour.max(1))
    }

    /// Takes one token out of the bucket that will be full at `full_at`, in milliseconds since 1970
    /// (0 if it has no record). Returns the new `full_at`.
    ///
    /// # Errors
    /// Fails if the bucket is empty. Nothing is taken then.
    pub fn take(
        self,
        policy: QuotaPolicy,
        full_at: u64,
        now: Timestamp,
    ) -> Result<u64, QuotaExceeded> {
        let now = now.seconds() * MILLIS;
        let refill_time = self.refill_time();
        let one = refill_time / u64::from(self.burst.max(1));
        // The clock may have been set back, or the quota lowered: never wait for longer than an
        // empty bucket takes to refill.
        let empty = now.saturating_add(one * u64::from(self.burst));
        let after = full_at.clamp(now, empty).saturating_add(one);
        let over = after.saturating_sub(empty);
        if over == 0 {
            return Ok(after);
        }
        Err(QuotaExceeded {
            policy,
            quota: self.burst,
            window: refill_time.div_ceil(MILLIS),
            retry_after: over.div_ceil(MILLIS),
        })
    }
}

/// The key that sign-in attempts are counted by: an IPv4 address, or the /64 network of an IPv6
/// address, because one household or machine has all of that (RFC 6177).
pub fn address_key(address: Option<IpAddr>) -> String {
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

    /// Empties the bucket, and returns how many tokens it had.
    fn drain(quota: Quota, full_at: &mut u64, now: Timestamp) -> (u32, QuotaExceeded) {
        for taken in 0.. {
            match quota.take(QuotaPolicy::Creation, *full_at, now) {
                Ok(after) => *full_at = after,
                Err(exceeded) => return (taken, exceeded),
            }
        }
        unreachable!("every bucket runs empty")
    }

    #[test]
    fn bucket_allows_a_burst_and_then_what_has_refilled() {
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
    fn call_after_retry_after_succeeds() {
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
    fn bucket_never_waits_longer_than_a_refill_when_the_clock_or_the_quota_changes() {
        let ahead = START.plus(10_000_000).seconds() * 1_000;
        let exceeded = CREATIONS
            .take(QuotaPolicy::Creation, ahead, START)
            .unwrap_err();
        assert_eq!(exceeded.retry_after, 30);
    }

    #[test]
    fn exceeded_quota_says_when_to_try_again() {
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
    fn address_key_is_an_ipv4_address_or_an_ipv6_network() {
        for (address, counted) in [
            (Some("192.0.2.7"), "192.0.2.7"),
            (Some("::ffff:192.0.2.7"), "192.0.2.7"),
            (Some("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64"),
            (Some("2001:db8:1:2::"), "2001:db8:1:2::/64"),
            (None, "unknown"),
        ] {
            let address = address.map(|text| text.parse().unwrap());
            assert_eq!(address_key(address), counted);
        }
    }
}
