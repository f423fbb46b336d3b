//! Refusals: a problem, a challenge, and one line in the log without the token.

use crate::authenticate::Denied;
use js_sys::Uint8Array;
use patrol::{
    authorize::{
        decision::{AccessRequest, Denial},
        refusal_log::RefusalLog,
    },
    http::problem::{MEDIA_TYPE, Problem, ProblemCode},
    policy::POLICY,
};
use patrol_platform::now;
use serde::Serialize;
use std::cell::RefCell;
use web_sys::{Headers, Response, ResponseInit};
use worker::{Error, Result, console_error, console_log};

/// Refuses a request for its token.
pub(crate) fn denial(refusal: &Denied, asked: &AccessRequest<'_>) -> Result<Response> {
    log(refusal, asked);
    PARTS.with_borrow_mut(|known| {
        let found = known.iter().find(|(denial, _)| *denial == refusal.denial);
        if let Some((_, parts)) = found {
            return parts.respond();
        }
        let parts = Parts::of(&refusal.denial)?;
        let response = parts.respond();
        if known.len() < MAX_PARTS {
            known.push((refusal.denial, parts));
        }
        response
    })
}

thread_local! {
    static LOG: RefCell<RefusalLog> = RefCell::default();
    static PARTS: RefCell<Vec<(Denial, Parts)>> = const { RefCell::new(Vec::new()) };
}

/// A refusal in the log.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    code: ProblemCode,
    /// Known once the signature is.
    token: Option<&'a str>,
    /// As the policy writes it.
    route: Option<&'static str>,
    /// Refusals without a line since the last one that has one.
    left_out: u64,
}

fn log(refusal: &Denied, asked: &AccessRequest<'_>) {
    let Some(left_out) = LOG.with_borrow_mut(|log| log.admit(asked.now)) else {
        return;
    };
    let token = refusal.token.as_ref();
    let line = Line {
        event: "denied",
        code: refusal.denial.code(),
        token: token.map(|verified| verified.token.id.as_str()),
        route: POLICY
            .route(asked.method, asked.path)
            .map(|route| route.path),
        left_out,
    };
    console_log!("{}", serde_json::to_string(&line).unwrap_or_default());
}

/// The most kinds of refusal that are kept. Only a policy with more different requirements has more.
const MAX_PARTS: usize = 256;

/// What the answers of one kind of refusal are made of.
struct Parts {
    body: Uint8Array,
    init: ResponseInit,
}

impl Parts {
    fn of(denial: &Denial) -> Result<Self> {
        let headers = headers()?;
        for (name, value) in denial.headers(&POLICY) {
            headers.set(name, &value)?;
        }
        let body = denial.problem(&POLICY).to_json();
        Ok(Self {
            body: body.as_bytes().into(),
            init: init(denial.status(), &headers),
        })
    }

    fn respond(&self) -> Result<Response> {
        let body = Some(&self.body);
        Ok(Response::new_with_opt_js_u8_array_and_init(
            body, &self.init,
        )?)
    }
}

/// Says why something failed that any client can cause, as often as refusals are told.
pub(crate) fn log_failure(what: &str, error: &Error) {
    if let Some(left_out) = LOG.with_borrow_mut(|log| log.admit(now())) {
        console_error!("edge: {what}: {error} (left out before: {left_out})");
    }
}

/// The client did not send the body that it had announced.
pub(crate) fn body_broken() -> Result<Response> {
    if let Some(left_out) = LOG.with_borrow_mut(|log| log.admit(now())) {
        let line = Line {
            event: "denied",
            code: ProblemCode::BodyInvalid,
            token: None,
            route: None,
            left_out,
        };
        console_log!("{}", serde_json::to_string(&line).unwrap_or_default());
    }
    problem(&Problem::new(
        ProblemCode::BodyInvalid,
        "The body cannot be read",
        "It broke off; send all of it.",
    ))
}

/// Forward-auth was asked about nothing.
pub(crate) fn forwarded_missing() -> Result<Response> {
    problem(&Problem::new(
        ProblemCode::ForwardedMissing,
        "There is no request to judge",
        "Send the headers `X-Forwarded-Method` and `X-Forwarded-Uri` of the request.",
    ))
}

/// Forward-auth was asked about more than one request, or about what is none.
pub(crate) fn forwarded_invalid() -> Result<Response> {
    problem(&Problem::new(
        ProblemCode::ForwardedInvalid,
        "It is not clear which request to judge",
        "Send one header `X-Forwarded-Uri`, with path and query as the client sent them, and \
         without `#` and white space.",
    ))
}

/// The origin did not answer.
pub(crate) fn origin_unreachable() -> Result<Response> {
    problem(&Problem::new(
        ProblemCode::OriginUnreachable,
        "The token service cannot be reached",
        "What you asked for may still be carried out; look before you repeat it.",
    ))
}

/// The upstream did not answer.
pub(crate) fn upstream_unreachable() -> Result<Response> {
    problem(&Problem::new(
        ProblemCode::UpstreamUnreachable,
        "The API cannot be reached",
        "The request was allowed, but the API behind it did not answer; try again later.",
    ))
}

/// The upstream did not begin to answer in time.
pub(crate) fn upstream_timeout() -> Result<Response> {
    problem(&Problem::new(
        ProblemCode::UpstreamTimeout,
        "The API takes too long",
        "The request was allowed and may still be carried out; ask the API before you repeat it.",
    ))
}

/// The settings are wrong; the log says which.
pub(crate) fn misconfigured() -> Result<Response> {
    problem(&Problem::new(
        ProblemCode::Internal,
        "Something went wrong here",
        "It is not your fault; tell the operator.",
    ))
}

fn problem(problem: &Problem) -> Result<Response> {
    let init = init(problem.status, &headers()?);
    let body = problem.to_json();
    Ok(Response::new_with_opt_str_and_init(Some(&body), &init)?)
}

fn headers() -> Result<Headers> {
    let headers = Headers::new()?;
    headers.set("Content-Type", MEDIA_TYPE)?;
    headers.set("Cache-Control", "no-store")?;
    Ok(headers)
}

fn init(status: u16, headers: &Headers) -> ResponseInit {
    let init = ResponseInit::new();
    init.set_status(status);
    init.set_headers(headers);
    init
}
