//! Natural sort order and search: "Sensor 2" comes before "sensor 10", and "uns" finds "UNS".
//!
//! Both ignore case, and the sort order compares runs of digits as numbers. Letters compare by code
//! point: sorting accented letters as each language does would take tables larger than the whole
//! module.

use std::{cmp::Ordering, iter::Peekable};

/// Compares two names in natural order.
pub fn natural(a: &str, b: &str) -> Ordering {
    let lower = |text: &str| {
        text.chars()
            .flat_map(char::to_lowercase)
            .collect::<Vec<_>>()
    };
    let (a, b) = (lower(a), lower(b));
    let mut a = a.into_iter().peekable();
    let mut b = b.into_iter().peekable();
    loop {
        let order = match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (number(&mut a), number(&mut b));
                // Without leading zeros, the longer number is greater.
                x.len().cmp(&y.len()).then_with(|| x.cmp(&y))
            }
            (None, None) => return Ordering::Equal,
            _ => a.next().cmp(&b.next()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Whether each of the words, which must be lowercase, occurs in one of the texts.
pub fn contain_all(texts: &[&str], words: &[String]) -> bool {
    let texts: Vec<String> = texts.iter().map(|text| lowercase(text)).collect();
    words
        .iter()
        .all(|word| texts.iter().any(|text| contains(text, word)))
}

/// `str::contains` is optimized for long texts and takes much more code.
fn contains(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    word.is_empty() || text.windows(word.len()).any(|part| part == word)
}

/// Lowercases each character by itself: `str::to_lowercase` also handles the Greek final sigma and
/// takes more code.
pub fn lowercase(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_ignores_case_and_compares_digits_as_numbers() {
        for pair in [
            ("", "a"),
            ("a", "B"),
            ("A", "b"),
            ("sensor 2", "Sensor 10"),
            ("Sensor 9", "sensor 10 b"),
            ("v1.9", "v1.10"),
            ("v1.9.10", "v1.10"),
            ("2", "a"),
            ("a 99999999999999999999998", "a 99999999999999999999999"),
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

    #[test]
    fn natural_is_a_total_order() {
        // Transitive and antisymmetric over all short texts of a few letters.
        let letters = ["", "a", "B", "0", "1", "9", " "];
        let mut texts = Vec::new();
        for x in letters {
            for y in letters {
                for z in letters {
                    texts.push(format!("{x}{y}{z}"));
                }
            }
        }
        texts.sort_by(|a, b| natural(a, b));
        for (index, a) in texts.iter().enumerate() {
            for b in texts.iter().skip(index) {
                assert_ne!(natural(a, b), Ordering::Greater, "{a:?} {b:?}");
            }
        }
    }
}
