//! Judges a request: asks memory for the verdict, and fetches what it lacks.

use crate::{
    isolate::{Answers, with_memory},
    refresh,
    runtime::Event,
};
use patrol::{
    identity::OrganizationId,
    memory::{self, Asked, Verdict},
    token::{Grant, Token, cache::Verified},
    verdict::{Denial, Request as AskedFor},
};
use patrol_platform::clock;
use std::{net::IpAddr, rc::Rc};
use web_sys::{Headers, Request, Response};
use worker::Result;

/// What becomes of a request.
pub(crate) enum Judgement {
    Allow(Identity),
    Deny(Refusal),
}

/// A denial, and the token that may be named in the log: known once its signature is.
pub(crate) struct Refusal {
    pub(crate) denial: Denial,
    pub(crate) token: Option<Rc<Verified<Answers>>>,
}

/// In whose name an allowed request goes on.
pub(crate) struct Identity {
    verified: Rc<Verified<Answers>>,
    organization: Option<usize>,
}

impl Identity {
    fn token(&self) -> &Token {
        &self.verified.token
    }

    fn organization(&self) -> Option<&OrganizationId> {
        self.token().organizations.get(self.organization?)
    }

    /// The answer that is kept for it; made when it is first needed.
    pub(crate) fn answer(&self, make: impl FnOnce() -> Result<Response>) -> Result<Response> {
        self.verified.extra.get_or_make(self.organization, make)
    }

    /// Writes the identity headers.
    pub(crate) fn set_on(&self, headers: &Headers) -> Result<()> {
        let token = self.token();
        headers.set("X-Patrol-Subject", token.owner.as_str())?;
        headers.set("X-Patrol-Token-Id", token.id.as_str())?;
        if let Some(organization) = self.organization() {
            headers.set("X-Patrol-Organization", organization.as_str())?;
        }
        if let Grant::Scopes { claim, .. } = &token.grant {
            headers.set("X-Patrol-Scopes", claim)?;
        }
        Ok(())
    }
}

/// Where the client's address stands.
#[derive(Clone, Copy)]
pub(crate) enum Client {
    /// It called this Worker: the platform names it.
    Direct,
    /// It called the proxy that asks: the proxy names it last.
    BehindProxy,
}

impl Client {
    pub(crate) fn address(self, headers: &Headers) -> Option<IpAddr> {
        let name = match self {
            Self::Direct => "CF-Connecting-IP",
            Self::BehindProxy => "X-Forwarded-For",
        };
        last_address(&headers.get(name).ok()??)
    }
}

/// The last address in a header, which the nearest proxy wrote.
fn last_address(header: &str) -> Option<IpAddr> {
    header.rsplit(',').next()?.trim().parse().ok()
}

impl From<Verdict<Answers>> for Judgement {
    fn from(verdict: Verdict<Answers>) -> Self {
        match (verdict.result, verdict.token) {
            (Ok(allowed), Some(verified)) => Self::Allow(Identity {
                verified,
                organization: allowed.organization,
            }),
            // Nobody is allowed anything without a token.
            (Ok(_), token @ None) => Self::Deny(Refusal {
                denial: Denial::TokenMissing,
                token,
            }),
            (Err(denial), token) => Self::Deny(Refusal { denial, token }),
        }
    }
}

/// Judges a request by the token that it carries.
pub(crate) async fn judge(
    request: &Request,
    asked: &AskedFor<'_>,
    client: Client,
    event: Event<'_>,
) -> Result<Judgement> {
    let header = request.headers().get("Authorization")?;
    let mut progress = Asked::default();
    loop {
        let outcome =
            with_memory(|memory| memory.judge(asked, header.as_deref(), clock(), &mut progress));
        match outcome {
            None => {
                return Ok(Judgement::Deny(Refusal {
                    denial: Denial::RevocationUnavailable,
                    token: None,
                }));
            }
            Some(memory::Judgement::Incomplete(missing, step)) => {
                refresh::fetch(missing, step, event).await;
            }
            Some(memory::Judgement::Complete(verdict)) => {
                if let Some(missing) = verdict.behind {
                    refresh::fetch_behind(missing, event);
                }
                if let Some(used) = verdict.used {
                    let address = || client.address(&request.headers());
                    if with_memory(|memory| refresh::note_use(memory, used, address)) == Some(true)
                    {
                        refresh::tell_behind(used.list, event);
                    }
                }
                return Ok(verdict.into());
            }
        }
    }
}
