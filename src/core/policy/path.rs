//! The spelling of a path: one for each path, so that the upstream reads what was judged.
//!
//! [`normalize`] decodes what needs no escape, as every server does. It refuses what servers read
//! in two ways: empty segments and dot segments, `\` and `;`, an escaped slash, bytes that are not
//! UTF-8 (some servers read `%c0%af` as a slash), an escape within an escape (some servers decode
//! twice). A raw tail holds names with such characters, and nothing in it is changed; only what
//! could lead out of its folder is refused ([`check_raw_tail`]).

use std::{borrow::Cow, fmt, str};

/// Why a path is refused: the part to blame, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathError {
    /// The part, shortened to [`MAX_PART`] characters.
    part: String,
    fault: PathFault,
}

/// The longest part of a path that an error repeats, in characters.
const MAX_PART: usize = 64;

/// What is wrong with a part of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathFault {
    /// Two slashes in a row.
    EmptySegment,
    /// A slash at the end.
    FinalSlash,
    /// A raw tail of nothing but slashes.
    EmptyTail,
    /// `.` or `..`, in any spelling.
    DotSegment,
    /// `;` outside of a raw tail. Some servers cut a segment there.
    Semicolon,
    /// `%2F` outside of a raw tail.
    EscapedSlash,
    /// `\`, which some servers read as a slash.
    Backslash,
    /// A control character.
    Control,
    /// `%` without two hexadecimal digits.
    InvalidEscape,
    /// An escape that decodes to another escape.
    EscapedTwice,
    /// Escaped bytes that are not UTF-8.
    NotUtf8,
    /// A character that must be escaped (RFC 3986, section 3.3).
    Unescaped,
    /// A path that another proxy forwards, in another spelling than the normal one.
    NotNormal,
}

impl PathError {
    fn new(fault: PathFault, part: &str) -> Self {
        Self {
            part: part.chars().take(MAX_PART).collect(),
            fault,
        }
    }

    /// The error for a path that should have been sent as `normal`.
    pub(crate) fn not_normal(normal: &str) -> Self {
        Self::new(PathFault::NotNormal, normal)
    }

    /// What is wrong.
    pub fn fault(&self) -> PathFault {
        self.fault
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = &self.part;
        match self.fault {
            PathFault::EmptySegment => {
                write!(
                    f,
                    "The path has an empty segment in `{part}`. Remove one slash."
                )
            }
            PathFault::FinalSlash => f.write_str("Remove the slash at the end of the path."),
            PathFault::EmptyTail => {
                write!(
                    f,
                    "`{part}` at the end of the path names nothing. Write a name there."
                )
            }
            PathFault::DotSegment => write!(
                f,
                "The path has the segment `{part}`. Write the path that it leads to."
            ),
            PathFault::Semicolon => write!(
                f,
                "The path has `{part}`. Remove it: this route takes no names with a semicolon."
            ),
            PathFault::EscapedSlash => write!(
                f,
                "The path has the escaped slash `{part}`. Write `/`, or a name without a slash."
            ),
            PathFault::Backslash => {
                write!(f, "The path has the backslash `{part}`. Write `/`.")
            }
            PathFault::Control => {
                write!(f, "The path has the control character `{part}`. Remove it.")
            }
            PathFault::InvalidEscape => write!(
                f,
                "The path has `{part}`, which is no escape. Write `%25` for a percent sign."
            ),
            PathFault::EscapedTwice => write!(
                f,
                "The path has `{part}`, which is escaped twice. Escape it once."
            ),
            PathFault::NotUtf8 => write!(
                f,
                "The path has `{part}`, which is not UTF-8. Escape the bytes of UTF-8 text."
            ),
            PathFault::Unescaped => {
                write!(f, "The path has `{part}`. Write `")?;
                for byte in part.bytes() {
                    write!(f, "%{byte:02X}")?;
                }
                f.write_str("`.")
            }
            PathFault::NotNormal => write!(
                f,
                "The proxy forwards the path as it was sent. Send it as `{part}`."
            ),
        }
    }
}

/// Decodes escapes of unreserved characters (RFC 3986, section 6.2.2.2), and checks the result. The
/// path begins after its first slash.
pub(super) fn normalize(path: &str) -> Result<Cow<'_, str>, PathError> {
    let normal = decode_unreserved(path);
    check(&normal)?;
    Ok(normal)
}

