//! Refusals: a problem, a challenge, and a log line without the token.

use crate::{header_names::is_browser, identity::Denied, runtime::Answer};
use js_sys::Uint8Array;
use patrol::{
    authorize::{
        decision::{AccessRequest, Denial, Forwarder},
        forward_auth::{self, QuestionError},
        refusal_log::RefusalLog,
    },
    http::problem::{MEDIA_TYPE, Problem, ProblemCode},
    routes::Dialect,
};
use patrol_platform::{now, policy::policy};
use serde::Serialize;
use std::cell::RefCell;
use web_sys::{Headers, Request, Response, ResponseInit};
use worker::{Result, console_error, console_log};

/// Who gets a refusal, as far as it depends on that.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Recipient {
    forwarder: Forwarder,
    is_browser: bool,
}

/// Logs a denial and builds its response.
pub(crate) fn denial(
    denied: &Denied,
    access: &AccessRequest<'_>,
    request: &Request,
) -> Result<Answer> {
    log(denied, access)?;
    let to = Recipient {
        forwarder: access.forwarder,
        // Only challenges depend on it.
        is_browser: denied.denial.status() == 401 && is_browser(request),
    };
    let denial = &denied.denial;
    if !denial.is_general() {
        return Parts::of(denial, to)?.respond();
    }
    PARTS.with_borrow_mut(|known| {
        let is_same = |parts: &&(Denial, Recipient, _)| parts.0 == *denial && parts.1 == to;
        if let Some((_, _, parts)) = known.iter().find(is_same) {
            return parts.respond();
        }
        let parts = Parts::of(denial, to)?;
        let response = parts.respond();
        if known.len() < MAX_PARTS {
            known.push((denial.clone(), to, parts));
        }
        response
    })
}

thread_local! {
    static LOG: RefCell<RefusalLog> = RefCell::default();
    static PARTS: RefCell<Vec<(Denial, Recipient, Parts)>> = const { RefCell::new(Vec::new()) };
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
const MAX_PARTS: usize = 512;

/// The parts of every response of one kind of refusal.
struct Parts {
    body: Uint8Array,
    init: ResponseInit,
}

impl Parts {
    fn of(denial: &Denial, to: Recipient) -> Result<Self> {
        let (headers, policy) = (headers()?, policy()?);
        for (name, value) in denial.headers(policy, to.is_browser) {
            headers.append(name, &value)?;
        }
        let problem = denial.problem(policy);
        Ok(Self {
            body: problem.to_json().as_bytes().into(),
            init: init(&problem, to.forwarder, &headers)?,
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

/// Forward-auth without exactly one request to check.
pub(crate) fn question(error: QuestionError, dialect: Dialect) -> Result<Answer> {
    problem_for(&error.problem(dialect), Forwarder::Proxy(dialect))
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
pub(crate) fn misconfigured(forwarder: Forwarder) -> Result<Answer> {
    let problem = Problem::new(
        ProblemCode::Internal,
        "Internal server error",
        "This is not your fault. Tell the operator.",
    );
    problem_for(&problem, forwarder)
}

fn problem(problem: &Problem) -> Result<Answer> {
    problem_for(problem, Forwarder::Edge)
}

fn problem_for(problem: &Problem, forwarder: Forwarder) -> Result<Answer> {
    let init = init(problem, forwarder, &headers()?)?;
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

fn init(problem: &Problem, forwarder: Forwarder, headers: &Headers) -> Result<ResponseInit> {
    let refusal = forward_auth::refusal(problem, forwarder);
    for (name, value) in refusal.headers {
        headers.set(name, &value)?;
    }
    let init = ResponseInit::new();
    init.set_status(refusal.status);
    init.set_headers(headers);
    Ok(init)
}
