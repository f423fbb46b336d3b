//! Passes requests on: to the origin as they are, to the upstream without their secrets.

use crate::{judge::Identity, refuse, settings::Settings};
use futures_util::future::{Either, select};
use js_sys::{Array, JsString};
use patrol::forwarding::{self, Change, Conditional};
use patrol_platform::Fetcher;
use std::pin::pin;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use web_sys::{Request, Response};
use worker::{Delay, Env, Result, console_error};

/// The binding of the platform's API, where it is a Worker.
const UPSTREAM: &str = "UPSTREAM";

/// To the origin, untouched.
pub(crate) async fn to_origin(request: &Request, env: &Env) -> Result<Response> {
    match Fetcher::binding(env, "ORIGIN")?.send(request).await {
        Ok(response) => Ok(response),
        Err(error) => {
            console_error!("edge: origin: {error}");
            refuse::origin_unreachable()
        }
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
    let answer = pin!(upstream.fetcher.send(&forwarded));
    let answered = match settings.upstream_timeout {
        None => answer.await,
        Some(timeout) => match select(answer, Delay::from(timeout)).await {
            Either::Left((answered, _)) => answered,
            Either::Right(_) => return refuse::upstream_timeout(),
        },
    };
    match answered {
        Ok(response) => Ok(response),
        Err(error) => {
            console_error!("edge: upstream: {error}");
            refuse::upstream_unreachable()
        }
    }
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
