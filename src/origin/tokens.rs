//! Token management: `api/v1/me`, `api/v1/scopes` and `api/v1/tokens`, below the prefix.

use crate::{
    caller::{self, Body},
    context::{OriginContext, random},
    respond::{self, ApiError, ApiResult},
    settings::OriginSettings,
};
use patrol::{
    authorize::{
        credentials::{self, CredentialHeaders},
        decision::{self, Denial},
    },
    http::{
        api::{
            Catalogue, CreatedToken, Me, RevocationEffect, RevokeTarget, RevokeTokens,
            RevokedToken, RevokedTokens, TokenRecord, TokenStatus,
        },
        endpoint::TOKENS_FOLDER,
        idempotency::{self, IdempotencyKey},
        problem::{FieldError, Problem, ProblemCode},
    },
    ids::{OrganizationId, TokenId, UserId},
    issue::rules::{self, CreationLimit},
    jose::{signing::Dalek, status_list::StatusReference},
    listing::{InvalidParameter, TokenQuery},
    registry::{
        ClientInfo, Create, Created, CreationRefusal, Credential, ListTokens, ReadToken, Revoke,
        Revoked,
    },
    session::Session,
    token::{
        AccessToken, Claims, MAX_LENGTH, Token, Verifier,
        claims::{self, StatusClaim, StatusListClaim},
    },
};
use patrol_platform::now;
use worker::{Request, Response};

/// `GET api/v1/me`
pub(crate) async fn me(request: &Request, origin: OriginContext<'_>) -> ApiResult {
    let account = caller::account(request, origin).await?;
    let mode = origin.settings.installation.mode;
    respond::json(200, &Me::new(&account, origin.policy, mode))
}

/// `GET api/v1/scopes?organization=ID`: the scopes that the user may grant in every named
/// organization.
pub(crate) async fn scopes(request: &Request, origin: OriginContext<'_>) -> ApiResult {
    let account = caller::account(request, origin).await?;
    let parameters = caller::parameters(request)?.into_iter();
    let selected = parameters.filter(|(name, _)| name == "organization");
    let selected: Vec<String> = selected.map(|(_, value)| value).collect();
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
    let session = caller::session(request, origin.settings)?;
    let query = TokenQuery::parse(caller::parameters(request)?)
        .map_err(|InvalidParameter { name, fix }| ApiError::parameter_invalid(name, fix))?;
    respond::json(200, &origin.call(&ListTokens { session, query }).await??)
}

/// `POST api/v1/tokens`
pub(crate) async fn create(request: &Request, body: &Body, origin: OriginContext<'_>) -> ApiResult {
    let settings = origin.settings;
    let session = caller::session_for_change(request, settings)?;
    let client = caller::client(request, settings)?;
    let create = Create {
        session,
        id: TokenId::from_random(random()?),
        request: body.parse(request)?,
        idempotency_key: idempotency_key(request)?,
        created_at: now(),
        client,
    };
    let created = origin.call(&create).await??.map_err(refused)?;
    let Created { record, status } = created;
    let token = sign(create.session.user, &record, status, settings)?;
    let paths = &settings.installation.paths;
    let location = paths.public_path_of(&format!("{TOKENS_FOLDER}{}", record.id));
    let created = CreatedToken {
        record,
        token: token.reveal().to_owned(),
    };
    let response = respond::json(201, &created)?;
    response.headers().set("Location", &location)?;
    Ok(response)
}

fn idempotency_key(request: &Request) -> ApiResult<Option<IdempotencyKey>> {
    let value = request.headers().get(idempotency::HEADER)?;
    let key = value.map(|value| IdempotencyKey::from_header(&value));
    let key = key.transpose().map_err(|invalid| {
        Problem::of_fields(vec![FieldError {
            field: idempotency::HEADER.into(),
            code: ProblemCode::IdempotencyKeyInvalid,
            detail: invalid.to_string(),
        }])
    })?;
    Ok(key)
}

