//! Token management: `api/v1/me`, `api/v1/scopes` and `api/v1/tokens`, below the prefix.

use crate::{
    caller::{self, Body},
    context::OriginContext,
    public,
    respond::{self, ApiError, ApiResult},
    settings::OriginSettings,
};
use patrol::{
    authorize::{
        bearer,
        decision::{self, Denial},
    },
    http::{
        api::{
            Catalogue, CreateToken, CreatedToken, Me, RevocationEffect, RevokeTarget, RevokeTokens,
            RevokedToken, RevokedTokens, TokenList, TokenRecord, TokenStatus, owned,
        },
        endpoint::TOKENS_FOLDER,
        problem::{Problem, ProblemCode},
    },
    ids::{OrganizationId, TokenId, UserId},
    issue::{
        rules::{self, CreationLimit, NewToken},
        token_length::ClaimLengths,
    },
    jose::{signing::Dalek, status_list::StatusReference},
    placement,
    policy::account::Account,
    registry::{Create, Created, ListTokens, OwnerCall, ReadToken, Revoke, Revoked, Revoker},
    token::{
        AccessToken, Claims, MAX_LENGTH, Token, Verifier,
        claims::{self, StatusClaim, StatusListClaim},
    },
};
use patrol_platform::{call_registry, now};
use worker::{Request, Response};

/// `GET api/v1/me`
pub(crate) fn me(request: &Request, origin: OriginContext<'_>) -> ApiResult {
    let account = caller::account(request, origin)?;
    let mode = origin.settings.installation.mode;
    respond::json(200, &Me::new(&account, origin.policy, mode))
}

/// `GET api/v1/scopes?organization=ID`: the scopes that the user may grant in every named
/// organization.
pub(crate) fn scopes(request: &Request, origin: OriginContext<'_>) -> ApiResult {
    let account = caller::account(request, origin)?;
    let url = request.url()?;
    let selected: Vec<String> = url
        .query_pairs()
        .filter(|(key, _)| key == "organization")
        .map(|(_, value)| value.into_owned())
        .collect();
    let organizations = rules::organizations(&selected, &account).map_err(|rejection| {
        let error = rejection.field_error("organization");
        Problem::of_fields(vec![error])
    })?;
    let held = account
        .scopes_in_all(organizations.iter().map(OrganizationId::as_str))
        .unwrap_or_default();
    respond::json(200, &Catalogue::new(held, origin.policy))
}

/// `GET api/v1/tokens`
pub(crate) async fn list(request: &Request, origin: OriginContext<'_>) -> ApiResult {
    let owner = caller::account(request, origin)?.id;
    let tokens = call_owners_registry(&ListTokens { owner }, origin).await?;
    let active = tokens
        .iter()
        .filter(|token| token.status == TokenStatus::Active)
        .count();
    let limit = rules::MAX_ACTIVE_TOKENS;
    respond::json(
        200,
        &TokenList {
            tokens,
            active,
            limit,
        },
    )
}

/// `POST api/v1/tokens`
pub(crate) async fn create(request: &Request, body: &Body, origin: OriginContext<'_>) -> ApiResult {
    let account = caller::account_for_change(request, origin)?;
    let request: CreateToken = body.parse(request)?;
    let token = NewToken::check(&request, &account, origin.policy)
        .map_err(|rejections| rules::problem(&rejections))?;
    issue(token, account, origin).await
}

async fn issue(token: NewToken, owner: Account, origin: OriginContext<'_>) -> ApiResult {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| ApiError::unexpected(&error.to_string()))?;
    let created_at = now();
    let create = Create {
        owner: owner.id,
        id: TokenId::from_random(random),
        name: token.name.as_str().to_owned(),
        organizations: token.organizations,
        scopes: token
            .scopes
            .map(|set| owned(origin.policy.scope_names(set))),
        created_at,
        expires_at: token.lifetime.expiry(created_at),
    };
    // The registry commits the token, so check first that it can be signed.
    let lengths = ClaimLengths::new(
        &origin.settings.installation.paths,
        create.owner.as_str(),
        create.id.as_str(),
        &create.organizations,
        create.scopes.as_deref(),
    );
    if !lengths.is_allowed() {
        return Err(Problem::new(
            ProblemCode::TokenTooLong,
            "Token too long",
            format!(
                "Select fewer organizations or scopes. A token can have at most {MAX_LENGTH} bytes."
            ),
        )
        .into());
    }
    let answer = call_owners_registry(&create, origin).await?;
    let Created { record, status } = answer.map_err(limit_reached)?;
    let token = sign(create, status, origin.settings)?;
    let paths = &origin.settings.installation.paths;
    let location = paths.public_path_of(&format!("{TOKENS_FOLDER}{}", record.id));
    let created = CreatedToken {
        record,
        token: token.reveal().to_owned(),
    };
    let response = respond::json(201, &created)?;
    response.headers().set("Location", &location)?;
    Ok(response)
}

fn sign(
    create: Create,
    status: StatusReference,
    settings: &OriginSettings,
) -> ApiResult<AccessToken> {
    let paths = &settings.installation.paths;
    let claims = Claims {
        iss: paths.public_url().to_owned(),
        aud: paths.public_url().to_owned(),
        sub: create.owner,
        org: create.organizations,
        jti: create.id,
        iat: create.created_at,
        nbf: None,
        exp: create.expires_at,
        scope: create.scopes.map(|names| names.join(" ")),
        status: StatusClaim {
            status_list: StatusListClaim {
                idx: status.idx,
                uri: status.list.uri(paths),
            },
        },
    };
    claims::issue(&claims, settings.signing_keys.first())
        .map_err(|error| ApiError::unexpected(&format!("{error:?}")))
}

