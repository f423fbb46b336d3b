//! Natural order and search: "Sensor 2" comes before "sensor 10", and "uns" finds "UNS".
//!
//! Both ignore case. Letters compare by code point: sorting accented letters as each language does
//! would take tables larger than the browser's whole module.

use std::iter::Peekable;

/// Texts in the order of their keys, byte by byte, are in natural order: case is ignored, and runs of
/// digits compare as numbers. Leading zeros do not count.
pub fn natural_key(text: &str) -> String {
    let mut key = String::new();
    let mut rest = text.chars().flat_map(char::to_lowercase).peekable();
    while let Some(next) = rest.peek().copied() {
        if next.is_ascii_digit() {
            let digits = number(&mut rest);
            // A digit, because other characters compare with a run as with a digit. Then the length,
            // because the longer number is greater.
            key.push('0');
            let length = u32::try_from(digits.len()).ok().and_then(char::from_u32);
            key.push(length.unwrap_or(char::MAX));
            key.push_str(&digits);
        } else {
            key.push(next);
            rest.next();
        }
    }
    key
}

/// Takes a run of digits and drops leading zeros. It may exceed any integer type.
fn number(text: &mut Peekable<impl Iterator<Item = char>>) -> String {
    let mut digits = String::new();
    while let Some(digit) = text.next_if(char::is_ascii_digit) {
        if digit != '0' || !digits.is_empty() {
            digits.push(digit);
        }
    }
    digits
}

/// Whether each of the words, which must be lowercase, occurs in one of the texts.
pub fn contain_all<'w>(texts: &[&str], words: impl IntoIterator<Item = &'w String>) -> bool {
    let texts: Vec<String> = texts.iter().map(|text| lowercase(text)).collect();
    words
        .into_iter()
        .all(|word| texts.iter().any(|text| contains(text, word)))
}

/// `str::contains` is optimized for long texts and takes much more code, which the browser would load.
fn contains(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    word.is_empty() || text.windows(word.len()).any(|part| part == word)
}

/// Lowercases each character by itself: `str::to_lowercase` also handles the Greek final sigma and
/// takes more code.
pub fn lowercase(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    #[test]
    fn natural_order_ignores_case_and_compares_digits_as_numbers() {
        let natural = |a: &str, b: &str| natural_key(a).cmp(&natural_key(b));
        for pair in [
            ("", "a"),
            ("a", "B"),
            ("A", "b"),
            ("sensor 2", "Sensor 10"),
            ("Sensor 9", "sensor 10 b"),
            ("v1.9", "v1.10"),
            ("v1.9.10", "v1.10"),
            ("2", "a"),
            ("!", "2"),
            ("2", ":"),
            ("0", "1"),
            ("1", "1 "),
            ("1a", "2"),
            ("a 99999999999999999999998", "a 99999999999999999999999"),
            (&"9".repeat(254), &"1".repeat(255)),
            ("zebra", "Ärger"),
        ] {
            assert_eq!(natural(pair.0, pair.1), Ordering::Less, "{pair:?}");
            assert_eq!(natural(pair.1, pair.0), Ordering::Greater, "{pair:?}");
        }
        for pair in [
            ("", ""),
            ("ABC", "abc"),
            ("Ä", "ä"),
            ("007", "7"),
            ("0", "000"),
        ] {
            assert_eq!(natural(pair.0, pair.1), Ordering::Equal, "{pair:?}");
        }
    }
}
