//! Refusals: a problem, a challenge, and a log line without the token.

use crate::{identity::Denied, runtime::Answer};
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
use web_sys::{Headers, Response, ResponseInit};
use worker::{Result, console_error, console_log};

/// Logs a denial and builds its response.
pub(crate) fn denial(denied: &Denied, access: &AccessRequest<'_>) -> Result<Answer> {
    log(denied, access)?;
    let (denial, forwarder) = (&denied.denial, access.forwarder);
    if !denial.is_general() {
        return Parts::of(denial, forwarder)?.respond();
    }
    PARTS.with_borrow_mut(|known| {
        let is_same = |parts: &&(Denial, Forwarder, _)| parts.0 == *denial && parts.1 == forwarder;
        if let Some((_, _, parts)) = known.iter().find(is_same) {
            return parts.respond();
        }
        let parts = Parts::of(denial, forwarder)?;
        let response = parts.respond();
        if known.len() < MAX_PARTS {
            known.push((denial.clone(), forwarder, parts));
        }
        response
    })
}

thread_local! {
    static LOG: RefCell<RefusalLog> = RefCell::default();
    static PARTS: RefCell<Vec<(Denial, Forwarder, Parts)>> = const { RefCell::new(Vec::new()) };
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
    fn of(denial: &Denial, forwarder: Forwarder) -> Result<Self> {
        let (headers, policy) = (headers()?, policy()?);
        for (name, value) in denial.headers(policy) {
            headers.set(name, &value)?;
        }
        let problem = denial.problem(policy);
        Ok(Self {
            body: problem.to_json().as_bytes().into(),
            init: init(&problem, forwarder, &headers)?,
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

fn headers() -> Result<Headers> {
    let headers = Headers::new()?;
    headers.set("Content-Type", MEDIA_TYPE)?;
    headers.set("Cache-Control", "no-store")?;
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
