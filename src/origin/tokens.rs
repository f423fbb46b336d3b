//! The management of tokens: `/api/v1/me`, `/api/v1/scopes`, `/api/v1/tokens`.

use crate::{
    caller,
    respond::{self, Outcome, Refusal},
    settings::Settings,
};
use patrol::{
    account::Account,
    api::{
        Catalogue, CreateToken, CreatedToken, Effect, Me, RevokeTokens, RevokedToken,
        RevokedTokens, TokenList, TokenRecord, TokenStatus, Which, owned,
    },
    bearer,
    identity::{OrganizationId, TokenId, UserId},
    policy::POLICY,
    problem::Problem,
    registry::{self, Call, Create, Reply, Revoked},
    rules::{self, NewToken, Rejection},
    token::{Claims, Token, claims},
    verdict::{self, Denial},
};
use patrol_platform::{call_registry, now};
use worker::{Env, Request, Response};

/// `GET /api/v1/me`
pub(crate) fn me(request: &Request, settings: &Settings) -> Outcome {
    let account = caller::account(request, settings)?;
    let mode = settings.installation.mode;
    respond::json(200, &Me::new(&account, &POLICY, mode))
}

/// `GET /api/v1/scopes?organization=ID`: what the caller may grant in all of them.
pub(crate) fn scopes(request: &Request, settings: &Settings) -> Outcome {
    let account = caller::account(request, settings)?;
    let url = request.url()?;
    let chosen: Vec<String> = url
        .query_pairs()
        .filter(|(key, _)| key == "organization")
        .map(|(_, value)| value.into_owned())
        .collect();
    let organizations = rules::organizations(&chosen, &account).map_err(rejected)?;
    let held = account
        .scopes_in_all(organizations.iter().map(OrganizationId::as_str), &POLICY)
        .unwrap_or_default();
    respond::json(200, &Catalogue::new(held, &POLICY))
}

/// `GET /api/v1/tokens`
pub(crate) async fn list(request: &Request, env: &Env, settings: &Settings) -> Outcome {
    let owner = caller::account(request, settings)?.id;
    let Reply::List(tokens) = ask(env, settings, owner.clone(), Call::List { owner }).await? else {
        return Err(Refusal::unexpected("reply to list"));
    };
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

/// `POST /api/v1/tokens`
pub(crate) async fn create(request: Request, env: &Env, settings: &Settings) -> Outcome {
    let account = caller::account_for_change(&request, settings)?;
    let wish: CreateToken = caller::body(request).await?;
    let token = NewToken::check(&wish, &account, &POLICY)
        .map_err(|rejections| Problem::from_rejections(&rejections))?;
    issue(token, account, env, settings).await
}

async fn issue(token: NewToken, owner: Account, env: &Env, settings: &Settings) -> Outcome {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Refusal::unexpected(&error.to_string()))?;
    let created_at = now();
    let create = Create {
        owner: owner.id,
        id: TokenId::from_random(random),
        name: token.name.as_str().to_owned(),
        organizations: token.organizations,
        scopes: token.scopes.map(|set| owned(POLICY.scope_names(set))),
        created_at,
        expires_at: token.lifetime.expiry(created_at),
    };
    let (record, status) = match ask(
        env,
        settings,
        create.owner.clone(),
        Call::Create(create.clone()),
    )
    .await?
    {
        Reply::Created { record, status } => (record, status),
        Reply::LimitReached => return Err(limit_reached()),
        _ => return Err(Refusal::unexpected("reply to create")),
    };
    let issuer = &settings.installation.public_url;
    let claims = Claims {
        iss: issuer.clone(),
        aud: issuer.clone(),
        sub: create.owner,
        org: create.organizations,
        jti: create.id,
        iat: create.created_at,
        nbf: create.created_at,
        exp: create.expires_at,
        scope: create.scopes.map(|names| names.join(" ")),
        status: claims::Status {
            status_list: claims::StatusListReference {
                idx: status.idx,
                uri: status.list.uri(issuer),
            },
        },
    };
    let token = claims::issue(&claims, settings.signing_keys.first())
        .map_err(|error| Refusal::unexpected(&format!("{error:?}")))?;
    let location = format!("/api/v1/tokens/{}", record.id);
    let created = CreatedToken {
        record,
        token: token.reveal().to_owned(),
    };
    let response = respond::json(201, &created)?;
    response.headers().set("Location", &location)?;
    Ok(response)
}

fn limit_reached() -> Refusal {
    Problem::new(
        "token-limit-reached",
        409,
        "There are as many active tokens as there may be",
        format!(
            "Revoke one of your {} active tokens, or wait until one expires.",
            rules::MAX_ACTIVE_TOKENS
        ),
    )
    .into()
}

