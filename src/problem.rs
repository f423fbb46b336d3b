//! Problem details (RFC 9457): what every refusal of Patrol looks like.

use crate::rules::Rejection;
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

    /// The problem of a creation that breaks rules. The first rejection gives its code.
    pub fn from_rejections(rejections: &[Rejection]) -> Self {
        let errors: Vec<_> = rejections
            .iter()
            .map(|rejection| FieldError {
                field: rejection.field().name(),
                code: rejection.code(),
                detail: rejection.to_string(),
            })
            .collect();
        let first = errors.first();
        Self {
            field: first.map(|error| error.field),
            ..Self::new(
                first.map_or("body-invalid", |error| error.code),
                422,
                "The token cannot be created like this",
                first.map_or(String::new(), |error| error.detail.clone()),
            )
        }
        .with_errors(errors)
    }

    fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// The body.
    pub fn to_json(&self) -> String {
        // Strings and numbers only: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}
