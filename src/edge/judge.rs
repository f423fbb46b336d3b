//! Judges a request: asks memory for the verdict, and fetches what it lacks.

use crate::{
    isolate::{Kept, with_memory},
    refresh,
    runtime::{self, Event, JsHeaders},
};
use js_sys::JsString;
use patrol::{
    memory::{self, Asked, Verdict},
    token::{Grant, cache::Verified},
    verdict::{Denial, Request as AskedFor},
};
use patrol_platform::clock;
use std::{cell::OnceCell, net::IpAddr, rc::Rc};
use wasm_bindgen::JsCast;
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
    pub(crate) token: Option<Rc<Verified<Kept>>>,
}

/// In whose name an allowed request goes on.
pub(crate) struct Identity {
    verified: Rc<Verified<Kept>>,
    organization: Option<usize>,
}

/// The headers that say so, as JavaScript has them, and an answer that has no others.
#[derive(Debug)]
pub(crate) struct IdentityHeaders {
    headers: Vec<(JsString, JsString)>,
    answer: OnceCell<Response>,
}

impl Identity {
    fn headers(&self) -> Rc<IdentityHeaders> {
        self.verified.extra.get_or_make(self.organization, || {
            let token = &self.verified.token;
            let mut headers: Vec<(JsString, JsString)> = vec![
                ("X-Patrol-Subject".into(), token.owner.as_str().into()),
                ("X-Patrol-Token-Id".into(), token.id.as_str().into()),
            ];
            let organization = self
                .organization
                .and_then(|place| token.organizations.get(place));
            if let Some(organization) = organization {
                headers.push(("X-Patrol-Organization".into(), organization.as_str().into()));
            }
            if let Grant::Scopes { claim, .. } = &token.grant {
                headers.push(("X-Patrol-Scopes".into(), claim.as_str().into()));
            }
            IdentityHeaders {
                headers,
                answer: OnceCell::new(),
            }
        })
    }

    /// Writes the headers.
    pub(crate) fn set_on(&self, headers: &Headers) -> Result<()> {
        self.headers().set_on(headers)
    }

    /// The answer of forward-auth. It has no body, so that one can answer any number of requests.
    pub(crate) fn answer(&self) -> Result<Response> {
        let headers = self.headers();
        if let Some(answer) = headers.answer.get() {
            // Not `Response.clone()`: the very same answer again.
            return Ok(Clone::clone(answer));
        }
        let answer = runtime::empty(204)?;
        headers.set_on(&answer.headers())?;
        Ok(Clone::clone(headers.answer.get_or_init(|| answer)))
    }
}

impl IdentityHeaders {
    fn set_on(&self, headers: &Headers) -> Result<()> {
        let headers = headers.unchecked_ref::<JsHeaders>();
        for (name, value) in &self.headers {
            headers.set(name, value)?;
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

impl From<Verdict<Kept>> for Judgement {
    fn from(verdict: Verdict<Kept>) -> Self {
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
                    let noted = with_memory(|memory| refresh::note_use(memory, used, address));
                    if let Some(round) = noted.flatten() {
                        refresh::tell_behind(used.list, round, event);
                    }
                }
                return Ok(verdict.into());
            }
        }
    }
}
