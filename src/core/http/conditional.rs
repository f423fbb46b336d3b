//! Conditional requests: whether a client has the current representation already.
//!
//! `If-None-Match` is compared weakly (RFC 9110, sections 8.8.3.2 and 13.1.2), so it does not matter
//! which of the two sides calls its tag weak. `If-Modified-Since` is not read: where the first is
//! present it must be ignored (section 13.1.3), and nothing here has a `Last-Modified`.

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

/// What identifies a content among all others, for its entity-tag.
pub fn content_tag(content: &str) -> String {
    Base64UrlUnpadded::encode_string(&Sha256::digest(content))
}

/// Whether the header `If-None-Match` names the representation with this entity-tag. Then a GET or HEAD
/// gets a 304. What is no list of entity-tags names nothing.
pub fn is_current(if_none_match: &str, tag: &str) -> bool {
    const SEPARATORS: [char; 3] = [' ', '\t', ','];
    let opaque = |tag| str::strip_prefix(tag, "W/").unwrap_or(tag);
    let own = opaque(tag);
    let mut rest = if_none_match.trim_matches(SEPARATORS);
    if rest == "*" {
        return true;
    }
    // A tag may contain a comma, so the list is read tag by tag.
    while let Some((content, after)) = opaque(rest)
        .strip_prefix('"')
        .and_then(|quoted| quoted.split_once('"'))
    {
        if own.strip_prefix('"').and_then(|own| own.strip_suffix('"')) == Some(content) {
            return true;
        }
        rest = after.trim_start_matches(SEPARATORS);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tags_are_compared_weakly() {
        for (tag, header, expected) in [
            // RFC 9110, section 8.8.3.2.
            ("W/\"1\"", "W/\"1\"", true),
            ("W/\"1\"", "W/\"2\"", false),
            ("W/\"1\"", "\"1\"", true),
            ("\"1\"", "\"1\"", true),
            ("\"1\"", "W/\"1\"", true),
            ("\"1\"", "*", true),
            ("\"1\"", " * ", true),
            ("\"1\"", "\"0\", W/\"1\"", true),
            ("\"1\"", "\"0\",\"1\"", true),
            ("\"1\"", ",, \"0\" ,\t\"1\",", true),
            ("\"a,b\"", "\"x\", \"a,b\"", true),
            ("\"b\"", "\"a,\", \"b\"", true),
            ("\"b\"", "\"a, b\"", false),
            ("\"\"", "\"\"", true),
            ("\"1\"", "", false),
            ("\"1\"", "1", false),
            ("\"1\"", "\"1", false),
            ("\"1\"", "w/\"1\"", false),
            ("\"1\"", "\"0\", *", false),
            ("\"1\"", "\"10\"", false),
            ("\"1\"", "\"01\"", false),
            ("\"*\"", "\"1\"", false),
        ] {
            assert_eq!(is_current(header, tag), expected, "{tag} {header}");
        }
    }
}
