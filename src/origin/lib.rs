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
mod publish;
mod registry;
mod respond;
mod settings;
mod sign_in;
mod static_files;
mod tokens;

use patrol::{
    http::{
        api,
        page::{self, File},
    },
    jose::status_list,
    routes,
};
use respond::{Outcome, Refusal};
use settings::Settings;
use worker::{Context, Env, Method, Request, Response, Result, console_error, event};

/// One request.
///
/// # Errors
/// Only when the runtime cannot even make an answer.
#[event(fetch)]
pub async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    let settings = match Settings::get(&env) {
        Ok(settings) => settings,
        Err(error) => {
            console_error!("origin: {error}");
            return respond::internal();
        }
    };
    match route(request, &env, &context, settings).await {
        Ok(response) => Ok(response),
        Err(Refusal::Problem(problem)) => respond::problem(&problem),
        Err(Refusal::Denial(denial)) => respond::denial(&denial),
        Err(Refusal::QuotaExceeded(exceeded)) => respond::exceeded(&exceeded),
        Err(Refusal::MethodNotAllowed { allow }) => respond::method_not_allowed(allow),
        Err(Refusal::Internal(error)) => {
            console_error!("origin: {error}");
            respond::internal()
        }
    }
}

/// What a path stands for.
enum Endpoint<'a> {
    Me,
    Scopes,
    Tokens,
    Revoke,
    Current,
    Token(&'a str),
    KeySet,
    AllLists,
    List(&'a str),
    DevSignIn,
    SignOut,
    Page(File<'a>),
}

impl<'a> Endpoint<'a> {
    fn of(path: &'a str) -> Option<Self> {
        Some(match path {
            "/api/v1/me" => Self::Me,
            "/api/v1/scopes" => Self::Scopes,
            "/api/v1/tokens" => Self::Tokens,
            "/api/v1/tokens/revoke" => Self::Revoke,
            api::CURRENT => Self::Current,
            routes::JWKS => Self::KeySet,
            status_list::AGGREGATION => Self::AllLists,
            "/auth/dev" => Self::DevSignIn,
            "/auth/sign-out" => Self::SignOut,
            _ if path.starts_with("/status/") => Self::List(path),
            _ => match path.strip_prefix("/api/v1/tokens/") {
                Some(id) => Self::Token(id),
                None => Self::Page(page::file(path)?),
            },
        })
    }

    /// The header `Allow` (RFC 9110, section 10.2.1).
    const fn methods(&self) -> &'static str {
        match self {
            Self::Tokens => "GET, HEAD, POST",
            Self::Current | Self::Token(_) => "GET, HEAD, DELETE",
            Self::Revoke | Self::DevSignIn | Self::SignOut => "POST",
            Self::Me
            | Self::Scopes
            | Self::KeySet
            | Self::AllLists
            | Self::List(_)
            | Self::Page(_) => "GET, HEAD",
        }
    }
}

async fn route(
    request: Request,
    env: &Env,
    context: &Context,
    settings: &'static Settings,
) -> Outcome {
    use Method::{Delete, Get, Head, Post};
    let event = publish::Event {
        env,
        context,
        settings,
    };
    let path = request.path();
    let endpoint = Endpoint::of(&path).ok_or_else(Refusal::not_found)?;
    match (request.method(), &endpoint) {
        (Get | Head, Endpoint::Me) => tokens::me(&request, settings),
        (Get | Head, Endpoint::Scopes) => tokens::scopes(&request, settings),
        (Get | Head, Endpoint::Tokens) => tokens::list(&request, env, settings).await,
        (Post, Endpoint::Tokens) => tokens::create(request, env, settings).await,
        (Post, Endpoint::Revoke) => tokens::revoke_many(request, env, settings).await,
        (Get | Head, Endpoint::Current) => tokens::current(&request, env, settings).await,
        (Delete, Endpoint::Current) => tokens::revoke_current(&request, env, settings).await,
        (Get | Head, Endpoint::Token(id)) => tokens::read(&request, id, env, settings).await,
        (Delete, Endpoint::Token(id)) => tokens::revoke(&request, id, env, settings).await,
        (Get | Head, Endpoint::KeySet) => publish::jwks(settings),
        (Get | Head, Endpoint::AllLists) => publish::all_lists(event).await,
        (Get | Head, Endpoint::List(path)) => publish::list(&request, path, event).await,
        (Post, Endpoint::DevSignIn) => sign_in::dev(request, env, settings).await,
        (Post, Endpoint::SignOut) => sign_in::sign_out(&request, settings),
        (Get | Head, Endpoint::Page(file)) => static_files::answer(file, &request, env).await,
        (_, endpoint) => Err(Refusal::MethodNotAllowed {
            allow: endpoint.methods(),
        }),
    }
}
