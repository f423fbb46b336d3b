//! What the form and the list say to people.
//!
//! A message is a stable code with its values, so that a page can say it in any language, and
//! the same in English. The words of a broken rule are those of [`patrol::issue::rules`], so the
//! browser says what the origin would say. Times are told by how far away they are, as a pure
//! function of the two times; how a locale writes a number or a unit is the page's business
//! (`Intl.RelativeTimeFormat` takes the unit and the count as they are here).

use patrol::{
    issue::rules::{Lifetime, MAX_NAME_LENGTH, MAX_ORGANIZATIONS, Rejection},
    time::Timestamp,
};
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// A sentence, or a part of one that can stand in a cell of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Stable. `types.ts` lists all with their values; a refusal by the origin brings its own.
    pub code: Cow<'static, str>,
    /// What a translation puts into its text.
    #[serde(serialize_with = "object")]
    pub values: Vec<(&'static str, Value)>,
    /// English.
    pub text: String,
}

fn object<S: Serializer>(values: &[(&str, Value)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(values.iter().map(|(name, value)| (name, value)))
}

/// One value of a [`Message`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A word, a name or a time (RFC 3339 in UTC).
    Text(String),
    /// A count.
    Number(u64),
    /// Names, in the order in which they are to be told.
    List(Vec<String>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Self::Number(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Number(count)
    }
}

impl From<Vec<String>> for Value {
    fn from(names: Vec<String>) -> Self {
        Self::List(names)
    }
}

impl Message {
    /// A message without values.
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            values: Vec::new(),
            text: text.into(),
        }
    }

    /// The same with one more value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.values.push((name, value.into()));
        self
    }
}

/// A broken rule, in the rule's own words. The codes are finer than [`Rejection::code`], as
/// each of them needs a sentence of its own.
impl From<&Rejection> for Message {
    fn from(rejection: &Rejection) -> Self {
        let say = |code| Self::new(code, rejection.to_string());
        match rejection {
            Rejection::NameMissing => say("name-missing"),
            Rejection::NameTooLong { length } => say("name-too-long")
                .with("length", *length)
                .with("limit", MAX_NAME_LENGTH),
            Rejection::NameUnprintable => say("name-unprintable"),
            Rejection::Expiry => say("expiry-invalid").with(
                "choices",
                Lifetime::ALL
                    .map(|lifetime| lifetime.days().to_string())
                    .to_vec(),
            ),
            Rejection::OrganizationMissing => say("organization-missing"),
            Rejection::TooManyOrganizations => {
                say("organizations-too-many").with("limit", MAX_ORGANIZATIONS)
            }
            Rejection::OrganizationUnknown(id) => {
                say("organization-unknown").with("organization", id.as_str())
            }
            Rejection::ScopesMissing => say("scopes-missing"),
            Rejection::ScopesUnused => say("scopes-unused"),
            Rejection::ScopeUnknown(name) => say("scope-unknown").with("scope", name.as_str()),
            Rejection::ScopesExceedOwner(names) => {
                say("scopes-exceed-owner").with("scopes", patrol::http::api::owned(names.clone()))
            }
        }
    }
}

/// A refusal by the origin: as much of [`patrol::http::problem::Problem`] as a form can show.
/// Everything is optional, since a proxy in between may refuse in its own way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Stable.
    pub code: Option<String>,
    /// For people.
    pub title: Option<String>,
    /// For people, this time.
    pub detail: Option<String>,
    /// The member that is wrong.
    pub field: Option<String>,
    /// Every wrong member.
    pub errors: Vec<RefusedField>,
}

/// One wrong member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedField {
    /// The member's name.
    pub field: String,
    /// Stable.
    pub code: String,
    /// For people.
    pub detail: String,
}

impl From<&Refusal> for Message {
    fn from(refusal: &Refusal) -> Self {
        let text = refusal.detail.as_ref().or(refusal.title.as_ref());
        refused(
            refusal.code.as_deref().unwrap_or("refused"),
            text.map_or("The token was not created. Try again.", String::as_str),
        )
    }
}

impl From<&RefusedField> for Message {
    fn from(refused_field: &RefusedField) -> Self {
        refused(&refused_field.code, &refused_field.detail)
    }
}

fn refused(code: &str, text: &str) -> Message {
    Message {
        code: Cow::Owned(code.to_owned()),
        values: Vec::new(),
        text: text.to_owned(),
    }
}

/// "expires in 12 days", "expired 3 days ago": the end of a token that nobody revoked.
pub fn expires(now: Timestamp, at: Timestamp) -> Message {
    if now < at {
        match Distance::of(at.since(now)) {
            None => Message::new("expires-soon", "expires in less than a minute"),
            Some(left) => left.message("expires-in", format!("expires in {}", left.words())),
        }
    } else {
        match Distance::of(now.since(at)) {
            None => Message::new("expired-just-now", "expired just now"),
            Some(gone) => gone.message("expired-ago", format!("expired {} ago", gone.words())),
        }
    }
    .with("time", at.to_string().as_str())
}

/// "revoked 2 hours ago": the end of a token that its owner did not let expire.
pub fn revoked(now: Timestamp, at: Timestamp) -> Message {
    match Distance::of(now.since(at)) {
        None => Message::new("revoked-just-now", "revoked just now"),
        Some(gone) => gone.message("revoked-ago", format!("revoked {} ago", gone.words())),
    }
    .with("time", at.to_string().as_str())
}

/// "last used 3 h ago", "never".
pub fn last_used(now: Timestamp, at: Option<Timestamp>) -> Message {
    let Some(at) = at else {
        return Message::new("last-used-never", "never");
    };
    match Distance::of(now.since(at)) {
        None => Message::new("last-used-just-now", "last used just now"),
        Some(gone) => gone.message(
            "last-used-ago",
            format!("last used {} ago", gone.short_words()),
        ),
    }
    .with("time", at.to_string().as_str())
}

