//! Passes requests on: to the origin as they are, to the upstream without their secrets.

use crate::{judge::Identity, refuse, settings::Settings};
use futures_util::future::{Either, select};
use js_sys::{Array, JsString};
use patrol::{
    forwarding::{self, Change, Conditional},
    verdict::Denial,
};
use patrol_platform::Fetcher;
use std::{cell::OnceCell, pin::pin};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use web_sys::{Headers, Request, Response};
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
    let conditional = Conditional {
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
    let answer = pin!(upstream.fetcher.send(&request));
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
    /// Names of headers to look for.
    type Names;
    /// What is the same for every request that goes on.
    type Rules;

    /// See there, as for the others.
    fn names(any: &Array, lookalikes: &Array) -> Names;

    /// The first of the names that a header has.
    fn find(headers: &Headers, names: &Names) -> Option<String>;

    fn rules(withheld: &Names, to: &Array, from: &Array, client: &str) -> Rules;

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
}

thread_local! {
    static RULES: OnceCell<Rules> = const { OnceCell::new() };
    static REFUSED_BEHIND_PROXY: Names = look_for(&forwarding::refused_behind_proxy());
    static PREFLIGHT: Array = texts(forwarding::PREFLIGHT);
}

fn texts(texts: impl IntoIterator<Item: Into<JsString>>) -> Array {
    texts.into_iter().map(Into::into).collect()
}

fn look_for(wanted: &forwarding::Names) -> Names {
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
        conditional: Conditional<'_>,
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
fn pair((name, value): &Change<'_>) -> Array {
    let value = value.as_deref().map_or(JsValue::UNDEFINED, JsValue::from);
    Array::of2(&JsValue::from(&**name), &value)
}
