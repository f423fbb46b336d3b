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
mod embedding;
mod external;
mod foreign_signature;
mod issuers;
mod list_cache;
mod public;
mod registry;
mod respond;
mod sessions;
mod settings;
mod sign_in;
mod static_files;
mod tokens;

use caller::Body;
use context::OriginContext;
use patrol::{
    http::{
        body,
        endpoint::{Endpoint, ExtraSlash},
    },
    policy::Method,
};
use patrol_platform::{
    policy::policy,
    timeout::{LONGEST_WAIT, in_time},
};
use respond::{ApiError, ApiResult};
use settings::OriginSettings;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use worker::{
    Context, Env, Request, Response, Result, js_sys::Promise,
    wasm_bindgen_futures::future_to_promise, worker_sys,
};

/// Handles one request. The entry has read its body: `None` if the client broke it off, and not
/// all of it if it is too large.
///
/// The promise is rejected only if the runtime cannot create a response.
#[wasm_bindgen]
pub fn fetch(
    request: web_sys::Request,
    body: Option<Vec<u8>>,
    env: Env,
    event: worker_sys::Context,
) -> Promise {
    future_to_promise(async move {
        let (request, body, event) = (request.into(), Body::new(body), Context::new(event));
        let response = handle(request, body, env, event).await?;
        Ok(JsValue::from(web_sys::Response::from(response)))
    })
}

/// How many bytes of a body the entry must be able to read.
#[wasm_bindgen(js_name = maxBody)]
pub fn max_body() -> usize {
    body::MAX_LENGTH
}

async fn handle(request: Request, body: Body, env: Env, event: Context) -> Result<Response> {
    // The log names the mistake already.
    let Ok(policy) = policy() else {
        return respond::internal_error();
    };
    let handled = match OriginSettings::get(&env) {
        Ok(settings) => {
            let origin = OriginContext {
                env: &env,
                event: &event,
                settings,
                policy,
            };
            let routed = async { Ok(route(&request, &body, origin).await) };
            let in_time = in_time(LONGEST_WAIT, routed).await;
            let handled = in_time.unwrap_or_else(|error| Err(ApiError::Internal(error)));
            let response = handled.or_else(|error| error.into_response(policy))?;
            // RFC 9110, section 6.6.1. The page goes by it: the user's clock may be wrong. The platform
            // writes its own, but not every runtime does.
            let date = String::from(js_sys::Date::new_0().to_utc_string());
            response.headers().set("Date", &date)?;
            return embedding::with_headers(response, &request, settings);
        }
        Err(error) => ApiError::Internal(error),
    };
    handled.into_response(policy)
}

async fn route(request: &Request, body: &Body, origin: OriginContext<'_>) -> ApiResult {
    use Method::{Delete, Get, Post};
    let path = request.path();
    let paths = &origin.settings.installation.paths;
    match ExtraSlash::find(&path, paths) {
        Some(ExtraSlash::Page(meant)) => return static_files::redirect(308, &meant, request),
        Some(ExtraSlash::Api(meant)) => return Err(ApiError::extra_slash(meant)),
        None => {}
    }
    let endpoint = Endpoint::from_path(&path, paths).ok_or_else(ApiError::not_found)?;
    if let Some(response) = embedding::preflight(request, &endpoint, origin.settings)? {
        return Ok(response);
    }
    let method = Method::parse(request.method().as_ref())
        .filter(|method| endpoint.methods().contains(method))
        .ok_or_else(|| ApiError::method_not_allowed(&endpoint))?;
    match (method, &endpoint) {
        (Get, Endpoint::Me) => tokens::me(request, origin).await,
        (Get, Endpoint::Scopes) => tokens::scopes(request, origin).await,
        (Get, Endpoint::Tokens) => tokens::list(request, origin).await,
        (Post, Endpoint::Tokens) => tokens::create(request, body, origin).await,
        (Post, Endpoint::RevokeTokens) => tokens::revoke_many(request, body, origin).await,
        (Get, Endpoint::CurrentToken) => tokens::read_current(request, origin).await,
        (Delete, Endpoint::CurrentToken) => tokens::revoke_current(request, origin).await,
        (Get, Endpoint::Token(id)) => tokens::read(request, id, origin).await,
        (Delete, Endpoint::Token(id)) => tokens::revoke(request, id, origin).await,
        (Get, Endpoint::Sessions) => sessions::list(request, origin).await,
        (Delete, Endpoint::Session(id)) => sessions::end(request, id, origin).await,
        (Get, Endpoint::Audit) => sessions::audit(request, origin).await,
        (Get, Endpoint::Ready) => public::ready(origin).await,
        (Get, Endpoint::KeySet) => public::key_set(request, origin.settings),
        (Get, Endpoint::StatusLists) => public::status_lists(request, origin).await,
        (Get, Endpoint::StatusList(path)) => public::status_list(request, path, origin).await,
        (Get, Endpoint::Fronts) => sign_in::fronts(origin.settings),
        (Get, Endpoint::SignIn) => sign_in::begin(request, origin).await,
        (Get, Endpoint::SignInCallback) => sign_in::callback(request, origin).await,
        (Post, Endpoint::AssertedSignIn) => sign_in::asserted(request, body, origin).await,
        (Post, Endpoint::DevSignIn) => sign_in::dev(request, body, origin).await,
        (Post, Endpoint::SignOut) => sign_in::sign_out(request, origin).await,
        (Get, Endpoint::Page(file)) => static_files::serve(file, request, origin).await,
        // The endpoint lists a method that no line above handles.
        (_, endpoint) => Err(ApiError::method_not_allowed(endpoint)),
    }
}
