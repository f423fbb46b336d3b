//! The front door: every request enters here, and is answered here.
//!
//! [`answer`] is synchronous. For almost every request everything needed is cached, and the entry
//! gets a response, or the upstream's promise of one. What must happen behind the response is begun
//! at once and given to `waitUntil`. Only if something must be fetched first does a request get a
//! promise of Rust's, which fetches and calls [`answer`] again.

use crate::{
    authenticate::{self, Unanswered},
    forward,
    identity::Denied,
    incoming::{Incoming, with_lines},
    isolate, ready, refresh, refuse,
    runtime::{self, Answer, EdgeContext, same_object},
    settings::EdgeSettings,
};
use patrol::{
    authorize::{
        decision::{self, AccessRequest, Denial, Forwarder},
        forward_auth::{Asking, Question},
        validator::{Attempted, Needs},
    },
    http::{api::EchoedPath, endpoint::CURRENT_TOKEN},
    policy::RouteError,
    routes::{Destination, READY},
};
use patrol_platform::{now, policy::policy};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use web_sys::Request;
use worker::{Env, Error, console_error, worker_sys::Context};

/// Handles a request: a response, or a promise of one. The entry has written this many bytes of
/// lines.
///
/// # Errors
/// Only if the runtime cannot even create a response.
#[wasm_bindgen]
pub fn handle(
    written: usize,
    request: &Request,
    env: &Env,
    event: &Context,
) -> Result<Answer, JsValue> {
    let context = match EdgeSettings::get(env) {
        Ok(settings) => EdgeContext {
            env,
            event,
            settings,
        },
        Err(error) => {
            console_error!("edge: {error}");
            return Ok(refuse::misconfigured(Forwarder::Edge)?);
        }
    };
    let answered = with_lines(written, |lines| {
        let attempted = &mut Attempted::default();
        match answer(lines, request, context, attempted) {
            Err(Unanswered::Needs(needs)) => {
                Ok(answer_later(lines, request, context, *attempted, needs))
            }
            Err(Unanswered::Failed(error)) => Err(error),
            Ok(answer) => Ok(answer),
        }
    });
    let unwritten = || Err(Error::RustError("the entry wrote no request".to_owned()));
    Ok(answered.unwrap_or_else(unwritten)?)
}

/// Fetches what is needed, and answers then.
fn answer_later(
    lines: &str,
    request: &Request,
    context: EdgeContext<'_>,
    mut attempted: Attempted,
    mut needs: Needs,
) -> Answer {
    let (lines, request) = (lines.to_owned(), same_object(request));
    let (env, event) = (same_object(context.env), same_object(context.event));
    let settings = context.settings;
    runtime::promise(async move {
        let context = EdgeContext {
            env: &env,
            event: &event,
            settings,
        };
        loop {
            refresh::fetch(needs, context).await;
            match answer(&lines, &request, context, &mut attempted) {
                Err(Unanswered::Needs(next)) => needs = next,
                Err(Unanswered::Failed(error)) => return Err(error),
                Ok(answer) => return Ok(answer),
            }
        }
    })
}

/// Answers a request if everything needed is known.
fn answer(
    lines: &str,
    request: &Request,
    context: EdgeContext<'_>,
    attempted: &mut Attempted,
) -> Result<Answer, Unanswered> {
    let incoming = Incoming::read(lines, request);
    let incoming =
        incoming.ok_or_else(|| Error::RustError("the entry left out a line".to_owned()))?;
    let paths = &context.settings.installation.paths;
    let destination = paths.destination(incoming.path);
    if destination == Destination::Health {
        return Ok(runtime::empty_response(200)?);
    }
    let Ok(policy) = policy() else {
        let forwarder = match destination {
            Destination::Authorize(dialect, _) => Forwarder::Proxy(dialect),
            _ => Forwarder::Edge,
        };
        return Ok(refuse::misconfigured(forwarder)?);
    };
    isolate::initialize(context.settings, policy)?;
    match destination {
        Destination::Api => api(&incoming, context, attempted),
        Destination::Authorize(dialect, path) => {
            let asking = Asking {
                dialect,
                method: incoming.method,
                path,
                query: incoming.query,
            };
            authorize(&incoming.with_subprotocols(), asking, context, attempted)
        }
        Destination::Origin(CURRENT_TOKEN) => current_token(&incoming, context, attempted),
        Destination::Origin(READY) => Ok(ready::ready(context)),
        Destination::EchoPath if context.settings.echo_path => echo_path(incoming.path),
        // The origin has no such path.
        Destination::Health
        | Destination::EchoPath
        | Destination::Origin(_)
        | Destination::Page(_) => Ok(forward::to_origin(request, context)?),
    }
}

