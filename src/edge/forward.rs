//! Forwards requests: to the origin unchanged, to the upstream without their secrets.

use crate::{
    identity::{Admission, Denied},
    refuse,
    runtime::EdgeContext,
    settings::EdgeSettings,
};
use futures_util::future::{Either, select};
use js_sys::{Array, JsString, Promise};
use patrol::{
    authorize::{
        decision::{AccessRequest, Denial},
        forwarding::{self, ConditionalHeaders, HeaderChange},
    },
    routes,
};
use patrol_platform::Fetcher;
use std::{borrow::Cow, cell::OnceCell, pin::pin, thread::LocalKey};
use wasm_bindgen::{JsValue, closure::Closure, prelude::wasm_bindgen};
use web_sys::{Headers, Request, Response};
use worker::{Delay, Env, Error, Result, console_error};

/// The binding to the platform's API if that is a Worker.
const UPSTREAM: &str = "UPSTREAM";

/// Forwards a request to the origin unchanged.
pub(crate) fn to_origin(request: &Request, env: &Env) -> Result<Response> {
    let origin = Fetcher::binding(env, "ORIGIN")?;
    delegate(
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

/// Leaves the response to JavaScript as a promise. A Rust future that awaited it would never be
/// freed if the client disconnected.
fn delegate(
    sent: std::result::Result<Promise, JsValue>,
    failed: fn(&Error) -> Result<Response>,
    when_failed: &'static LocalKey<Failed>,
) -> Result<Response> {
    match sent {
        Ok(answer) => Ok(when_failed.with(|when_failed| or_else(&answer, when_failed))),
        Err(error) => failed(&error.into()),
    }
}

/// The method that a CORS preflight announces (Fetch standard, section 3.2.2). `None`: the request
/// is not a preflight.
pub(crate) fn preflight_method(request: &Request) -> Result<Option<String>> {
    let headers = request.headers();
    if request.method() != "OPTIONS" || !headers.has("Origin")? {
        return Ok(None);
    }
    Ok(headers.get(forwarding::PREFLIGHT_METHOD)?)
}

/// Forwards a preflight to the upstream, without an identity.
pub(crate) async fn preflight_to_upstream(
    request: &Request,
    path: Cow<'_, str>,
    query: &str,
    context: EdgeContext<'_>,
) -> Result<Response> {
    send(context, |upstream| {
        let address = upstream.address(request, path, query);
        Ok(PREFLIGHT.with(|names| preflight(request, address.as_deref(), names))?)
    })
    .await
}

/// Forwards a request to the upstream with the identity of the token's owner, if its route needs
/// one. Bodies stream in both directions. Redirects and upgrades pass unchanged.
pub(crate) async fn to_upstream(
    request: &Request,
    admission: &Admission,
    path: &str,
    query: &str,
    context: EdgeContext<'_>,
) -> Result<Response> {
    let headers = request.headers();
    let [connection, upgrade, cookie] =
        ["Connection", "Upgrade", "Cookie"].map(|name| headers.get(name).ok().flatten());
    let conditional = ConditionalHeaders {
        connection: connection.as_deref(),
        upgrade: upgrade.as_deref(),
        cookie: cookie.as_deref(),
    };
    send(context, |upstream| {
        upstream.request(request, admission, conditional, path, query)
    })
    .await
}

async fn send(
    context: EdgeContext<'_>,
    request: impl FnOnce(&Upstream<'_>) -> Result<Request>,
) -> Result<Response> {
    let binding = Fetcher::binding(context.env, UPSTREAM).ok();
    let Some(upstream) = Upstream::new(binding, context.settings) else {
        console_error!("edge: neither UPSTREAM_URL nor a binding UPSTREAM is configured");
        return refuse::upstream_unreachable();
    };
    let request = request(&upstream)?;
    let Some(timeout) = context.settings.upstream_timeout else {
        let sent = upstream.fetcher.fetch(&request);
        return delegate(sent, upstream_failed, &UPSTREAM_FAILED);
    };
    let response = pin!(upstream.fetcher.send(&request));
    match select(response, Delay::from(timeout)).await {
        Either::Left((Ok(response), _)) => Ok(response),
        Either::Left((Err(error), _)) => upstream_failed(&error),
        Either::Right(_) => refuse::upstream_timeout(),
    }
}

/// The response if the origin sent none.
fn origin_failed(error: &Error) -> Result<Response> {
    if is_broken(error) {
        return refuse::body_broken();
    }
    refuse::log_failure("origin", error);
    refuse::origin_unreachable()
}

/// The response if the upstream sent none.
pub(crate) fn upstream_failed(error: &Error) -> Result<Response> {
    if is_broken(error) {
        return refuse::body_broken();
    }
    refuse::log_failure("upstream", error);
    refuse::upstream_unreachable()
}

/// Whether the client aborted its own request body.
fn is_broken(error: &Error) -> bool {
    error.to_string().contains(&broken())
}

#[wasm_bindgen(module = "/forward.js")]
extern "C" {
    /// Header names to look for.
    type NameFilter;
    /// The rules that all forwarded requests share.
    type ForwardRules;

    #[wasm_bindgen(js_name = nameFilter)]
    fn name_filter(any: &Array, lookalikes: &Array) -> NameFilter;

    #[wasm_bindgen(js_name = findName)]
    fn find_name(headers: &Headers, names: &NameFilter) -> Option<String>;

    #[wasm_bindgen(js_name = forwardRules)]
    fn forward_rules(
        withheld: &NameFilter,
        called_address: &Array,
        client_address: &Array,
        source: &str,
    ) -> ForwardRules;

    #[wasm_bindgen(catch)]
    fn forwarded(
        request: &Request,
        address: Option<&str>,
        rules: &ForwardRules,
        changes: &Array,
    ) -> std::result::Result<Request, JsValue>;

    #[wasm_bindgen(catch)]
    fn preflight(
        request: &Request,
        address: Option<&str>,
        names: &Array,
    ) -> std::result::Result<Request, JsValue>;

    #[wasm_bindgen(catch)]
    fn watched(request: &Request) -> std::result::Result<Request, JsValue>;

    /// The message of the error for a request whose client aborted its body.
    fn broken() -> String;

    #[wasm_bindgen(js_name = orElse)]
    fn or_else(response: &Promise, failed: &Failed) -> Response;
}

thread_local! {
    static RULES: OnceCell<ForwardRules> = const { OnceCell::new() };
    static REFUSED_BEHIND_PROXY: NameFilter = filter_of(&forwarding::refused_behind_proxy());
    static PREFLIGHT: Array = texts(forwarding::PREFLIGHT);
}

fn texts(texts: impl IntoIterator<Item: Into<JsString>>) -> Array {
    texts.into_iter().map(Into::into).collect()
}

fn filter_of(wanted: &forwarding::HeaderNames) -> NameFilter {
    name_filter(
        &texts(wanted.any.iter().map(String::as_str)),
        &texts(wanted.lookalikes.iter().map(String::as_str)),
    )
}

fn rules_of(settings: &EdgeSettings) -> ForwardRules {
    let client = &settings.client_address_header;
    let to = forwarding::CALLED_ADDRESS
        .into_iter()
        .zip(forwarding::called_address(
            settings.installation.paths.public_url(),
        ))
        .map(|pair| texts(<[_; 2]>::from(pair)));
    forward_rules(
        &filter_of(&forwarding::withheld(client)),
        &to.collect(),
        &texts(forwarding::CLIENT_ADDRESS),
        client.as_str(),
    )
}

/// Returns a denial if a request that another proxy holds has a header that cannot be allowed
/// there.
fn refused_behind_proxy(headers: &Headers) -> Option<Denial> {
    let name = REFUSED_BEHIND_PROXY.with(|names| find_name(headers, names))?;
    let name = forwarding::usual_spelling(&name).unwrap_or_default();
    Some(Denial::HeaderRefused(name))
}

/// Answers forward-auth.
pub(crate) fn answer_proxy(
    outcome: std::result::Result<Admission, Denied>,
    access: &AccessRequest<'_>,
    headers: &Headers,
) -> Result<Response> {
    match outcome {
        Ok(admission) => match refused_behind_proxy(headers) {
            None => admission.response(),
            Some(denial) => refuse::denial(&admission.deny(denial), access),
        },
        Err(denied) => refuse::denial(&denied, access),
    }
}

/// Where allowed requests go.
pub(crate) struct Upstream<'a> {
    pub(crate) fetcher: Fetcher,
    /// Replaces scheme and host. `None` for a binding, which ignores them.
    base: Option<&'a str>,
    settings: &'a EdgeSettings,
}

impl<'a> Upstream<'a> {
    /// A binding takes precedence over an address.
    pub(crate) fn new(binding: Option<Fetcher>, settings: &'a EdgeSettings) -> Option<Self> {
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

    /// The address of the forwarded request. `None`: it keeps its own.
    fn address(&self, request: &Request, path: Cow<'_, str>, query: &str) -> Option<String> {
        match (self.base, path) {
            (Some(base), path) => Some(format!("{base}{path}{query}")),
            (None, Cow::Borrowed(_)) => None,
            (None, Cow::Owned(normal)) => {
                let url = request.url();
                let (sent, query) = routes::split(&url);
                let base = url.strip_suffix(query)?.strip_suffix(sent)?;
                Some(format!("{base}{normal}{query}"))
            }
        }
    }

    /// Builds the request for the upstream.
    pub(crate) fn request(
        &self,
        request: &Request,
        admission: &Admission,
        conditional: ConditionalHeaders<'_>,
        path: &str,
        query: &str,
    ) -> Result<Request> {
        let normal = admission.normal_path.clone();
        let path = normal.map_or(Cow::Borrowed(path), Cow::Owned);
        let address = self.address(request, path, query);
        let identity = admission.headers();
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

fn pair((name, value): &HeaderChange<'_>) -> Array {
    let value = value.as_deref().map_or(JsValue::UNDEFINED, JsValue::from);
    Array::of2(&JsValue::from(&**name), &value)
}
