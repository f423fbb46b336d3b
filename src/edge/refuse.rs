//! Refusals: a problem, a challenge, and a log line without the token.

use crate::{forward::is_browser, identity::Denied, runtime::Answer};
use js_sys::Uint8Array;
use patrol::{
    authorize::{
        decision::{AccessRequest, Denial},
        refusal_log::RefusalLog,
    },
    http::problem::{MEDIA_TYPE, Problem, ProblemCode},
};
use patrol_platform::{now, policy::policy};
use serde::Serialize;
use std::cell::RefCell;
use web_sys::{Headers, Request, Response, ResponseInit};
use worker::{Result, console_error, console_log};

/// Logs a denial and builds its response.
pub(crate) fn denial(
    denied: &Denied,
    access: &AccessRequest<'_>,
    request: &Request,
) -> Result<Answer> {
    log(denied, access)?;
    // Only challenges depend on it.
    let is_browser = denied.denial.status() == 401 && is_browser(request);
    if !denied.denial.is_general() {
        return Parts::of(&denied.denial, is_browser)?.respond();
    }
    PARTS.with_borrow_mut(|known| {
        let cached = known
            .iter()
            .find(|(denial, browser, _)| *denial == denied.denial && *browser == is_browser);
        if let Some((_, _, parts)) = cached {
            return parts.respond();
        }
        let parts = Parts::of(&denied.denial, is_browser)?;
        let response = parts.respond();
        if known.len() < MAX_PARTS {
            known.push((denied.denial.clone(), is_browser, parts));
        }
        response
    })
}

thread_local! {
    static LOG: RefCell<RefusalLog> = RefCell::default();
    static PARTS: RefCell<Vec<(Denial, bool, Parts)>> = const { RefCell::new(Vec::new()) };
}

/// A log line.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    code: ProblemCode,
    token: Option<&'a str>,
    /// The path as the policy writes it.
    route: Option<&'static str>,
    /// Refusals since the last line that were not logged.
    left_out: u64,
}

fn log(denied: &Denied, access: &AccessRequest<'_>) -> Result<()> {
    let Some(left_out) = LOG.with_borrow_mut(|log| log.admit(access.now)) else {
        return Ok(());
    };
    let found = policy()?.route(access.method, access.path).ok();
    let token = denied.token.as_ref();
    let line = Line {
        event: "denied",
        code: denied.denial.code(),
        token: token.map(|verified| verified.token.id.as_str()),
        route: found.map(|found| found.route.path.as_str()),
        left_out,
    };
    console_log!("{}", serde_json::to_string(&line).unwrap_or_default());
    Ok(())
}

/// The most kinds of refusal to cache. Only a policy with more distinct requirements exceeds it.
const MAX_PARTS: usize = 256;

/// The parts of every response of one kind of refusal.
struct Parts {
    body: Uint8Array,
    init: ResponseInit,
}

impl Parts {
    fn of(denial: &Denial, is_browser: bool) -> Result<Self> {
        let (headers, policy) = (headers()?, policy()?);
        for (name, value) in denial.headers(policy, is_browser) {
            headers.append(name, &value)?;
        }
        let body = denial.problem(policy).to_json();
        Ok(Self {
            body: body.as_bytes().into(),
            init: init(denial.status(), &headers),
        })
    }

    fn respond(&self) -> Result<Answer> {
        let body = Some(&self.body);
        Ok(Response::new_with_opt_js_u8_array_and_init(body, &self.init)?.into())
    }
}

/// Logs a failure that any client can cause, at the rate of refusals.
pub(crate) fn log_failure(what: &str, error: &str) {
    if let Some(left_out) = LOG.with_borrow_mut(|log| log.admit(now())) {
        console_error!("edge: {what}: {error} (left out before: {left_out})");
    }
}

/// The client aborted the request body.
pub(crate) fn body_broken() -> Result<Answer> {
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
        "Invalid request body",
        "The body ended early. Send all of it.",
    ))
}

/// Forward-auth without a request to check.
pub(crate) fn forwarded_missing() -> Result<Answer> {
    problem(&Problem::new(
        ProblemCode::ForwardedMissing,
        "No request to authorize",
        "Send its method and target in `X-Forwarded-Method` and `X-Forwarded-Uri`.",
    ))
}

/// Forward-auth with more than one request to check, or a malformed one.
pub(crate) fn forwarded_invalid() -> Result<Answer> {
    problem(&Problem::new(
        ProblemCode::ForwardedInvalid,
        "Ambiguous request to authorize",
        "Send one header `X-Forwarded-Uri` with path and query as the client sent them, without \
         `#` or white space.",
    ))
}

pub(crate) fn origin_unreachable() -> Result<Answer> {
    problem(&Problem::new(
        ProblemCode::OriginUnreachable,
        "Token service unreachable",
        "The request may have been carried out. Check before you repeat it.",
    ))
}

pub(crate) fn upstream_unreachable() -> Result<Answer> {
    problem(&Problem::new(
        ProblemCode::UpstreamUnreachable,
        "API unreachable",
        "The request was allowed, but the API did not answer. Try again later.",
    ))
}

pub(crate) fn upstream_timeout() -> Result<Answer> {
    problem(&Problem::new(
        ProblemCode::UpstreamTimeout,
        "API timed out",
        "The request was allowed and may still be carried out. Ask the API before you repeat it.",
    ))
}

/// The installation cannot serve requests.
pub(crate) fn not_ready(detail: String) -> Result<Answer> {
    problem(&Problem::new(ProblemCode::NotReady, "Not ready", detail))
}

pub(crate) fn too_many_streams() -> Result<Answer> {
    problem(&Problem::new(
        ProblemCode::TooManyStreams,
        "Too many open connections",
        "The request was allowed and may have been carried out, but no more open connections can be \
         watched here. Close some, or try again later.",
    ))
}

/// A setting or the policy is wrong. The log says what.
pub(crate) fn misconfigured() -> Result<Answer> {
    problem(&Problem::new(
        ProblemCode::Internal,
        "Internal server error",
        "This is not your fault. Tell the operator.",
    ))
}

fn problem(problem: &Problem) -> Result<Answer> {
    let init = init(problem.status, &headers()?);
    let body = problem.to_json();
    Ok(Response::new_with_opt_str_and_init(Some(&body), &init)?.into())
}

/// Lets a page of any site read why its request was refused (Fetch standard, section 3.2.3). What the
/// API answers is the API's to share.
const READABLE: [(&str, &str); 2] = [
    ("Access-Control-Allow-Origin", "*"),
    (
        "Access-Control-Expose-Headers",
        "WWW-Authenticate, Retry-After",
    ),
];

fn headers() -> Result<Headers> {
    let headers = Headers::new()?;
    headers.set("Content-Type", MEDIA_TYPE)?;
    headers.set("Cache-Control", "no-store")?;
    for (name, value) in READABLE {
        headers.set(name, value)?;
    }
    Ok(headers)
}

fn init(status: u16, headers: &Headers) -> ResponseInit {
    let init = ResponseInit::new();
    init.set_status(status);
    init.set_headers(headers);
    init
}
