//! Judges a request: asks memory for the verdict, and fetches what it lacks.

use crate::{
    isolate::{CachedIdentity, with_validator},
    refresh,
    runtime::Event,
};
use js_sys::{Array, JsString};
use patrol::{
    authorize::{
        decision::{AccessRequest, Denial},
        forwarding::{self, AddressHeader},
        validator::{Attempted, Check, Decision, Validator},
    },
    ids::OrganizationId,
    token::{Grant, cache::Verified},
};
use patrol_platform::{clock, now};
use std::{cell::OnceCell, net::IpAddr, rc::Rc};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use web_sys::{Headers, Request, Response};
use worker::Result;

/// What becomes of a request.
pub(crate) enum Outcome {
    Allow(Identity),
    Deny(Denied),
}

/// A denial, and the token that may be named in the log: known once its signature is.
pub(crate) struct Denied {
    pub(crate) denial: Denial,
    pub(crate) token: Option<Rc<Verified<CachedIdentity>>>,
}

impl Denied {
    /// Of a request whose token was not looked at.
    pub(crate) const fn of(denial: Denial) -> Self {
        let token = None;
        Self { denial, token }
    }
}

/// In whose name an allowed request goes on.
pub(crate) struct Identity {
    verified: Rc<Verified<CachedIdentity>>,
    organization: Option<usize>,
}

/// The headers that say so, as JavaScript has them (pairs of name and value), and the answer that
/// tells them.
#[derive(Debug)]
pub(crate) struct IdentityHeaders {
    headers: Array,
    answer: OnceCell<Response>,
}

thread_local! {
    static NAMES: Array = forwarding::IDENTITY.into_iter().map(JsString::from).collect();
}

impl Identity {
    /// The values of `forwarding::IDENTITY`. A request may act in no organization, and a token may
    /// name no scopes.
    fn values(&self) -> [Option<&str>; 4] {
        let token = &self.verified.token;
        let organization = self.organization.and_then(|at| token.organizations.get(at));
        let scopes = match &token.grant {
            Grant::Scopes { claim, .. } => Some(claim.as_str()),
            Grant::Unscoped => None,
        };
        [
            Some(token.owner.as_str()),
            Some(token.id.as_str()),
            organization.map(OrganizationId::as_str),
            scopes,
        ]
    }

    fn kept(&self) -> Rc<IdentityHeaders> {
        let make = || IdentityHeaders {
            headers: named(self.values()),
            answer: OnceCell::new(),
        };
        self.verified.extra.get_or_make(self.organization, make)
    }

    /// The refusal of a request that its token allows.
    pub(crate) fn refused(self, denial: Denial) -> Denied {
        let token = Some(self.verified);
        Denied { denial, token }
    }

    /// The headers, as pairs of name and value.
    pub(crate) fn headers(&self) -> Array {
        self.kept().headers.clone()
    }

    /// The answer of forward-auth. It has no body, so that one can answer any number of requests.
    /// It has all headers, if need be empty: a proxy that copies those that there are would leave
    /// a client's own in the place of one that is not.
    pub(crate) fn answer(&self) -> Result<Response> {
        let kept = self.kept();
        if let Some(answer) = kept.answer.get() {
            // Not `Response.clone()`: the very same answer again.
            return Ok(Clone::clone(answer));
        }
        let values = self.values();
        let answer = if values.iter().all(Option::is_some) {
            respond(&kept.headers)?
        } else {
            respond(&named(values.map(|value| value.or(Some("")))))?
        };
        Ok(Clone::clone(kept.answer.get_or_init(|| answer)))
    }
}

#[wasm_bindgen(module = "/identity.js")]
extern "C" {
    /// Pairs of name and value: see there.
    fn pairs(names: &Array, lines: &str) -> Array;

    /// An answer without a body: see there.
    #[wasm_bindgen(catch)]
    fn respond(headers: &Array) -> std::result::Result<Response, JsValue>;
}

/// The values that there are, with their names. No identifier has a line feed, and the scopes are
/// the last line.
fn named(values: [Option<&str>; 4]) -> Array {
    let mut lines = String::new();
    for value in values {
        if let Some(value) = value {
            lines.push('=');
            lines.push_str(value);
        }
        lines.push('\n');
    }
    NAMES.with(|names| pairs(names, &lines))
}

