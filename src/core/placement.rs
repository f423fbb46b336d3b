//! Which registry a user lives in, and where it is made.

use crate::ids::UserId;
use sha2::{Digest, Sha256};

/// The number of the registry in which a user lives, of `count` (at least 1). The count can
/// never change: users would lose sight of their tokens.
pub fn of_user(user: &UserId, count: u16) -> u16 {
    let digest = Sha256::digest(user.as_str());
    let number = digest
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    u16::try_from(number % u64::from(count.max(1))).unwrap_or_default()
}

/// The object's name for `idFromName`.
pub fn object_name(number: u16) -> String {
    format!("registry-{number}")
}

/// Where the platform can be asked to make an object (`locationHint`), near a region each.
pub const LOCATIONS: [&str; 9] = [
    "wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me",
];

/// Reads `REGISTRY_LOCATION`.
///
/// # Errors
/// What the setting must be.
pub fn location(text: &str) -> Result<&'static str, String> {
    let found = LOCATIONS.into_iter().find(|location| *location == text);
    found.ok_or_else(|| format!("REGISTRY_LOCATION must be one of {}", LOCATIONS.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_one_that_the_platform_knows() {
        for known in LOCATIONS {
            assert_eq!(location(known), Ok(known));
        }
        for unknown in ["", "eu", "WEUR", "weur "] {
            let error = location(unknown).unwrap_err();
            assert!(error.starts_with("REGISTRY_LOCATION must be one of wnam, "));
        }
    }

    /// Pinned: users would lose their tokens if this ever gave other numbers.
    #[test]
    fn a_user_stays_in_one_registry() {
        let number = |user: &str| of_user(&user.parse().unwrap(), 16);
        assert_eq!([number("ada"), number("vic"), number("otto")], [14, 10, 7]);
    }
}
