//! The edge Worker: every request to the platform's API passes here and needs a valid token.
//!
//! The edge holds public keys only, so it can allow and refuse requests but never issue tokens. It
//! gathers the facts that [`patrol::authorize`] decides on, and carries the decision out. What it
//! cannot know, it refuses. Nothing here may panic: a panic would take the isolate down with every
//! request in it.

#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod authenticate;
mod client_address;
pub mod fast_path;
mod forward;
mod identity;
mod isolate;
mod keys;
mod lists;
mod ready;
mod refresh;
mod refuse;
mod runtime;
mod settings;
mod signature;
mod streams;

use identity::Denied;
use patrol::{
    authorize::{
        decision::{self, AccessRequest, Denial, Forwarder},
        forwarding::{FORWARDED_METHOD, FORWARDED_URI, ORGANIZATION},
    },
    http::{api::EchoedPath, endpoint::CURRENT_TOKEN},
    policy::RouteError,
    routes::{self, Destination, READY},
};
use patrol_platform::{now, policy::policy};
use runtime::EdgeContext;
use settings::EdgeSettings;
use web_sys::{Request, Response};
use worker::{Context, Env, Result, console_error, event};

/// Handles one request.
///
/// # Errors
/// Only if the runtime cannot even create a response.
#[event(fetch)]
pub async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    let settings = match EdgeSettings::get(&env) {
        Ok(settings) => settings,
        Err(error) => {
            console_error!("edge: {error}");
            return refuse::misconfigured();
        }
    };
    let context = EdgeContext {
        env: &env,
        context: &context,
        settings,
    };
    let url = request.url();
    let (path, query) = routes::split(&url);
    let destination = settings.installation.paths.destination(path);
    if destination == Destination::Health {
        return runtime::empty_response(200);
    }
    let Ok(policy) = policy() else {
        return refuse::misconfigured();
    };
    isolate::initialize(settings, policy)?;
    match destination {
        Destination::Health => runtime::empty_response(200),
        Destination::Origin(READY) => ready::ready(context).await,
        Destination::EchoPath if settings.echo_path => echo_path(path),
        Destination::Origin(CURRENT_TOKEN) => current_token(&request, path, context).await,
        // The origin has no such path.
        Destination::EchoPath | Destination::Origin(_) | Destination::Page(_) => {
            forward::to_origin(&request, &env)
        }
        Destination::Authorize => authorize(&request, context).await,
        Destination::Api => api(&request, path, query, context).await,
    }
}

/// Shows a path as it arrived, with what proxies in front have made of it.
fn echo_path(path: &str) -> Result<Response> {
    let body = EchoedPath { path };
    runtime::json_response(&serde_json::to_string(&body)?)
}

/// A request to the platform's API.
async fn api(
    request: &Request,
    path: &str,
    query: &str,
    context: EdgeContext<'_>,
) -> Result<Response> {
    let method = request.method();
    let organization = request.headers().get(ORGANIZATION)?;
    let access = AccessRequest {
        method: &method,
        path,
        organization: organization.as_deref(),
        now: now(),
        forwarder: Forwarder::Edge,
    };
    if let Some(announced) = forward::preflight_method(request)? {
        return match decision::preflight(&announced, path, policy()?) {
            Ok(path) => forward::preflight_to_upstream(request, path, query, context),
            Err(denial) => refuse::denial(&Denied::without_token(denial), &access),
        };
    }
    match authenticate::authenticate(request, &access, context).await? {
        Ok(admission) => forward::to_upstream(request, &admission, path, query, context),
        Err(denied) => refuse::denial(&denied, &access),
    }
}

/// A token asks about itself or revokes itself. A dead or forged one causes no call to a registry.
async fn current_token(
    request: &Request,
    path: &str,
    context: EdgeContext<'_>,
) -> Result<Response> {
    let method = request.method();
    let access = AccessRequest {
        method: &method,
        path,
        organization: None,
        now: now(),
        forwarder: Forwarder::Edge,
    };
    match authenticate::deny_dead_token(request, context).await? {
        Some(denied) => refuse::denial(&denied, &access),
        None => forward::to_origin(request, context.env),
    }
}

/// Forward-auth: another proxy asks whether a request that it holds may proceed.
async fn authorize(request: &Request, context: EdgeContext<'_>) -> Result<Response> {
    let headers = request.headers();
    let (Some(method), Some(uri)) = (headers.get(FORWARDED_METHOD)?, headers.get(FORWARDED_URI)?)
    else {
        return refuse::forwarded_missing();
    };
    let Some((path, _)) = routes::forwarded(&uri) else {
        return refuse::forwarded_invalid();
    };
    let organization = headers.get(ORGANIZATION)?;
    let access = AccessRequest {
        method: &method,
        path,
        organization: organization.as_deref(),
        now: now(),
        forwarder: Forwarder::Proxy,
    };
    if context.settings.installation.paths.destination(path) != Destination::Api {
        // The platform never gets a request for one of Patrol's own paths.
        let denied = Denied::without_token(Denial::RouteUnknown(RouteError::Unknown));
        return refuse::denial(&denied, &access);
    }
    let outcome = authenticate::authenticate(request, &access, context).await?;
    forward::answer_proxy(outcome, &access, &headers)
}
