//! Identifiers of users, organizations, tokens and sessions.
//!
//! They travel in headers, claims, URLs and SQL, so they are short printable ASCII without any
//! character that one of these would have to escape. Every value of these types has been checked.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest identifier, in bytes.
pub const MAX_LENGTH: usize = 64;

/// The text is empty, longer than [`MAX_LENGTH`], or contains a character other than ASCII letters,
/// digits and `-._~@|:+`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not 1 to {MAX_LENGTH} letters, digits and -._~@|:+")
    }
}

impl std::error::Error for InvalidId {}

fn check(text: String) -> Result<String, InvalidId> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@|:+".contains(&byte);
    ((1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(allowed))
        .then_some(text)
        .ok_or(InvalidId)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                check(text).map(Self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                check(text.to_owned()).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

ids! {
    /// A user: the `sub` claim (RFC 7519, section 4.1.2).
    UserId
    /// An organization: an entry of the `org` claim, a value of `X-Organization-ID`.
    OrganizationId
    /// A token: the `jti` claim (RFC 7519, section 4.1.7). It is not a secret.
    TokenId
    /// A session: the `jti` claim of its cookie. It is not a secret: the signature is.
    SessionId
}

macro_rules! random_ids {
    ($($name:ident)+) => {$(
        impl $name {
            /// Creates an id from 128 random bits, so it is unique.
            pub fn from_random(bytes: [u8; 16]) -> Self {
                Self(Base64UrlUnpadded::encode_string(&bytes))
            }
        }
    )+};
}

random_ids!(TokenId SessionId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_contain_nothing_that_a_header_or_url_must_escape() {
        for good in [
            "a",
            "acme",
            "auth0|5f7c",
            "ada@example.com",
            &"x".repeat(64),
        ] {
            assert!(good.parse::<UserId>().is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "a b",
            "a,b",
            "a\nb",
            "ä",
            "a/b",
            "a\"b",
            &"x".repeat(65),
        ] {
            assert_eq!(bad.parse::<UserId>(), Err(InvalidId), "{bad}");
        }
    }
}
