//! Passes requests on: to the origin as they are, to the upstream without their secrets.

use crate::{authenticate::Identity, refuse, settings::Settings};
use futures_util::future::{Either, select};
use js_sys::{Array, JsString, Promise};
use patrol::authorize::{
    decision::Denial,
    forwarding::{self, ConditionalHeaders, HeaderChange},
};
use patrol_platform::Fetcher;
use std::{cell::OnceCell, pin::pin, thread::LocalKey};
use wasm_bindgen::{JsValue, closure::Closure, prelude::wasm_bindgen};
use web_sys::{Headers, Request, Response};
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

/// Is this a CORS preflight (Fetch standard, section 3.2.2)? Then it is the method that it asks for.
pub(crate) fn preflight_for(request: &Request) -> Result<Option<String>> {
    let headers = request.headers();
    if request.method() != "OPTIONS" || !headers.has("Origin")? {
        return Ok(None);
    }
    Ok(headers.get(forwarding::PREFLIGHT_METHOD)?)
}

/// A preflight to the upstream, in nobody's name.
pub(crate) async fn preflight_to_upstream(
    request: &Request,
    path: &str,
    query: &str,
    env: &Env,
    settings: &Settings,
) -> Result<Response> {
    send(env, settings, |upstream| {
        let address = upstream.address(path, query);
        Ok(PREFLIGHT.with(|names| preflight(request, address.as_deref(), names))?)
    })
    .await
}

/// To the upstream, in the name of the token's owner. Bodies stream in both directions; redirects
/// and upgrades go through as they are.
pub(crate) async fn to_upstream(
    request: &Request,
    identity: &Identity,
    path: &str,
    query: &str,
    env: &Env,
    settings: &Settings,
) -> Result<Response> {
    let headers = request.headers();
    let [connection, upgrade, cookie] =
        ["Connection", "Upgrade", "Cookie"].map(|name| headers.get(name).ok().flatten());
    let conditional = ConditionalHeaders {
        connection: connection.as_deref(),
        upgrade: upgrade.as_deref(),
        cookie: cookie.as_deref(),
    };
    send(env, settings, |upstream| {
        upstream.request(request, identity, conditional, path, query)
    })
    .await
}

async fn send(
    env: &Env,
    settings: &Settings,
    request: impl FnOnce(&Upstream<'_>) -> Result<Request>,
) -> Result<Response> {
    let Some(upstream) = Upstream::of(Fetcher::binding(env, UPSTREAM).ok(), settings) else {
        console_error!("edge: neither UPSTREAM_URL nor a binding UPSTREAM is configured");
        return refuse::upstream_unreachable();
    };
    let request = request(&upstream)?;
    let Some(timeout) = settings.upstream_timeout else {
        let sent = upstream.fetcher.fetch(&request);
        return hand_over(sent, upstream_failed, &UPSTREAM_FAILED);
    };
    let answer = pin!(upstream.fetcher.send(&request));
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
    /// Names of headers to look for.
    type HeaderNames;
    /// What is the same for every request that goes on.
    type Rules;

    /// See there, as for the others.
    fn names(any: &Array, lookalikes: &Array) -> HeaderNames;

    /// The first of the names that a header has.
    fn find(headers: &Headers, names: &HeaderNames) -> Option<String>;

    fn rules(withheld: &HeaderNames, to: &Array, from: &Array, client: &str) -> Rules;

    /// The request as it goes on.
    #[wasm_bindgen(catch)]
    fn forwarded(
        request: &Request,
        address: Option<&str>,
        rules: &Rules,
        changes: &Array,
    ) -> std::result::Result<Request, JsValue>;

    /// A preflight as it goes on.
    #[wasm_bindgen(catch)]
    fn preflight(
        request: &Request,
        address: Option<&str>,
        names: &Array,
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
    static RULES: OnceCell<Rules> = const { OnceCell::new() };
    static REFUSED_BEHIND_PROXY: HeaderNames = look_for(&forwarding::refused_behind_proxy());
    static PREFLIGHT: Array = texts(forwarding::PREFLIGHT);
}

fn texts(texts: impl IntoIterator<Item: Into<JsString>>) -> Array {
    texts.into_iter().map(Into::into).collect()
}

fn look_for(wanted: &forwarding::HeaderNames) -> HeaderNames {
    names(
        &texts(wanted.any.iter().map(String::as_str)),
        &texts(wanted.lookalikes.iter().map(String::as_str)),
    )
}

fn rules_of(settings: &Settings) -> Rules {
    let client = &settings.client_address_header;
    let to = forwarding::TO
        .into_iter()
        .zip(forwarding::to(&settings.installation.public_url))
        .map(|pair| texts(<[_; 2]>::from(pair)));
    rules(
        &look_for(&forwarding::withheld(client)),
        &to.collect(),
        &texts(forwarding::FROM),
        client.as_str(),
    )
}

/// Whether a request that another proxy holds is refused for a header.
pub(crate) fn refused_behind_proxy(headers: &Headers) -> Option<Denial> {
    let name = REFUSED_BEHIND_PROXY.with(|names| find(headers, names))?;
    let name = forwarding::usual_spelling(&name).unwrap_or_default();
    Some(Denial::HeaderRefused(name))
}

/// Where allowed requests go.
pub(crate) struct Upstream<'a> {
    pub(crate) fetcher: Fetcher,
    /// Absent, the request keeps its address: a binding does not look at the host.
    base: Option<&'a str>,
    settings: &'a Settings,
}

impl<'a> Upstream<'a> {
    /// A binding comes before an address.
    pub(crate) fn of(binding: Option<Fetcher>, settings: &'a Settings) -> Option<Self> {
        match (binding, &settings.upstream_url) {
            (Some(fetcher), _) => Some(Self {
                fetcher,
                base: None,
                settings,
            }),
            (None, Some(url)) => Some(Self {
                fetcher: Fetcher::network(),
                base: Some(url),
                settings,
            }),
            (None, None) => None,
        }
    }

    /// Where a request to that path goes.
    fn address(&self, path: &str, query: &str) -> Option<String> {
        self.base.map(|base| format!("{base}{path}{query}"))
    }

    /// The request as it goes on.
    pub(crate) fn request(
        &self,
        request: &Request,
        identity: &Identity,
        conditional: ConditionalHeaders<'_>,
        path: &str,
        query: &str,
    ) -> Result<Request> {
        let address = self.address(path, query);
        let identity = identity.headers();
        let changes = conditional.changes(&self.settings.client_address_header);
        let changes = if changes.is_empty() {
            identity
        } else {
            changes
                .iter()
                .map(pair)
                .collect::<Array>()
                .concat(&identity)
        };
        Ok(RULES.with(|rules| {
            let rules = rules.get_or_init(|| rules_of(self.settings));
            forwarded(request, address.as_deref(), rules, &changes)
        })?)
    }
}

/// A change as JavaScript knows it.
fn pair((name, value): &HeaderChange<'_>) -> Array {
    let value = value.as_deref().map_or(JsValue::UNDEFINED, JsValue::from);
    Array::of2(&JsValue::from(&**name), &value)
}
