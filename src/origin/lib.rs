//! The origin Worker: it signs users in, issues, lists and revokes their tokens, and serves the
//! page.
//!
//! Only the origin holds private keys. Core decides what a request may do, and the [`registry`]
//! objects store the tokens; this Worker translates HTTP into calls to the two. Every response with
//! private content is `no-store`.
//!
//! To add an endpoint: add it to [`Endpoint`] in core and to `docs/API.md`, and route it here.

#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod answer_cache;
mod caching;
mod caller;
mod context;
mod directory;
mod foreign_signature;
mod public;
mod registry;
mod respond;
mod settings;
mod sign_in;
mod static_files;
mod tokens;

use context::OriginContext;
use patrol::{http::endpoint::Endpoint, policy::Method};
use patrol_platform::policy::policy;
use respond::{ApiError, ApiResult};
use settings::OriginSettings;
use worker::{Context, Env, Request, Response, Result, event};

/// Handles one request.
///
/// # Errors
/// Fails only if the runtime cannot create a response.
#[event(fetch)]
pub async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    // The log names the mistake already.
    let Ok(policy) = policy() else {
        return respond::internal_error();
    };
    let handled = match OriginSettings::get(&env) {
        Ok(settings) => {
            let origin = OriginContext {
                env: &env,
                event: &context,
                settings,
                policy,
            };
            route(request, origin).await
        }
        Err(error) => Err(ApiError::Internal(error)),
    };
    handled.or_else(|error| error.into_response(policy))
}

async fn route(request: Request, origin: OriginContext<'_>) -> ApiResult {
    use Method::{Delete, Get, Post};
    let path = request.path();
    let paths = &origin.settings.installation.paths;
    let endpoint = Endpoint::from_path(&path, paths).ok_or_else(ApiError::not_found)?;
    let method = Method::parse(request.method().as_ref())
        .filter(|method| endpoint.methods().contains(method))
        .ok_or_else(|| ApiError::method_not_allowed(&endpoint))?;
    match (method, &endpoint) {
        (Get, Endpoint::Me) => tokens::me(&request, origin),
        (Get, Endpoint::Scopes) => tokens::scopes(&request, origin),
        (Get, Endpoint::Tokens) => tokens::list(&request, origin).await,
        (Post, Endpoint::Tokens) => tokens::create(request, origin).await,
        (Post, Endpoint::RevokeTokens) => tokens::revoke_many(request, origin).await,
        (Get, Endpoint::CurrentToken) => tokens::read_current(&request, origin).await,
        (Delete, Endpoint::CurrentToken) => tokens::revoke_current(&request, origin).await,
        (Get, Endpoint::Token(id)) => tokens::read(&request, id, origin).await,
        (Delete, Endpoint::Token(id)) => tokens::revoke(&request, id, origin).await,
        (Get, Endpoint::Ready) => public::ready(origin).await,
        (Get, Endpoint::KeySet) => public::key_set(origin.settings),
        (Get, Endpoint::StatusLists) => public::status_lists(origin).await,
        (Get, Endpoint::StatusList(path)) => public::status_list(&request, path, origin).await,
        (Post, Endpoint::DevSignIn) => sign_in::dev(request, origin).await,
        (Post, Endpoint::SignOut) => sign_in::sign_out(&request, origin.settings),
        (Get, Endpoint::Page(file)) => static_files::serve(file, &request, origin).await,
        // The endpoint lists a method that no line above handles.
        (_, endpoint) => Err(ApiError::method_not_allowed(endpoint)),
    }
}
