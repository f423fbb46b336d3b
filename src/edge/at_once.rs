//! Requests that are answered without a promise of ours.
//!
//! Nearly every request finds in memory all that it needs. For these the entry (`entry.js`)
//! calls in here directly and gets the answer. What answers are made of is made once, for a token
//! or for a kind of refusal; an answer without a body is never used up, so it is itself kept.
//! Whatever is not quite that gives nothing, and goes the way that every request can go.
//!
//! The texts of a request cross over as one, in lines: no header has a line feed in its value.

use crate::{
    forward::Upstream,
    isolate::with_memory,
    judge::{Client, Judgement},
    refuse,
    runtime::Fetcher,
    settings::Settings,
};
use patrol::{
    lease::Instant,
    memory::{self, Asked},
    surface::{self, Surface},
    time::Timestamp,
    verdict::Request as AskedFor,
};
use patrol_platform::clock;
use std::str::{self, Split};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use web_sys::{Headers, Request, Response};
use worker::{Error, console_error};

/// The path of forward-auth.
#[wasm_bindgen(js_name = authorizePath)]
#[must_use]
pub fn authorize_path() -> String {
    surface::AUTHORIZE.to_owned()
}

/// The texts of a request.
struct Lines<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    authorization: &'a str,
    organization: Option<&'a str>,
    /// The names of all headers, where they are needed.
    names: Split<'a, char>,
}

impl<'a> Lines<'a> {
    fn read(lines: &'a [u8]) -> Option<Self> {
        let mut lines = str::from_utf8(lines).ok()?.split('\n');
        let method = lines.next()?;
        let (path, query) = surface::split(lines.next()?);
        Some(Self {
            method,
            path,
            query,
            authorization: lines.next()?,
            organization: lines.next()?.strip_prefix('='),
            names: lines,
        })
    }

    fn asked(&self, clock: Instant) -> AskedFor<'a> {
        AskedFor {
            method: self.method,
            path: self.path,
            organization: self.organization,
            now: Timestamp::from_millis(clock.millis()),
        }
    }
}

/// Forward-auth: judges the request that another proxy holds. `lines` are its method, its
/// address, the header `Authorization`, and `=` with the header `X-Organization-ID`, each empty
/// if absent; `headers` is all of them. Undefined: the request is to be judged by `fetch`.
#[wasm_bindgen(js_name = authorizeAtOnce)]
#[must_use]
pub fn authorize_at_once(lines: &[u8], headers: &Headers) -> Option<Response> {
    let lines = Lines::read(lines)?;
    let clock = clock();
    let asked = lines.asked(clock);
    let client = Client::BehindProxy;
    let answer = match judge(&asked, lines.authorization, clock, client, headers)? {
        Judgement::Allow(identity) => identity.answer(),
        Judgement::Deny(refusal) => refuse::denial(&refusal, &asked),
    };
    answer.ok()
}

/// Judges a request to the platform's API, and passes it on. `lines` are as for
/// [`authorize_at_once`], and then the names of all headers; `upstream` is the binding. Gives a
/// response or the promise of one. Undefined: the request is to be judged by `fetch`.
#[wasm_bindgen(js_name = forwardAtOnce)]
#[must_use]
pub fn forward_at_once(
    lines: &[u8],
    request: &Request,
    upstream: Option<Fetcher>,
) -> Option<JsValue> {
    let lines = Lines::read(lines)?;
    // A preflight is not judged.
    if surface::of(lines.path) != Surface::Api || lines.method == "OPTIONS" {
        return None;
    }
    let settings = Settings::known().filter(|settings| settings.upstream_timeout.is_none())?;
    let upstream = Upstream::of(upstream, settings)?;
    let clock = clock();
    let asked = lines.asked(clock);
    let (client, headers) = (Client::Direct, request.headers());
    match judge(&asked, lines.authorization, clock, client, &headers)? {
        Judgement::Allow(identity) => {
            let (identity, names) = (Some(&identity), lines.names);
            let forwarded = upstream.request(request, identity, names, lines.path, lines.query);
            let answer = upstream.fetcher.fetch(&forwarded.ok()?);
            answer.ok().map(Into::into)
        }
        Judgement::Deny(refusal) => refuse::denial(&refusal, &asked).ok().map(Into::into),
    }
}

/// The answer where the promise that [`forward_at_once`] gave was not kept.
///
/// # Errors
/// Only when the runtime cannot even make an answer.
#[wasm_bindgen(js_name = upstreamFailed)]
pub fn upstream_failed(error: JsValue) -> std::result::Result<Response, JsValue> {
    console_error!("edge: upstream: {}", Error::from(error));
    Ok(refuse::upstream_unreachable()?)
}

/// Judges a request, and notes the token's use. None where memory lacks something, or where
/// something is to be done behind the answer.
fn judge(
    asked: &AskedFor<'_>,
    authorization: &str,
    clock: Instant,
    client: Client,
    headers: &Headers,
) -> Option<Judgement> {
    let verdict = with_memory(|memory| {
        let judged = memory.judge(asked, Some(authorization), clock, &mut Asked::default());
        let memory::Judgement::Complete(verdict) = judged else {
            return None;
        };
        if verdict.behind.is_some() {
            return None;
        }
        if let Some(used) = verdict.used {
            let usage = &mut memory.lists.entry(used.list, clock).usage;
            // Somebody must see to it behind an answer that it is told.
            if !usage.is_attended(asked.now) {
                return None;
            }
            usage.note(used.idx, asked.now, || client.address(headers));
        }
        Some(verdict)
    })??;
    Some(verdict.into())
}