/// Decodes escapes of unreserved characters, which servers treat like the characters themselves.
pub(super) fn decode_unreserved(path: &str) -> Cow<'_, str> {
    let mut rest = path;
    let mut decoded = String::new();
    let mut copied = 0;
    while let Some(at) = rest.find('%') {
        let (_, escape) = rest.split_at(at);
        let byte = decode_hex(escape.as_bytes().get(1..3).unwrap_or_default());
        let start = path.len() - escape.len();
        let after = match byte {
            Some(byte) if is_unreserved(byte) => {
                decoded.push_str(path.get(copied..start).unwrap_or_default());
                decoded.push(char::from(byte));
                copied = start + 3;
                copied
            }
            _ => start + 1,
        };
        rest = path.get(after..).unwrap_or_default();
    }
    if copied == 0 {
        return Cow::Borrowed(path);
    }
    decoded.push_str(path.get(copied..).unwrap_or_default());
    Cow::Owned(decoded)
}

/// Checks a normalized path, after its first slash.
fn check(path: &str) -> Result<(), PathError> {
    if !path.bytes().all(is_plain) {
        check_escapes(path)?;
    }
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let (fault, part) = match segment {
            "" if segments.peek().is_none() => (PathFault::FinalSlash, "/"),
            "" => (PathFault::EmptySegment, "//"),
            "." | ".." => (PathFault::DotSegment, segment),
            _ => continue,
        };
        return Err(PathError::new(fault, part));
    }
    Ok(())
}

/// Whether the byte may stand anywhere in a path and means nothing else. Most paths have only such
/// bytes.
const fn is_plain(byte: u8) -> bool {
    matches!(
        byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b'@'
            | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'='
    )
}

/// Checks the characters of a normalized path.
fn check_escapes(path: &str) -> Result<(), PathError> {
    check_characters(path, |byte, part| match byte {
        b';' => Some((PathFault::Semicolon, part)),
        b'/' if part != "/" => Some((PathFault::EscapedSlash, part)),
        b'\\' => Some((PathFault::Backslash, part)),
        _ => None,
    })?;
    // An escaped percent sign must not begin another escape.
    for (at, _) in path.match_indices("%25") {
        let part = path.get(at..).unwrap_or_default();
        let mut next = part.bytes().skip(3);
        let is_escape = match (next.next(), next.next()) {
            (Some(b'u' | b'U'), _) => true,
            (Some(high), Some(low)) => decode_hex(&[high, low]).is_some(),
            _ => false,
        };
        if is_escape {
            let part = part.get(..5).unwrap_or(part);
            return Err(PathError::new(PathFault::EscapedTwice, part));
        }
    }
    Ok(())
}

/// Checks the tail of a path that goes on as it was sent. Servers split it at slashes and
/// backslashes, cut pieces at semicolons, and decode it once or more; whatever they do, no piece
/// may be a dot segment.
pub(super) fn check_raw_tail(tail: &str) -> Result<(), PathError> {
    if tail.is_empty() {
        return Err(PathError::new(PathFault::FinalSlash, "/"));
    }
    check_characters(tail, |byte, part| {
        // Unescaped, it would not be forwarded as it was sent.
        (byte == b'\\' && part == "\\").then_some((PathFault::Backslash, part))
    })?;
    let mut text = Cow::Borrowed(tail);
    for _ in 0..MAX_ROUNDS {
        for piece in text.split(['/', '\\']) {
            let name = piece.split(';').next().unwrap_or_default();
            if matches!(name, "." | "..") {
                return Err(PathError::new(PathFault::DotSegment, piece));
            }
        }
        if text.contains(|character: char| character.is_ascii_control()) {
            return Err(PathError::new(PathFault::Control, tail));
        }
        match decode_once(&text) {
            Some(decoded) => text = Cow::Owned(decoded),
            None if text
                .chars()
                .all(|character| matches!(character, '/' | '\\')) =>
            {
                return Err(PathError::new(PathFault::EmptyTail, tail));
            }
            None => return Ok(()),
        }
    }
    Err(PathError::new(PathFault::EscapedTwice, tail))
}

/// How often a raw tail is decoded. No server does it more than twice.
const MAX_ROUNDS: usize = 5;

