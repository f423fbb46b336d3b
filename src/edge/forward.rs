//! Passes requests on: to the origin as they are, to the upstream without their secrets.

use crate::{
    judge::Identity,
    refuse,
    runtime::{Fetcher, UPSTREAM},
    settings::Settings,
};
use futures_util::future::{Either, select};
use patrol::{
    forwarding::{self, Treatment},
    session,
};
use std::pin::pin;
use wasm_bindgen::JsCast;
use web_sys::{Headers, Request, RequestInit, RequestRedirect, Response};
use worker::{Delay, Env, Result, console_error};

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
    let Some(upstream) = Upstream::of(Fetcher::binding(env, UPSTREAM).ok(), settings) else {
        console_error!("edge: neither UPSTREAM_URL nor a binding UPSTREAM is configured");
        return refuse::upstream_unreachable();
    };
    let names = request.headers().keys();
    let names: Vec<String> = names
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_string())
        .collect();
    let names = names.iter().map(String::as_str);
    let forwarded = upstream.request(request, identity, names, path, query)?;
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

thread_local! {
    /// Redirects are for the client to follow.
    static INIT: RequestInit = {
        let init = RequestInit::new();
        init.set_redirect(RequestRedirect::Manual);
        init
    };
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

    /// The request as it goes on. `names` are those of its headers.
    pub(crate) fn request<'n>(
        &self,
        request: &Request,
        identity: Option<&Identity>,
        names: impl Iterator<Item = &'n str>,
        path: &str,
        query: &str,
    ) -> Result<Request> {
        let forwarded = match self.base {
            None => INIT.with(|init| Request::new_with_request_and_init(request, init))?,
            Some(base) => {
                // The old request as the new one's init: method and body go along, unread.
                let moved = Request::new_with_str_and_init(
                    &format!("{base}{path}{query}"),
                    request.unchecked_ref::<RequestInit>(),
                )?;
                INIT.with(|init| Request::new_with_request_and_init(&moved, init))?
            }
        };
        let headers = forwarded.headers();
        for name in names {
            treat(name, &headers)?;
        }
        if let Some(identity) = identity {
            identity.set_on(&headers)?;
        }
        Ok(forwarded)
    }
}

/// Does to a header what is to be done to it.
fn treat(name: &str, headers: &Headers) -> Result<()> {
    match forwarding::treatment(name) {
        Treatment::Pass => {}
        Treatment::Withhold => headers.delete(name)?,
        Treatment::Connection => {
            // Some proxies before the Worker, as that of `wrangler dev`, take the header away and
            // leave the headers that it names; the runtime by itself shows it.
            let connection = headers.get(name)?.unwrap_or_default();
            for named in forwarding::named_by(&connection) {
                // A name that no header can have was no header either.
                let _ = headers.delete(named);
            }
            headers.delete(name)?;
        }
        Treatment::Upgrade => {
            let protocol = headers.get(name)?.unwrap_or_default();
            if !protocol.eq_ignore_ascii_case("websocket") {
                headers.delete(name)?;
            }
        }
        Treatment::Cookie => {
            let cookies = headers.get(name)?.unwrap_or_default();
            match session::without_session(&cookies) {
                Some(rest) => headers.set(name, &rest)?,
                None => headers.delete(name)?,
            }
        }
    }
    Ok(())
}
