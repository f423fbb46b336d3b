//! `POST auth/session`: sign-in by an assertion of the platform, without a cookie.
//!
//! Another site may send it: only the assertion counts, and the answer goes to whoever has it.

use super::{account, begin_session, count_attempt, failure};
use crate::{
    caller::{self, Body},
    context::OriginContext,
    issuers::{self, JwtError},
    respond::{self, ApiError, ApiResult},
};
use patrol::{
    account::Front,
    http::api::{AssertedSignIn, EmbeddedSession},
    jose::foreign::{self, Verified},
    registry::OneTimeAssertion,
    session,
    sign_in::assertion::{NAME, Platform, PlatformKeys},
};
use patrol_platform::{now, policy::membership_rules};
use worker::Request;

pub(crate) async fn sign_in(
    request: &Request,
    body: &Body,
    origin: OriginContext<'_>,
) -> ApiResult {
    let settings = origin.settings;
    let platform = settings.fronts.platform.as_ref();
    let platform = platform.ok_or_else(ApiError::not_found)?;
    let client = caller::client(request, settings)?;
    count_attempt(&client, origin.env).await?;
    let AssertedSignIn { assertion } = body.parse(request)?;
    let verified = verify(&assertion, platform)
        .await
        .map_err(failure::assertion_unverified)?;
    let asserted = platform
        .identify(
            &verified,
            &settings.installation.paths,
            now(),
            membership_rules()?,
            origin.policy,
        )
        .map_err(|error| failure::assertion_rejected(&error, error.code()))?;
    let assertion = OneTimeAssertion {
        id: asserted.id,
        remember_until: asserted.remember_until,
    };
    let account = account(asserted.user, (Front::Platform, NAME), asserted.memberships);
    let expires_at = now().plus(session::EMBEDDED_LIFETIME);
    let session = begin_session(account, expires_at, Some(assertion), client, origin).await?;
    let answer = EmbeddedSession {
        session,
        expires_at,
    };
    respond::json(200, &answer)
}

async fn verify(assertion: &str, platform: &Platform) -> Result<Verified, JwtError> {
    match &platform.keys {
        PlatformKeys::JwkSet(url) => {
            issuers::verify(assertion, platform.issuer(), url.as_str()).await
        }
        PlatformKeys::Secret(secret) => foreign::verify_by_secret(assertion, secret)
            .map_err(JwtError::Parse)?
            .map_err(JwtError::Verify),
    }
}
