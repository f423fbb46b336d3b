//! `REVOCATION_MODE`: leases, or snapshots in KV alone.

use std::ops::RangeInclusive;

/// How an edge learns of revocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationMode {
    /// By leases: a revocation is effective everywhere when its call returns.
    Lease,
    /// By signed snapshots in KV: a revocation is effective everywhere once `max_age` has passed.
    Kv {
        /// The oldest snapshot that an edge uses, in seconds; one of [`MAX_AGES`].
        max_age: u64,
    },
}

/// The permitted maximum ages, in seconds. KV may take 60 seconds and more to show a new value, so
/// the lower ones cause refusals of valid tokens there.
pub const MAX_AGES: RangeInclusive<u64> = 10..=900;

/// The default maximum age, in seconds.
pub const DEFAULT_MAX_AGE: u64 = 120;

impl RevocationMode {
    /// Reads `REVOCATION_MODE` and `KV_MAX_AGE_SECONDS`. `None`: the setting is absent.
    ///
    /// # Errors
    /// Names the wrong setting and what it must be.
    pub fn from_settings(mode: Option<&str>, max_age: Option<&str>) -> Result<Self, String> {
        let max_age = match max_age {
            None => DEFAULT_MAX_AGE,
            Some(text) => text
                .parse()
                .ok()
                .filter(|age| MAX_AGES.contains(age))
                .ok_or_else(|| {
                    let (least, most) = (MAX_AGES.start(), MAX_AGES.end());
                    format!("KV_MAX_AGE_SECONDS must be a number from {least} to {most}")
                })?,
        };
        match mode {
            None | Some("lease") => Ok(Self::Lease),
            Some("kv") => Ok(Self::Kv { max_age }),
            Some(_) => Err("REVOCATION_MODE must be `lease` or `kv`".to_owned()),
        }
    }

    /// The longest that an edge may still accept a revoked token, in seconds. `None` if a
    /// revocation waits until no edge does.
    pub const fn revocation_delay(self) -> Option<u64> {
        match self {
            Self::Lease => None,
            // A snapshot without the revocation was signed before it, and is too old by then.
            Self::Kv { max_age } => Some(max_age),
        }
    }

    /// Whether a revocation waits for the leases that were granted before it.
    pub const fn waits_for_leases(self) -> bool {
        self.revocation_delay().is_none()
    }

    /// How often an unchanged list is signed and written to KV again, in seconds. `None` if edges
    /// do not depend on the age of the list there.
    pub const fn republish_interval(self) -> Option<u64> {
        match self {
            Self::Lease => None,
            Self::Kv { max_age } => Some(heartbeat(max_age)),
        }
    }
}

/// How often a list is signed again where edges use snapshots, in seconds: several times before a
/// snapshot is too old, because KV is slow to show a new value.
pub const fn heartbeat(max_age: u64) -> u64 {
    max_age / 6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_settings_names_the_wrong_setting() {
        for (mode, max_age, expected) in [
            (None, None, Ok(RevocationMode::Lease)),
            (Some("lease"), Some("10"), Ok(RevocationMode::Lease)),
            (Some("kv"), None, Ok(RevocationMode::Kv { max_age: 120 })),
            (
                Some("kv"),
                Some("900"),
                Ok(RevocationMode::Kv { max_age: 900 }),
            ),
            (Some("KV"), None, Err("REVOCATION_MODE")),
            (Some("kv"), Some("9"), Err("KV_MAX_AGE_SECONDS")),
            (None, Some("a minute"), Err("KV_MAX_AGE_SECONDS")),
        ] {
            let found = RevocationMode::from_settings(mode, max_age);
            match expected {
                Ok(_) => assert_eq!(
                    found.as_ref(),
                    expected.as_ref().map_err(|_| unreachable!())
                ),
                Err(name) => assert!(found.unwrap_err().starts_with(name)),
            }
        }
    }
}