/// Shows a path as it arrived, with what proxies in front have made of it.
fn echo_path(path: &str) -> Result<Answer, Unanswered> {
    let body = EchoedPath { path };
    Ok(runtime::json_response(&serde_json::to_string(&body)?)?)
}

/// A request to the platform's API.
fn api(
    incoming: &Incoming<'_>,
    context: EdgeContext<'_>,
    attempted: &mut Attempted,
) -> Result<Answer, Unanswered> {
    let access = AccessRequest {
        method: incoming.method,
        path: incoming.path,
        organization: incoming.organization,
        now: now(),
        forwarder: Forwarder::Edge,
    };
    if let Some(announced) = forward::preflight_method(incoming)? {
        return Ok(
            match decision::preflight(&announced, incoming.path, policy()?) {
                Ok(path) => forward::preflight_to_upstream(incoming, path, context)?,
                Err(denial) => {
                    refuse::denial(&Denied::without_token(denial), &access, incoming.request)?
                }
            },
        );
    }
    let outcome = authenticate::authenticate(incoming, &access, context, attempted)?;
    Ok(match outcome {
        Ok(admission) => forward::to_upstream(incoming, &admission, context)?,
        Err(denied) => refuse::denial(&denied, &access, incoming.request)?,
    })
}

/// A token asks about itself or revokes itself. A dead or forged one causes no call to a registry.
/// What this edge cannot know, the origin decides.
fn current_token(
    incoming: &Incoming<'_>,
    context: EdgeContext<'_>,
    attempted: &mut Attempted,
) -> Result<Answer, Unanswered> {
    let decision = authenticate::authenticate_token(incoming, context, attempted)?;
    let access = AccessRequest {
        method: incoming.method,
        path: incoming.path,
        organization: None,
        now: now(),
        forwarder: Forwarder::Edge,
    };
    Ok(match decision {
        Err(denied) if denied.denial != Denial::RevocationUnavailable => {
            refuse::denial(&denied, &access, incoming.request)?
        }
        _ => forward::to_origin(incoming.request, context)?,
    })
}

/// Forward-auth: another proxy asks whether a request that it holds may proceed.
fn authorize(
    incoming: &Incoming<'_>,
    asking: Asking<'_>,
    context: EdgeContext<'_>,
    attempted: &mut Attempted,
) -> Result<Answer, Unanswered> {
    let dialect = asking.dialect;
    let headers = incoming.request.headers();
    let question = match Question::read(asking, |name| headers.get(name).ok().flatten()) {
        Ok(question) => question,
        Err(error) => return Ok(refuse::question(error, dialect)?),
    };
    let access = AccessRequest {
        method: &question.method,
        path: &question.path,
        organization: incoming.organization,
        now: now(),
        forwarder: Forwarder::Proxy(dialect),
    };
    let paths = &context.settings.installation.paths;
    if paths.destination(access.path) != Destination::Api {
        // The platform never gets a request for one of Patrol's own paths.
        let denied = Denied::without_token(Denial::RouteUnknown(RouteError::Unknown));
        return Ok(refuse::denial(&denied, &access, incoming.request)?);
    }
    let outcome = authenticate::authenticate(incoming, &access, context, attempted)?;
    let request = incoming.request;
    Ok(forward::answer_proxy(outcome, &access, request, dialect)?)
}
