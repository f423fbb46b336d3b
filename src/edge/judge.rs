//! Gathers the facts about a request, asks for the verdict, keeps what is needed of it.

use crate::{keys, revocation, runtime::Event};
use patrol::{
    bearer,
    identity::{OrganizationId, TokenId, UserId},
    policy::POLICY,
    token::{Token, TokenError, Verifier},
    verdict::{self, Denial, Permit, Request as Asked, Revocation},
};
use std::{net::IpAddr, rc::Rc};
use web_sys::{Headers, Request};
use worker::{Result, console_error};

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

/// Where the client's address stands.
#[derive(Clone, Copy)]
pub(crate) enum Client {
    /// It called this Worker: the platform names it.
    Direct,
    /// It called the proxy that asks: the proxy names it last (Forwarded, in its older form).
    BehindProxy,
}

impl Client {
    fn address(self, headers: &Headers) -> Option<IpAddr> {
        let name = match self {
            Self::Direct => "CF-Connecting-IP",
            Self::BehindProxy => "X-Forwarded-For",
        };
        let value = headers.get(name).ok()??;
        value.rsplit(',').next()?.trim().parse().ok()
    }
}

/// Judges a request by the token that it carries.
pub(crate) async fn judge(
    request: &Request,
    asked: &Asked<'_>,
    client: Client,
    event: Event<'_>,
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
    let verifier = match keys::verifier(event.env, event.settings).await {
        Ok(verifier) => verifier,
        Err(error) => {
            console_error!("edge: keys: {error}");
            return deny(Denial::RevocationUnavailable, None);
        }
    };
    let token = match verify(text, &verifier, event).await {
        Ok(token) => token,
        Err(error) => return deny(error.into(), None),
    };

    // 3. Its status; a token whose time is over needs none.
    let revocation = match verdict::check_times(&token, asked.now) {
        Ok(()) => revocation::status(&token, event).await,
        Err(_) => Revocation::Unavailable,
    };

    // 4. The verdict.
    let verdict = verdict::authorize(asked, &token, revocation, &POLICY);
    if verdict.as_ref().err().is_none_or(Denial::is_authenticated) {
        revocation::note_use(&token, event, || client.address(&request.headers()));
    }
    match verdict {
        Ok(permit) => Ok(Judgement::Allow(Identity::new(&permit))),
        Err(denial) => deny(denial, Some(token.id)),
    }
}

/// Verifies the token, a second time with newer keys when the first ones do not fit.
async fn verify(
    text: &str,
    verifier: &Rc<Verifier>,
    event: Event<'_>,
) -> std::result::Result<Token, TokenError> {
    match verifier.verify(text) {
        Err(TokenError::Key) => match keys::newer(verifier, event.env, event.settings).await {
            Some(newer) => newer.verify(text),
            None => Err(TokenError::Key),
        },
        result => result,
    }
}
