//! Problem details (RFC 9457): the body of every refusal.
//!
//! [`ProblemCode`] lists every code that a Worker can send, so a new one cannot be sent before it
//! has a name and a status here. `docs/API.md` documents each of them, and a test compares the
//! two. Titles and details belong to the code that refuses. Details may quote what others wrote, which
//! is escaped here ([`crate::text`]).

use crate::{ids::TokenId, text};
use serde::{Serialize, Serializer};
use std::{borrow::Cow, fmt::Write as _};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! problem_codes {
    ($($code:ident = $name:literal, $status:literal;)+) => {
        /// The kind of a problem: stable, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemCode {
            $(#[doc = concat!("`", $name, "`, with status ", stringify!($status))] $code,)+
        }

        impl ProblemCode {
            /// Every code, in the order of `docs/API.md`.
            pub const ALL: &[Self] = &[$(Self::$code,)+];

            /// The code as it is sent.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)+
                }
            }

            /// The HTTP status of every problem with this code.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$code => $status,)+
                }
            }
        }
    };
}

problem_codes! {
    TokenMissing = "token-missing", 401;
    TokenMalformed = "token-malformed", 401;
    SignatureInvalid = "signature-invalid", 401;
    TokenExpired = "token-expired", 401;
    TokenNotYetValid = "token-not-yet-valid", 401;
    TokenRevoked = "token-revoked", 401;
    TokenSuspended = "token-suspended", 401;
    OrganizationRequired = "organization-required", 400;
    OrganizationMismatch = "organization-mismatch", 403;
    RouteUnknown = "route-unknown", 403;
    ScopeInsufficient = "scope-insufficient", 403;
    RevocationUnavailable = "revocation-unavailable", 503;
    UpstreamUnreachable = "upstream-unreachable", 502;
    UpstreamTimeout = "upstream-timeout", 504;
    TooManyStreams = "too-many-streams", 503;
    OriginUnreachable = "origin-unreachable", 502;
    NotReady = "not-ready", 503;
    ForwardedMissing = "forwarded-missing", 400;
    ForwardedInvalid = "forwarded-invalid", 400;
    HeaderRefused = "header-refused", 400;
    SessionRequired = "session-required", 401;
    UserChanged = "user-changed", 409;
    OriginForbidden = "origin-forbidden", 403;
    NameInvalid = "name-invalid", 422;
    ExpiryInvalid = "expiry-invalid", 422;
    OrganizationUnknown = "organization-unknown", 422;
    ScopesInvalid = "scopes-invalid", 422;
    ScopesExceedOwner = "scopes-exceed-owner", 422;
    TokenTooLong = "token-too-long", 422;
    TokenLimitReached = "token-limit-reached", 409;
    AlreadyCreated = "already-created", 409;
    IdempotencyKeyInvalid = "idempotency-key-invalid", 400;
    UserUnknown = "user-unknown", 422;
    AccountDisabled = "account-disabled", 403;
    SignInFailed = "sign-in-failed", 400;
    ProviderUnavailable = "provider-unavailable", 502;
    AssertionRejected = "assertion-rejected", 401;
    RateLimited = "rate-limited", 429;
    ParameterInvalid = "parameter-invalid", 400;
    BodyInvalid = "body-invalid", 400;
    BodyTooLarge = "body-too-large", 413;
    MediaTypeUnsupported = "media-type-unsupported", 415;
    NotFound = "not-found", 404;
    MethodNotAllowed = "method-not-allowed", 405;
    TimeNotSupported = "time-not-supported", 501;
    Internal = "internal", 500;
}

impl Serialize for ProblemCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The JSON body of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A URN that contains the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// Does not vary between two occurrences (RFC 9457, section 3.1.4).
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request, and how to fix it.
    pub detail: Cow<'static, str>,
    /// For programs.
    pub code: ProblemCode,
    /// The first invalid member, parameter or header of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<Cow<'static, str>>,
    /// Every invalid member, parameter or header; empty if the problem is not about one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The token that the request would have created again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<TokenId>,
}

/// One invalid member, parameter or header of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Its name.
    pub field: Cow<'static, str>,
    /// The code that the problem would have if this were the only error.
    pub code: ProblemCode,
    /// What is wrong, and how to fix it.
    pub detail: String,
}

impl Problem {
    /// A problem with the request as a whole.
    pub fn new(
        code: ProblemCode,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        let detail = match detail.into() {
            Cow::Borrowed(own) => Cow::Borrowed(own),
            Cow::Owned(text) => Cow::Owned(text::escaped(&text).into_owned()),
        };
        Self {
            kind: format!("urn:patrol:problem:{}", code.as_str()),
            title,
            status: code.status(),
            detail,
            code,
            field: None,
            errors: Vec::new(),
            id: None,
        }
    }

    /// A problem with members, parameters or headers of the request. The first error names the problem: its
    /// code, detail and field.
    pub fn of_fields(mut errors: Vec<FieldError>) -> Self {
        for error in &mut errors {
            error.detail = text::escaped(&error.detail).into_owned();
        }
        let first = errors.first();
        let code = first.map_or(ProblemCode::BodyInvalid, |error| error.code);
        let detail = first.map_or(String::new(), |error| error.detail.clone());
        Self {
            field: first.map(|error| error.field.clone()),
            errors,
            ..Self::new(code, "Invalid request", detail)
        }
    }

    /// The response body.
    pub fn to_json(&self) -> String {
        // It holds only strings and numbers: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The same JSON as a header's value: ASCII on one line.
    pub fn to_ascii_json(&self) -> String {
        let mut ascii = String::new();
        for character in self.to_json().chars() {
            if matches!(character, ' '..='~') {
                ascii.push(character);
            } else {
                // Only strings contain other characters, and there every character may be escaped.
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(ascii, "\\u{unit:04x}");
                }
            }
        }
        ascii
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_does_not_turn_a_detail_around() {
        let wrong = "unknown field `a\u{202e}b\u{2028}`".to_owned();
        let escaped = "unknown field `a\\u{202e}b\\u{2028}`";
        let problem = Problem::new(ProblemCode::BodyInvalid, "Invalid", wrong.clone());
        assert_eq!(problem.detail, escaped);
        let problem = Problem::of_fields(vec![FieldError {
            field: "name".into(),
            code: ProblemCode::NameInvalid,
            detail: wrong,
        }]);
        assert_eq!(problem.detail, escaped);
        assert_eq!(problem.errors[0].detail, escaped);
    }
}
