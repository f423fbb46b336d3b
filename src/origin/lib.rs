//! The origin Worker: it signs users in, issues, lists and revokes their tokens, and serves the
//! page.
//!
//! It alone holds the private keys. What a request may do is decided by core; the truth is in
//! the [`registry`] objects; this Worker translates between HTTP and these two. Every answer
//! with private content says `no-store`.

#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod caller;
mod directory;
mod page;
mod publish;
mod registry;
mod respond;
mod settings;
mod sign_in;
mod tokens;

use respond::{Outcome, Refusal};
use settings::Settings;
use worker::{Context, Env, Method, Request, Response, Result, console_error, event};

/// One request.
///
/// # Errors
/// Only when the runtime cannot even make an answer.
#[event(fetch)]
pub async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    let settings = match Settings::get(&env) {
        Ok(settings) => settings,
        Err(error) => {
            console_error!("origin: {error}");
            return respond::internal();
        }
    };
    match route(request, &env, settings).await {
        Ok(response) => Ok(response),
        Err(Refusal::Problem(problem)) => respond::problem(&problem),
        Err(Refusal::Denial(denial)) => respond::denial(&denial),
        Err(Refusal::Internal(error)) => {
            console_error!("origin: {error}");
            respond::internal()
        }
    }
}

async fn route(request: Request, env: &Env, settings: &'static Settings) -> Outcome {
    use Method::{Delete, Get, Head, Post};
    let path = request.path();
    match (request.method(), path.as_str()) {
        (Get | Head, "/api/v1/me") => tokens::me(&request, settings),
        (Get | Head, "/api/v1/scopes") => tokens::scopes(&request, settings),
        (Get | Head, "/api/v1/tokens") => tokens::list(&request, env, settings).await,
        (Post, "/api/v1/tokens") => tokens::create(request, env, settings).await,
        (Get | Head, "/api/v1/tokens/current") => tokens::current(&request, env, settings).await,
        (Delete, "/api/v1/tokens/current") => tokens::revoke_current(&request, env, settings).await,
        (method, path) if path.starts_with("/api/v1/tokens/") => {
            let id = path.trim_start_matches("/api/v1/tokens/");
            match method {
                Get | Head => tokens::read(&request, id, env, settings).await,
                Delete => tokens::revoke(&request, id, env, settings).await,
                _ => Err(Refusal::method_not_allowed()),
            }
        }
        (Get | Head, patrol::surface::JWKS) => publish::jwks(settings),
        (Get | Head, path) if path.starts_with("/status/") => {
            publish::status_list(path, env, settings).await
        }
        (Post, "/auth/dev") => sign_in::dev(request, settings).await,
        (Post, "/auth/sign-out") => sign_in::sign_out(&request, settings),
        (
            _,
            "/api/v1/me" | "/api/v1/scopes" | "/api/v1/tokens" | "/auth/dev" | "/auth/sign-out",
        ) => Err(Refusal::method_not_allowed()),
        (method, path) => match patrol::page::file(path) {
            Some(file) if matches!(method, Get | Head) => page::answer(file, &request, env).await,
            Some(_) => Err(Refusal::method_not_allowed()),
            None => Err(Refusal::not_found()),
        },
    }
}
