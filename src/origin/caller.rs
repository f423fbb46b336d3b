//! Who sent a request, and its body.

use crate::{
    context::OriginContext,
    directory,
    respond::{ApiError, ApiResult},
    settings::OriginSettings,
};
use patrol::{
    http::problem::{Problem, ProblemCode},
    json,
    policy::account::Account,
    session,
};
use patrol_platform::now;
use serde::de::DeserializeOwned;
use worker::Request;

/// The largest body, in bytes.
pub(crate) const MAX_BODY: usize = 16 * 1024;

/// The signed-in user. Only a session counts: a token must not manage tokens.
pub(crate) fn account(request: &Request, origin: OriginContext<'_>) -> ApiResult<Account> {
    let settings = origin.settings;
    let cookies = request.headers().get("Cookie")?.unwrap_or_default();
    settings
        .cookie
        .find(&cookies)
        .and_then(|text| session::verify(text, now(), settings.session_keys.public()))
        .and_then(|user| directory::find(user.as_str(), origin))
        .ok_or_else(|| {
            Problem::new(
                ProblemCode::SessionRequired,
                "Not signed in",
                "Sign in. An access token cannot manage tokens.",
            )
            .into()
        })
}

/// The signed-in user, for a request that changes something. Rejects requests that another site
/// made the browser send.
pub(crate) fn account_for_change(
    request: &Request,
    origin: OriginContext<'_>,
) -> ApiResult<Account> {
    reject_cross_site(request, origin.settings)?;
    account(request, origin)
}

/// Rejects a request that another site made the browser send (CSRF).
pub(crate) fn reject_cross_site(request: &Request, settings: &OriginSettings) -> ApiResult<()> {
    let headers = request.headers();
    let site = headers.get("Sec-Fetch-Site")?;
    let origin = headers.get("Origin")?;
    let own = settings.installation.paths.origin();
    if session::is_cross_site(site.as_deref(), origin.as_deref(), own) {
        return Err(Problem::new(
            ProblemCode::OriginForbidden,
            "Cross-site request",
            format!("Changes are accepted only from pages on {own}. Open the page there."),
        )
        .into());
    }
    Ok(())
}

/// The body of a request, read already.
pub(crate) struct Body(Option<Vec<u8>>);

impl Body {
    /// `None`: the client broke it off.
    pub(crate) fn new(bytes: Option<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// Parses a JSON body.
    pub(crate) fn parse<T: DeserializeOwned>(&self, request: &Request) -> ApiResult<T> {
        let media_type = request.headers().get("Content-Type")?.unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(ApiError::body_invalid(
                "Send JSON with the header `Content-Type: application/json`.".to_owned(),
            ));
        }
        let bytes = self.0.as_ref().ok_or_else(|| {
            ApiError::body_invalid("The body ended early; send all of it.".to_owned())
        })?;
        if bytes.len() > MAX_BODY {
            return Err(Problem::new(
                ProblemCode::BodyTooLarge,
                "Request body too large",
                format!("Send at most {MAX_BODY} bytes."),
            )
            .into());
        }
        json::read(bytes).map_err(|error| ApiError::body_invalid(format!("Fix the JSON: {error}.")))
    }
}