/// Decodes every escape. `None`: there is none.
fn decode_once(text: &str) -> Option<String> {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = unescape(rest).unwrap_or((*first, after));
        decoded.push(byte);
        rest = after;
    }
    (decoded.len() != text.len()).then(|| String::from_utf8_lossy(&decoded).into_owned())
}

/// Decodes the escape at the start, also one in the form `%u002e` of some servers, where only ASCII
/// matters. Returns the byte and what comes after it.
fn unescape(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'%', b'u' | b'U', a, b, c, d, after @ ..] => {
            let (high, low) = (decode_hex(&[*a, *b])?, decode_hex(&[*c, *d])?);
            Some((if high == 0 { low } else { b'?' }, after))
        }
        [b'%', high, low, after @ ..] => Some((decode_hex(&[*high, *low])?, after)),
        _ => None,
    }
}

/// Whether a segment, decoded, is this text.
pub(crate) fn decodes_to(segment: &str, text: &str) -> bool {
    match decode_once(segment) {
        Some(decoded) => decoded == text,
        None => segment == text,
    }
}

/// Checks each character of a path, decoded: an escape must be one, characters must be allowed to
/// stand there, escaped bytes must be UTF-8. `refuse` gets a byte and the text that stands for it,
/// and adds rules.
fn check_characters<'a>(
    path: &'a str,
    refuse: impl Fn(u8, &'a str) -> Option<(PathFault, &'a str)>,
) -> Result<(), PathError> {
    let mut sequence = Utf8Sequence::default();
    let mut sequence_start = 0;
    let mut at = 0;
    while let Some(byte) = path.as_bytes().get(at).copied() {
        let (decoded, length) = if byte == b'%' {
            let digits = path.as_bytes().get(at + 1..at + 3).unwrap_or_default();
            let Some(decoded) = decode_hex(digits) else {
                let part = path.get(at..).unwrap_or_default();
                let part: String = part.chars().take(3).collect();
                return Err(PathError::new(PathFault::InvalidEscape, &part));
            };
            (decoded, 3)
        } else {
            (byte, 1)
        };
        // Where a character beyond ASCII begins, so does its first byte.
        let part = path.get(at..at + length).unwrap_or_else(|| {
            let rest = path.get(at..).unwrap_or_default();
            let first = rest.chars().next().map_or(0, char::len_utf8);
            rest.get(..first).unwrap_or_default()
        });
        let fault = if decoded.is_ascii_control() {
            Some((PathFault::Control, part))
        } else if length == 1 && matches!(decoded, b' ' | b'?' | b'#' | 0x80..) {
            Some((PathFault::Unescaped, part))
        } else {
            refuse(decoded, part)
        };
        if let Some((fault, part)) = fault {
            return Err(PathError::new(fault, part));
        }
        if sequence.is_complete() {
            sequence_start = at;
        }
        at += length;
        if !sequence.push(decoded) {
            let part = path.get(sequence_start..at).unwrap_or_default();
            return Err(PathError::new(PathFault::NotUtf8, part));
        }
    }
    if sequence.is_complete() {
        return Ok(());
    }
    let part = path.get(sequence_start..).unwrap_or_default();
    Err(PathError::new(PathFault::NotUtf8, part))
}

/// The bytes so far of a character beyond ASCII.
#[derive(Default)]
struct Utf8Sequence {
    bytes: [u8; 4],
    count: usize,
}

impl Utf8Sequence {
    /// Adds a byte. Returns `false` if the sequence is not UTF-8.
    fn push(&mut self, byte: u8) -> bool {
        if byte.is_ascii() {
            return self.is_complete();
        }
        let Some(slot) = self.bytes.get_mut(self.count) else {
            return false;
        };
        *slot = byte;
        self.count += 1;
        match str::from_utf8(self.bytes.get(..self.count).unwrap_or_default()) {
            Ok(_) => {
                self.count = 0;
                true
            }
            // Without a length the sequence is only incomplete.
            Err(error) => error.error_len().is_none(),
        }
    }

    fn is_complete(&self) -> bool {
        self.count == 0
    }
}

/// Whether the character is unreserved (RFC 3986, section 2.3): escaped or not, it means the same.
pub(super) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Decodes two hexadecimal digits.
fn decode_hex(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    Some(digit(high)? << 4 | digit(low)?)
}
