//! Answers: JSON, problems, and what every one of them carries.

use patrol::{
    authorize::decision::{CHALLENGE, Denial},
    http::problem::{MEDIA_TYPE, Problem},
    policy::POLICY,
    quota::QuotaExceeded,
};
use serde::Serialize;
use worker::{Error, Response, Result};

/// Why a request is not answered as asked.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The caller can mend it.
    Problem(Problem),
    /// An access token is not good enough.
    Denial(Denial),
    /// Too often.
    QuotaExceeded(QuotaExceeded),
    /// The address exists, but not for this method.
    MethodNotAllowed {
        /// The methods that it knows.
        allow: &'static str,
    },
    /// We have to mend it; the caller learns no more than that.
    Internal(Error),
}

/// What a handler gives.
pub(crate) type Outcome<T = Response> = std::result::Result<T, Refusal>;

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Internal(error)
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self::Denial(denial)
    }
}

impl From<QuotaExceeded> for Refusal {
    fn from(exceeded: QuotaExceeded) -> Self {
        Self::QuotaExceeded(exceeded)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Refusal {
    pub(crate) fn not_found() -> Self {
        Problem::new(
            "not-found",
            404,
            "There is no such thing",
            "Check the address; a token is found by its owner only.",
        )
        .into()
    }

    /// The body is not what it should be, for a reason in words.
    pub(crate) fn body_invalid(detail: String) -> Self {
        Problem::new("body-invalid", 400, "The body cannot be read", detail).into()
    }

    pub(crate) fn unexpected(what: &str) -> Self {
        Self::Internal(Error::RustError(format!("unexpected: {what}")))
    }
}

/// A private answer: nothing on the way may keep it.
pub(crate) fn json<T: Serialize>(status: u16, body: &T) -> Outcome {
    with_type(
        status,
        "application/json",
        "no-store",
        serde_json::to_string(body).map_err(Error::from)?,
    )
}

/// A public answer, for other sites' scripts too.
pub(crate) fn public(media_type: &str, max_age: u64, body: String) -> Outcome {
    let cache_control = format!("public, max-age={max_age}");
    let response = with_type(200, media_type, &cache_control, body)?;
    response.headers().set("Access-Control-Allow-Origin", "*")?;
    Ok(response)
}

fn with_type(status: u16, media_type: &str, cache_control: &str, body: String) -> Outcome {
    let response = Response::builder()
        .with_status(status)
        .with_header("Content-Type", media_type)?
        .with_header("Cache-Control", cache_control)?
        .with_header("X-Content-Type-Options", "nosniff")?
        .fixed(body.into_bytes());
    Ok(response)
}

pub(crate) fn problem(problem: &Problem) -> Result<Response> {
    let Ok(response) = with_type(problem.status, MEDIA_TYPE, "no-store", problem.to_json()) else {
        return Response::error("", problem.status);
    };
    // Every 401 has a challenge (RFC 9110, section 15.5.2). There is none for a session, so it is
    // that of tokens.
    if problem.status == 401 {
        response.headers().set("WWW-Authenticate", CHALLENGE)?;
    }
    Ok(response)
}

pub(crate) fn method_not_allowed(allow: &str) -> Result<Response> {
    let response = problem(&Problem::new(
        "method-not-allowed",
        405,
        "This address does not know the method",
        format!("Use one of: {allow}."),
    ))?;
    response.headers().set("Allow", allow)?;
    Ok(response)
}

pub(crate) fn denial(denial: &Denial) -> Result<Response> {
    let response = problem(&denial.problem(&POLICY))?;
    for (name, value) in denial.headers(&POLICY) {
        response.headers().set(name, &value)?;
    }
    Ok(response)
}

pub(crate) fn exceeded(exceeded: &QuotaExceeded) -> Result<Response> {
    let response = problem(&Problem::new(
        "rate-limited",
        429,
        "That was too often",
        format!("Try again in {} seconds.", exceeded.retry_after),
    ))?;
    for (name, value) in exceeded.headers() {
        response.headers().set(name, &value)?;
    }
    Ok(response)
}

pub(crate) fn internal() -> Result<Response> {
    problem(&Problem::new(
        "internal",
        500,
        "Something went wrong here",
        "It is not your fault; try again, and tell the operator if it stays.",
    ))
}
