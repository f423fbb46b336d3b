//! The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header, section 2): a client whose
//! answer was lost sends its request again, and no second token is created.
//!
//! A repeated key is always a conflict. The draft would repeat the first answer, but that contained the
//! token, which is stored nowhere. It would also tell another request with the same key apart. Nothing is
//! created in either case, so requests are not compared.
//!
//! Left out: how long a key is remembered. It is a column of the token's row.

use serde::{Deserialize, Serialize};

/// The header's name.
pub const HEADER: &str = "Idempotency-Key";

/// The longest key, in bytes.
pub const MAX_LENGTH: usize = 64;

/// A key: 1 to [`MAX_LENGTH`] visible ASCII characters other than `"`, `\`, `,` and `;`.
///
/// In a string of a structured field (RFC 9651, section 3.3.3) none of these characters needs an escape, and
/// neither parameters nor a second header can be mistaken for a part of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct IdempotencyKey(String);

/// The header's value is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidIdempotencyKey;

impl std::fmt::Display for InvalidIdempotencyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Send {HEADER} once, as 1 to {MAX_LENGTH} visible ASCII characters in quotes, without \
             quotes, backslashes, commas and semicolons inside: a new UUID, for example."
        )
    }
}

impl std::error::Error for InvalidIdempotencyKey {}

impl IdempotencyKey {
    /// Reads the header's value. The draft wants quotes, but many clients send none.
    ///
    /// # Errors
    /// The value is no key.
    pub fn from_header(value: &str) -> Result<Self, InvalidIdempotencyKey> {
        let key = match value.strip_prefix('"') {
            Some(rest) => rest.strip_suffix('"').ok_or(InvalidIdempotencyKey)?,
            None => value,
        };
        key.to_owned().try_into()
    }

    /// The key without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for IdempotencyKey {
    type Error = InvalidIdempotencyKey;
    fn try_from(key: String) -> Result<Self, InvalidIdempotencyKey> {
        let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"\\,;".contains(&byte);
        ((1..=MAX_LENGTH).contains(&key.len()) && key.bytes().all(allowed))
            .then_some(Self(key))
            .ok_or(InvalidIdempotencyKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_the_same_with_and_without_quotes() {
        let longest = "k".repeat(MAX_LENGTH);
        for key in [
            "8e03978e-40d5-43dd-bc93-6894a57f9324",
            "a",
            "~!/+=",
            &longest,
        ] {
            let quoted = IdempotencyKey::from_header(&format!("\"{key}\""));
            assert_eq!(quoted, IdempotencyKey::from_header(key), "{key}");
            assert_eq!(quoted.unwrap().as_str(), key);
        }
    }

    #[test]
    fn header_that_could_be_read_in_two_ways_is_no_key() {
        for value in [
            "",
            "\"\"",
            "\"",
            "\"a",
            "a\"",
            "a b",
            "a\tb",
            "ä",
            "\u{7f}",
            r#""a\"b""#,
            r"a\b",
            // Two headers, and a parameter.
            "a, a",
            "\"a\", \"a\"",
            "\"a\"; b=1",
            "\"a\";b",
            &"k".repeat(MAX_LENGTH + 1),
            &format!("\"{}\"", "k".repeat(MAX_LENGTH + 1)),
        ] {
            let key = IdempotencyKey::from_header(value);
            assert_eq!(key, Err(InvalidIdempotencyKey), "{value}");
        }
    }
}
