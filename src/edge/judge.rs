//! Gathers the facts about a request, asks for the verdict, keeps what is needed of it.

use crate::{keys, revocation, settings::Settings};
use patrol::{
    bearer,
    identity::{OrganizationId, TokenId, UserId},
    policy::POLICY,
    token::{Token, TokenError, Verifier},
    verdict::{self, Denial, Permit, Request as Asked, Revocation},
};
use std::rc::Rc;
use web_sys::{Headers, Request};
use worker::{Env, Result, console_error};

/// What becomes of a request.
pub(crate) enum Judgement {
    Allow(Identity),
    Deny(Refusal),
}

/// A denial, and what may be logged about it.
pub(crate) struct Refusal {
    pub(crate) denial: Denial,
    /// Known once the signature is.
    pub(crate) token: Option<TokenId>,
    /// As the policy writes it.
    pub(crate) route: Option<&'static str>,
}

/// In whose name an allowed request goes on.
pub(crate) struct Identity {
    subject: UserId,
    organization: Option<OrganizationId>,
    scopes: Option<String>,
    token: TokenId,
}

/// Names that begin like this tell the upstream who calls; nobody else may send them.
pub(crate) const IDENTITY_PREFIX: &str = "x-patrol-";

impl Identity {
    fn new(permit: &Permit<'_>) -> Self {
        Self {
            subject: permit.token.owner.clone(),
            organization: permit.organization.cloned(),
            scopes: permit.scopes().map(str::to_owned),
            token: permit.token.id.clone(),
        }
    }

    /// Writes the identity headers.
    pub(crate) fn set_on(&self, headers: &Headers) -> Result<()> {
        headers.set("X-Patrol-Subject", self.subject.as_str())?;
        headers.set("X-Patrol-Token-Id", self.token.as_str())?;
        if let Some(organization) = &self.organization {
            headers.set("X-Patrol-Organization", organization.as_str())?;
        }
        if let Some(scopes) = &self.scopes {
            headers.set("X-Patrol-Scopes", scopes)?;
        }
        Ok(())
    }
}

/// Judges a request by the token that it carries.
pub(crate) async fn judge(
    request: &Request,
    asked: &Asked<'_>,
    env: &Env,
    settings: &Settings,
) -> Result<Judgement> {
    let deny = |denial, token| {
        // For the log alone: an allowed request pays for the one look-up of the verdict.
        let route = POLICY
            .route(asked.method, asked.path)
            .map(|route| route.path);
        Ok(Judgement::Deny(Refusal {
            denial,
            token,
            route,
        }))
    };

    // 1. The header.
    let header = request.headers().get("Authorization")?;
    let text = match bearer::parse(header.as_deref()) {
        Ok(text) => text,
        Err(error) => return deny(error.into(), None),
    };

    // 2. Form, signature, issuer, audience.
    let verifier = match keys::verifier(env, settings).await {
        Ok(verifier) => verifier,
        Err(error) => {
            console_error!("edge: keys: {error}");
            return deny(Denial::RevocationUnavailable, None);
        }
    };
    let token = match verify(text, &verifier, env, settings).await {
        Ok(token) => token,
        Err(error) => return deny(error.into(), None),
    };

    // 3. Its status; a token whose time is over needs none.
    let revocation = match verdict::check_times(&token, asked.now) {
        Ok(()) => revocation::status(token.status, env, settings).await,
        Err(_) => Revocation::Unavailable,
    };

    // 4. The verdict.
    match verdict::authorize(asked, &token, revocation, &POLICY) {
        Ok(permit) => Ok(Judgement::Allow(Identity::new(&permit))),
        Err(denial) => deny(denial, Some(token.id)),
    }
}

/// Verifies the token, a second time with newer keys when the first ones do not fit.
async fn verify(
    text: &str,
    verifier: &Rc<Verifier>,
    env: &Env,
    settings: &Settings,
) -> std::result::Result<Token, TokenError> {
    match verifier.verify(text) {
        Err(TokenError::Signature) => match keys::newer(verifier, env, settings).await {
            Ok(Some(newer)) => newer.verify(text),
            Ok(None) | Err(_) => Err(TokenError::Signature),
        },
        result => result,
    }
}
