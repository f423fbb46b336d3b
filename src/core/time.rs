//! Times of day in seconds, and clock readings in milliseconds.
//!
//! Nothing in this crate reads a clock. The time is always an argument, so every decision can be
//! tested at any second. Text is RFC 3339 in UTC; JWT times are numbers.

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr};

/// Seconds since 1970-01-01T00:00:00Z, not counting leap seconds: a `NumericDate` (RFC 7519, section
/// 2) without a fraction.
///
/// It serializes as RFC 3339 text. Claims use [`numeric`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Timestamp(u64);

/// Seconds in a day.
pub const DAY: u64 = 86_400;

impl Timestamp {
    /// The last day of the year 9999, about the latest time that RFC 3339 can express.
    pub const MAX: Self = Self(253_402_214_400);

    /// Creates a time from seconds since the epoch, at most [`Self::MAX`].
    pub const fn from_seconds(seconds: u64) -> Self {
        if seconds > Self::MAX.0 {
            Self::MAX
        } else {
            Self(seconds)
        }
    }

    /// Creates a time from milliseconds since the epoch, rounded down.
    pub const fn from_millis(millis: u64) -> Self {
        Self::from_seconds(millis / 1000)
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// Adds seconds, up to [`Self::MAX`].
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self::from_seconds(self.0.saturating_add(seconds))
    }

    /// Seconds since `earlier`, or 0 if that is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// RFC 3339 in UTC, to the second: `2026-11-24T12:00:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = i64::try_from(self.0)
            .ok()
            .and_then(|s| DateTime::from_timestamp(s, 0));
        f.write_str(
            &time
                .unwrap_or_default()
                .to_rfc3339_opts(SecondsFormat::Secs, true),
        )
    }
}

/// The text is not RFC 3339, or the time is before 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidTime;

impl fmt::Display for InvalidTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an RFC 3339 time after 1970")
    }
}

impl std::error::Error for InvalidTime {}

/// Accepts any offset and drops fractions of a second.
impl FromStr for Timestamp {
    type Err = InvalidTime;
    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| InvalidTime)?;
        let seconds = u64::try_from(time.timestamp()).map_err(|_| InvalidTime)?;
        Ok(Self::from_seconds(seconds))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Serializes times as JSON integers, for claims and SQL. Fractions are rejected, because `exp` must
/// mean the same everywhere.
pub mod numeric {
    use super::{Deserialize, Deserializer, Serializer, Timestamp};

    /// Writes seconds.
    #[allow(clippy::missing_errors_doc, clippy::trivially_copy_pass_by_ref)]
    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(time.seconds())
    }

    /// Reads seconds.
    #[allow(clippy::missing_errors_doc)]
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        u64::deserialize(deserializer).map(Timestamp::from_seconds)
    }

    /// The same for an optional member, which may be absent but not `null`.
    pub mod optional {
        use super::{Deserializer, Serializer, Timestamp};

        /// Writes seconds, or nothing.
        #[allow(clippy::missing_errors_doc, clippy::ref_option)]
        pub fn serialize<S: Serializer>(
            time: &Option<Timestamp>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => super::serialize(time, serializer),
                None => serializer.serialize_none(),
            }
        }

        /// Reads seconds.
        #[allow(clippy::missing_errors_doc)]
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            super::deserialize(deserializer).map(Some)
        }
    }
}

/// A reading of one party's clock, in milliseconds. It means nothing to another party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// Creates a reading from milliseconds since the clock's zero.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the clock's zero.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Adds milliseconds.
    #[must_use]
    pub const fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds until `later`, or 0 if that is earlier.
    pub const fn until(self, later: Self) -> u64 {
        later.0.saturating_sub(self.0)
    }

    /// Milliseconds since this reading. `None`: it is in the future, because the clock was set
    /// back.
    pub const fn age(self, now: Self) -> Option<u64> {
        if now.plus(DISORDER).0 < self.0 {
            None
        } else {
            Some(self.until(now))
        }
    }
}

/// How far readings of one clock may be out of order, in milliseconds. Each request of an isolate
/// sees the time of its own last I/O. Every [`margin`](crate::revocation::lease::margin) covers it.
pub(crate) const DISORDER: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp_is_written_as_rfc_3339_in_utc() {
        let time = Timestamp::from_seconds(1_700_000_000);
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(json, "\"2023-11-14T22:13:20Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
        assert_eq!("2023-11-14T23:13:20.9+01:00".parse(), Ok(time));
        for wrong in ["", "2023-11-14", "1969-12-31T23:59:59Z", "1700000000"] {
            assert_eq!(wrong.parse::<Timestamp>(), Err(InvalidTime), "{wrong}");
        }
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T00:00:00Z");
        assert_eq!(Timestamp::from_seconds(u64::MAX), Timestamp::MAX);
    }
}
