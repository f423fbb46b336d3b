//! `POST auth/dev`: signs in anyone. It exists only with `DEV_SIGN_IN`, which needs a `PUBLIC_URL` on
//! loopback. The host of the request must be on loopback too: another site's name may resolve to this
//! machine (DNS rebinding).

use super::{begin_session, count_attempt, development_users, end_replaced, with_cookie};
use crate::{
    caller::{self, Body},
    context::OriginContext,
    respond::{self, ApiError, ApiResult},
};
use patrol::{
    http::{
        api::{DevSignIn, Me},
        problem::{Problem, ProblemCode},
    },
    session,
};
use patrol_platform::now;
use worker::Request;

pub(crate) async fn sign_in(
    request: &Request,
    body: &Body,
    origin: OriginContext<'_>,
) -> ApiResult {
    let OriginContext { env, settings, .. } = origin;
    let host = caller::url(request)?.hostname();
    if !settings.dev_sign_in || !session::is_loopback(&host) {
        return Err(ApiError::not_found());
    }
    caller::reject_cross_site(request, settings)?;
    let client = caller::client(request, settings)?;
    count_attempt(&client, env).await?;
    let DevSignIn { user } = body.parse(request)?;
    let account = development_users::find(&user).ok_or_else(|| Problem {
        field: Some("user".into()),
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
    let expires_at = now().plus(session::LIFETIME);
    let session = begin_session(account, expires_at, None, client.clone(), origin).await?;
    end_replaced(request, client, origin).await;
    with_cookie(respond::json(200, &me)?, &session, settings)
}
