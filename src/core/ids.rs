//! Identifiers of users, organizations, tokens and sessions.
//!
//! They travel in headers, claims, URLs and SQL, so they are short printable ASCII without any
//! character that one of these would have to escape. Every value of these types has been checked.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
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

impl UserId {
    /// The id of someone whom another party has authenticated: always a hash of issuer and subject.
    ///
    /// Two issuers may both know a subject `123` (OpenID Connect Core, section 5.7), and a subject
    /// may be longer than an id, or contain any character. The lengths keep two pairs with the same
    /// concatenation apart. Of the hash 128 bits suffice: whoever wants to be someone else has to
    /// find a second preimage.
    pub fn of_subject(issuer: &str, subject: &str) -> Self {
        let mut hash = Sha256::new();
        for text in [issuer, subject] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        let digest = hash.finalize();
        let half = digest.get(..16).unwrap_or_default();
        Self(Base64UrlUnpadded::encode_string(half))
    }
}

impl TokenId {
    /// Creates an id from 64 random bits. Among a million tokens, two have the same id once in 37
    /// million installations; the second is not created then. Every token contains its id, so it is
    /// short.
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self(Base64UrlUnpadded::encode_string(&bytes))
    }
}

impl SessionId {
    /// Creates an id from 128 random bits, so it is unique.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(Base64UrlUnpadded::encode_string(&bytes))
    }
}

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

    /// Pinned: with another hash every user would lose their tokens.
    #[test]
    fn user_id_is_a_hash_of_issuer_and_subject() {
        let id = |issuer, subject| UserId::of_subject(issuer, subject);
        assert_eq!(
            id("https://idp.example", "123").as_str(),
            "dE-8Sx6hKYBgSR5eeTeq4w"
        );
        let long = "cn=Ada,ou=People,dc=example,dc=com".repeat(9);
        let all = [
            id("https://idp.example", "123"),
            id("https://other.example", "123"),
            id("https://idp.example1", "23"),
            id("", "https://idp.example123"),
            id("https://idp.example123", ""),
            id("https://idp.example", &long),
        ];
        for (number, one) in all.iter().enumerate() {
            assert_eq!(one.as_str().parse().as_ref(), Ok(one));
            assert!(!all.iter().skip(number + 1).any(|other| other == one));
        }
    }
}
