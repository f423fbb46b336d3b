//! Who calls, and what they sent.

use crate::{
    directory,
    respond::{Outcome, Refusal},
    settings::Settings,
};
use futures_util::StreamExt;
use patrol::{http::problem::Problem, json, policy::account::Account, session};
use patrol_platform::now;
use serde::de::DeserializeOwned;
use worker::{Method, Request};

/// The largest body that is read, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// The signed-in user. Only a session counts: a token can never manage tokens.
pub(crate) fn account(request: &Request, settings: &Settings) -> Outcome<Account> {
    let cookies = request.headers().get("Cookie")?.unwrap_or_default();
    session::from_cookies(&cookies, is_https(settings))
        .and_then(|text| session::verify(text, now(), settings.session_keys.public()))
        .and_then(|user| directory::find(user.as_str(), settings))
        .ok_or_else(|| {
            Problem::new(
                "session-required",
                401,
                "Nobody is signed in",
                "Sign in; an access token cannot be used to manage tokens.",
            )
            .into()
        })
}

/// The signed-in user, for a request that changes something: not one that another site made
/// the browser send.
pub(crate) fn account_for_change(request: &Request, settings: &Settings) -> Outcome<Account> {
    refuse_cross_site(request, settings)?;
    account(request, settings)
}

/// Refuses what a browser sends for another site.
pub(crate) fn refuse_cross_site(request: &Request, settings: &Settings) -> Outcome<()> {
    let headers = request.headers();
    let site = headers.get("Sec-Fetch-Site")?;
    let origin = headers.get("Origin")?;
    let own = &settings.installation.public_url;
    if session::is_cross_site(site.as_deref(), origin.as_deref(), own) {
        return Err(Problem::new(
            "origin-forbidden",
            403,
            "Another site sent this request",
            format!("Only pages of {own} can change something here."),
        )
        .into());
    }
    Ok(())
}

/// Is the installation reached over https? It decides the cookie's name.
pub(crate) fn is_https(settings: &Settings) -> bool {
    settings.installation.public_url.starts_with("https://")
}

/// The JSON body, no larger than it may be.
pub(crate) async fn body<T: DeserializeOwned>(mut request: Request) -> Outcome<T> {
    debug_assert!(request.method() != Method::Get);
    let media_type = request.headers().get("Content-Type")?.unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::body_invalid(
            "Send JSON with the header `Content-Type: application/json`.".to_owned(),
        ));
    }
    let mut bytes = Vec::new();
    // A request without a body has no stream; it fails as JSON below.
    if let Ok(mut stream) = request.stream() {
        while let Some(chunk) = stream.next().await {
            let chunk = chunk
                .map_err(|_| Refusal::body_invalid("It broke off; send all of it.".to_owned()))?;
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_BODY {
                return Err(Problem::new(
                    "body-too-large",
                    413,
                    "The body is too large",
                    format!("At most {MAX_BODY} bytes are read."),
                )
                .into());
            }
        }
    }
    json::read(&bytes)
        .map_err(|error| Refusal::body_invalid(format!("The JSON does not fit: {error}.")))
}
