//! Sign-in for development, and sign-out.
//!
//! An installation adds an endpoint for its identity provider here: `docs/DEPLOY.md`, step 7.

use crate::{
    caller::{self, Body},
    context::OriginContext,
    directory,
    respond::{self, ApiError, ApiResult},
    settings::OriginSettings,
};
use patrol::{
    http::{
        api::{Me, SignIn},
        problem::{Problem, ProblemCode},
    },
    quota::{self, QuotaExceeded},
    session,
};
use patrol_platform::{is_bound, now};
use worker::{Env, Request, Response, console_error};

/// `POST auth/dev`: signs in anyone. It exists only with `DEV_SIGN_IN`, which needs a `PUBLIC_URL`
/// on loopback. The host of the request must be on loopback too: another site's name may resolve to
/// this machine (DNS rebinding).
pub(crate) async fn dev(request: &Request, body: &Body, origin: OriginContext<'_>) -> ApiResult {
    let OriginContext { env, settings, .. } = origin;
    let host = request.url()?.host_str().unwrap_or_default().to_owned();
    if !settings.dev_sign_in || !session::is_loopback(&host) {
        return Err(ApiError::not_found());
    }
    caller::reject_cross_site(request, settings)?;
    count_attempt(request, env).await?;
    let SignIn { user } = body.parse(request)?;
    let account = directory::find(&user, origin).ok_or_else(|| Problem {
        field: Some("user"),
        ..Problem::new(
            ProblemCode::UserUnknown,
            "Unknown development user",
            "Use ada, vic or otto.",
        )
    })?;
    let session = session::sign(account.id.clone(), now(), settings.session_keys.first())
        .map_err(|error| ApiError::unexpected(&error.to_string()))?;
    let me = Me::new(&account, origin.policy, settings.installation.mode);
    with_cookie(respond::json(200, &me)?, &session, settings)
}

/// The optional binding that counts sign-in attempts.
const SIGN_IN_LIMIT: &str = "SIGN_IN_LIMIT";

/// Counts a sign-in attempt against the limit of the client's address.
async fn count_attempt(request: &Request, env: &Env) -> ApiResult<()> {
    if !is_bound(env, SIGN_IN_LIMIT) {
        return Ok(());
    }
    let address = request.headers().get("CF-Connecting-IP")?;
    let address = address.and_then(|text| text.parse().ok());
    let key = quota::address_key(address);
    let counted = async { env.rate_limiter(SIGN_IN_LIMIT)?.limit(key).await };
    match counted.await {
        Ok(outcome) if !outcome.success => Err(QuotaExceeded::SIGN_INS.into()),
        Ok(_) => Ok(()),
        // Fails open: the limit only slows attackers down, and credentials are still checked.
        Err(error) => {
            console_error!("origin: {SIGN_IN_LIMIT}: {error}");
            Ok(())
        }
    }
}

/// `POST auth/sign-out`: deletes the session cookie.
pub(crate) fn sign_out(request: &Request, settings: &OriginSettings) -> ApiResult {
    caller::reject_cross_site(request, settings)?;
    with_cookie(Response::builder().with_status(204).empty(), "", settings)
}

fn with_cookie(response: Response, session: &str, settings: &OriginSettings) -> ApiResult {
    let cookie = settings.cookie.set(session);
    response.headers().set("Set-Cookie", &cookie)?;
    response.headers().set("Cache-Control", "no-store")?;
    Ok(response)
}