/// `GET /api/v1/tokens/{id}`
pub(crate) async fn read(request: &Request, id: &str, env: &Env, settings: &Settings) -> Outcome {
    let owner = caller::account(request, settings)?.id;
    respond::json(200, &record(owner, token_id(id)?, env, settings).await?)
}

/// `DELETE /api/v1/tokens/{id}`
pub(crate) async fn revoke(request: &Request, id: &str, env: &Env, settings: &Settings) -> Outcome {
    let owner = caller::account_for_change(request, settings)?.id;
    end(owner, token_id(id)?, env, settings).await
}

/// `POST /api/v1/tokens/revoke`: many at once, in one wait.
pub(crate) async fn revoke_many(request: Request, env: &Env, settings: &Settings) -> Outcome {
    let owner = caller::account_for_change(&request, settings)?.id;
    let wish: RevokeTokens = caller::body(request).await?;
    let which = wish
        .which()
        .map_err(|fix| Refusal::body_invalid(fix.to_owned()))?;
    let (revoked, effect) = end_all(owner, which, env, settings).await?;
    let answer = RevokedTokens {
        tokens: revoked.records,
        unknown: revoked.unknown,
        effect,
    };
    respond::json(effect.status(), &answer)
}

/// `GET /api/v1/tokens/current`: a token asks about itself.
pub(crate) async fn current(request: &Request, env: &Env, settings: &Settings) -> Outcome {
    let (_, record) = presented(request, env, settings).await?;
    respond::json(200, &record)
}

/// `DELETE /api/v1/tokens/current`: a token ends itself, so that a program that finds a leaked
/// one can stop it.
pub(crate) async fn revoke_current(request: &Request, env: &Env, settings: &Settings) -> Outcome {
    let (token, _) = presented(request, env, settings).await?;
    end(token.owner, token.id, env, settings).await
}

/// The token that a request carries, valid right now by the registry's own record.
async fn presented(
    request: &Request,
    env: &Env,
    settings: &Settings,
) -> Outcome<(Token, TokenRecord)> {
    let header = request.headers().get("Authorization")?;
    let text = bearer::parse(header.as_deref()).map_err(Denial::from)?;
    let token = settings.verifier.verify(text).map_err(Denial::from)?;
    verdict::check_times(&token, now())?;
    let record = record(token.owner.clone(), token.id.clone(), env, settings).await?;
    match record.status {
        TokenStatus::Active => Ok((token, record)),
        TokenStatus::Expired => Err(Denial::TokenExpired.into()),
        TokenStatus::Revoked => Err(Denial::TokenRevoked.into()),
    }
}

async fn record(
    owner: UserId,
    id: TokenId,
    env: &Env,
    settings: &Settings,
) -> Outcome<TokenRecord> {
    match ask(env, settings, owner.clone(), Call::Read { owner, id }).await? {
        Reply::Record(record) => Ok(record),
        Reply::NotFound => Err(Refusal::not_found()),
        _ => Err(Refusal::unexpected("reply to read")),
    }
}

/// Ends one token.
async fn end(owner: UserId, id: TokenId, env: &Env, settings: &Settings) -> Outcome<Response> {
    let (revoked, effect) = end_all(owner, Which::Ids(vec![id]), env, settings).await?;
    let Some(record) = revoked.records.into_iter().next() else {
        return Err(Refusal::not_found());
    };
    respond::json(effect.status(), &RevokedToken { record, effect })
}

/// Ends tokens; the answer comes when they are refused everywhere, or says when they will be.
async fn end_all(
    owner: UserId,
    which: Which,
    env: &Env,
    settings: &Settings,
) -> Outcome<(Revoked, Effect)> {
    let call = Call::Revoke {
        owner: owner.clone(),
        which,
    };
    let Reply::Revoked(revoked) = ask(env, settings, owner, call).await? else {
        return Err(Refusal::unexpected("reply to revoke"));
    };
    let mode = settings.installation.mode;
    let effect = Effect::new(mode, revoked.effective_ms, revoked.waited_ms);
    Ok((revoked, effect))
}

async fn ask(env: &Env, settings: &Settings, owner: UserId, call: Call) -> Outcome<Reply> {
    let registry = registry::of_user(&owner, settings.installation.registries);
    Ok(call_registry(env, registry, call).await?)
}

fn token_id(text: &str) -> Outcome<TokenId> {
    text.parse().map_err(|_| Refusal::not_found())
}

fn rejected(rejection: Rejection) -> Refusal {
    Problem::from_rejections(&[rejection]).into()
}