/// A length of time as people tell it: to the nearest whole unit, so that 30 days less a
/// second are "30 days". A day and a half is told in hours, as "2 days" would be half wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Distance {
    count: u64,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Minute,
    Hour,
    Day,
}

impl Unit {
    /// The name that `Intl.RelativeTimeFormat` knows.
    const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

impl Distance {
    /// None: less than a minute.
    fn of(seconds: u64) -> Option<Self> {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        let nearest = |unit: u64| seconds.saturating_add(unit / 2) / unit;
        let (count, unit) = match seconds {
            0..MINUTE => return None,
            _ if nearest(MINUTE) < 60 => (nearest(MINUTE), Unit::Minute),
            _ if nearest(HOUR) < 48 => (nearest(HOUR), Unit::Hour),
            _ => (nearest(patrol::time::DAY), Unit::Day),
        };
        Some(Self { count, unit })
    }

    fn words(self) -> String {
        let plural = if self.count == 1 { "" } else { "s" };
        format!("{} {}{plural}", self.count, self.unit.name())
    }

    fn short_words(self) -> String {
        match self.unit {
            Unit::Minute => format!("{} min", self.count),
            Unit::Hour => format!("{} h", self.count),
            Unit::Day => self.words(),
        }
    }

    fn message(self, code: &'static str, text: String) -> Message {
        Message::new(code, text)
            .with("count", self.count)
            .with("unit", self.unit.name())
    }
}

/// "a", "a and b", "a, b and c".
pub(crate) fn enumerate(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use patrol::time::DAY;

    const NOW: Timestamp = Timestamp::from_seconds(2_000_000_000);

    fn before(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(NOW.seconds() - seconds)
    }

    #[test]
    fn an_expiry_is_told_by_its_distance() {
        for (left, text) in [
            (1, "expires in less than a minute"),
            (59, "expires in less than a minute"),
            (60, "expires in 1 minute"),
            (89, "expires in 1 minute"),
            (90, "expires in 2 minutes"),
            (59 * 60 + 29, "expires in 59 minutes"),
            (59 * 60 + 30, "expires in 1 hour"),
            (90 * 60 - 1, "expires in 1 hour"),
            (90 * 60, "expires in 2 hours"),
            (5 * 3600, "expires in 5 hours"),
            (DAY, "expires in 24 hours"),
            (36 * 3600, "expires in 36 hours"),
            (2 * DAY - 1801, "expires in 47 hours"),
            (2 * DAY - 1800, "expires in 2 days"),
            (2 * DAY, "expires in 2 days"),
            (12 * DAY, "expires in 12 days"),
            (12 * DAY + DAY / 2 - 1, "expires in 12 days"),
            (30 * DAY - 1, "expires in 30 days"),
            (365 * DAY, "expires in 365 days"),
        ] {
            assert_eq!(expires(NOW, NOW.plus(left)).text, text, "{left}");
        }
        for (gone, text) in [
            (0, "expired just now"),
            (59, "expired just now"),
            (60, "expired 1 minute ago"),
            (3600, "expired 1 hour ago"),
            (3 * DAY, "expired 3 days ago"),
        ] {
            assert_eq!(expires(NOW, before(gone)).text, text, "{gone}");
        }
    }

    #[test]
    fn last_use_and_revocation_are_told_by_their_distance() {
        assert_eq!(last_used(NOW, None).text, "never");
        for (gone, used, ended) in [
            (0, "last used just now", "revoked just now"),
            (59, "last used just now", "revoked just now"),
            (60, "last used 1 min ago", "revoked 1 minute ago"),
            (3 * 3600, "last used 3 h ago", "revoked 3 hours ago"),
            (2 * DAY, "last used 2 days ago", "revoked 2 days ago"),
        ] {
            assert_eq!(last_used(NOW, Some(before(gone))).text, used);
            assert_eq!(revoked(NOW, before(gone)).text, ended);
        }
        // Another clock may be a little ahead.
        assert_eq!(last_used(NOW, Some(NOW.plus(5))).text, "last used just now");
    }

    #[test]
    fn a_message_carries_what_a_translation_needs() {
        let json = serde_json::to_value(expires(NOW, NOW.plus(12 * DAY))).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "code": "expires-in",
                "values": { "count": 12, "unit": "day", "time": "2033-05-30T03:33:20Z" },
                "text": "expires in 12 days",
            })
        );
    }

    #[test]
    fn a_broken_rule_has_a_code_of_its_own_and_the_words_of_the_rule() {
        let rejections = [
            Rejection::NameMissing,
            Rejection::NameTooLong { length: 300 },
            Rejection::NameUnprintable,
            Rejection::Expiry,
            Rejection::OrganizationMissing,
            Rejection::TooManyOrganizations,
            Rejection::OrganizationUnknown("initech".to_owned()),
            Rejection::ScopesMissing,
            Rejection::ScopesUnused,
            Rejection::ScopeUnknown("uns:fly".to_owned()),
            Rejection::ScopesExceedOwner(vec!["uns:read"]),
        ];
        let mut codes: Vec<_> = rejections
            .iter()
            .map(|rejection| {
                let message = Message::from(rejection);
                assert_eq!(message.text, rejection.to_string());
                message.code
            })
            .collect();
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), rejections.len());
    }

    #[test]
    fn names_are_told_as_people_do() {
        let names = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        for (list, text) in [
            (&[][..], ""),
            (&["a"], "a"),
            (&["a", "b"], "a and b"),
            (&["a", "b", "c"], "a, b and c"),
        ] {
            assert_eq!(enumerate(&names(list)), text);
        }
    }
}
