//! Order and search as people expect them: "Sensor 2" before "sensor 10", and "uns" finds "UNS".
//!
//! Case does not count, and in the order of names a run of digits counts as a number. Letters go by their code
//! points; how a language sorts its accents would need tables that are larger than all of
//! this module.

use std::{cmp::Ordering, iter::Peekable};

/// Compares two names.
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
                // Without leading zeros the longer one is the greater.
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

/// Is every word in one of the texts? The words are in lower case. No words: yes.
pub fn finds(words: &[String], texts: &[&str]) -> bool {
    let texts: Vec<String> = texts.iter().map(|text| lower(text)).collect();
    words
        .iter()
        .all(|word| texts.iter().any(|text| contains(text, word)))
}

/// The search of the standard library is quick in long texts, and large.
fn contains(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    word.is_empty() || text.windows(word.len()).any(|part| part == word)
}

/// In lower case, letter by letter.
pub fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Takes a run of digits, without leading zeros. It may be longer than any integer.
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
    fn names_sort_as_people_expect() {
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
    fn the_order_is_one() {
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
        for (at, a) in texts.iter().enumerate() {
            for b in texts.iter().skip(at) {
                assert_ne!(natural(a, b), Ordering::Greater, "{a:?} {b:?}");
            }
        }
    }
}
