//! Passes requests on: to the origin as they are, to the upstream without their secrets.

use crate::{
    judge::{IDENTITY_PREFIX, Identity},
    refuse,
    runtime::Fetcher,
    settings::Settings,
};
use futures_util::future::{Either, select};
use patrol::session;
use std::pin::pin;
use wasm_bindgen::JsCast;
use web_sys::{Headers, Request, RequestInit, RequestRedirect, Response};
use worker::{Delay, Env, Result, console_error};

/// Headers that speak of one connection only (RFC 9110, section 7.6.1). `Upgrade` is treated
/// apart: only WebSocket connections may ask for one.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
];

/// To the origin, untouched.
pub(crate) async fn to_origin(request: &Request, env: &Env) -> Result<Response> {
    match Fetcher::binding(env, "ORIGIN")?.send(request).await {
        Ok(response) => Ok(response),
        Err(error) => {
            console_error!("edge: origin: {error}");
            refuse::upstream_unreachable()
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
    let init = RequestInit::new();
    let headers = upstream_headers(request, identity)?;
    init.set_headers(headers.as_ref());
    init.set_redirect(RequestRedirect::Manual);
    let (fetcher, forwarded) = if let Ok(binding) = Fetcher::binding(env, "UPSTREAM") {
        (binding, Request::new_with_request_and_init(request, &init)?)
    } else if let Some(base) = &settings.upstream_url {
        // The old request as the new one's init: method and body go along, unread.
        let moved = Request::new_with_str_and_init(
            &format!("{base}{path}{query}"),
            request.unchecked_ref::<RequestInit>(),
        )?;
        (
            Fetcher::network(),
            Request::new_with_request_and_init(&moved, &init)?,
        )
    } else {
        console_error!("edge: neither UPSTREAM_URL nor a binding UPSTREAM is configured");
        return refuse::upstream_unreachable();
    };
    let answer = pin!(fetcher.send(&forwarded));
    match select(answer, Delay::from(settings.upstream_timeout)).await {
        Either::Left((Ok(response), _)) => Ok(response),
        Either::Left((Err(error), _)) => {
            console_error!("edge: upstream: {error}");
            refuse::upstream_unreachable()
        }
        Either::Right(_) => refuse::upstream_timeout(),
    }
}

/// The request's headers without what is not the upstream's business, and with the identity.
fn upstream_headers(request: &Request, identity: Option<&Identity>) -> Result<Headers> {
    let headers = Headers::new_with_headers(&request.headers())?;
    // Some proxies before the Worker, as that of `wrangler dev`, take the header away and leave
    // the headers that it names; the runtime by itself shows it.
    let connection = headers.get("Connection")?.unwrap_or_default();
    for name in connection
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        // A name that no header can have was no header either.
        if !name.eq_ignore_ascii_case("upgrade") {
            let _ = headers.delete(name);
        }
    }
    for name in HOP_BY_HOP {
        headers.delete(name)?;
    }
    let upgrade = headers.get("Upgrade")?;
    if upgrade.is_some_and(|protocol| !protocol.eq_ignore_ascii_case("websocket")) {
        headers.delete("Upgrade")?;
    }
    headers.delete("Authorization")?;
    if let Some(cookies) = headers.get("Cookie")? {
        match session::without_session(&cookies) {
            Some(rest) => headers.set("Cookie", &rest)?,
            None => headers.delete("Cookie")?,
        }
    }
    let names: Vec<String> = headers
        .keys()
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_string())
        // Servers in the manner of CGI read `x_patrol_subject` as the same name.
        .filter(|name| name.replace('_', "-").starts_with(IDENTITY_PREFIX))
        .collect();
    for name in names {
        headers.delete(&name)?;
    }
    if let Some(identity) = identity {
        identity.set_on(&headers)?;
    }
    Ok(headers)
}
