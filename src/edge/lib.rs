//! The edge Worker: every request of the platform's API passes here and needs a good token.
//!
//! It holds public keys only, so it can refuse and allow but never mint. It decides nothing by
//! itself either: it gathers the facts that [`patrol::authorize::decision`] asks for and carries the verdict
//! out. When it cannot know, it refuses. Nothing here may panic: a panic would take the isolate
//! down with every request in it.

#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod at_once;
mod authenticate;
mod forward;
mod isolate;
mod keys;
mod lists;
mod refresh;
mod refuse;
mod runtime;
mod settings;

use authenticate::{Client, Denied, Outcome};
use patrol::{
    authorize::{
        decision::{self, AccessRequest},
        forwarding::{FORWARDED_METHOD, FORWARDED_URI, ORGANIZATION},
    },
    http::endpoint::CURRENT_TOKEN,
    policy::POLICY,
    routes::{self, Destination},
};
use patrol_platform::now;
use runtime::Event;
use settings::Settings;
use web_sys::{Headers, Request, Response};
use worker::{Context, Env, Result, console_error, event};

/// One request.
///
/// # Errors
/// Only when the runtime cannot even make an answer.
#[event(fetch)]
pub async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    let prepared = Settings::get(&env).and_then(|settings| {
        isolate::prepare(settings)?;
        Ok(settings)
    });
    let settings = match prepared {
        Ok(settings) => settings,
        Err(error) => {
            console_error!("edge: {error}");
            return refuse::misconfigured();
        }
    };
    let event = Event {
        env: &env,
        context: &context,
        settings,
    };
    let url = request.url();
    let (path, query) = routes::split(&url);
    match routes::destination(path) {
        Destination::Health => runtime::empty(200),
        Destination::Origin if path == CURRENT_TOKEN => current(&request, path, event).await,
        Destination::Origin => forward::to_origin(&request, &env),
        Destination::Authorize => authorize(&request, event).await,
        Destination::Api => {
            let method = request.method();
            let organization = request.headers().get(ORGANIZATION)?;
            let asked = AccessRequest {
                method: &method,
                path,
                organization: organization.as_deref(),
                now: now(),
            };
            if let Some(wanted) = forward::preflight_for(&request)? {
                return match decision::preflight(&wanted, path, &POLICY) {
                    Ok(()) => {
                        forward::preflight_to_upstream(&request, path, query, &env, settings).await
                    }
                    Err(denial) => refuse::denial(&Denied::of(denial), &asked),
                };
            }
            match authenticate::authenticate(&request, &asked, Client::Direct, event).await? {
                Outcome::Allow(identity) => {
                    forward::to_upstream(&request, &identity, path, query, &env, settings).await
                }
                Outcome::Deny(refusal) => refuse::denial(&refusal, &asked),
            }
        }
    }
}

/// A token asks about itself, or ends itself: a dead or a forged one costs no registry a call.
async fn current(request: &Request, path: &str, event: Event<'_>) -> Result<Response> {
    let method = request.method();
    let asked = AccessRequest {
        method: &method,
        path,
        organization: None,
        now: now(),
    };
    match authenticate::refuse_dead_token(request, event).await? {
        Some(refusal) => refuse::denial(&refusal, &asked),
        None => forward::to_origin(request, event.env),
    }
}

/// Forward-auth: another proxy asks whether the request that it holds may go on.
async fn authorize(request: &Request, event: Event<'_>) -> Result<Response> {
    let headers = request.headers();
    let (Some(method), Some(uri)) = (headers.get(FORWARDED_METHOD)?, headers.get(FORWARDED_URI)?)
    else {
        return refuse::forwarded_missing();
    };
    let Some((path, _)) = routes::forwarded(&uri) else {
        return refuse::forwarded_invalid();
    };
    let organization = headers.get(ORGANIZATION)?;
    let asked = AccessRequest {
        method: &method,
        path,
        organization: organization.as_deref(),
        now: now(),
    };
    let judgement = authenticate::authenticate(request, &asked, Client::BehindProxy, event).await?;
    answer_proxy(judgement, &asked, &headers)
}

/// The answer of forward-auth.
fn answer_proxy(
    judgement: Outcome,
    asked: &AccessRequest<'_>,
    headers: &Headers,
) -> Result<Response> {
    match judgement {
        Outcome::Allow(identity) => match forward::refused_behind_proxy(headers) {
            None => identity.answer(),
            Some(denial) => refuse::denial(&identity.refused(denial), asked),
        },
        Outcome::Deny(refusal) => refuse::denial(&refusal, asked),
    }
}
