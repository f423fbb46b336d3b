//! The messages that the form and the list show.
//!
//! A message has a stable code, its values and an English text, so a page can translate it.
//! Rejections use the text of [`patrol::issue::rules`], so the browser and the origin say the
//! same. Times are relative, a pure function of the time and now. The page formats numbers and
//! units for its locale: `Intl.RelativeTimeFormat` takes `count` and `unit` unchanged.

use patrol::{
    issue::rules::{self, Lifetime, MAX_NAME_LENGTH, MAX_ORGANIZATIONS, Rejection},
    time::Timestamp,
};
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// A sentence, or a phrase that fits into a table cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserMessage {
    /// A stable code: one of `types.ts`, or an error code of the origin.
    pub code: Cow<'static, str>,
    /// The values that a translation inserts.
    #[serde(serialize_with = "object")]
    pub values: Vec<(&'static str, MessageValue)>,
    /// The English text.
    pub text: String,
}

fn object<S: Serializer>(
    values: &[(&str, MessageValue)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(values.iter().map(|(name, value)| (name, value)))
}

/// One value of a [`UserMessage`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum MessageValue {
    /// A word, a name or a time (RFC 3339 in UTC).
    Text(String),
    /// A number.
    Number(u64),
    /// Names in display order.
    List(Vec<String>),
}

impl From<&str> for MessageValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<usize> for MessageValue {
    fn from(count: usize) -> Self {
        Self::Number(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

impl From<u64> for MessageValue {
    fn from(count: u64) -> Self {
        Self::Number(count)
    }
}

impl From<Vec<String>> for MessageValue {
    fn from(names: Vec<String>) -> Self {
        Self::List(names)
    }
}

impl UserMessage {
    /// A message without values.
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            values: Vec::new(),
            text: text.into(),
        }
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<MessageValue>) -> Self {
        self.values.push((name, value.into()));
        self
    }
}

/// The codes are finer than [`Rejection::code`] because each needs its own translation.
impl From<&Rejection> for UserMessage {
    fn from(rejection: &Rejection) -> Self {
        let message = |code| Self::new(code, rejection.to_string());
        match rejection {
            Rejection::NameMissing => message("name-missing"),
            Rejection::NameTooLong { length } => message("name-too-long")
                .with("length", *length)
                .with("limit", MAX_NAME_LENGTH),
            Rejection::NameUnprintable { character } => message("name-unprintable")
                .with("character", rules::code_point(*character).as_str()),
            Rejection::NameInvisible => message("name-invisible"),
            Rejection::Expiry => message("expiry-invalid").with(
                "choices",
                Lifetime::ALL
                    .map(|lifetime| lifetime.days().to_string())
                    .to_vec(),
            ),
            Rejection::OrganizationMissing => message("organization-missing"),
            Rejection::TooManyOrganizations => {
                message("organizations-too-many").with("limit", MAX_ORGANIZATIONS)
            }
            Rejection::OrganizationUnknown(id) => {
                message("organization-unknown").with("organization", id.as_str())
            }
            Rejection::ScopesMissing => message("scopes-missing"),
            Rejection::ScopesUnused => message("scopes-unused"),
            Rejection::ScopeUnknown(name) => message("scope-unknown").with("scope", name.as_str()),
            Rejection::ScopesExceedOwner(names) => {
                message("scopes-exceed-owner").with("scopes", names.clone())
            }
        }
    }
}

/// An error response: the members of [`patrol::http::problem::Problem`] that a form can show. All
/// are optional because a proxy may send its own error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerProblem {
    /// A stable error code.
    pub code: Option<String>,
    /// The kind of error, in words.
    pub title: Option<String>,
    /// What was wrong with this request, in words.
    pub detail: Option<String>,
    /// The name of the request member that is wrong.
    pub field: Option<String>,
    /// All request members that are wrong.
    pub errors: Vec<ServerFieldError>,
}

/// One request member that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFieldError {
    /// The member's name.
    pub field: String,
    /// A stable error code.
    pub code: String,
    /// What is wrong, in words.
    pub detail: String,
}

impl From<&ServerProblem> for UserMessage {
    fn from(problem: &ServerProblem) -> Self {
        let text = problem.detail.as_ref().or(problem.title.as_ref());
        from_server(
            problem.code.as_deref().unwrap_or("refused"),
            text.map_or("The token was not created. Try again.", String::as_str),
        )
    }
}

impl From<&ServerFieldError> for UserMessage {
    fn from(error: &ServerFieldError) -> Self {
        from_server(&error.code, &error.detail)
    }
}

