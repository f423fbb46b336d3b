//! Problem details (RFC 9457): what every refusal of Patrol looks like.

use crate::issue::rules::Rejection;
use serde::Serialize;
use std::borrow::Cow;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A name of the kind of problem; docs/API.md lists them.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for every problem of the kind.
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What is wrong this time, and what helps.
    pub detail: Cow<'static, str>,
    /// Stable, for programs.
    pub code: &'static str,
    /// The member of the request that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'static str>,
    /// Every wrong member, when members are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// One wrong member of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The member.
    pub field: &'static str,
    /// As in [`Problem::code`].
    pub code: &'static str,
    /// As in [`Problem::detail`].
    pub detail: String,
}

impl FieldError {
    /// What a rule has against the member.
    pub fn new(field: &'static str, rejection: &Rejection) -> Self {
        Self {
            field,
            code: rejection.code(),
            detail: rejection.to_string(),
        }
    }
}

impl Problem {
    /// A problem that is about the request as a whole.
    pub fn new(
        code: &'static str,
        status: u16,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind: format!("urn:patrol:problem:{code}"),
            title,
            status,
            detail: detail.into(),
            code,
            field: None,
            errors: Vec::new(),
        }
    }

    /// The problem of a creation that breaks rules.
    pub fn from_rejections(rejections: &[Rejection]) -> Self {
        let error = |rejection: &Rejection| FieldError::new(rejection.field().name(), rejection);
        let errors = rejections.iter().map(error).collect();
        Self::of_members("The token cannot be created like this", errors)
    }

    /// The problem of wrong members. The first gives its code.
    pub fn of_members(title: &'static str, errors: Vec<FieldError>) -> Self {
        let first = errors.first();
        let code = first.map_or("body-invalid", |error| error.code);
        let detail = first.map_or(String::new(), |error| error.detail.clone());
        Self {
            field: first.map(|error| error.field),
            errors,
            ..Self::new(code, 422, title, detail)
        }
    }

    /// The body.
    pub fn to_json(&self) -> String {
        // Strings and numbers only: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wrong_member_gives_a_problem_its_code_and_all_are_listed() {
        let problem = Problem::from_rejections(&[Rejection::Expiry, Rejection::NameMissing]);
        assert_eq!((problem.status, problem.code), (422, "expiry-invalid"));
        assert_eq!(problem.field, Some("expires_in_days"));
        let fields: Vec<_> = problem.errors.iter().map(|error| error.field).collect();
        assert_eq!(fields, ["expires_in_days", "name"]);
        assert_eq!(problem.detail, problem.errors[0].detail);
    }
}
