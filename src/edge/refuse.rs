//! Refusals: a problem, a challenge, and one line in the log without the token.

use crate::judge::Refusal;
use patrol::{
    policy::POLICY,
    problem::{MEDIA_TYPE, Problem},
    verdict::Denial,
};
use web_sys::{Headers, Response, ResponseInit};
use worker::{Result, console_log};

/// Refuses a request for its token.
pub(crate) fn denial(refusal: &Refusal) -> Result<Response> {
    log(refusal);
    let (body, headers) = parts(&refusal.denial)?;
    respond(&body, refusal.denial.status(), &headers)
}

/// Writes the one line.
pub(crate) fn log(refusal: &Refusal) {
    let log = serde_json::json!({
        "event": "denied",
        "code": refusal.denial.code(),
        "token": refusal.token,
        "route": refusal.route,
    });
    console_log!("{log}");
}

/// Body and headers of a refusal.
pub(crate) fn parts(denial: &Denial) -> Result<(String, Headers)> {
    let headers = headers()?;
    if let Some(challenge) = denial.challenge(&POLICY) {
        headers.set("WWW-Authenticate", &challenge)?;
    }
    if let Some(seconds) = denial.retry_after() {
        headers.set("Retry-After", &seconds.to_string())?;
    }
    Ok((denial.problem(&POLICY).to_json(), headers))
}

/// Forward-auth was asked about nothing.
pub(crate) fn forwarded_missing() -> Result<Response> {
    problem(&Problem::new(
        "forwarded-missing",
        400,
        "There is no request to judge",
        "Send the headers `X-Forwarded-Method` and `X-Forwarded-Uri` of the request.",
    ))
}

/// The upstream did not answer.
pub(crate) fn upstream_unreachable() -> Result<Response> {
    problem(&Problem::new(
        "upstream-unreachable",
        502,
        "The API cannot be reached",
        "The request was allowed, but the API behind it did not answer; try again later.",
    ))
}

/// The upstream did not begin to answer in time.
pub(crate) fn upstream_timeout() -> Result<Response> {
    problem(&Problem::new(
        "upstream-timeout",
        504,
        "The API takes too long",
        "The request was allowed and may still be carried out; ask the API before you repeat it.",
    ))
}

/// The settings are wrong; the log says which.
pub(crate) fn misconfigured() -> Result<Response> {
    problem(&Problem::new(
        "internal",
        500,
        "Something went wrong here",
        "It is not your fault; tell the operator.",
    ))
}

fn problem(problem: &Problem) -> Result<Response> {
    respond(&problem.to_json(), problem.status, &headers()?)
}

fn headers() -> Result<Headers> {
    let headers = Headers::new()?;
    headers.set("Content-Type", MEDIA_TYPE)?;
    headers.set("Cache-Control", "no-store")?;
    Ok(headers)
}

fn respond(body: &str, status: u16, headers: &Headers) -> Result<Response> {
    let init = ResponseInit::new();
    init.set_status(status);
    init.set_headers(headers);
    Ok(Response::new_with_opt_str_and_init(Some(body), &init)?)
}
