//! The fast path: responses without a promise of Patrol's own.
//!
//! For almost every request, everything needed is cached. Then the entry (`entry.js`) calls the
//! functions here and gets the response directly. Parts of responses are built once per token or
//! kind of refusal; a response without a body is never consumed, so it is itself reused. Anything
//! else returns `None` and takes the async path.
//!
//! The strings of a request cross the boundary as one text, line by line, in a buffer that
//! JavaScript writes to. No header value contains a line feed.

use crate::{
    authenticate::outcome,
    client_address::client_address,
    forward::{self, Upstream},
    identity::{Admission, Denied},
    isolate::with_validator,
    refuse,
    settings::EdgeSettings,
};
use js_sys::{Uint8Array, WebAssembly};
use patrol::{
    authorize::{
        decision::{AccessRequest, Forwarder},
        forwarding::ConditionalHeaders,
        validator::Attempted,
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

/// The paths of forward-auth ([`patrol::routes::Paths::authorize`]). `undefined` until a request has
/// read the settings.
#[wasm_bindgen(js_name = authorizePaths)]
#[must_use]
pub fn authorize_paths() -> Option<Vec<String>> {
    let settings = EdgeSettings::known()?;
    Some(settings.installation.paths.authorize().into())
}

/// The longest text of a request, in bytes. Longer ones take the async path.
const CAPACITY: usize = 16 * 1024;

thread_local! {
    static LINES: RefCell<Box<[u8]>> = RefCell::new(vec![0; CAPACITY].into());
}

/// The buffer into which the entry writes the lines of a request. When the module's memory grows,
/// the array becomes empty; call this again then.
#[wasm_bindgen(js_name = linesOfRequest)]
#[must_use]
pub fn lines_of_request() -> Option<Uint8Array> {
    let memory: WebAssembly::Memory = wasm_bindgen::memory().dyn_into().ok()?;
    let start = LINES.with_borrow_mut(|lines| u32::try_from(lines.as_mut_ptr().addr()).ok())?;
    let length = u32::try_from(CAPACITY).ok()?;
    let buffer = memory.buffer();
    Some(Uint8Array::new_with_byte_offset_and_length(
        &buffer, start, length,
    ))
}

/// The strings of a request.
struct Lines<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    authorization: &'a str,
    organization: Option<&'a str>,
    rest: Split<'a, char>,
}

impl<'a> Lines<'a> {
    /// `split` separates path and query of the address.
    fn parse(
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

    fn conditional_headers(&mut self) -> Option<ConditionalHeaders<'a>> {
        Some(ConditionalHeaders {
            connection: optional(self.rest.next()?),
            upgrade: optional(self.rest.next()?),
            cookie: optional(self.rest.next()?),
        })
    }

    fn access(&self, clock: Instant, forwarder: Forwarder) -> AccessRequest<'a> {
        AccessRequest {
            method: self.method,
            path: self.path,
            organization: self.organization,
            now: Timestamp::from_millis(clock.millis()),
            forwarder,
        }
    }
}

/// An empty header differs from an absent one.
fn optional(line: &str) -> Option<&str> {
    line.strip_prefix('=')
}

/// Forward-auth: decides on the request that another proxy holds.
///
/// The first `written` bytes of the lines are its method, its address, the header `Authorization`
/// (empty if absent), and `=` with the header `X-Organization-ID` (or nothing). `headers` is all of
/// them. `undefined` sends the request to `fetch`.
#[wasm_bindgen(js_name = authorizeAtOnce)]
#[must_use]
pub fn authorize_at_once(written: usize, headers: &Headers) -> Option<Response> {
    LINES.with_borrow(|lines| {
        let lines = Lines::parse(lines.get(..written)?, routes::forwarded)?;
        let clock = clock();
        let access = lines.access(clock, Forwarder::Proxy);
        let paths = &EdgeSettings::known()?.installation.paths;
        if paths.destination(lines.path) != Destination::Api {
            return None;
        }
        let outcome = decide(&access, lines.authorization, clock, headers)?;
        forward::answer_proxy(outcome, &access, headers).ok()
    })
}

/// Decides on a request to the platform's API, and forwards it.
///
/// The lines are those of [`authorize_at_once`], followed by `Connection`, `Upgrade` and `Cookie`.
/// `upstream` is the binding. Returns a response or a promise of one. `undefined` sends the request
/// to `fetch`.
#[wasm_bindgen(js_name = forwardAtOnce)]
#[must_use]
pub fn forward_at_once(
    written: usize,
    request: &Request,
    headers: &Headers,
    upstream: Option<Fetcher>,
    env: &JsValue,
    context: &JsValue,
) -> Option<Response> {
    LINES.with_borrow(|lines| {
        let split = |address| Some(routes::split(address));
        let mut lines = Lines::parse(lines.get(..written)?, split)?;
        let settings = EdgeSettings::known()?;
        let destination = settings.installation.paths.destination(lines.path);
        // A preflight carries no token.
        if destination != Destination::Api || lines.method == "OPTIONS" {
            return None;
        }
        let upstream = Upstream::new(upstream, settings)?;
        let conditional = lines.conditional_headers()?;
        let clock = clock();
        let access = lines.access(clock, Forwarder::Edge);
        match decide(&access, lines.authorization, clock, headers)? {
            Ok(admission) => {
                let target = (lines.path, lines.query);
                let event = (env, context);
                upstream
                    .exchange(request, &admission, conditional, target, event)
                    .ok()
            }
            Err(denied) => refuse::denial(&denied, &access).ok(),
        }
    })
}

/// Decides on a request and records the token's use. `None` if something must be fetched or
/// scheduled.
fn decide(
    access: &AccessRequest<'_>,
    authorization: &str,
    clock: Instant,
    headers: &Headers,
) -> Option<Result<Admission, Denied>> {
    let decision = with_validator(|validator| {
        let mut attempted = Attempted::default();
        let decision = validator
            .check(access, Some(authorization), clock, &mut attempted)
            .ok()?;
        if decision.refresh.is_some() {
            return None;
        }
        if let Some(used) = decision.usage {
            let usage = &mut validator.lists.entry(used.list, clock).usage;
            // Scheduling a report takes the async path.
            if !usage.is_flush_scheduled(access.now) {
                return None;
            }
            usage.record(used.idx, access.now, || {
                let nearest = &EdgeSettings::known()?.client_address_header;
                client_address(access.forwarder, headers, nearest)
            });
        }
        Some(decision)
    })??;
    Some(outcome(decision))
}
