//! Sign-in by Cloudflare Access, which has signed the user in before the request came here.

use super::{account, enter, failure, redirect};
use crate::{
    caller,
    context::OriginContext,
    issuers,
    respond::{ApiError, ApiResult},
};
use patrol::{
    account::Front,
    ids::UserId,
    registry::{ClientInfo, ReadAccount},
    sign_in::{
        access::{HEADER, NAME},
        authorization::ReturnTo,
    },
};
use patrol_platform::{now, policy::membership_rules};
use worker::Request;

pub(super) async fn sign_in(
    request: &Request,
    client: ClientInfo,
    return_to: &ReturnTo,
    origin: OriginContext<'_>,
) -> ApiResult {
    let access = origin.settings.fronts.access.as_ref();
    let access = access.ok_or_else(failure::provider_unknown)?;
    let jwt = request.headers().get(HEADER)?.ok_or_else(|| {
        failure::sign_in_failed(
            "The request did not come through Cloudflare Access. Open the address that it protects.",
            "access-missing",
        )
    })?;
    let keys_url = access.jwks_uri();
    let keys_url = keys_url.ok_or_else(|| ApiError::unexpected("the address of Access"))?;
    let verified = issuers::verify(&jwt, access.issuer(), keys_url.as_str())
        .await
        .map_err(failure::jwt_failed)?;
    let (user, claims) = access
        .identify(verified, now())
        .map_err(|error| failure::claims_failed(&error))?;
    if is_signed_in(request, &user.id, origin).await? {
        // Another site can lead here: it must not begin one session after another.
        return redirect(303, return_to.as_str());
    }
    let mapped = membership_rules()?.apply(NAME, claims.members(), origin.policy);
    let account = account(user, (Front::Access, NAME), mapped);
    enter(request, account, client, return_to, origin).await
}

async fn is_signed_in(
    request: &Request,
    user: &UserId,
    origin: OriginContext<'_>,
) -> ApiResult<bool> {
    match caller::session_of_cookie(request, origin.settings) {
        Some(session) if session.user == *user => {
            Ok(origin.call(&ReadAccount { session }).await?.is_ok())
        }
        _ => Ok(false),
    }
}
