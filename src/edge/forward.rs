//! Forwards requests: to the origin unchanged, to the upstream without their secrets.

use crate::{
    identity::{Admission, Denied},
    isolate::with_validator,
    refuse,
    runtime::EdgeContext,
    settings::EdgeSettings,
    streams::StreamRules,
};
use js_sys::{Array, JsString};
use patrol::{
    authorize::{
        decision::{AccessRequest, Denial, Forwarder},
        forwarding::{self, ConditionalHeaders, HeaderChange},
        validator::Attempted,
    },
    routes,
};
use patrol_platform::{Fetcher, clock, now};
use std::{borrow::Cow, cell::OnceCell};
use wasm_bindgen::{JsValue, closure::Closure, prelude::wasm_bindgen};
use web_sys::{Headers, Request, Response};
use worker::{Env, Result, console_error, worker_sys::Context as JsContext};

/// The binding to the platform's API if that is a Worker.
const UPSTREAM: &str = "UPSTREAM";

/// Forwards a request to the origin unchanged.
pub(crate) fn to_origin(request: &Request, env: &Env) -> Result<Response> {
    let origin = Fetcher::binding(env, "ORIGIN")?;
    Ok(ORIGIN_FAILED.with(|failed| to_origin_js(request, &origin, failed)))
}

/// Creates the response if a fetch brings none: from the kind of the failure, its text, and the
/// client's request.
type Failed = Closure<dyn Fn(String, String, Request) -> JsValue>;

thread_local! {
    static ORIGIN_FAILED: Failed = when_failed(refuse::origin_unreachable, "origin");
    static UPSTREAM_FAILED: Failed = when_failed(refuse::upstream_unreachable, "upstream");
}

fn when_failed(unreachable: fn() -> Result<Response>, what: &'static str) -> Failed {
    Closure::new(move |failure: String, text: String, request: Request| {
        let response = match &*failure {
            "broken" => refuse::body_broken(),
            "timeout" => refuse::upstream_timeout(),
            "too-many-streams" => refuse::too_many_streams(),
            "ended" => refuse_ended(&request),
            _ => {
                refuse::log_failure(what, &text);
                unreachable()
            }
        };
        response.map_or_else(JsValue::from, JsValue::from)
    })
}

/// The response to a request whose token died before the response began.
fn refuse_ended(request: &Request) -> Result<Response> {
    let header = request.headers().get("Authorization")?;
    let clock = clock();
    let decided = with_validator(|validator| {
        let attempted = &mut Attempted::default();
        validator.authenticate(now(), header.as_deref(), clock, attempted)
    });
    let denied = match decided {
        Some(Ok(decision)) => Denied {
            denial: decision
                .result
                .err()
                .unwrap_or(Denial::RevocationUnavailable),
            token: decision.token,
        },
        _ => Denied::without_token(Denial::RevocationUnavailable),
    };
    let (method, url) = (request.method(), request.url());
    let access = AccessRequest {
        method: &method,
        path: routes::split(&url).0,
        organization: None,
        now: now(),
        forwarder: Forwarder::Edge,
    };
    refuse::denial(&denied, &access)
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
pub(crate) fn preflight_to_upstream(
    request: &Request,
    path: Cow<'_, str>,
    query: &str,
    context: EdgeContext<'_>,
) -> Result<Response> {
    let Some(upstream) = upstream(context) else {
        return refuse::upstream_unreachable();
    };
    let address = upstream.address(request, path, query);
    Ok(PREFLIGHT.with(|names| {
        UPSTREAM_FAILED.with(|failed| {
            with_rules(context.settings, |rules| {
                preflight(
                    request,
                    address.as_deref(),
                    names,
                    &upstream.fetcher,
                    rules,
                    failed,
                )
            })
        })
    }))
}

/// Forwards a request to the upstream with the identity of the token's owner, if its route needs
/// one. Bodies stream in both directions. Redirects and upgrades pass unchanged.
pub(crate) fn to_upstream(
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
    let Some(upstream) = upstream(context) else {
        return refuse::upstream_unreachable();
    };
    let event: &JsContext = context.context.as_ref();
    upstream.exchange(
        request,
        admission,
        conditional,
        (path, query),
        (context.env, event),
    )
}

fn upstream(context: EdgeContext<'_>) -> Option<Upstream<'_>> {
    let binding = Fetcher::binding(context.env, UPSTREAM).ok();
    let upstream = Upstream::new(binding, context.settings);
    if upstream.is_none() {
        console_error!("edge: neither UPSTREAM_URL nor a binding UPSTREAM is configured");
    }
    upstream
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
        timeout: Option<f64>,
    ) -> ForwardRules;

    // What these return is a response, or a promise of one.

    #[wasm_bindgen(catch)]
    fn exchange(
        request: &Request,
        address: Option<&str>,
        rules: &ForwardRules,
        changes: &Array,
        upstream: &Fetcher,
        streams: Option<&StreamRules>,
        env: &JsValue,
        context: &JsValue,
        failed: &Failed,
    ) -> std::result::Result<Response, JsValue>;

    #[wasm_bindgen(js_name = toOrigin)]
    fn to_origin_js(request: &Request, origin: &Fetcher, failed: &Failed) -> Response;

    fn preflight(
        request: &Request,
        address: Option<&str>,
        names: &Array,
        upstream: &Fetcher,
        rules: &ForwardRules,
        failed: &Failed,
    ) -> Response;
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
        settings
            .upstream_timeout
            .map(|timeout| timeout.as_secs_f64() * 1_000.0),
    )
}

fn with_rules<R>(settings: &EdgeSettings, act: impl FnOnce(&ForwardRules) -> R) -> R {
    RULES.with(|rules| act(rules.get_or_init(|| rules_of(settings))))
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

    /// Forwards a request. Returns a response, or a promise of one.
    pub(crate) fn exchange(
        &self,
        request: &Request,
        admission: &Admission,
        conditional: ConditionalHeaders<'_>,
        (path, query): (&str, &str),
        (env, context): (&JsValue, &JsValue),
    ) -> Result<Response> {
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
        // Without a token, nothing can end.
        let has_token = admission.identity.is_some();
        let streams = has_token.then(|| StreamRules::get(self.settings));
        let sent = UPSTREAM_FAILED.with(|failed| {
            with_rules(self.settings, |rules| {
                exchange(
                    request,
                    address.as_deref(),
                    rules,
                    &changes,
                    &self.fetcher,
                    streams.as_ref(),
                    env,
                    context,
                    failed,
                )
            })
        });
        Ok(sent?)
    }
}

fn pair((name, value): &HeaderChange<'_>) -> Array {
    let value = value.as_deref().map_or(JsValue::UNDEFINED, JsValue::from);
    Array::of2(&JsValue::from(&**name), &value)
}
