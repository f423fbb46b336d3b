//! Sign-in for development, and sign-out.

use crate::{
    caller, directory,
    respond::{self, Outcome, Refusal},
    settings::Settings,
};
use patrol::{
    http::{
        api::{Me, SignIn},
        problem::Problem,
    },
    policy::POLICY,
    quota::{self, QuotaExceeded},
    session,
};
use patrol_platform::{is_bound, now};
use worker::{Env, Request, Response, console_error};

/// `POST /auth/dev`: signs in whoever asks. It exists only where it is switched on, which needs a
/// `PUBLIC_URL` at a loopback address, and only for a request whose own host is one: a name of
/// somebody else's may lead here (DNS rebinding).
pub(crate) async fn dev(request: Request, env: &Env, settings: &Settings) -> Outcome {
    let host = request.url()?.host_str().unwrap_or_default().to_owned();
    if !settings.dev_sign_in || !session::is_loopback(&host) {
        return Err(Refusal::not_found());
    }
    caller::refuse_cross_site(&request, settings)?;
    count_attempt(&request, env).await?;
    let SignIn { user } = caller::body(request).await?;
    let account = directory::find(&user, settings).ok_or_else(|| Problem {
        field: Some("user"),
        ..Problem::new(
            "user-unknown",
            422,
            "There is no such development user",
            "Use ada, vic or otto.",
        )
    })?;
    let session = session::sign(account.id.clone(), now(), settings.session_keys.first())
        .map_err(|error| Refusal::unexpected(&error.to_string()))?;
    let me = Me::new(&account, &POLICY, settings.installation.mode);
    with_cookie(respond::json(200, &me)?, &session, settings)
}

/// The binding that counts attempts to sign in, where there is one.
const SIGN_IN_LIMIT: &str = "SIGN_IN_LIMIT";

/// Counts an attempt to sign in, by the client's address.
async fn count_attempt(request: &Request, env: &Env) -> Outcome<()> {
    if !is_bound(env, SIGN_IN_LIMIT) {
        return Ok(());
    }
    let address = request.headers().get("CF-Connecting-IP")?;
    let address = address.and_then(|text| text.parse().ok());
    let key = quota::of_address(address);
    let counted = async { env.rate_limiter(SIGN_IN_LIMIT)?.limit(key).await };
    match counted.await {
        Ok(outcome) if !outcome.success => Err(QuotaExceeded::SIGN_INS.into()),
        Ok(_) => Ok(()),
        // Who signs in has to show who they are all the same.
        Err(error) => {
            console_error!("origin: {SIGN_IN_LIMIT}: {error}");
            Ok(())
        }
    }
}

/// `POST /auth/sign-out`: ends the session in this browser.
pub(crate) fn sign_out(request: &Request, settings: &Settings) -> Outcome {
    caller::refuse_cross_site(request, settings)?;
    with_cookie(Response::builder().with_status(204).empty(), "", settings)
}

fn with_cookie(response: Response, session: &str, settings: &Settings) -> Outcome {
    let cookie = session::set_cookie(session, caller::is_https(settings));
    response.headers().set("Set-Cookie", &cookie)?;
    response.headers().set("Cache-Control", "no-store")?;
    Ok(response)
}
