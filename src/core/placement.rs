//! Which registry a user's tokens live in, and where that registry is created.

use crate::ids::UserId;
use sha2::{Digest, Sha256};

/// The number of a user's registry, from 0 to `count - 1`. `count` is `REGISTRIES`, at least 1. It
/// must never change: users would lose sight of their tokens.
pub fn of_user(user: &UserId, count: u16) -> u16 {
    let digest = Sha256::digest(user.as_str());
    let number = digest
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    u16::try_from(number % u64::from(count.max(1))).unwrap_or_default()
}

/// The name of a registry's Durable Object, for `idFromName`.
pub fn object_name(number: u16) -> String {
    format!("registry-{number}")
}

/// The number of the registry with this name. Accepts only the spelling of [`object_name`]: two
/// names would be two objects.
pub fn object_number(name: &str) -> Option<u16> {
    let number = name.strip_prefix("registry-")?.parse().ok()?;
    (object_name(number) == name).then_some(number)
}

/// The regions where the platform can create an object (`locationHint`).
pub const LOCATIONS: [&str; 9] = [
    "wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me",
];

/// Parses `REGISTRY_LOCATION`.
///
/// # Errors
/// Says which values the setting may have.
pub fn location(text: &str) -> Result<&'static str, String> {
    let found = LOCATIONS.into_iter().find(|location| *location == text);
    found.ok_or_else(|| format!("REGISTRY_LOCATION must be one of {}", LOCATIONS.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_location_must_be_one_that_the_platform_knows() {
        for known in LOCATIONS {
            assert_eq!(location(known), Ok(known));
        }
        for unknown in ["", "eu", "WEUR", "weur "] {
            let error = location(unknown).unwrap_err();
            assert!(error.starts_with("REGISTRY_LOCATION must be one of wnam, "));
        }
    }

    /// Pinned: users would lose their tokens if these numbers ever changed.
    #[test]
    fn user_stays_in_one_registry() {
        let number = |user: &str| of_user(&user.parse().unwrap(), 16);
        assert_eq!([number("ada"), number("vic"), number("otto")], [14, 10, 7]);
    }

    #[test]
    fn object_name_has_one_spelling() {
        for number in [0, 7, u16::MAX] {
            assert_eq!(object_number(&object_name(number)), Some(number));
        }
        for wrong in [
            "",
            "registry-",
            "registry-07",
            "registry-+7",
            "registry-65536",
            "7",
        ] {
            assert_eq!(object_number(wrong), None, "{wrong}");
        }
    }
}
