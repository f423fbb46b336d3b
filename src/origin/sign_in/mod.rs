//! Signing in and out. Each front is a module, and all of them end in [`begin_session`].

mod access;
mod development;
mod development_users;
mod failure;
mod open_id_connect;
mod platform;

pub(crate) use development::sign_in as dev;
pub(crate) use platform::sign_in as asserted;

use crate::{
    caller,
    context::{OriginContext, random},
    issuers,
    respond::{self, ApiError, ApiResult},
    settings::OriginSettings,
};
use patrol::{
    account::{AccountRecord, ExternalIdentity, Front},
    http::{
        api::{FrontList, ProviderView, SignedOut},
        problem::{Problem, ProblemCode},
    },
    ids::SessionId,
    policy::membership::Mapped,
    quota::{self, QuotaExceeded},
    registry::{ClientInfo, OneTimeAssertion, SignIn, SignInRefusal, SignOut},
    routes::PAGE,
    session::{self, Session},
    sign_in::{access::NAME as ACCESS, authorization::ReturnTo, claims::AuthenticatedUser, logout},
    text,
    time::Timestamp,
};
use patrol_platform::{is_bound, now};
use worker::{Env, Request, Response, console_error};

/// `GET auth/fronts`
pub(crate) fn fronts(settings: &OriginSettings) -> ApiResult {
    let fronts = &settings.fronts;
    let providers = fronts.providers.iter().map(|(provider, _)| ProviderView {
        name: &provider.name,
        label: &provider.label,
    });
    let list = FrontList {
        providers: providers.collect(),
        access: fronts.access.is_some(),
        development: settings.dev_sign_in,
    };
    respond::json(200, &list)
}

/// `GET auth/sign-in?provider=NAME&to=PATH`
pub(crate) async fn begin(request: &Request, origin: OriginContext<'_>) -> ApiResult {
    let return_to = return_to(request, origin.settings);
    let again = return_to.as_ref().ok().cloned();
    let begun = match return_to {
        Ok(return_to) => begin_at(request, return_to, origin).await,
        Err(error) => Err(error),
    };
    failure::as_page(begun, again.as_ref(), request, origin)
}

async fn begin_at(request: &Request, return_to: ReturnTo, origin: OriginContext<'_>) -> ApiResult {
    let client = caller::client(request, origin.settings)?;
    count_attempt(&client, origin.env).await?;
    let provider = caller::parameter(request, "provider")?;
    if provider.as_deref() == Some(ACCESS) {
        return access::sign_in(request, client, &return_to, origin).await;
    }
    open_id_connect::begin(request, provider.as_deref(), return_to, origin).await
}

/// `GET auth/callback`
pub(crate) async fn callback(request: &Request, origin: OriginContext<'_>) -> ApiResult {
    match open_id_connect::returned(request, origin) {
        Ok(returned) => {
            let again = returned.return_to().clone();
            let delete_cookie = returned.delete_cookie().to_owned();
            let finished = open_id_connect::finish(request, returned, origin).await;
            let response = failure::as_page(finished, Some(&again), request, origin)?;
            // The sign-in has ended, whatever came of it.
            response.headers().append("Set-Cookie", &delete_cookie)?;
            Ok(response)
        }
        Err(error) => failure::as_page(Err(error), None, request, origin),
    }
}

fn return_to(request: &Request, settings: &OriginSettings) -> ApiResult<ReturnTo> {
    let to = caller::parameter(request, "to")?;
    let to = to.unwrap_or_else(|| settings.installation.paths.public_path_of(PAGE));
    to.try_into()
        .map_err(|wrong| ApiError::parameter_invalid("to", format!("This is {wrong}.")))
}

/// An account, as another party describes it.
fn account(
    user: AuthenticatedUser,
    (front, provider): (Front, &str),
    mapped: Mapped,
) -> AccountRecord {
    for notice in mapped.notices {
        let notice = notice.to_string();
        console_error!("origin: sign-in of {}: {}", user.id, text::escaped(&notice));
    }
    AccountRecord {
        id: user.id,
        name: user.name,
        email: user.email,
        memberships: mapped.memberships,
        identity: ExternalIdentity {
            front,
            provider: provider.to_owned(),
            issuer: user.issuer,
            subject: user.subject,
        },
    }
}

/// Stores the account and a new session in the user's registry. Returns the text that names the
/// session.
async fn begin_session(
    account: AccountRecord,
    expires_at: Timestamp,
    assertion: Option<OneTimeAssertion>,
    client: ClientInfo,
    origin: OriginContext<'_>,
) -> ApiResult<String> {
    let session = Session {
        user: account.id.clone(),
        id: SessionId::from_random(random()?),
    };
    let call = SignIn {
        account,
        session: session.id.clone(),
        expires_at,
        assertion,
        client,
    };
    origin.call(&call).await?.map_err(refused)?;
    session::sign(
        session,
        now(),
        expires_at,
        origin.settings.session_keys.first(),
    )
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
        SignInRefusal::Replayed => {
            failure::assertion_rejected("it was used before: ask the platform for another", "used")
        }
    }
}

/// Begins a session with a cookie, and sends the browser where the user wanted to go.
async fn enter(
    request: &Request,
    account: AccountRecord,
    client: ClientInfo,
    return_to: &ReturnTo,
    origin: OriginContext<'_>,
) -> ApiResult {
    let expires_at = now().plus(session::LIFETIME);
    let session = begin_session(account, expires_at, None, client.clone(), origin).await?;
    end_replaced(request, client, origin).await;
    with_cookie(
        redirect(303, return_to.as_str())?,
        &session,
        origin.settings,
    )
}

/// Ends the session whose cookie a new one replaces: no browser holds it any longer. The new session
/// does not depend on that.
async fn end_replaced(request: &Request, client: ClientInfo, origin: OriginContext<'_>) {
    if let Some(session) = caller::session_of_cookie(request, origin.settings) {
        let ended = origin.call(&SignOut { session, client }).await;
        if let Err(ApiError::Internal(error)) = ended {
            console_error!("origin: a replaced session: {error}");
        }
    }
}

fn redirect(status: u16, to: &str) -> ApiResult {
    Ok(Response::builder()
        .with_status(status)
        .with_header("Location", to)?
        .with_header("Cache-Control", "no-store")?
        .empty())
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
    let mut next = None;
    match caller::session_for_change(request, settings) {
        Ok(session) => {
            let client = caller::client(request, settings)?;
            let identity = origin.call(&SignOut { session, client }).await?;
            next = sign_out_page(identity, settings).await;
        }
        // There is nothing to end.
        Err(ApiError::Problem(problem)) if problem.code == ProblemCode::SessionRequired => {}
        Err(error) => return Err(error),
    }
    with_cookie(respond::json(200, &SignedOut { next })?, "", settings)
}

/// Where the user signs out at the provider too. That the provider does not answer must not keep
/// anybody signed in here.
async fn sign_out_page(
    identity: Option<ExternalIdentity>,
    settings: &OriginSettings,
) -> Option<String> {
    let name = identity?.provider;
    let mut providers = settings.fronts.providers.iter();
    let (provider, _) = providers.find(|(provider, _)| provider.name == name)?;
    let discovery = issuers::discovery(provider).await.ok()?;
    let back = settings.installation.paths.url_of(PAGE);
    logout::url(&discovery, &back)
}

fn with_cookie(response: Response, session: &str, settings: &OriginSettings) -> ApiResult {
    let cookie = settings.cookie.set(session);
    response.headers().append("Set-Cookie", &cookie)?;
    response.headers().set("Cache-Control", "no-store")?;
    Ok(response)
}
