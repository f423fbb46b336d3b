//! The JSON body of a request, and an answer to each usual mistake.
//!
//! The media type is checked first: a program that declares a form or another character encoding sends
//! something that merely may look like JSON. Bodies are UTF-8 without a byte order mark (RFC 8259,
//! section 8.1), and one object ([`crate::json`]), whose members occur once.
//!
//! Left out: what the members mean.

use super::problem::{Problem, ProblemCode};
use crate::json;
use serde::de::DeserializeOwned;
use std::fmt;

/// The media type of bodies.
pub const MEDIA_TYPE: &str = "application/json";

/// The largest body, in bytes.
pub const MAX_LENGTH: usize = 16 * 1024;

/// A body as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Body<'a> {
    /// The header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The header `Content-Encoding`.
    pub content_encoding: Option<&'a str>,
    /// The content. `None`: the client broke it off.
    pub content: Option<&'a [u8]>,
}

/// Why a body is not what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyError {
    /// There is no `Content-Type`.
    Undeclared,
    /// It is declared as something else.
    MediaType(String),
    /// It is declared in another character encoding.
    Charset(String),
    /// It is compressed.
    Compressed(String),
    /// It has not arrived as a whole.
    BrokenOff,
    /// It has more than [`MAX_LENGTH`] bytes.
    TooLarge,
    /// There is none.
    Empty,
    /// It begins with the byte order mark of UTF-8.
    ByteOrderMark,
    /// It is UTF-16 or UTF-32.
    WideCharacters,
    /// It is not UTF-8 from this byte on, counted from 1.
    NotUtf8(usize),
    /// It is not JSON, or not the expected object.
    Json(String),
}

impl Body<'_> {
    /// Reads one JSON object.
    ///
    /// # Errors
    /// The first mistake.
    pub fn parse<T: DeserializeOwned>(self) -> Result<T, BodyError> {
        self.check_declared()?;
        let content = self.content.ok_or(BodyError::BrokenOff)?;
        if content.len() > MAX_LENGTH {
            return Err(BodyError::TooLarge);
        }
        check_encoding(content)?;
        json::read(content).map_err(|error| BodyError::Json(error.to_string()))
    }

    fn check_declared(self) -> Result<(), BodyError> {
        let declared = self.content_type.unwrap_or_default();
        let mut parts = declared.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        if media_type.is_empty() {
            return Err(BodyError::Undeclared);
        }
        if !media_type.eq_ignore_ascii_case(MEDIA_TYPE) {
            return Err(BodyError::MediaType(excerpt(media_type)));
        }
        for parameter in parts {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.trim_matches(['"', ' ', '\t']);
            let is_charset = name.trim().eq_ignore_ascii_case("charset");
            let is_utf8 = ["utf-8", "utf8"]
                .iter()
                .any(|known| value.eq_ignore_ascii_case(known));
            if is_charset && !is_utf8 {
                let shown = if value.is_empty() {
                    parameter.trim()
                } else {
                    value
                };
                return Err(BodyError::Charset(excerpt(shown)));
            }
        }
        let coding = self.content_encoding.unwrap_or_default().trim();
        if coding.is_empty() || coding.eq_ignore_ascii_case("identity") {
            Ok(())
        } else {
            Err(BodyError::Compressed(excerpt(coding)))
        }
    }
}

fn check_encoding(content: &[u8]) -> Result<(), BodyError> {
    match content {
        [] => return Err(BodyError::Empty),
        [0xef, 0xbb, 0xbf, ..] => return Err(BodyError::ByteOrderMark),
        // Byte order marks; or an ASCII character, with which JSON always begins, in more than a byte.
        [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0, ..] | [_, 0, ..] => {
            return Err(BodyError::WideCharacters);
        }
        _ => {}
    }
    match str::from_utf8(content) {
        Ok(text) if text.trim().is_empty() => Err(BodyError::Empty),
        Ok(_) => Ok(()),
        Err(error) => Err(BodyError::NotUtf8(error.valid_up_to() + 1)),
    }
}

/// Shortens the client's text to fit into a sentence.
fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DECLARE: &str = "Send JSON with the header `Content-Type: application/json`.";
        match self {
            Self::Undeclared => write!(f, "The request does not say what its body is. {DECLARE}"),
            Self::MediaType(media_type) => {
                write!(f, "The body is declared as `{media_type}`. {DECLARE}")
            }
            Self::Charset(charset) => write!(
                f,
                "The body is declared as `{charset}`. Encode it in UTF-8, and leave out `charset`."
            ),
            Self::Compressed(coding) => write!(
                f,
                "The body is compressed (`Content-Encoding: {coding}`). Send it as it is."
            ),
            Self::BrokenOff => f.write_str("The body ended early; send all of it."),
            Self::TooLarge => write!(f, "Send at most {MAX_LENGTH} bytes."),
            Self::Empty => f.write_str("The body is empty. Send a JSON object."),
            Self::ByteOrderMark => f.write_str(
                "The body begins with a byte order mark (EF BB BF). Send UTF-8 without one.",
            ),
            Self::WideCharacters => {
                f.write_str("The body is encoded in UTF-16 or UTF-32. Encode it in UTF-8.")
            }
            Self::NotUtf8(byte) => write!(
                f,
                "Byte {byte} of the body is not UTF-8. Encode the body in UTF-8, not in ISO-8859-1 or \
                 another encoding."
            ),
            Self::Json(error) => write!(f, "Fix the JSON: {error}."),
        }
    }
}

