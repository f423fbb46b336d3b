//! Responses: JSON, problems, and the headers that all of them have.

use patrol::{
    authorize::decision::{CHALLENGE, Denial},
    http::{
        endpoint::Endpoint,
        problem::{FieldError, MEDIA_TYPE, Problem, ProblemCode},
        problem_page,
    },
    policy::Policy,
    quota::QuotaExceeded,
    registry::SessionEnded,
};
use serde::Serialize;
use std::borrow::Cow;
use worker::{Error, Response, Result, console_error};

/// Why a handler refuses a request.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The client can fix the request.
    Problem(Problem),
    /// The access token is not accepted.
    Denial(Denial),
    /// The client sends too many requests.
    QuotaExceeded(QuotaExceeded),
    /// The endpoint exists, but not for this method.
    MethodNotAllowed {
        /// The value of `Allow`.
        allow: String,
    },
    /// Our fault. The client learns nothing else, and the log has the error.
    Internal(Error),
}

/// What a handler returns.
pub(crate) type ApiResult<T = Response> = std::result::Result<T, ApiError>;

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self::Internal(error)
    }
}

impl From<Denial> for ApiError {
    fn from(denial: Denial) -> Self {
        Self::Denial(denial)
    }
}

impl From<QuotaExceeded> for ApiError {
    fn from(exceeded: QuotaExceeded) -> Self {
        Self::QuotaExceeded(exceeded)
    }
}

impl From<SessionEnded> for ApiError {
    fn from(_: SessionEnded) -> Self {
        Problem::new(
            ProblemCode::SessionRequired,
            "Not signed in",
            "Sign in. An access token cannot manage tokens.",
        )
        .into()
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl ApiError {
    pub(crate) fn not_found() -> Self {
        Problem::new(
            ProblemCode::NotFound,
            "Not found",
            "Check the URL. Only its owner can see a token.",
        )
        .into()
    }

    pub(crate) fn body_invalid(detail: String) -> Self {
        Problem::new(ProblemCode::BodyInvalid, "Invalid request body", detail).into()
    }

    /// A parameter of the query is wrong. `detail` says what to write.
    pub(crate) fn parameter_invalid(field: impl Into<Cow<'static, str>>, detail: String) -> Self {
        let code = ProblemCode::ParameterInvalid;
        Problem::of_fields(vec![FieldError {
            field: field.into(),
            code,
            detail,
        }])
        .into()
    }

    pub(crate) fn method_not_allowed(endpoint: &Endpoint<'_>) -> Self {
        let allow = endpoint.allow();
        Self::MethodNotAllowed { allow }
    }

    /// A failure that should be impossible.
    pub(crate) fn unexpected(what: &str) -> Self {
        Self::Internal(Error::RustError(format!("unexpected: {what}")))
    }

    pub(crate) fn into_response(self, policy: &Policy) -> Result<Response> {
        let (body, headers) = self.into_problem(policy);
        with_headers(problem(&body)?, headers)
    }

    /// The response as a page for people. `again` is where they can begin again.
    pub(crate) fn into_page(self, policy: &Policy, again: &str) -> Result<Response> {
        let (body, headers) = self.into_problem(policy);
        let html = problem_page::html(&body, again);
        let response = Response::builder()
            .with_status(body.status)
            .with_header("Content-Type", problem_page::MEDIA_TYPE)?
            .with_header("Cache-Control", "no-store")?
            .with_header(
                "Content-Security-Policy",
                &problem_page::content_security_policy(),
            )?
            .with_header("X-Content-Type-Options", "nosniff")?
            .fixed(html.into_bytes());
        with_headers(response, headers)
    }

    /// The problem, and the headers that belong to it.
    fn into_problem(self, policy: &Policy) -> (Problem, Vec<(&'static str, String)>) {
        match self {
            Self::Problem(body) => (body, Vec::new()),
            Self::Denial(denial) => (denial.problem(policy), denial.headers(policy).collect()),
            Self::QuotaExceeded(exceeded) => {
                let body = Problem::new(
                    ProblemCode::RateLimited,
                    "Too many requests",
                    format!("Try again in {} seconds.", exceeded.retry_after),
                );
                (body, exceeded.headers().into())
            }
            Self::MethodNotAllowed { allow } => {
                let body = Problem::new(
                    ProblemCode::MethodNotAllowed,
                    "Method not allowed",
                    format!("Use one of these methods: {allow}."),
                );
                (body, vec![("Allow", allow)])
            }
            Self::Internal(error) => {
                console_error!("origin: {error}");
                (internal(), Vec::new())
            }
        }
    }
}

fn with_headers(response: Response, headers: Vec<(&'static str, String)>) -> Result<Response> {
    for (name, value) in headers {
        response.headers().set(name, &value)?;
    }
    Ok(response)
}

fn internal() -> Problem {
    Problem::new(
        ProblemCode::Internal,
        "Internal server error",
        "Try again. If the error persists, tell the operator.",
    )
}

/// Our fault.
pub(crate) fn internal_error() -> Result<Response> {
    problem(&internal())
}

/// A private response: no cache may store it.
pub(crate) fn json<T: Serialize>(status: u16, body: &T) -> ApiResult {
    with_type(
        status,
        "application/json",
        "no-store",
        serde_json::to_string(body).map_err(Error::from)?,
    )
}

/// A public response. Scripts of other sites may read it too.
pub(crate) fn public(media_type: &str, max_age: u64, body: String) -> ApiResult {
    let cache_control = format!("public, max-age={max_age}");
    let response = with_type(200, media_type, &cache_control, body)?;
    response.headers().set("Access-Control-Allow-Origin", "*")?;
    Ok(response)
}

fn with_type(status: u16, media_type: &str, cache_control: &str, body: String) -> ApiResult {
    let response = Response::builder()
        .with_status(status)
        .with_header("Content-Type", media_type)?
        .with_header("Cache-Control", cache_control)?
        .with_header("X-Content-Type-Options", "nosniff")?
        .fixed(body.into_bytes());
    Ok(response)
}

fn problem(problem: &Problem) -> Result<Response> {
    let Ok(response) = with_type(problem.status, MEDIA_TYPE, "no-store", problem.to_json()) else {
        return Response::error("", problem.status);
    };
    // Every 401 needs a challenge (RFC 9110, section 15.5.2). No scheme describes a session cookie,
    // so this is the tokens' own.
    if problem.status == 401 {
        response.headers().set("WWW-Authenticate", CHALLENGE)?;
    }
    Ok(response)
}
