//! Signing in and out. Every front ends in [`begin_session`].

use crate::{
    caller::{self, Body},
    context::OriginContext,
    development_users,
    respond::{self, ApiError, ApiResult},
    settings::OriginSettings,
};
use patrol::{
    account::AccountRecord,
    http::{
        api::{DevSignIn, Me},
        problem::{Problem, ProblemCode},
    },
    ids::SessionId,
    quota::{self, QuotaExceeded},
    registry::{ClientInfo, SignIn, SignInRefusal, SignOut},
    session::{self, Session},
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
    let client = caller::client(request, settings)?;
    count_attempt(&client, env).await?;
    let DevSignIn { user } = body.parse(request)?;
    let account = development_users::find(&user).ok_or_else(|| Problem {
        field: Some("user"),
        ..Problem::new(
            ProblemCode::UserUnknown,
            "Unknown development user",
            "Use ada, vic or otto.",
        )
    })?;
    let me = Me::new(
        &account.account(origin.policy),
        origin.policy,
        settings.installation.mode,
    );
    let session = begin_session(account, client, origin).await?;
    with_cookie(respond::json(200, &me)?, &session, settings)
}

/// Stores the account and a new session in the user's registry. Returns the cookie's value.
async fn begin_session(
    account: AccountRecord,
    client: ClientInfo,
    origin: OriginContext<'_>,
) -> ApiResult<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| ApiError::unexpected(&error.to_string()))?;
    let now = now();
    let session = Session {
        user: account.id.clone(),
        id: SessionId::from_random(random),
    };
    let call = SignIn {
        account,
        session: session.id.clone(),
        expires_at: now.plus(session::LIFETIME),
        client,
    };
    origin.call(&call).await?.map_err(refused)?;
    session::sign(session, now, origin.settings.session_keys.first())
        .map_err(|error| ApiError::unexpected(&error.to_string()))
}

fn refused(refusal: SignInRefusal) -> ApiError {
    match refusal {
        SignInRefusal::AccountDisabled => Problem::new(
            ProblemCode::AccountDisabled,
            "Account disabled",
            "Ask an administrator of your organization to enable your account.",
        )
        .into(),
        SignInRefusal::Rate(exceeded) => exceeded.into(),
    }
}

/// The optional binding that counts sign-in attempts.
const SIGN_IN_LIMIT: &str = "SIGN_IN_LIMIT";

/// Counts a sign-in attempt against the limit of the client's address.
async fn count_attempt(client: &ClientInfo, env: &Env) -> ApiResult<()> {
    if !is_bound(env, SIGN_IN_LIMIT) {
        return Ok(());
    }
    let key = quota::address_key(client.address);
    let counted = async { env.rate_limiter(SIGN_IN_LIMIT)?.limit(key).await };
    match counted.await {
        Ok(outcome) if !outcome.success => Err(QuotaExceeded::SIGN_INS_OF_ADDRESS.into()),
        Ok(_) => Ok(()),
        // Fails open: the limit only slows attackers down, and credentials are still checked.
        Err(error) => {
            console_error!("origin: {SIGN_IN_LIMIT}: {error}");
            Ok(())
        }
    }
}

/// `POST auth/sign-out`: ends the session, and deletes the cookie.
pub(crate) async fn sign_out(request: &Request, origin: OriginContext<'_>) -> ApiResult {
    let settings = origin.settings;
    caller::reject_cross_site(request, settings)?;
    // Without a session there is nothing to end.
    if let Ok(session) = caller::session(request, settings) {
        let client = caller::client(request, settings)?;
        origin.call(&SignOut { session, client }).await?;
    }
    with_cookie(Response::builder().with_status(204).empty(), "", settings)
}

fn with_cookie(response: Response, session: &str, settings: &OriginSettings) -> ApiResult {
    let cookie = settings.cookie.set(session);
    response.headers().set("Set-Cookie", &cookie)?;
    response.headers().set("Cache-Control", "no-store")?;
    Ok(response)
}
