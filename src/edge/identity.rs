//! The caller's identity, as the upstream gets it in headers, or the denial.

use crate::runtime::{Answer, same_object};
use js_sys::{Array, JsString};
use patrol::{
    authorize::{decision::Denial, forwarding},
    ids::OrganizationId,
    token::{Grant, cache::Verified},
};
use std::{
    borrow::Cow,
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use web_sys::Response;
use worker::Result;

/// The identity headers of one token, by the organization that the request acts in: at most one
/// entry for each of the token's organizations, and one for none.
#[derive(Debug, Default)]
pub(crate) struct CachedIdentities {
    was_used: Cell<bool>,
    entries: RefCell<Vec<(Option<usize>, Rc<IdentityHeaders>)>>,
}

impl CachedIdentities {
    /// Returns the headers for an organization. They are cached from the token's second use on:
    /// many tokens are used only once, and a long-lived object costs more than a short-lived one.
    fn get_or_create(
        &self,
        organization: Option<usize>,
        create: impl FnOnce() -> IdentityHeaders,
    ) -> Rc<IdentityHeaders> {
        let mut entries = self.entries.borrow_mut();
        if let Some((_, known)) = entries.iter().find(|(named, _)| *named == organization) {
            return Rc::clone(known);
        }
        let new = Rc::new(create());
        if self.was_used.replace(true) {
            entries.push((organization, Rc::clone(&new)));
        }
        new
    }
}

/// Permission for a request.
pub(crate) struct Admission {
    /// The caller. A public route needs none.
    pub(crate) identity: Option<Identity>,
    /// The path by which the request goes on, if that is not the path as sent.
    pub(crate) normal_path: Option<String>,
}

impl Admission {
    /// The headers to set, as pairs of name and value; without a value, to remove.
    pub(crate) fn headers(&self) -> Array {
        match &self.identity {
            Some(identity) => identity.headers(),
            // Nobody has checked the client's own.
            None => Array::of1(&Array::of2(
                &forwarding::ORGANIZATION.into(),
                &JsValue::UNDEFINED,
            )),
        }
    }

    /// The forward-auth response.
    pub(crate) fn response(&self) -> Result<Answer> {
        let response = match &self.identity {
            Some(identity) => identity.response()?,
            // All are empty: a proxy would leave a client's own in place.
            None => respond(&named([const { Some(Cow::Borrowed("")) }; 5], Some("")))?,
        };
        Ok(response.into())
    }

    /// Refuses the request nevertheless.
    pub(crate) fn deny(self, denial: Denial) -> Denied {
        let token = self.identity.map(|identity| identity.verified);
        Denied { denial, token }
    }
}

/// A denial, and the token to name in the log, if its signature was verified.
pub(crate) struct Denied {
    pub(crate) denial: Denial,
    pub(crate) token: Option<Rc<Verified<CachedIdentities>>>,
}

impl Denied {
    pub(crate) const fn without_token(denial: Denial) -> Self {
        let token = None;
        Self { denial, token }
    }
}

/// The headers as JavaScript has them, and the forward-auth response with them.
#[derive(Debug)]
struct IdentityHeaders {
    /// Pairs of name and value.
    pairs: Array,
    response: OnceCell<Response>,
}

/// The caller of a request, and the organization that it acts in.
pub(crate) struct Identity {
    pub(crate) verified: Rc<Verified<CachedIdentities>>,
    pub(crate) organization: Option<usize>,
}

thread_local! {
    static NAMES: Array = forwarding::IDENTITY
        .into_iter()
        .chain([forwarding::ORGANIZATION])
        .map(JsString::from)
        .collect();
}

impl Identity {
    /// The organization that the request acts in.
    fn organization(&self) -> Option<&str> {
        let organizations = &self.verified.token.organizations;
        let acting = self.organization.and_then(|at| organizations.get(at));
        acting.map(OrganizationId::as_str)
    }

    /// The values of [`forwarding::IDENTITY`]. The request may act in no organization, the token
    /// may have no scopes.
    fn values(&self) -> [Option<Cow<'_, str>>; 5] {
        let token = &self.verified.token;
        let scopes = match &token.grant {
            Grant::Scopes { claim, .. } => Some(claim.as_str()),
            Grant::Unscoped => None,
        };
        let organizations = match token.organizations.as_slice() {
            [only] => only.as_str().into(),
            several => several
                .iter()
                .map(OrganizationId::as_str)
                .collect::<Vec<_>>()
                .join(" ")
                .into(),
        };
        [
            Some(token.owner.as_str().into()),
            Some(token.id.as_str().into()),
            self.organization().map(Cow::Borrowed),
            Some(organizations),
            scopes.map(Cow::Borrowed),
        ]
    }

    fn cached(&self) -> Rc<IdentityHeaders> {
        let create = || IdentityHeaders {
            pairs: named(self.values(), self.organization()),
            response: OnceCell::new(),
        };
        self.verified.extra.get_or_create(self.organization, create)
    }

    /// The headers, as pairs of name and value.
    fn headers(&self) -> Array {
        self.cached().pairs.clone()
    }

    /// The forward-auth response. It has no body, so one object answers any number of requests.
    ///
    /// It has every identity header, even if empty. Otherwise a proxy that copies only the headers
    /// that are present would leave a client's own header in place.
    fn response(&self) -> Result<Response> {
        let cached = self.cached();
        if let Some(response) = cached.response.get() {
            return Ok(same_object(response));
        }
        let values = self.values();
        let response = if values.iter().all(Option::is_some) {
            respond(&cached.pairs)?
        } else {
            let present = values.map(|value| value.or(Some(Cow::Borrowed(""))));
            respond(&named(present, self.organization()))?
        };
        Ok(same_object(cached.response.get_or_init(|| response)))
    }
}

#[wasm_bindgen(module = "/identity.js")]
extern "C" {
    fn pairs(names: &Array, lines: &str) -> Array;

    #[wasm_bindgen(catch)]
    fn respond(headers: &Array) -> std::result::Result<Response, JsValue>;
}

/// Pairs the values, and the organization for [`forwarding::ORGANIZATION`], with their names. None
/// of them contains a line feed.
fn named(values: [Option<Cow<'_, str>>; 5], organization: Option<&str>) -> Array {
    let mut lines = String::new();
    for value in values.into_iter().chain([organization.map(Cow::Borrowed)]) {
        if let Some(value) = value {
            lines.push('=');
            lines.push_str(&value);
        }
        lines.push('\n');
    }
    NAMES.with(|names| pairs(names, &lines))
}