fn from_server(code: &str, text: &str) -> UserMessage {
    UserMessage {
        code: Cow::Owned(code.to_owned()),
        values: Vec::new(),
        text: text.to_owned(),
    }
}

/// "expires in 12 days" or "expired 3 days ago", for a token that is not revoked.
pub fn expires(now: Timestamp, at: Timestamp) -> UserMessage {
    if now < at {
        match RelativeTime::of(at.since(now)) {
            None => UserMessage::new("expires-soon", "expires in less than a minute"),
            Some(left) => left.message("expires-in", format!("expires in {}", left.words())),
        }
    } else {
        match RelativeTime::of(now.since(at)) {
            None => UserMessage::new("expired-just-now", "expired just now"),
            Some(ago) => ago.message("expired-ago", format!("expired {} ago", ago.words())),
        }
    }
    .with("time", at.to_string().as_str())
}

/// "revoked 2 hours ago"
pub fn revoked(now: Timestamp, at: Timestamp) -> UserMessage {
    match RelativeTime::of(now.since(at)) {
        None => UserMessage::new("revoked-just-now", "revoked just now"),
        Some(ago) => ago.message("revoked-ago", format!("revoked {} ago", ago.words())),
    }
    .with("time", at.to_string().as_str())
}

/// "last used 3 h ago" or "never"
pub fn last_used(now: Timestamp, at: Option<Timestamp>) -> UserMessage {
    let Some(at) = at else {
        return UserMessage::new("last-used-never", "never");
    };
    match RelativeTime::of(now.since(at)) {
        None => UserMessage::new("last-used-just-now", "last used just now"),
        Some(ago) => ago.message(
            "last-used-ago",
            format!("last used {} ago", ago.short_words()),
        ),
    }
    .with("time", at.to_string().as_str())
}

/// How long ago or ahead a time is, rounded to the nearest whole unit, so 30 days minus a second
/// are "30 days". Less than two days are shown in hours: "2 days" would be far off for a day and a
/// half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RelativeTime {
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
    /// The unit's name for `Intl.RelativeTimeFormat`.
    const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

impl RelativeTime {
    /// Returns `None` for less than a minute.
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

    fn message(self, code: &'static str, text: String) -> UserMessage {
        UserMessage::new(code, text)
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
    fn expires_rounds_to_the_nearest_unit() {
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
        for (ago, text) in [
            (0, "expired just now"),
            (59, "expired just now"),
            (60, "expired 1 minute ago"),
            (3600, "expired 1 hour ago"),
            (3 * DAY, "expired 3 days ago"),
        ] {
            assert_eq!(expires(NOW, before(ago)).text, text, "{ago}");
        }
    }

    #[test]
    fn last_used_and_revoked_round_to_the_nearest_unit() {
        assert_eq!(last_used(NOW, None).text, "never");
        for (ago, last_used_text, revoked_text) in [
            (0, "last used just now", "revoked just now"),
            (59, "last used just now", "revoked just now"),
            (60, "last used 1 min ago", "revoked 1 minute ago"),
            (3 * 3600, "last used 3 h ago", "revoked 3 hours ago"),
            (2 * DAY, "last used 2 days ago", "revoked 2 days ago"),
        ] {
            assert_eq!(last_used(NOW, Some(before(ago))).text, last_used_text);
            assert_eq!(revoked(NOW, before(ago)).text, revoked_text);
        }
        // The server's clock may be ahead.
        assert_eq!(last_used(NOW, Some(NOW.plus(5))).text, "last used just now");
    }

    #[test]
    fn message_carries_the_values_that_a_translation_needs() {
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
    fn message_of_a_rejection_has_its_own_code_and_the_text_of_the_rule() {
        let rejections = [
            Rejection::NameMissing,
            Rejection::NameTooLong { length: 300 },
            Rejection::NameUnprintable {
                character: '\u{2028}',
            },
            Rejection::NameInvisible,
            Rejection::Expiry,
            Rejection::OrganizationMissing,
            Rejection::TooManyOrganizations,
            Rejection::OrganizationUnknown("initech".to_owned()),
            Rejection::ScopesMissing,
            Rejection::ScopesUnused,
            Rejection::ScopeUnknown("uns:fly".to_owned()),
            Rejection::ScopesExceedOwner(vec!["uns:read".to_owned()]),
        ];
        let mut codes: Vec<_> = rejections
            .iter()
            .map(|rejection| {
                let message = UserMessage::from(rejection);
                assert_eq!(message.text, rejection.to_string());
                message.code
            })
            .collect();
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), rejections.len());
    }

    #[test]
    fn enumerate_joins_names_with_commas_and_and() {
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
