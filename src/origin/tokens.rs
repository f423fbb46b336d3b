//! The management of tokens: `/api/v1/me`, `/api/v1/scopes`, `/api/v1/tokens`.

use crate::{
    caller, publish,
    respond::{self, Outcome, Refusal},
    settings::Settings,
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
        problem::{FieldError, Problem},
    },
    ids::{OrganizationId, TokenId, UserId},
    issue::rules::{self, Limit, NewToken},
    jose::{
        signing::Dalek,
        status_list::{StatusListId, StatusReference},
    },
    placement,
    policy::{POLICY, account::Account},
    registry::{Create, Created, List, OwnerCall, Read, Revoke, Revoked, Revoker},
    token::{
        Claims, MAX_LENGTH, Token,
        claims::{self, IssueError},
    },
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
    let organizations = rules::organizations(&chosen, &account).map_err(|rejection| {
        let error = FieldError::new("organization", &rejection);
        Problem::of_members("There are no scopes for this choice", vec![error])
    })?;
    let held = account
        .scopes_in_all(organizations.iter().map(OrganizationId::as_str), &POLICY)
        .unwrap_or_default();
    respond::json(200, &Catalogue::new(held, &POLICY))
}

/// `GET /api/v1/tokens`
pub(crate) async fn list(request: &Request, env: &Env, settings: &Settings) -> Outcome {
    let owner = caller::account(request, settings)?.id;
    let tokens = ask(env, settings, &List { owner }).await?;
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
    let issuer = &settings.installation.public_url;
    let sign = |status: StatusReference| {
        let claims = Claims {
            iss: issuer.clone(),
            aud: issuer.clone(),
            sub: create.owner.clone(),
            org: create.organizations.clone(),
            jti: create.id.clone(),
            iat: create.created_at,
            nbf: None,
            exp: create.expires_at,
            scope: create.scopes.as_ref().map(|names| names.join(" ")),
            status: claims::StatusClaim {
                status_list: claims::StatusListClaim {
                    idx: status.idx,
                    uri: status.list.uri(issuer),
                },
            },
        };
        claims::issue(&claims, settings.signing_keys.first()).map_err(not_issued)
    };
    // The registry commits, so it is asked only for a token that fits, wherever its place will be.
    sign(FARTHEST)?;
    let made = ask(env, settings, &create).await?;
    let Created { record, status } = made.map_err(limit_reached)?;
    let token = sign(status)?;
    let location = format!("/api/v1/tokens/{}", record.id);
    let created = CreatedToken {
        record,
        token: token.reveal().to_owned(),
    };
    let response = respond::json(201, &created)?;
    response.headers().set("Location", &location)?;
    Ok(response)
}

/// The place whose name is the longest.
const FARTHEST: StatusReference = StatusReference {
    list: StatusListId {
        registry: u16::MAX,
        list: u32::MAX,
    },
    idx: u32::MAX,
};

fn not_issued(error: IssueError) -> Refusal {
    match error {
        IssueError::TooLong => Problem::new(
            "token-too-long",
            422,
            "The token would be too long",
            format!(
                "Choose fewer organizations or scopes: a token has at most {MAX_LENGTH} bytes."
            ),
        )
        .into(),
        IssueError::Claims => Refusal::unexpected("claims"),
    }
}

fn limit_reached(limit: Limit) -> Refusal {
    match limit {
        Limit::Active => Problem::new(
            "token-limit-reached",
            409,
            "There are as many active tokens as there may be",
            format!(
                "Revoke one of your {} active tokens, or wait until one expires.",
                rules::MAX_ACTIVE_TOKENS
            ),
        )
        .into(),
        Limit::Rate(exceeded) => exceeded.into(),
    }
}

/// `GET /api/v1/tokens/{id}`
pub(crate) async fn read(request: &Request, id: &str, env: &Env, settings: &Settings) -> Outcome {
    let owner = caller::account(request, settings)?.id;
    respond::json(200, &record(owner, token_id(id)?, env, settings).await?)
}

