//! Sign-in by an OpenID Connect provider: sends the browser there, and reads what it brings back.

use super::{account, count_attempt, enter, failure, redirect};
use crate::{
    caller,
    context::{OriginContext, random},
    external,
    foreign_signature::RuntimeCrypto,
    issuers,
    respond::{ApiError, ApiResult},
};
use patrol::{
    account::Front,
    sign_in::{
        Secret,
        authorization::{self, ReturnTo},
        callback::Returned,
        client::Credential,
        provider::Provider,
        token_request::{self, MAX_RESPONSE},
    },
};
use patrol_platform::{now, policy::membership_rules};
use worker::Request;

/// Sends the browser to a provider. Without a name, to the only one.
pub(super) async fn begin(
    request: &Request,
    name: Option<&str>,
    return_to: ReturnTo,
    origin: OriginContext<'_>,
) -> ApiResult {
    let settings = origin.settings;
    let (provider, _) = find(name, origin).ok_or_else(failure::provider_unknown)?;
    let discovery = issuers::discovery(provider).await;
    let discovery = discovery.map_err(|error| failure::provider_unavailable(&error))?;
    let begun = authorization::begin(
        &discovery,
        return_to,
        &[random()?, random()?, random()?],
        now(),
        settings.session_keys.first(),
        &settings.installation.paths,
    )
    .map_err(|error| ApiError::unexpected(&error.to_string()))?;
    let response = redirect(302, &begun.location)?;
    let cookies = request.headers().get("Cookie")?.unwrap_or_default();
    for deleted in authorization::abandoned(&cookies, &settings.installation.paths) {
        response.headers().append("Set-Cookie", &deleted)?;
    }
    response.headers().append("Set-Cookie", &begun.set_cookie)?;
    Ok(response)
}

fn find(name: Option<&str>, origin: OriginContext<'_>) -> Option<&'static (Provider, Credential)> {
    match (name, origin.settings.fronts.providers.as_slice()) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(name), all) => all.iter().find(|(provider, _)| provider.name == name),
    }
}

/// Reads the provider's answer.
pub(super) fn returned(request: &Request, origin: OriginContext<'_>) -> ApiResult<Returned> {
    let settings = origin.settings;
    let query = caller::query(request)?;
    let cookies = request.headers().get("Cookie")?.unwrap_or_default();
    Returned::read(
        &query,
        &cookies,
        now(),
        settings.session_keys.public(),
        &settings.installation.paths,
    )
    .map_err(|error| failure::sign_in_failed(&error, error.code()))
}

/// Exchanges the answer's code for an ID token, and signs its user in.
pub(super) async fn finish(
    request: &Request,
    returned: Returned,
    origin: OriginContext<'_>,
) -> ApiResult {
    let client = caller::client(request, origin.settings)?;
    count_attempt(&client, origin.env).await?;
    let paths = &origin.settings.installation.paths;
    let found = find(Some(returned.provider()), origin);
    let (provider, credential) = found.ok_or_else(failure::provider_unknown)?;
    let discovery = issuers::discovery(provider).await;
    let discovery = discovery.map_err(|error| failure::provider_unavailable(&error))?;
    let grant = returned
        .grant(&discovery)
        .map_err(|error| failure::sign_in_failed(&error, error.code()))?;
    let exchange = grant
        .token_request(
            &discovery,
            credential,
            paths,
            now(),
            random()?,
            &RuntimeCrypto,
        )
        .await
        .map_err(|error| failure::sign_in_failed(&error, error.code()))?;
    let authorization = exchange.authorization.as_ref();
    let response = external::post(
        &exchange.url,
        authorization.map(Secret::reveal),
        exchange.body.reveal(),
        MAX_RESPONSE,
    )
    .await;
    let unreachable = || issuers::IssuerError::Unreachable(exchange.url.clone());
    let response = response.filter(|response| response.status < 500);
    let response = response.ok_or_else(|| failure::provider_unavailable(&unreachable()))?;
    let id_token = token_request::id_token(response.status, &response.body)
        .map_err(|error| failure::sign_in_failed(&error, error.code()))?;
    let keys_url = discovery.jwks_uri().as_str();
    let verified = issuers::verify(id_token.reveal(), &provider.issuer, keys_url)
        .await
        .map_err(failure::jwt_failed)?;
    let signed_in = grant
        .sign_in(verified, &discovery, now())
        .map_err(|error| failure::claims_failed(&error))?;
    let mapped =
        membership_rules()?.apply(&provider.name, signed_in.claims.members(), origin.policy);
    let account = account(
        signed_in.user,
        (Front::OpenIdConnect, &provider.name),
        mapped,
    );
    enter(request, account, client, &signed_in.return_to, origin).await
}
