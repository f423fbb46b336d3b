//! A request as the entry (`entry.js`) writes it: its strings as one text, line by line, in the
//! module's own memory.
//!
//! A string that crosses the boundary by itself costs an allocation and a copy. Everything that
//! decides is in these lines, so a request is read once, and a request that must wait for something
//! takes a copy of them along. No header value contains a line feed.

use js_sys::{Uint8Array, WebAssembly};
use patrol::{
    authorize::{
        credentials::{self, CredentialHeaders, CredentialsError},
        decision::Forwarder,
        forwarding::{ConditionalHeaders, ORGANIZATION, is_websocket},
        subprotocol::{self, SUBPROTOCOL},
    },
    routes,
    session::Initiator,
};
use std::{borrow::Cow, cell::RefCell, str};
use wasm_bindgen::{JsCast, prelude::wasm_bindgen};
use web_sys::Request;

/// The headers whose lines follow those of method and address.
const HEADERS: [&str; 5] = [
    "Authorization",
    ORGANIZATION,
    "Connection",
    "Upgrade",
    "Cookie",
];

/// A request and its strings.
pub(crate) struct Incoming<'a> {
    pub(crate) request: &'a Request,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// With its `?`, if there is one.
    pub(crate) query: &'a str,
    authorization: Option<&'a str>,
    pub(crate) organization: Option<&'a str>,
    connection: Option<&'a str>,
    upgrade: Option<&'a str>,
    cookie: Option<&'a str>,
    /// Of a WebSocket handshake, or of a question of another proxy, which asks without `Upgrade`.
    subprotocols: Option<String>,
}

impl<'a> Incoming<'a> {
    /// Reads the lines. `None`: the entry has not written them.
    pub(crate) fn read(lines: &'a str, request: &'a Request) -> Option<Self> {
        let mut lines = lines.split('\n');
        let method = lines.next()?;
        let (path, query) = routes::split(lines.next()?);
        // In the order of `HEADERS`. An empty header differs from an absent one.
        let mut header = || Some(lines.next()?.strip_prefix('='));
        let mut incoming = Self {
            request,
            method,
            path,
            query,
            authorization: header()?,
            organization: header()?,
            connection: header()?,
            upgrade: header()?,
            cookie: header()?,
            subprotocols: None,
        };
        if incoming.upgrade.is_some_and(is_websocket) {
            incoming.subprotocols = header_of(request, SUBPROTOCOL);
        }
        Some(incoming)
    }

    /// The token, as sent. `own` is this installation's origin.
    pub(crate) fn token<'t>(
        &'t self,
        forwarder: Forwarder,
        own: &'t str,
    ) -> Result<Cow<'t, str>, CredentialsError> {
        let is_behind_proxy = forwarder != Forwarder::Edge;
        let headers = CredentialHeaders {
            authorization: self.authorization,
            subprotocols: self.subprotocols.as_deref(),
            is_behind_proxy,
        };
        credentials::token(headers, || initiator(self.request, own))
    }

    /// Reads the subprotocols of a request that another proxy holds.
    pub(crate) fn with_subprotocols(self) -> Self {
        let subprotocols = header_of(self.request, SUBPROTOCOL);
        Self {
            subprotocols,
            ..self
        }
    }

    /// The protocol to select if the upstream selects none.
    pub(crate) fn selected_subprotocol(&self) -> Option<&'static str> {
        self.subprotocols.as_deref().and_then(subprotocol::selected)
    }

    pub(crate) fn conditional(&self) -> ConditionalHeaders<'_> {
        ConditionalHeaders {
            connection: self.connection,
            upgrade: self.upgrade,
            cookie: self.cookie,
            subprotocols: self.subprotocols.as_deref(),
        }
    }
}

/// The token of a request that the edge has allowed before.
pub(crate) fn token_of(request: &Request) -> Option<String> {
    let authorization = header_of(request, "Authorization");
    let upgrade = header_of(request, "Upgrade");
    let subprotocols = upgrade
        .filter(|protocol| is_websocket(protocol))
        .and_then(|_| header_of(request, SUBPROTOCOL));
    let headers = CredentialHeaders {
        authorization: authorization.as_deref(),
        subprotocols: subprotocols.as_deref(),
        is_behind_proxy: false,
    };
    // No page of another site caused the request, or it would not have been allowed.
    let token = credentials::token(headers, Initiator::default);
    token.ok().map(Cow::into_owned)
}

fn initiator<'a>(request: &Request, own: &'a str) -> Initiator<'a> {
    Initiator {
        site: header_of(request, "Sec-Fetch-Site"),
        origin: header_of(request, "Origin"),
        own,
    }
}

fn header_of(request: &Request, name: &str) -> Option<String> {
    request.headers().get(name).ok().flatten()
}

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Calls `act` with the lines that the entry has written.
pub(crate) fn with_lines<R>(written: usize, act: impl FnOnce(&str) -> R) -> Option<R> {
    LINES.with_borrow(|lines| {
        let lines = str::from_utf8(lines.get(..written)?).ok()?;
        Some(act(lines))
    })
}

/// [`HEADERS`], for the entry.
#[wasm_bindgen(js_name = headerNames)]
#[must_use]
pub fn header_names() -> Vec<String> {
    HEADERS.map(str::to_owned).into()
}

/// The usual length of the buffer, in bytes.
const CAPACITY: usize = 16 * 1024;

/// The buffer for the lines, of at least this length in bytes. When the module's memory grows, the
/// array becomes empty; call this again then. The platform limits the headers of a request, and so
/// the buffer.
#[wasm_bindgen(js_name = linesBuffer)]
#[must_use]
pub fn lines_buffer(length: usize) -> Option<Uint8Array> {
    let (start, length) = LINES.with_borrow_mut(|lines| {
        let length = length.max(CAPACITY).max(lines.len());
        lines.resize(length, 0);
        let start = u32::try_from(lines.as_ptr().addr()).ok()?;
        Some((start, u32::try_from(length).ok()?))
    })?;
    // Not before: the resize may have moved it.
    let memory: WebAssembly::Memory = wasm_bindgen::memory().dyn_into().ok()?;
    let buffer = memory.buffer();
    Some(Uint8Array::new_with_byte_offset_and_length(
        &buffer, start, length,
    ))
}
