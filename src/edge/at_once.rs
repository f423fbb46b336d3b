//! Requests that are answered without a promise of ours.
//!
//! Nearly every request finds in memory all that it needs. For these the entry (`entry.js`)
//! calls in here directly and gets the answer. What answers are made of is made once, for a token
//! or for a kind of refusal; an answer without a body is never used up, so it is itself kept.
//! Whatever is not quite that gives nothing, and goes the way that every request can go.
//!
//! The texts of a request cross over as one, in lines, by a piece of memory that JavaScript writes
//! to: no header has a line feed in its value.

use crate::{
    answer_proxy,
    authenticate::{Client, Outcome},
    forward::{self, Upstream},
    isolate::with_validator,
    refuse,
    settings::Settings,
};
use js_sys::{Uint8Array, WebAssembly};
use patrol::{
    authorize::{
        decision::AccessRequest,
        forwarding::ConditionalHeaders,
        validator::{Attempted, Check},
    },
    routes::{self, Destination},
    time::{Instant, Timestamp},
};
use patrol_platform::{Fetcher, clock};
use std::{
    cell::RefCell,
    str::{self, Split},
};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use web_sys::{Headers, Request, Response};

/// The path of forward-auth.
#[wasm_bindgen(js_name = authorizePath)]
#[must_use]
pub fn authorize_path() -> String {
    routes::AUTHORIZE.to_owned()
}

/// How long the lines of a request may be, in bytes. Nearly every request fits.
const CAPACITY: usize = 16 * 1024;

thread_local! {
    static LINES: RefCell<Box<[u8]>> = RefCell::new(vec![0; CAPACITY].into());
}

/// Where the entry writes the lines of a request. When this module's memory grows, the array
/// becomes empty and is to be asked for again.
#[wasm_bindgen(js_name = linesOfRequest)]
#[must_use]
pub fn lines_of_request() -> Option<Uint8Array> {
    let memory: WebAssembly::Memory = wasm_bindgen::memory().dyn_into().ok()?;
    let place = LINES.with_borrow_mut(|lines| u32::try_from(lines.as_mut_ptr().addr()).ok())?;
    let length = u32::try_from(CAPACITY).ok()?;
    let buffer = memory.buffer();
    Some(Uint8Array::new_with_byte_offset_and_length(
        &buffer, place, length,
    ))
}

/// The texts of a request.
struct Lines<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    authorization: &'a str,
    organization: Option<&'a str>,
    rest: Split<'a, char>,
}

impl<'a> Lines<'a> {
    /// `split` makes path and query of the address.
    fn read(
        lines: &'a [u8],
        split: impl FnOnce(&'a str) -> Option<(&'a str, &'a str)>,
    ) -> Option<Self> {
        let mut lines = str::from_utf8(lines).ok()?.split('\n');
        let method = lines.next()?;
        let (path, query) = split(lines.next()?)?;
        Some(Self {
            method,
            path,
            query,
            authorization: lines.next()?,
            organization: optional(lines.next()?),
            rest: lines,
        })
    }

    /// The headers by which it is forwarded.
    fn conditional(&mut self) -> Option<ConditionalHeaders<'a>> {
        Some(ConditionalHeaders {
            connection: optional(self.rest.next()?),
            upgrade: optional(self.rest.next()?),
            cookie: optional(self.rest.next()?),
        })
    }

    fn asked(&self, clock: Instant) -> AccessRequest<'a> {
        AccessRequest {
            method: self.method,
            path: self.path,
            organization: self.organization,
            now: Timestamp::from_millis(clock.millis()),
        }
    }
}

/// An empty header is not the same as none.
fn optional(line: &str) -> Option<&str> {
    line.strip_prefix('=')
}

/// Forward-auth: judges the request that another proxy holds. The lines, of which so many bytes
/// were written, are its method, its address, the header `Authorization` (empty if absent), and
/// `=` with the header `X-Organization-ID` (or nothing); `headers` is all of them. Undefined: the
/// request is to be judged by `fetch`.
#[wasm_bindgen(js_name = authorizeAtOnce)]
#[must_use]
pub fn authorize_at_once(written: usize, headers: &Headers) -> Option<Response> {
    LINES.with_borrow(|lines| {
        let lines = Lines::read(lines.get(..written)?, routes::forwarded)?;
        let clock = clock();
        let asked = lines.asked(clock);
        let client = Client::BehindProxy;
        let judgement = judge(&asked, lines.authorization, clock, client, headers)?;
        answer_proxy(judgement, &asked, headers).ok()
    })
}

/// Judges a request to the platform's API, and passes it on. The lines are as for
/// [`authorize_at_once`], and then those of `Connection`, `Upgrade` and `Cookie`; `upstream` is
/// the binding. Gives a response or the promise of one. Undefined: the request is to be judged
/// by `fetch`.
#[wasm_bindgen(js_name = forwardAtOnce)]
#[must_use]
pub fn forward_at_once(
    written: usize,
    request: &Request,
    headers: &Headers,
    upstream: Option<Fetcher>,
) -> Option<JsValue> {
    LINES.with_borrow(|lines| {
        let split = |address| Some(routes::split(address));
        let mut lines = Lines::read(lines.get(..written)?, split)?;
        // A preflight carries no token.
        if routes::destination(lines.path) != Destination::Api || lines.method == "OPTIONS" {
            return None;
        }
        let settings = Settings::known().filter(|settings| settings.upstream_timeout.is_none())?;
        let upstream = Upstream::of(upstream, settings)?;
        let conditional = lines.conditional()?;
        let clock = clock();
        let asked = lines.asked(clock);
        let client = Client::Direct;
        match judge(&asked, lines.authorization, clock, client, headers)? {
            Outcome::Allow(identity) => {
                let (path, query) = (lines.path, lines.query);
                let forwarded = upstream.request(request, &identity, conditional, path, query);
                let answer = upstream.fetcher.fetch(&forwarded.ok()?);
                answer.ok().map(Into::into)
            }
            Outcome::Deny(refusal) => refuse::denial(&refusal, &asked).ok().map(Into::into),
        }
    })
}

/// The answer where the promise that [`forward_at_once`] gave was not kept.
///
/// # Errors
/// Only when the runtime cannot even make an answer.
#[wasm_bindgen(js_name = upstreamFailed)]
pub fn upstream_failed(error: JsValue) -> std::result::Result<Response, JsValue> {
    Ok(forward::upstream_failed(&error.into())?)
}

/// Judges a request, and notes the token's use. None where memory lacks something, or where
/// something is to be done behind the answer.
fn judge(
    asked: &AccessRequest<'_>,
    authorization: &str,
    clock: Instant,
    client: Client,
    headers: &Headers,
) -> Option<Outcome> {
    let verdict = with_validator(|memory| {
        let judged = memory.judge(asked, Some(authorization), clock, &mut Attempted::default());
        let Check::Decided(verdict) = judged else {
            return None;
        };
        if verdict.behind.is_some() {
            return None;
        }
        if let Some(used) = verdict.used {
            let usage = &mut memory.lists.entry(used.list, clock).usage;
            // Somebody must see to it behind an answer that it is told.
            if !usage.is_flush_scheduled(asked.now) {
                return None;
            }
            usage.note(used.idx, asked.now, || {
                let nearest = &Settings::known()?.client_address_header;
                client.address(headers, nearest)
            });
        }
        Some(verdict)
    })??;
    Some(verdict.into())
}
