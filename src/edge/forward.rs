//! Passes requests on: to the origin as they are, to the upstream without their secrets.

use crate::{judge::Identity, refuse, settings::Settings};
use futures_util::future::{Either, select};
use js_sys::{Array, JsString, Promise};
use patrol::forwarding::{self, Change, Conditional};
use patrol_platform::Fetcher;
use std::{pin::pin, thread::LocalKey};
use wasm_bindgen::{JsValue, closure::Closure, prelude::wasm_bindgen};
use web_sys::{Request, Response};
use worker::{Delay, Env, Error, Result, console_error};

/// The binding of the platform's API, where it is a Worker.
const UPSTREAM: &str = "UPSTREAM";

/// To the origin, untouched.
pub(crate) fn to_origin(request: &Request, env: &Env) -> Result<Response> {
    let origin = Fetcher::binding(env, "ORIGIN")?;
    hand_over(
        origin.fetch(&watched(request)?),
        origin_failed,
        &ORIGIN_FAILED,
    )
}

type Failed = Closure<dyn Fn(JsValue) -> JsValue>;

thread_local! {
    static ORIGIN_FAILED: Failed = when_failed(origin_failed);
    static UPSTREAM_FAILED: Failed = when_failed(upstream_failed);
}

fn when_failed(answer: fn(&Error) -> Result<Response>) -> Failed {
    Closure::new(move |error: JsValue| match answer(&error.into()) {
        Ok(response) => response.into(),
        Err(error) => error.into(),
    })
}

/// Leaves an answer to JavaScript, where a promise of one does for one. A future of ours that
/// waited for it would never be freed if the client went away.
fn hand_over(
    sent: std::result::Result<Promise, JsValue>,
    failed: fn(&Error) -> Result<Response>,
    when_failed: &'static LocalKey<Failed>,
) -> Result<Response> {
    match sent {
        Ok(answer) => Ok(when_failed.with(|when_failed| or_else(&answer, when_failed))),
        Err(error) => failed(&error.into()),
    }
}

/// Is this a CORS preflight (Fetch standard, section 3.2.2)?
pub(crate) fn is_preflight(request: &Request) -> Result<bool> {
    Ok(request.method() == "OPTIONS" && request.headers().has("Access-Control-Request-Method")?)
}

/// To the upstream, in the name of the token's owner, or in nobody's. Bodies stream in both
/// directions; redirects and upgrades go through as they are.
pub(crate) async fn to_upstream(
    request: &Request,
    identity: Option<&Identity>,
    path: &str,
    query: &str,
    env: &Env,
    settings: &Settings,
) -> Result<Response> {
    let Some(upstream) = Upstream::of(Fetcher::binding(env, UPSTREAM).ok(), settings) else {
        console_error!("edge: neither UPSTREAM_URL nor a binding UPSTREAM is configured");
        return refuse::upstream_unreachable();
    };
    let headers = request.headers();
    let [connection, upgrade, cookie] =
        ["Connection", "Upgrade", "Cookie"].map(|name| headers.get(name).ok().flatten());
    let conditional = Conditional {
        connection: connection.as_deref(),
        upgrade: upgrade.as_deref(),
        cookie: cookie.as_deref(),
    };
    let forwarded = upstream.request(request, identity, conditional, path, query)?;
    let Some(timeout) = settings.upstream_timeout else {
        let sent = upstream.fetcher.fetch(&forwarded);
        return hand_over(sent, upstream_failed, &UPSTREAM_FAILED);
    };
    let answer = pin!(upstream.fetcher.send(&forwarded));
    match select(answer, Delay::from(timeout)).await {
        Either::Left((Ok(response), _)) => Ok(response),
        Either::Left((Err(error), _)) => upstream_failed(&error),
        Either::Right(_) => refuse::upstream_timeout(),
    }
}

/// The answer where the origin gave none.
fn origin_failed(error: &Error) -> Result<Response> {
    if is_broken(error) {
        return refuse::body_broken();
    }
    refuse::log_failure("origin", error);
    refuse::origin_unreachable()
}

/// The answer where the upstream gave none.
pub(crate) fn upstream_failed(error: &Error) -> Result<Response> {
    if is_broken(error) {
        return refuse::body_broken();
    }
    refuse::log_failure("upstream", error);
    refuse::upstream_unreachable()
}

/// Is it the client's own fault?
fn is_broken(error: &Error) -> bool {
    error.to_string().contains(&broken())
}

#[wasm_bindgen(module = "/forwarded.js")]
extern "C" {
    /// The request as it goes on: see there.
    #[wasm_bindgen(catch)]
    fn forwarded(
        request: &Request,
        address: Option<&str>,
        withheld: &Array,
        changes: &Array,
    ) -> std::result::Result<Request, JsValue>;

    /// The request, its body watched: see there.
    #[wasm_bindgen(catch)]
    fn watched(request: &Request) -> std::result::Result<Request, JsValue>;

    /// What a fetch fails with whose client broke off.
    fn broken() -> String;

    /// The answer, or what is made of the error: see there.
    #[wasm_bindgen(js_name = orElse)]
    fn or_else(answer: &Promise, failed: &Failed) -> Response;
}

thread_local! {
    /// The names of the headers that never go on.
    static WITHHELD: Array = forwarding::withheld().into_iter().map(JsString::from).collect();
    /// Nobody's identity.
    static NO_CHANGES: Array = Array::new();
}

/// Where allowed requests go.
pub(crate) struct Upstream<'a> {
    pub(crate) fetcher: Fetcher,
    /// Absent, the request keeps its address: a binding does not look at the host.
    base: Option<&'a str>,
}

impl<'a> Upstream<'a> {
    /// A binding comes before an address.
    pub(crate) fn of(binding: Option<Fetcher>, settings: &'a Settings) -> Option<Self> {
        match (binding, &settings.upstream_url) {
            (Some(fetcher), _) => Some(Self {
                fetcher,
                base: None,
            }),
            (None, Some(url)) => Some(Self {
                fetcher: Fetcher::network(),
                base: Some(url),
            }),
            (None, None) => None,
        }
    }

    /// The request as it goes on.
    pub(crate) fn request(
        &self,
        request: &Request,
        identity: Option<&Identity>,
        conditional: Conditional<'_>,
        path: &str,
        query: &str,
    ) -> Result<Request> {
        let address = self.base.map(|base| format!("{base}{path}{query}"));
        let identity = match identity {
            Some(identity) => identity.headers(),
            None => NO_CHANGES.with(Clone::clone),
        };
        let changes = conditional.changes();
        let changes = if changes.is_empty() {
            identity
        } else {
            changes
                .iter()
                .map(pair)
                .collect::<Array>()
                .concat(&identity)
        };
        Ok(WITHHELD.with(|withheld| forwarded(request, address.as_deref(), withheld, &changes))?)
    }
}

/// A change as JavaScript knows it.
fn pair((name, value): &Change<'_>) -> Array {
    let value = value.as_deref().map_or(JsValue::UNDEFINED, JsValue::from);
    Array::of2(&JsValue::from(&**name), &value)
}