/// `DELETE /api/v1/tokens/{id}`
pub(crate) async fn revoke(request: &Request, id: &str, env: &Env, settings: &Settings) -> Outcome {
    let owner = caller::account_for_change(request, settings)?.id;
    end(owner, token_id(id)?, Revoker::Owner, env, settings).await
}

/// `POST /api/v1/tokens/revoke`: many at once, in one wait.
pub(crate) async fn revoke_many(request: Request, env: &Env, settings: &Settings) -> Outcome {
    let owner = caller::account_for_change(&request, settings)?.id;
    let wish: RevokeTokens = caller::body(request).await?;
    let which = wish
        .which()
        .map_err(|fix| Refusal::body_invalid(fix.to_owned()))?;
    let (revoked, effect) = end_all(owner, which, Revoker::Owner, env, settings).await?;
    let answer = RevokedTokens {
        tokens: revoked.records,
        unknown: revoked.unknown,
        effect,
    };
    respond::json(effect.status(), &answer)
}

/// `GET /api/v1/tokens/current`: a token asks about itself.
pub(crate) async fn current(request: &Request, env: &Env, settings: &Settings) -> Outcome {
    let token = presented(request, settings)?;
    let record = record(token.owner, token.id, env, settings).await?;
    match record.status {
        TokenStatus::Active => respond::json(200, &record),
        TokenStatus::Expired => Err(Denial::TokenExpired.into()),
        TokenStatus::Revoked => Err(Denial::TokenRevoked.into()),
    }
}

/// `DELETE /api/v1/tokens/current`: a token ends itself, so that a program that finds a leaked
/// one can stop it. Once an edge knows that it has ended, it does not come here any more.
pub(crate) async fn revoke_current(request: &Request, env: &Env, settings: &Settings) -> Outcome {
    let token = presented(request, settings)?;
    end(token.owner, token.id, Revoker::Itself, env, settings).await
}

/// The token that a request carries: ours, and within its times. It may be revoked.
fn presented(request: &Request, settings: &Settings) -> Outcome<Token> {
    let header = request.headers().get("Authorization")?;
    let text = bearer::parse(header.as_deref()).map_err(Denial::from)?;
    let token = settings
        .verifier
        .verify(text, &Dalek)
        .map_err(Denial::from)?;
    decision::check_times(&token, now())?;
    Ok(token)
}

async fn record(
    owner: UserId,
    id: TokenId,
    env: &Env,
    settings: &Settings,
) -> Outcome<TokenRecord> {
    let record = ask(env, settings, &Read { owner, id }).await?;
    record.ok_or_else(Refusal::not_found)
}

/// Ends one token.
async fn end(
    owner: UserId,
    id: TokenId,
    by: Revoker,
    env: &Env,
    settings: &Settings,
) -> Outcome<Response> {
    let (revoked, effect) = end_all(owner, RevokeTarget::Ids(vec![id]), by, env, settings).await?;
    let Some(record) = revoked.records.into_iter().next() else {
        return Err(Refusal::not_found());
    };
    respond::json(effect.status(), &RevokedToken { record, effect })
}

/// Ends tokens; the answer comes when they are refused everywhere, or says when they will be.
async fn end_all(
    owner: UserId,
    which: RevokeTarget,
    by: Revoker,
    env: &Env,
    settings: &Settings,
) -> Outcome<(Revoked, RevocationEffect)> {
    let revoked = ask(env, settings, &Revoke { owner, which, by }).await??;
    let mode = settings.installation.mode;
    let effect = RevocationEffect::new(mode, revoked.effective_ms, revoked.waited_ms);
    Ok((revoked, effect))
}

/// Asks the owner's registry.
async fn ask<C: OwnerCall>(env: &Env, settings: &Settings, call: &C) -> Outcome<C::Answer> {
    let registry = placement::of_user(call.owner(), settings.installation.registries);
    let answer = call_registry(env, &settings.installation, registry, call).await;
    if C::CHANGES_LISTS {
        publish::forget(registry);
    }
    Ok(answer?)
}

fn token_id(text: &str) -> Outcome<TokenId> {
    text.parse().map_err(|_| Refusal::not_found())
}