fn sign(
    owner: UserId,
    record: &TokenRecord,
    status: StatusReference,
    settings: &OriginSettings,
) -> ApiResult<AccessToken> {
    let paths = &settings.installation.paths;
    let scopes = record.scopes.as_ref();
    let claims = Claims {
        iss: paths.public_url().to_owned(),
        aud: paths.public_url().to_owned(),
        sub: owner,
        org: record.organizations.clone(),
        jti: record.id.clone(),
        iat: record.created_at,
        nbf: None,
        exp: record.expires_at,
        scope: scopes.map(|names| names.join(" ")),
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

fn refused(refusal: CreationRefusal) -> ApiError {
    match refusal {
        CreationRefusal::AlreadyCreated(id) => Problem {
            id: Some(id),
            ..Problem::new(
                ProblemCode::AlreadyCreated,
                "Already created",
                "A request with the same Idempotency-Key created a token, and only the answer to \
                 that had its value. If the value was lost, revoke the token, and create another \
                 with a new key.",
            )
        }
        .into(),
        CreationRefusal::Invalid(rejections) => rules::problem(&rejections).into(),
        CreationRefusal::TooLong => Problem::new(
            ProblemCode::TokenTooLong,
            "Token too long",
            format!(
                "Select fewer organizations or scopes. A token can have at most {MAX_LENGTH} bytes."
            ),
        )
        .into(),
        CreationRefusal::Limit(CreationLimit::Active) => Problem::new(
            ProblemCode::TokenLimitReached,
            "Active token limit reached",
            format!(
                "Revoke one of your {} active tokens, or wait until one expires.",
                rules::MAX_ACTIVE_TOKENS
            ),
        )
        .into(),
        CreationRefusal::Limit(CreationLimit::Rate(exceeded)) => exceeded.into(),
    }
}

/// `GET api/v1/tokens/{id}`
pub(crate) async fn read(request: &Request, id: &str, origin: OriginContext<'_>) -> ApiResult {
    let session = caller::session(request, origin.settings)?;
    respond::json(
        200,
        &record(by_session(session), token_id(id)?, origin).await?,
    )
}

/// `DELETE api/v1/tokens/{id}`
pub(crate) async fn revoke(request: &Request, id: &str, origin: OriginContext<'_>) -> ApiResult {
    let session = caller::session_for_change(request, origin.settings)?;
    revoke_one(request, by_session(session), token_id(id)?, origin).await
}

/// `POST api/v1/tokens/revoke`: several tokens, with one wait.
pub(crate) async fn revoke_many(
    request: &Request,
    body: &Body,
    origin: OriginContext<'_>,
) -> ApiResult {
    let settings = origin.settings;
    let session = caller::session_for_change(request, settings)?;
    let client = caller::client(request, settings)?;
    let request: RevokeTokens = body.parse(request)?;
    let target = request
        .target()
        .map_err(|fix| ApiError::body_invalid(fix.to_owned()))?;
    let (revoked, effect) = revoke_all(by_session(session), target, client, origin).await?;
    let response = RevokedTokens {
        tokens: revoked.records,
        unknown: revoked.unknown,
        effect,
    };
    respond::json(effect.status(), &response)
}

/// `GET api/v1/tokens/current`: the record of the token that the request carries.
pub(crate) async fn read_current(request: &Request, origin: OriginContext<'_>) -> ApiResult {
    let (authority, id) = by_token(request, origin)?;
    let record = record(authority, id, origin).await?;
    match record.status {
        TokenStatus::Active => respond::json(200, &record),
        TokenStatus::Expired => Err(Denial::TokenExpired.into()),
        TokenStatus::Revoked => Err(Denial::TokenRevoked.into()),
    }
}

/// `DELETE api/v1/tokens/current`: a token revokes itself, so that a program that finds a leaked
/// token can stop it. Once an edge knows that the token is revoked, the request ends there.
pub(crate) async fn revoke_current(request: &Request, origin: OriginContext<'_>) -> ApiResult {
    let (authority, id) = by_token(request, origin)?;
    revoke_one(request, authority, id, origin).await
}

/// The token that a request carries. Its signature and times are valid, but it may be revoked.
fn presented_token(request: &Request, origin: OriginContext<'_>) -> ApiResult<Token> {
    let authorization = request.headers().get("Authorization")?;
    let initiator = caller::initiator(request, origin.settings)?;
    let headers = CredentialHeaders {
        authorization: authorization.as_deref(),
        ..CredentialHeaders::default()
    };
    let text = credentials::token(headers, || initiator).map_err(Denial::from)?;
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
    let token = verifier.verify(&text, &Dalek).map_err(Denial::from)?;
    decision::check_times(&token, now())?;
    Ok(token)
}

/// Whose tokens a call is about, and what it rests on.
type Authority = (UserId, Credential);

fn by_session(Session { user, id }: Session) -> Authority {
    (user, Credential::Session(id))
}

fn by_token(request: &Request, origin: OriginContext<'_>) -> ApiResult<(Authority, TokenId)> {
    let Token { owner, id, .. } = presented_token(request, origin)?;
    let address = caller::client(request, origin.settings)?.address;
    Ok(((owner, Credential::Token { address }), id))
}

async fn record(
    (owner, credential): Authority,
    id: TokenId,
    origin: OriginContext<'_>,
) -> ApiResult<TokenRecord> {
    let call = ReadToken {
        owner,
        credential,
        id,
    };
    let record = origin.call(&call).await??;
    record.ok_or_else(ApiError::not_found)
}

async fn revoke_one(
    request: &Request,
    authority: Authority,
    id: TokenId,
    origin: OriginContext<'_>,
) -> ApiResult<Response> {
    let client = caller::client(request, origin.settings)?;
    let target = RevokeTarget::Ids(vec![id]);
    let (revoked, effect) = revoke_all(authority, target, client, origin).await?;
    let record = revoked.records.into_iter().next();
    let record = record.ok_or_else(ApiError::not_found)?;
    respond::json(effect.status(), &RevokedToken { record, effect })
}

/// Revokes tokens. Returns once every edge refuses them, or in `kv` mode with the time at which
/// every edge will.
async fn revoke_all(
    (owner, credential): Authority,
    target: RevokeTarget,
    client: ClientInfo,
    origin: OriginContext<'_>,
) -> ApiResult<(Revoked, RevocationEffect)> {
    let call = Revoke {
        owner,
        credential,
        target,
        client,
    };
    let revoked = origin.call(&call).await???;
    let mode = origin.settings.installation.mode;
    let effect = RevocationEffect::new(mode, revoked.effective_ms, revoked.waited_ms);
    Ok((revoked, effect))
}

fn token_id(text: &str) -> ApiResult<TokenId> {
    text.parse().map_err(|_| ApiError::not_found())
}