impl BodyError {
    /// The response.
    pub fn problem(&self) -> Problem {
        let (code, title) = match self {
            Self::Undeclared | Self::MediaType(_) | Self::Charset(_) | Self::Compressed(_) => {
                (ProblemCode::MediaTypeUnsupported, "Unsupported media type")
            }
            Self::TooLarge => (ProblemCode::BodyTooLarge, "Request body too large"),
            _ => (ProblemCode::BodyInvalid, "Invalid request body"),
        };
        Problem::new(code, title, self.to_string())
    }

    /// The header that says what is expected instead (RFC 9110, section 15.5.16).
    pub fn hint(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Compressed(_) => Some(("Accept-Encoding", "identity")),
            Self::Undeclared | Self::MediaType(_) | Self::Charset(_) => {
                Some(("Accept-Post", MEDIA_TYPE))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::api::DevSignIn;

    fn read(content_type: Option<&str>, content: &[u8]) -> Result<String, BodyError> {
        let body = Body {
            content_type,
            content_encoding: None,
            content: Some(content),
        };
        body.parse::<DevSignIn>().map(|signed_in| signed_in.user)
    }

    const JSON: Option<&str> = Some(MEDIA_TYPE);
    const GOOD: &[u8] = br#"{"user":"ada"}"#;

    #[test]
    fn body_must_be_declared_as_json_in_utf8() {
        for declared in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json; profile=x ; charset = utf8",
        ] {
            assert_eq!(
                read(Some(declared), GOOD).as_deref(),
                Ok("ada"),
                "{declared}"
            );
        }
        for (declared, part) in [
            (None, "does not say"),
            (Some(""), "does not say"),
            (Some(" ; charset=utf-8"), "does not say"),
            (Some("text/plain"), "`text/plain`"),
            (Some("text/json"), "`text/json`"),
            (
                Some("application/x-www-form-urlencoded"),
                "`application/x-www-form",
            ),
            (
                Some("multipart/form-data; boundary=x"),
                "`multipart/form-data`",
            ),
            (Some("application/merge-patch+json"), "+json`"),
            (
                Some("application/json, text/plain"),
                "`application/json, text/plain`",
            ),
            (Some("application/json; charset=ISO-8859-1"), "`ISO-8859-1`"),
            (Some("application/json; Charset=\"utf-16\""), "`utf-16`"),
            (Some("application/json; charset="), "`charset=`"),
            (Some("application/json;charset"), "`charset`"),
        ] {
            let error = read(declared, GOOD).unwrap_err();
            let problem = error.problem();
            assert_eq!(problem.status, 415, "{declared:?}");
            assert!(problem.detail.contains(part), "{}", problem.detail);
            assert_eq!(error.hint(), Some(("Accept-Post", "application/json")));
        }
        let compressed = Body {
            content_type: JSON,
            content_encoding: Some("gzip"),
            content: Some(GOOD),
        };
        let error = compressed.parse::<DevSignIn>().unwrap_err();
        assert_eq!(
            (error.problem().status, error.hint().is_some()),
            (415, true)
        );
    }

    #[test]
    fn each_mistake_in_a_body_has_its_answer() {
        let utf16 = |mark: &[u16], big: bool| -> Vec<u8> {
            let units = mark
                .iter()
                .copied()
                .chain("{\"user\":\"ada\"}".encode_utf16());
            units
                .flat_map(|unit| {
                    if big {
                        unit.to_be_bytes()
                    } else {
                        unit.to_le_bytes()
                    }
                })
                .collect()
        };
        let marked = [b"\xef\xbb\xbf", GOOD].concat();
        let too_long = vec![b' '; MAX_LENGTH + 1];
        for (content, status, part) in [
            (&b""[..], 400, "is empty"),
            (b" \r\n", 400, "is empty"),
            (&marked, 400, "byte order mark"),
            (&utf16(&[0xfeff], false), 400, "UTF-16"),
            (&utf16(&[0xfeff], true), 400, "UTF-16"),
            (&utf16(&[], false), 400, "UTF-16"),
            (&utf16(&[], true), 400, "UTF-16"),
            (
                b"{\"user\":\"J\xfcrgen\"}",
                400,
                "Byte 11 of the body is not UTF-8",
            ),
            (b"[\"ada\"]", 400, "a JSON object"),
            (b"\"ada\"", 400, "a JSON object"),
            (b"null", 400, "a JSON object"),
            (b"user=ada", 400, "Fix the JSON"),
            (b"{\"user\":\"ada\"", 400, "EOF"),
            (b"{\"user\":\"ada\",}", 400, "trailing comma"),
            (b"{'user':'ada'}", 400, "Fix the JSON"),
            (
                b"{\"user\":\"ada\",\"user\":\"vic\"}",
                400,
                "duplicate field `user`",
            ),
            (
                b"{\"user\":\"ada\",\"admin\":true}",
                400,
                "unknown field `admin`",
            ),
            (b"{\"user\":\"ada\"}{}", 400, "trailing characters"),
            (&too_long, 413, "at most 16384"),
        ] {
            let problem = read(JSON, content).unwrap_err().problem();
            assert_eq!(problem.status, status, "{content:?}");
            assert!(problem.detail.contains(part), "{}", problem.detail);
        }
        let broken = Body {
            content_type: JSON,
            content_encoding: None,
            content: None,
        };
        assert_eq!(broken.parse::<DevSignIn>(), Err(BodyError::BrokenOff));
    }
}
