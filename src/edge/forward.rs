//! Forwards requests: to the origin unchanged, to the upstream without their secrets.

use crate::{
    authenticate::Outcome,
    header_names::{NameFilter, refused_behind_proxy},
    identity::{Admission, Denied},
    incoming::{Incoming, token_of},
    isolate::with_validator,
    refuse,
    runtime::{Answer, EdgeContext},
    settings::EdgeSettings,
    streams::StreamRules,
};
use js_sys::{Array, JsString};
use patrol::{
    authorize::{
        credentials::CredentialsError,
        decision::{AccessRequest, Denial, Forwarder},
        forwarding::{self, HeaderChange},
        stream,
        validator::Attempted,
    },
    routes::{self, Dialect},
};
use patrol_platform::{Fetcher, clock, now};
use std::{borrow::Cow, cell::OnceCell};
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use web_sys::Request;
use worker::{Env, Error, Result, console_error, worker_sys::Context};

#[wasm_bindgen]
extern "C" {
    /// The other Workers, read without passing their names.
    type Bindings;

    #[wasm_bindgen(method, getter, js_name = ORIGIN)]
    fn origin(this: &Bindings) -> Option<Fetcher>;

    /// The platform's API if that is a Worker.
    #[wasm_bindgen(method, getter, js_name = UPSTREAM)]
    fn upstream(this: &Bindings) -> Option<Fetcher>;
}

fn bindings(env: &Env) -> &Bindings {
    env.unchecked_ref()
}

/// Forwards a request to the origin unchanged.
pub(crate) fn to_origin(request: &Request, context: EdgeContext<'_>) -> Result<Answer> {
    let origin = bindings(context.env).origin();
    let origin = origin.ok_or_else(|| Error::RustError("no binding ORIGIN".to_owned()))?;
    Ok(ORIGIN_FAILED.with(|failed| to_origin_js(request, &origin, failed)))
}

/// Creates the response if a fetch brings none: from the kind of the failure, its text, and the
/// client's request.
type Failed = Closure<dyn Fn(String, String, Request) -> JsValue>;

thread_local! {
    static ORIGIN_FAILED: Failed = when_failed(refuse::origin_unreachable, "origin");
    static UPSTREAM_FAILED: Failed = when_failed(refuse::upstream_unreachable, "upstream");
}

fn when_failed(unreachable: fn() -> Result<Answer>, what: &'static str) -> Failed {
    Closure::new(move |failure: String, text: String, request: Request| {
        let response = match &*failure {
            "broken" => refuse::body_broken(),
            "timeout" => refuse::upstream_timeout(),
            "too-many-streams" => refuse::too_many_streams(),
            "ended" => refuse_ended(&request, &text),
            _ => {
                refuse::log_failure(what, &text);
                unreachable()
            }
        };
        response.map_or_else(JsValue::from, JsValue::from)
    })
}

/// The response to a request whose token died before the response began. What the edge knew then may
/// be too old by now, so the code says why.
fn refuse_ended(request: &Request, code: &str) -> Result<Answer> {
    let token = token_of(request);
    let credentials = token.as_deref().ok_or(CredentialsError::Missing);
    let clock = clock();
    let decided = with_validator(|validator| {
        let attempted = &mut Attempted::default();
        validator.authenticate(now(), credentials, clock, attempted)
    });
    let (token, now_denied) = match decided {
        Some(Ok(decision)) => (decision.token, decision.result.err()),
        _ => (None, None),
    };
    let is_known = |denial: &Denial| *denial != Denial::RevocationUnavailable;
    let denied = Denied {
        denial: now_denied
            .filter(is_known)
            .unwrap_or_else(|| stream::denial(code)),
        token,
    };
    let (method, url) = (request.method(), request.url());
    let access = AccessRequest {
        method: &method,
        path: routes::split(&url).0,
        organization: None,
        now: now(),
        forwarder: Forwarder::Edge,
    };
    refuse::denial(&denied, &access, request)
}

/// The method that a CORS preflight announces (Fetch standard, section 3.2.2). `None`: the request
/// is not a preflight.
pub(crate) fn preflight_method(incoming: &Incoming<'_>) -> Result<Option<String>> {
    if incoming.method != "OPTIONS" {
        return Ok(None);
    }
    let headers = incoming.request.headers();
    if !headers.has("Origin")? {
        return Ok(None);
    }
    Ok(headers.get(forwarding::PREFLIGHT_METHOD)?)
}

