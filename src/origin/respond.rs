//! Responses: JSON, problems, and the headers that all of them have.

use patrol::{
    authorize::decision::{CHALLENGE, Denial},
    http::{
        body::BodyError,
        conditional,
        endpoint::Endpoint,
        problem::{FieldError, MEDIA_TYPE, Problem, ProblemCode},
        problem_page,
    },
    policy::Policy,
    quota::QuotaExceeded,
    registry::SessionEnded,
    text,
};
use serde::Serialize;
use std::borrow::Cow;
use worker::{Error, Request, Response, Result, console_error};

/// Why a handler refuses a request.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The client can fix the request.
    Problem(Problem),
    /// The access token is not accepted.
    Denial(Denial),
    /// The client sends too many requests.
    QuotaExceeded(QuotaExceeded),
    /// The body is not what the endpoint expects.
    Body(BodyError),
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

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
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

    /// The path has slashes at its end. `meant` is the path without.
    pub(crate) fn extra_slash(meant: &str) -> Self {
        Problem::new(
            ProblemCode::NotFound,
            "Not found",
            format!("Remove the slash at the end of the path: send the request to {meant}."),
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
            // The edge has asked for `Basic` where that is allowed.
            Self::Denial(denial) => (
                denial.problem(policy),
                denial.headers(policy, true).collect(),
            ),
            Self::Body(error) => {
                let headers = error.hint().map(|(name, value)| (name, value.to_owned()));
                (error.problem(), headers.into_iter().collect())
            }
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
                console_error!("origin: {}", text::escaped(&error.to_string()));
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
        Some(serde_json::to_string(body).map_err(Error::from)?),
    )
}

/// A public response with an entity-tag, or 304 if the client has it already. Scripts of other sites
/// may read it too.
pub(crate) fn public(
    request: &Request,
    media_type: &str,
    max_age: u64,
    (tag, body): (&str, String),
) -> ApiResult {
    // Weak, because the compressed response has the same tag.
    let tag = format!("W/\"{tag}\"");
    let cache_control = format!("public, max-age={max_age}");
    let known = request.headers().get("If-None-Match")?;
    let response = if known.is_some_and(|known| conditional::is_current(&known, &tag)) {
        let response = with_type(304, media_type, &cache_control, None)?;
        // It has no content to describe (RFC 9110, section 15.4.5).
        response.headers().delete("Content-Type")?;
        response
    } else {
        with_type(200, media_type, &cache_control, Some(body))?
    };
    let headers = response.headers();
    headers.set("Access-Control-Allow-Origin", "*")?;
    headers.set("ETag", &tag)?;
    Ok(response)
}

fn with_type(
    status: u16,
    media_type: &str,
    cache_control: &str,
    body: Option<String>,
) -> ApiResult {
    let response = Response::builder()
        .with_status(status)
        .with_header("Content-Type", media_type)?
        .with_header("Cache-Control", cache_control)?
        .with_header("X-Content-Type-Options", "nosniff")?;
    Ok(match body {
        Some(body) => response.fixed(body.into_bytes()),
        None => response.empty(),
    })
}

fn problem(problem: &Problem) -> Result<Response> {
    let Ok(response) = with_type(
        problem.status,
        MEDIA_TYPE,
        "no-store",
        Some(problem.to_json()),
    ) else {
        return Response::error("", problem.status);
    };
    // Every 401 needs a challenge (RFC 9110, section 15.5.2). No scheme describes a session cookie,
    // so this is the tokens' own.
    if problem.status == 401 {
        response.headers().set("WWW-Authenticate", CHALLENGE)?;
    }
    Ok(response)
}