/// Where the client's address stands.
#[derive(Clone, Copy)]
pub(crate) enum Client {
    /// It called this Worker: `CLIENT_ADDRESS_HEADER` names it.
    Direct,
    /// It called the proxy that asks, which names it. The platform may have added the proxy's own
    /// address behind.
    BehindProxy,
}

impl Client {
    /// Its address. Whoever asks the edge as a proxy does can name any: it is for the token's
    /// owner to read, and nothing is decided by it.
    pub(crate) fn address(self, headers: &Headers, nearest: &AddressHeader) -> Option<IpAddr> {
        let header = |name| headers.get(name).ok().flatten();
        let nearest: Option<IpAddr> = header(nearest.as_str()).and_then(|ip| ip.parse().ok());
        match self {
            Self::Direct => nearest,
            Self::BehindProxy => {
                let forwarded = header("X-Forwarded-For")?;
                let addresses = forwarded.rsplit(',').map(|ip| ip.trim().parse().ok());
                let mut told = addresses.skip_while(|ip| ip.is_some() && *ip == nearest);
                told.next().flatten().or(nearest)
            }
        }
    }
}

impl From<Decision<CachedIdentity>> for Outcome {
    fn from(verdict: Decision<CachedIdentity>) -> Self {
        match (verdict.result, verdict.token) {
            (Ok(allowed), Some(verified)) => Self::Allow(Identity {
                verified,
                organization: allowed.organization,
            }),
            // Nobody is allowed anything without a token.
            (Ok(_), None) => Self::Deny(Denied::of(Denial::TokenMissing)),
            (Err(denial), token) => Self::Deny(Denied { denial, token }),
        }
    }
}

/// Judges a request by the token that it carries.
pub(crate) async fn authenticate(
    request: &Request,
    asked: &AccessRequest<'_>,
    client: Client,
    event: Event<'_>,
) -> Result<Outcome> {
    let header = request.headers().get("Authorization")?;
    let judge = |memory: &mut Validator<CachedIdentity>, progress: &mut Attempted| {
        memory.judge(asked, header.as_deref(), clock(), progress)
    };
    let Some(verdict) = verdict(judge, event).await else {
        return Ok(Outcome::Deny(Denied {
            denial: Denial::RevocationUnavailable,
            token: None,
        }));
    };
    if let Some(used) = verdict.used {
        let nearest = &event.settings.client_address_header;
        let address = || client.address(&request.headers(), nearest);
        let noted = with_validator(|memory| refresh::note_use(memory, used, address));
        if let Some(batch) = noted.flatten() {
            refresh::tell_behind(used.list, batch, event);
        }
    }
    Ok(verdict.into())
}

/// Why the token of a request is none to ask the origin with. What cannot be known here is the
/// origin's to judge, as all else that it is asked.
pub(crate) async fn refuse_dead_token(
    request: &Request,
    event: Event<'_>,
) -> Result<Option<Denied>> {
    let header = request.headers().get("Authorization")?;
    let judge = |memory: &mut Validator<CachedIdentity>, progress: &mut Attempted| {
        memory.authenticate(now(), header.as_deref(), clock(), progress)
    };
    let verdict = verdict(judge, event).await;
    Ok(verdict.and_then(|Decision { token, result, .. }| {
        let denial = result.err()?;
        (denial != Denial::RevocationUnavailable).then_some(Denied { denial, token })
    }))
}

/// The verdict, once memory has all that it takes; None: there is no memory.
async fn verdict(
    mut judge: impl FnMut(&mut Validator<CachedIdentity>, &mut Attempted) -> Check<CachedIdentity>,
    event: Event<'_>,
) -> Option<Decision<CachedIdentity>> {
    let mut progress = Attempted::default();
    loop {
        match with_validator(|memory| judge(memory, &mut progress))? {
            Check::Needs(missing, step) => {
                refresh::fetch(missing, step, event).await;
            }
            Check::Decided(verdict) => {
                if let Some(missing) = verdict.behind {
                    refresh::ask_behind(missing, event);
                }
                return Some(verdict);
            }
        }
    }
}
