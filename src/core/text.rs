//! Texts of others in lines of ours: in problems and in the log.
//!
//! A name, or what a provider says, may contain characters that break a line, that no screen shows, or
//! that turn the text after them around (UAX #9). In a line of ours they are written as escapes, so
//! the words around them read as we wrote them, and whoever wrote them can see them.
//!
//! Left out: the page, which shows names as they are and isolates them (`www/shared/names.js`).

use std::borrow::Cow;

/// Writes every character that would break, hide or reorder a line as `\u{…}`.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(disturbs) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if disturbs(character) {
            escaped.extend(character.escape_unicode());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Controls, line separators, the property `Bidi_Control`, and characters that nobody can see. Joiners
/// and variation selectors stay: words and emoji need them.
fn disturbs(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                // Tags, which can carry a hidden text.
                | '\u{e0000}'..='\u{e00ff}'
                | '\u{e01f0}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use icu_properties::{
        CodePointSetData,
        props::{BidiControl, DefaultIgnorableCodePoint, VariationSelector},
    };

    #[test]
    fn escaped_text_neither_breaks_nor_hides_nor_turns_a_line() {
        for (text, expected) in [
            ("ERP Data Sync", "ERP Data Sync"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\nb\0", "a\\u{a}b\\u{0}"),
            ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
            ("\u{2066}x\u{2069}\u{61c}", "\\u{2066}x\\u{2069}\\u{61c}"),
            ("\u{feff}\u{200b}\u{ad}", "\\u{feff}\\u{200b}\\u{ad}"),
            ("Überwachung שלום 👩‍🔧", "Überwachung שלום 👩‍🔧"),
        ] {
            assert_eq!(escaped(text), expected);
        }
        let controls = CodePointSetData::new::<BidiControl>();
        for character in controls.iter_ranges().flatten().filter_map(char::from_u32) {
            assert!(disturbs(character), "{character:?}");
        }
        let invisible = CodePointSetData::new::<DefaultIgnorableCodePoint>();
        let selectors = CodePointSetData::new::<VariationSelector>();
        for character in invisible.iter_ranges().flatten().filter_map(char::from_u32) {
            let stays = selectors.contains(character) || "\u{200c}\u{200d}".contains(character);
            assert_eq!(disturbs(character), !stays, "{character:?}");
        }
    }
}
