//! Why a sign-in fails, in words: for people as a page, for programs as a problem.
//!
//! Texts name the reason with its stable code, and nothing of a token.

use crate::{
    context::OriginContext,
    issuers::{IssuerError, JwtError},
    respond::{ApiError, ApiResult},
};
use patrol::{
    authorize::refusal_log::RefusalLog,
    http::problem::{Problem, ProblemCode},
    routes::PAGE,
    sign_in::{authorization::ReturnTo, claims::ClaimsError},
    text,
};
use patrol_platform::now;
use std::{cell::RefCell, fmt::Display};
use worker::{Request, console_error};

/// The response of an address that browsers open: a failure is a page for people, with a link to where
/// they wanted to go, which asks them to sign in again.
pub(super) fn as_page(
    outcome: ApiResult,
    return_to: Option<&ReturnTo>,
    request: &Request,
    origin: OriginContext<'_>,
) -> ApiResult {
    match outcome {
        Err(error) if accepts_html(request)? => {
            let page = origin.settings.installation.paths.public_path_of(PAGE);
            let again = return_to.map_or(&*page, ReturnTo::as_str);
            Ok(error.into_page(origin.policy, again)?)
        }
        Err(error) => Ok(error.into_response(origin.policy)?),
        answered => answered,
    }
}

fn accepts_html(request: &Request) -> ApiResult<bool> {
    let accept = request.headers().get("Accept")?.unwrap_or_default();
    Ok(accept.contains("text/html"))
}

thread_local! {
    static LOG: RefCell<RefusalLog> = RefCell::default();
}

/// Logs a failure, unless there were too many: anyone can cause them.
fn log(what: &str, detail: &str) {
    let detail = text::escaped(detail);
    match LOG.with_borrow_mut(|log| log.admit(now())) {
        None => {}
        Some(0) => console_error!("origin: {what}: {detail}"),
        Some(left_out) => {
            console_error!("origin: {what}: {detail} ({left_out} before it left out)");
        }
    }
}

/// The provider's answer is not accepted.
pub(super) fn sign_in_failed(text: impl Display, code: &str) -> ApiError {
    let detail = format!("{text} [{code}]");
    log("a sign-in failed", &detail);
    Problem::new(ProblemCode::SignInFailed, "Sign-in failed", detail).into()
}

/// The provider cannot be used.
pub(super) fn provider_unavailable(error: &IssuerError) -> ApiError {
    let detail = match error {
        IssuerError::Unreachable(url) => {
            format!("{url} does not respond. Try again in a few minutes. [provider-unreachable]")
        }
        IssuerError::Discovery(error) => format!(
            "An administrator must check the settings: {error}. [{}]",
            error.code()
        ),
        IssuerError::JwkSet(url) => {
            format!("{url} is no JWK Set. An administrator must check the provider. [jwk-set]")
        }
    };
    log("a provider cannot be used", &detail);
    let title = "Sign-in is not possible now";
    Problem::new(ProblemCode::ProviderUnavailable, title, detail).into()
}

/// The JWT of a provider is not accepted.
pub(super) fn jwt_failed(error: JwtError) -> ApiError {
    let text = |error: &dyn Display| format!("The provider's JWT cannot be accepted: {error}.");
    match error {
        JwtError::Issuer(error) => provider_unavailable(&error),
        JwtError::Parse(error) => sign_in_failed(text(&error), error.code()),
        JwtError::Verify(error) => sign_in_failed(text(&error), error.code()),
    }
}

/// The claims of a provider are not accepted.
pub(super) fn claims_failed(error: &ClaimsError) -> ApiError {
    let text = format!("The provider's JWT cannot be accepted: {error}.");
    sign_in_failed(text, error.code())
}

/// The platform's assertion is not accepted.
pub(super) fn assertion_rejected(reason: impl Display, code: &str) -> ApiError {
    let detail = format!("The assertion cannot be accepted: {reason}. [{code}]");
    let title = "Assertion rejected";
    Problem::new(ProblemCode::AssertionRejected, title, detail).into()
}

/// The same, for what went wrong with its signature.
pub(super) fn assertion_unverified(error: JwtError) -> ApiError {
    match error {
        JwtError::Issuer(error) => provider_unavailable(&error),
        JwtError::Parse(error) => assertion_rejected(error, error.code()),
        JwtError::Verify(error) => assertion_rejected(error, error.code()),
    }
}

/// There is no such provider.
pub(super) fn provider_unknown() -> ApiError {
    ApiError::parameter_invalid(
        "provider",
        "Write the name of a provider, as in `auth/fronts`.".to_owned(),
    )
}