fn limit_reached(limit: CreationLimit) -> ApiError {
    match limit {
        CreationLimit::Active => Problem::new(
            ProblemCode::TokenLimitReached,
            "Active token limit reached",
            format!(
                "Revoke one of your {} active tokens, or wait until one expires.",
                rules::MAX_ACTIVE_TOKENS
            ),
        )
        .into(),
        CreationLimit::Rate(exceeded) => exceeded.into(),
    }
}

/// `GET api/v1/tokens/{id}`
pub(crate) async fn read(request: &Request, id: &str, origin: OriginContext<'_>) -> ApiResult {
    let owner = caller::account(request, origin)?.id;
    respond::json(200, &record(owner, token_id(id)?, origin).await?)
}

/// `DELETE api/v1/tokens/{id}`
pub(crate) async fn revoke(request: &Request, id: &str, origin: OriginContext<'_>) -> ApiResult {
    let owner = caller::account_for_change(request, origin)?.id;
    revoke_one(owner, token_id(id)?, Revoker::Owner, origin).await
}

/// `POST api/v1/tokens/revoke`: several tokens, with one wait.
pub(crate) async fn revoke_many(
    request: &Request,
    body: &Body,
    origin: OriginContext<'_>,
) -> ApiResult {
    let owner = caller::account_for_change(request, origin)?.id;
    let request: RevokeTokens = body.parse(request)?;
    let target = request
        .target()
        .map_err(|fix| ApiError::body_invalid(fix.to_owned()))?;
    let (revoked, effect) = revoke_all(owner, target, Revoker::Owner, origin).await?;
    let response = RevokedTokens {
        tokens: revoked.records,
        unknown: revoked.unknown,
        effect,
    };
    respond::json(effect.status(), &response)
}

/// `GET api/v1/tokens/current`: the record of the token that the request carries.
pub(crate) async fn read_current(request: &Request, origin: OriginContext<'_>) -> ApiResult {
    let token = bearer_token(request, origin)?;
    let record = record(token.owner, token.id, origin).await?;
    match record.status {
        TokenStatus::Active => respond::json(200, &record),
        TokenStatus::Expired => Err(Denial::TokenExpired.into()),
        TokenStatus::Revoked => Err(Denial::TokenRevoked.into()),
    }
}

/// `DELETE api/v1/tokens/current`: a token revokes itself, so that a program that finds a leaked
/// token can stop it. Once an edge knows that the token is revoked, the request ends there.
pub(crate) async fn revoke_current(request: &Request, origin: OriginContext<'_>) -> ApiResult {
    let token = bearer_token(request, origin)?;
    revoke_one(token.owner, token.id, Revoker::Itself, origin).await
}

/// The token that a request carries. Its signature and times are valid, but it may be revoked.
fn bearer_token(request: &Request, origin: OriginContext<'_>) -> ApiResult<Token> {
    let header = request.headers().get("Authorization")?;
    let text = bearer::parse(header.as_deref()).map_err(Denial::from)?;
    let OriginSettings {
        installation,
        signing_keys,
        ..
    } = origin.settings;
    let verifier = Verifier::new(
        installation.paths.clone(),
        installation.registries,
        signing_keys.public().clone(),
        origin.policy,
    );
    let token = verifier.verify(text, &Dalek).map_err(Denial::from)?;
    decision::check_times(&token, now())?;
    Ok(token)
}

async fn record(owner: UserId, id: TokenId, origin: OriginContext<'_>) -> ApiResult<TokenRecord> {
    let record = call_owners_registry(&ReadToken { owner, id }, origin).await?;
    record.ok_or_else(ApiError::not_found)
}

async fn revoke_one(
    owner: UserId,
    id: TokenId,
    by: Revoker,
    origin: OriginContext<'_>,
) -> ApiResult<Response> {
    let target = RevokeTarget::Ids(vec![id]);
    let (revoked, effect) = revoke_all(owner, target, by, origin).await?;
    let record = revoked.records.into_iter().next();
    let record = record.ok_or_else(ApiError::not_found)?;
    respond::json(effect.status(), &RevokedToken { record, effect })
}

/// Revokes tokens. Returns once every edge refuses them, or in `kv` mode with the time at which
/// every edge will.
async fn revoke_all(
    owner: UserId,
    target: RevokeTarget,
    by: Revoker,
    origin: OriginContext<'_>,
) -> ApiResult<(Revoked, RevocationEffect)> {
    let call = Revoke { owner, target, by };
    let revoked = call_owners_registry(&call, origin).await??;
    let mode = origin.settings.installation.mode;
    let effect = RevocationEffect::new(mode, revoked.effective_ms, revoked.waited_ms);
    Ok((revoked, effect))
}

async fn call_owners_registry<C: OwnerCall>(
    call: &C,
    origin: OriginContext<'_>,
) -> ApiResult<C::Answer> {
    let installation = &origin.settings.installation;
    let registry = placement::of_user(call.owner(), installation.registries);
    let answer = call_registry(origin.env, installation, registry, call).await;
    if C::CHANGES_LISTS {
        // Even after an error: the registry may have carried out the call.
        public::invalidate(registry);
    }
    Ok(answer?)
}

fn token_id(text: &str) -> ApiResult<TokenId> {
    text.parse().map_err(|_| ApiError::not_found())
}