/// Forwards a preflight to the upstream, without an identity.
pub(crate) fn preflight_to_upstream(
    incoming: &Incoming<'_>,
    path: Cow<'_, str>,
    context: EdgeContext<'_>,
) -> Result<Answer> {
    let Some(upstream) = Upstream::of(context) else {
        return refuse::upstream_unreachable();
    };
    let address = upstream.address(incoming, path);
    Ok(PREFLIGHT.with(|names| {
        UPSTREAM_FAILED.with(|failed| {
            with_rules(context.settings, |rules| {
                preflight(
                    incoming.request,
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
    incoming: &Incoming<'_>,
    admission: &Admission,
    context: EdgeContext<'_>,
) -> Result<Answer> {
    let Some(upstream) = Upstream::of(context) else {
        return refuse::upstream_unreachable();
    };
    let normal = admission.normal_path.as_deref();
    let path = normal.map_or(Cow::Borrowed(incoming.path), |path| {
        Cow::Owned(path.to_owned())
    });
    let address = upstream.address(incoming, path);
    let identity = admission.headers();
    let changes = incoming
        .conditional()
        .changes(&context.settings.installation.client_address_header);
    let changes = if changes.is_empty() {
        identity
    } else {
        let changes: Array = changes.iter().map(pair).collect();
        changes.concat(&identity)
    };
    // Without a token, nothing can end.
    let has_token = admission.identity.is_some();
    let streams = has_token.then(|| StreamRules::get(context.settings));
    let sent = UPSTREAM_FAILED.with(|failed| {
        with_rules(context.settings, |rules| {
            exchange(
                incoming.request,
                address.as_deref(),
                rules,
                &changes,
                &upstream.fetcher,
                streams.as_ref(),
                incoming.selected_subprotocol(),
                context.env,
                context.event,
                failed,
            )
        })
    });
    Ok(sent?)
}

#[wasm_bindgen(module = "/forward.js")]
extern "C" {
    /// The rules that all forwarded requests share.
    type ForwardRules;

    #[wasm_bindgen(js_name = forwardRules)]
    fn forward_rules(
        withheld: &NameFilter,
        called_address: &Array,
        client_address: &Array,
        source: &str,
        timeout: Option<f64>,
    ) -> ForwardRules;

    #[wasm_bindgen(catch)]
    fn exchange(
        request: &Request,
        address: Option<&str>,
        rules: &ForwardRules,
        changes: &Array,
        upstream: &Fetcher,
        streams: Option<&StreamRules>,
        subprotocol: Option<&str>,
        env: &Env,
        event: &Context,
        failed: &Failed,
    ) -> std::result::Result<Answer, JsValue>;

    #[wasm_bindgen(js_name = toOrigin)]
    fn to_origin_js(request: &Request, origin: &Fetcher, failed: &Failed) -> Answer;

    fn preflight(
        request: &Request,
        address: Option<&str>,
        names: &Array,
        upstream: &Fetcher,
        rules: &ForwardRules,
        failed: &Failed,
    ) -> Answer;
}

thread_local! {
    static RULES: OnceCell<ForwardRules> = const { OnceCell::new() };
    static PREFLIGHT: Array = texts(forwarding::PREFLIGHT);
}

fn texts(texts: impl IntoIterator<Item: Into<JsString>>) -> Array {
    texts.into_iter().map(Into::into).collect()
}

fn rules_of(settings: &EdgeSettings) -> ForwardRules {
    let client = &settings.installation.client_address_header;
    let to = forwarding::CALLED_ADDRESS
        .into_iter()
        .zip(forwarding::called_address(
            settings.installation.paths.public_url(),
        ))
        .map(|pair| texts(<[_; 2]>::from(pair)));
    forward_rules(
        &NameFilter::of(&forwarding::withheld(client)),
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

/// Answers forward-auth.
pub(crate) fn answer_proxy(
    outcome: Outcome,
    access: &AccessRequest<'_>,
    request: &Request,
    dialect: Dialect,
) -> Result<Answer> {
    match outcome {
        Ok(admission) => match refused_behind_proxy(request, dialect) {
            None => admission.response(),
            Some(denial) => refuse::denial(&admission.deny(denial), access, request),
        },
        Err(denied) => refuse::denial(&denied, access, request),
    }
}

/// Where allowed requests go.
struct Upstream<'a> {
    fetcher: Fetcher,
    /// Replaces scheme and host. `None` for a binding, which ignores them.
    base: Option<&'a str>,
}

impl<'a> Upstream<'a> {
    /// The upstream as it is configured. A binding takes precedence over an address.
    fn of(context: EdgeContext<'a>) -> Option<Self> {
        let base = context.settings.upstream_url.as_deref();
        let upstream = match (bindings(context.env).upstream(), base) {
            (Some(fetcher), _) => Some(Self {
                fetcher,
                base: None,
            }),
            (None, Some(_)) => Some(Self {
                fetcher: Fetcher::network(),
                base,
            }),
            (None, None) => None,
        };
        if upstream.is_none() {
            console_error!("edge: neither UPSTREAM_URL nor a binding UPSTREAM is configured");
        }
        upstream
    }

    /// The address of the forwarded request. `None`: it keeps its own.
    fn address(&self, incoming: &Incoming<'_>, path: Cow<'_, str>) -> Option<String> {
        let query = incoming.query;
        match (self.base, path) {
            (Some(base), path) => Some(format!("{base}{path}{query}")),
            (None, Cow::Borrowed(_)) => None,
            (None, Cow::Owned(normal)) => {
                let url = incoming.request.url();
                let (sent, query) = routes::split(&url);
                let base = url.strip_suffix(query)?.strip_suffix(sent)?;
                Some(format!("{base}{normal}{query}"))
            }
        }
    }
}

fn pair((name, value): &HeaderChange<'_>) -> Array {
    let value = value.as_deref().map_or(JsValue::UNDEFINED, JsValue::from);
    Array::of2(&JsValue::from(&**name), &value)
}
