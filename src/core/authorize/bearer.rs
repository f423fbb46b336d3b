//! The `Authorization` header (RFC 6750, section 2.1).

/// Why a header contains no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BearerError {
    /// No header, or another scheme.
    Missing,
    /// `Bearer` is not followed by exactly one token. Two headers count as malformed too: the
    /// runtime joins them with a comma.
    Malformed,
}

/// Extracts the token from the header's value. The scheme is case-insensitive (RFC 9110, section
/// 11.1).
///
/// # Errors
/// [`BearerError`].
pub fn parse(header: Option<&str>) -> Result<&str, BearerError> {
    // Only the white space that may surround a header's value (RFC 9110, section 5.5).
    let header = header.unwrap_or_default().trim_matches([' ', '\t']);
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(BearerError::Missing);
    }
    let token = rest.trim_start_matches(' ');
    // Faster than stopping at the first invalid byte.
    let is_b64token = token
        .bytes()
        .fold(true, |all, byte| all & IN_TOKENS[usize::from(byte)]);
    if token.is_empty() || !is_b64token {
        return Err(BearerError::Malformed);
    }
    Ok(token)
}

/// The bytes of a `b64token`. A table, because this loop is most of the work for a cached token.
const IN_TOKENS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let letter = byte as u8;
        table[byte] = letter.is_ascii_alphanumeric()
            || matches!(letter, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_accepts_bearer_and_one_token() {
        for (header, expected) in [
            (Some("Bearer patrol_a.b-c_d"), Ok("patrol_a.b-c_d")),
            (Some("bearer   x "), Ok("x")),
            (Some("BEARER x"), Ok("x")),
            (Some("\t Bearer x \t"), Ok("x")),
            (None, Err(BearerError::Missing)),
            (Some(""), Err(BearerError::Missing)),
            (Some("Basic YTpi"), Err(BearerError::Missing)),
            (Some("Bearerx y"), Err(BearerError::Missing)),
            (Some("Bearer"), Err(BearerError::Malformed)),
            (Some("Bearer  "), Err(BearerError::Malformed)),
            (Some("Bearer a b"), Err(BearerError::Malformed)),
            (Some("Bearer a, Bearer b"), Err(BearerError::Malformed)),
            (Some("Bearer \"a\""), Err(BearerError::Malformed)),
            (Some("Bearer \u{c}x"), Err(BearerError::Malformed)),
            (Some("Bearer x\u{c}"), Err(BearerError::Malformed)),
            (Some("Bearer \tx"), Err(BearerError::Malformed)),
            (Some("Bearer x\n"), Err(BearerError::Malformed)),
            (Some("Bearer x\u{b}"), Err(BearerError::Malformed)),
            (Some("Bearer x\u{a0}"), Err(BearerError::Malformed)),
            (Some("\u{c}Bearer x"), Err(BearerError::Missing)),
        ] {
            assert_eq!(parse(header), expected, "{header:?}");
        }
    }
}
