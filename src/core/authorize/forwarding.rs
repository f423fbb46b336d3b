//! Which headers of an allowed request the upstream gets.
//!
//! It gets all but four kinds: headers meant for the edge (token, session), headers of a single
//! connection, headers that could turn the request into one that was not checked, and headers that
//! only the edge may set (the caller, the client's address, the requested host).
//!
//! These names match in every spelling. CGI-like servers treat all names that differ only in
//! punctuation as one: `X-Patrol-Subject`, `X_Patrol_Subject` and `X.Patrol~Subject` all become
//! `HTTP_X_PATROL_SUBJECT`. So punctuation is compared as if it were hyphens. The edge compares in
//! JavaScript, because passing all names of a request to Rust costs more than checking the request.

use super::subprotocol::{self, SUBPROTOCOL};
use crate::{routes::Dialect, session};
use std::borrow::Cow;

/// The headers that identify the caller to the upstream: the token's owner, its id, the organization
/// that the request acts in, all of the token's organizations, and its scopes, both separated by
/// spaces. Clients must not send them.
pub const IDENTITY: [&str; 5] = [
    "X-Patrol-Subject",
    "X-Patrol-Token-Id",
    "X-Patrol-Organization",
    "X-Patrol-Organizations",
    "X-Patrol-Scopes",
];

/// The header that names one of the token's organizations. It is checked. The upstream gets it with
/// the organization that the request acts in, if there is one.
pub const ORGANIZATION: &str = "X-Organization-ID";

/// Token and session, and headers of a single connection (RFC 9110, section 7.6.1; RFC 7540, section
/// 3.2.1). A WebSocket handshake gets its subprotocols back, without the token:
/// [`ConditionalHeaders`].
const ENDS_HERE: [&str; 12] = [
    "Authorization",
    "Connection",
    "HTTP2-Settings",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    SUBPROTOCOL,
    "TE",
    "Trailer",
    "Transfer-Encoding",
    session::HEADER,
];

/// Headers by which some servers and frameworks take a request for one with another method or path.
const OVERRIDES: [&str; 14] = [
    "Path-Info",
    "Script-Name",
    "X-Envoy-Original-Path",
    "X-HTTP-Method",
    "X-HTTP-Method-Override",
    "X-HTTP-Path-Override",
    "X-Method-Override",
    ORIGINAL_METHOD,
    "X-Original-Path",
    ORIGINAL_URI,
    ORIGINAL_URL,
    "X-Override-URL",
    "X-Rewrite-URL",
    "X-Script-Name",
];

/// The method of the request that a forward-auth proxy asks about. To the upstream it would be an
/// override.
pub const FORWARDED_METHOD: &str = "X-Forwarded-Method";
/// The target of the request that a forward-auth proxy asks about. To the upstream it would be an
/// override.
pub const FORWARDED_URI: &str = "X-Forwarded-Uri";

/// What [`FORWARDED_METHOD`] is to nginx.
pub const ORIGINAL_METHOD: &str = "X-Original-Method";
/// What [`FORWARDED_URI`] is to nginx.
pub const ORIGINAL_URI: &str = "X-Original-URI";
/// What [`FORWARDED_URI`] is to ingress-nginx: an absolute URL.
pub const ORIGINAL_URL: &str = "X-Original-URL";

/// The headers in which a proxy states the request that it asks about.
const fn question(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Forwarded => &[FORWARDED_METHOD, FORWARDED_URI],
        Dialect::Nginx => &[ORIGINAL_METHOD, ORIGINAL_URI, ORIGINAL_URL],
        Dialect::Envoy => &[],
    }
}

/// Headers in which proxies pass on the client's address and the requested host (RFC 7239 and its
/// predecessors). The edge sets some of them: [`CLIENT_ADDRESS`], [`CALLED_ADDRESS`].
const FORWARDED: [&str; 24] = [
    "CF-Connecting-IP",
    "Client-IP",
    "Forwarded",
    "Front-End-Https",
    "True-Client-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Forwarded",
    "X-Forwarded-By",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Path",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-Forwarded-Protocol",
    "X-Forwarded-Scheme",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-HTTP-Host-Override",
    "X-Host",
    "X-Original-Host",
    "X-Real-IP",
    "X-Url-Scheme",
];

/// The headers in which the edge passes on the client's address.
pub const CLIENT_ADDRESS: [&str; 2] = ["X-Forwarded-For", "X-Real-IP"];

/// The headers in which the edge passes on the requested host and scheme.
pub const CALLED_ADDRESS: [&str; 2] = ["X-Forwarded-Host", "X-Forwarded-Proto"];

/// The values of [`CALLED_ADDRESS`] for an installation at `public_url`.
pub fn called_address(public_url: &str) -> [&str; 2] {
    let (scheme, rest) = public_url.split_once("://").unwrap_or(("", public_url));
    let host = rest.split('/').next().unwrap_or_default();
    [host, scheme]
}

/// The headers of a CORS preflight (Fetch standard, section 3.2.2; Private Network Access, section
/// 3.1). The upstream gets no other header of a preflight.
pub const PREFLIGHT: [&str; 4] = [
    "Origin",
    PREFLIGHT_METHOD,
    "Access-Control-Request-Headers",
    "Access-Control-Request-Private-Network",
];

/// The header with the method that a preflight announces.
pub const PREFLIGHT_METHOD: &str = "Access-Control-Request-Method";

/// The longest header name that is looked for, in bytes.
const MAX_NAME: usize = 63;

/// `CLIENT_ADDRESS_HEADER`: the header in which the platform, or a proxy in front of the edge,
/// passes on the client's address. In lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressHeader(String);

impl AddressHeader {
    /// Cloudflare sets it on every request.
    const DEFAULT: &str = "CF-Connecting-IP";

    /// Reads the setting. `None`: it is absent.
    ///
    /// # Errors
    /// Says what the setting must be if it is not a header name, or names a header with another
    /// meaning.
    pub fn from_setting(setting: Option<&str>) -> Result<Self, &'static str> {
        let name = setting.unwrap_or(Self::DEFAULT).to_ascii_lowercase();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let other_meaning = IDENTITY
            .iter()
            .chain(&ENDS_HERE)
            .chain(&OVERRIDES)
            .chain(&PREFLIGHT)
            .chain(&[ORGANIZATION, FORWARDED_METHOD, FORWARDED_URI])
            .chain(&CALLED_ADDRESS)
            .chain(&["Cookie", "Forwarded", "Host", "Upgrade"])
            .any(|other| other.eq_ignore_ascii_case(&name));
        let is_name = name.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && name.len() <= MAX_NAME
            && name.bytes().all(plain);
        if !is_name || other_meaning {
            return Err(
                "CLIENT_ADDRESS_HEADER must be the name of a header that holds the client's \
                 address and nothing else, like CF-Connecting-IP or X-Real-IP",
            );
        }
        Ok(Self(name))
    }

    /// The name, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Header names, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderNames {
    /// Names to match in every spelling.
    pub any: Vec<String>,
    /// Names to match in every spelling but their own.
    pub lookalikes: Vec<String>,
}

impl HeaderNames {
    /// Converts the names to lower case.
    pub fn new<'a>(
        any: impl IntoIterator<Item = &'a str>,
        lookalikes: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let small = |name: &str| name.to_ascii_lowercase();
        Self {
            any: any.into_iter().map(small).collect(),
            lookalikes: lookalikes.into_iter().map(small).collect(),
        }
    }
}

/// The headers that the upstream never gets from a client. The header with the client's address is
/// forwarded as received, unless the edge sets it.
pub fn withheld(client: &AddressHeader) -> HeaderNames {
    let client = client.as_str();
    let is_client = |name: &str| name.eq_ignore_ascii_case(client);
    let goes_on = !CLIENT_ADDRESS.into_iter().any(is_client);
    let forwarded = FORWARDED
        .into_iter()
        .filter(|name| !(goes_on && is_client(name)));
    HeaderNames::new(
        ENDS_HERE
            .into_iter()
            .chain(IDENTITY)
            .chain(OVERRIDES)
            .chain([FORWARDED_METHOD, FORWARDED_URI])
            .chain(forwarded),
        [ORGANIZATION].into_iter().chain(goes_on.then_some(client)),
    )
}

/// The headers for which forward-auth refuses a request, because the edge cannot remove them from a
/// request that a proxy holds. Headers that the proxy sets or removes itself, in their own spelling,
/// replace a client's. Those of another dialect are the client's own.
pub fn refused_behind_proxy(dialect: Dialect) -> HeaderNames {
    let question = question(dialect);
    let overrides = OVERRIDES
        .into_iter()
        .chain([FORWARDED_METHOD, FORWARDED_URI]);
    let set_by_proxy = IDENTITY
        .into_iter()
        .chain(FORWARDED)
        .chain([ORGANIZATION, session::HEADER]);
    HeaderNames::new(
        overrides.filter(|name| !question.contains(name)),
        set_by_proxy.chain(question.iter().copied()),
    )
}

/// Returns a name of [`refused_behind_proxy`] in its usual spelling.
pub fn usual_spelling(name: &str) -> Option<&'static str> {
    let mut names = OVERRIDES
        .into_iter()
        .chain(IDENTITY)
        .chain(FORWARDED)
        .chain([
            ORGANIZATION,
            session::HEADER,
            FORWARDED_METHOD,
            FORWARDED_URI,
        ]);
    names.find(|usual| usual.eq_ignore_ascii_case(name))
}

/// The headers whose forwarding depends on their value. `None`: the header is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConditionalHeaders<'a> {
    /// It names other headers to remove.
    pub connection: Option<&'a str>,
    /// It is forwarded only for WebSocket, which the runtime supports.
    pub upgrade: Option<&'a str>,
    /// It is forwarded without the session.
    pub cookie: Option<&'a str>,
    /// Of a WebSocket handshake. They are forwarded without the token.
    pub subprotocols: Option<&'a str>,
}

/// A header to change: its name and new value. `None` removes it.
pub type HeaderChange<'a> = (Cow<'a, str>, Option<String>);

impl<'a> ConditionalHeaders<'a> {
    /// Returns the changes. Apply them before setting other headers, because a client may name those in
    /// `Connection`.
    pub fn changes(self, client: &AddressHeader) -> Vec<HeaderChange<'a>> {
        let named = self.connection.into_iter().flat_map(named_by);
        let named = named.filter(|name| !is_relied_on(name, client));
        let mut changes: Vec<_> = named.map(|name| (name.into(), None)).collect();
        if self.upgrade.is_some_and(|protocol| !is_websocket(protocol)) {
            changes.push(("Upgrade".into(), None));
        }
        if let Some(cookies) = self.cookie {
            changes.push(("Cookie".into(), session::without_session(cookies)));
        }
        if let Some(offered) = self.subprotocols.and_then(subprotocol::without_token) {
            changes.push((SUBPROTOCOL.into(), Some(offered)));
        }
        changes
    }
}

/// Whether a byte may be in a `token`, such as a method or a header's name (RFC 9110, section 5.6.2).
pub(super) fn in_tokens(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether an `Upgrade` header asks for a WebSocket (RFC 6455, section 4.2.1).
pub fn is_websocket(upgrade: &str) -> bool {
    upgrade.eq_ignore_ascii_case("websocket")
}

/// The headers that a `Connection` header names, except `Upgrade`, which has its own rule, and the
/// options that are not headers. Names that no header can have (RFC 9110, section 5.6.2) are left
/// out.
fn named_by(connection: &str) -> impl Iterator<Item = &str> {
    const NO_HEADERS: [&str; 4] = ["", "upgrade", "keep-alive", "close"];
    let names = connection.split(',').map(str::trim);
    names
        .filter(|name| name.bytes().all(in_tokens))
        .filter(|name| NO_HEADERS.iter().all(|no| !name.eq_ignore_ascii_case(no)))
}

/// Whether the upstream relies on the header, because the platform set it or the edge checked it. A
/// client must not remove such a header by naming it in `Connection`.
fn is_relied_on(name: &str, client: &AddressHeader) -> bool {
    const PREFIXES: [&str; 2] = ["CF-", "X-Forwarded-"];
    let begins_with = |prefix: &&str| {
        let begin = name.get(..prefix.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
    };
    PREFIXES.iter().any(begins_with)
        || [client.as_str(), ORGANIZATION]
            .iter()
            .chain(&CLIENT_ADDRESS)
            .any(|relied_on| name.eq_ignore_ascii_case(relied_on))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(setting: Option<&str>) -> AddressHeader {
        AddressHeader::from_setting(setting).unwrap()
    }

    #[test]
    fn withheld_covers_what_is_meant_for_the_edge() {
        let HeaderNames { any, lookalikes } = withheld(&client(None));
        for name in [
            "authorization",
            "connection",
            "te",
            "http2-settings",
            "x-http-method-override",
            "x-original-url",
            "x-forwarded-uri",
            "x-forwarded-host",
            "x-forwarded-for",
            "forwarded",
            "x-real-ip",
            "true-client-ip",
            "x-patrol-subject",
            "x-patrol-token-id",
            "x-patrol-organization",
            "x-patrol-organizations",
            "x-patrol-scopes",
            "sec-websocket-protocol",
        ] {
            assert!(any.iter().any(|withheld| withheld == name), "{name}");
        }
        for name in ["accept", "x-patrolled", "upgrade", "cookie"] {
            let all = any.iter().chain(&lookalikes);
            assert!(all.into_iter().all(|withheld| withheld != name), "{name}");
        }
        assert_eq!(lookalikes, ["x-organization-id", "cf-connecting-ip"]);
    }

    #[test]
    fn address_header_is_the_only_source_of_the_clients_address() {
        for (setting, goes_on) in [
            (None, Some("cf-connecting-ip")),
            (Some("True-Client-IP"), Some("true-client-ip")),
            (Some("Fly-Client-IP"), Some("fly-client-ip")),
            (Some("X-Real-IP"), None),
            (Some("x-forwarded-for"), None),
        ] {
            let HeaderNames { any, lookalikes } = withheld(&client(setting));
            for name in ["cf-connecting-ip", "true-client-ip", "x-real-ip"] {
                let ends = any.iter().any(|withheld| withheld == name);
                assert_eq!(ends, goes_on != Some(name), "{setting:?} {name}");
            }
            assert_eq!(lookalikes.get(1).map(String::as_str), goes_on);
        }
    }

    #[test]
    fn address_header_rejects_names_with_another_meaning() {
        for good in [
            "CF-Connecting-IP",
            "x-real-ip",
            "X-Forwarded-For",
            "Fly-Client-IP",
        ] {
            let name = good.to_ascii_lowercase();
            assert_eq!(client(Some(good)).as_str(), name);
        }
        for wrong in [
            "",
            "X Real IP",
            "X_Real_IP",
            "X-Real-IP:",
            "ä",
            "authorization",
            "Cookie",
            "X-Patrol-Subject",
            "X-Organization-ID",
            "X-Forwarded-Uri",
            "Forwarded",
            "Origin",
            "-real-ip",
            &"x".repeat(64),
        ] {
            let error = AddressHeader::from_setting(Some(wrong)).unwrap_err();
            assert!(
                error.starts_with("CLIENT_ADDRESS_HEADER must be"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn refused_behind_proxy_allows_the_proxys_own_headers_only() {
        let forwarded = ["x-forwarded-method", "x-forwarded-uri"];
        let original = ["x-original-method", "x-original-uri", "x-original-url"];
        for (dialect, questions, others) in [
            (Dialect::Forwarded, &forwarded[..], &original[..]),
            (Dialect::Nginx, &original, &forwarded),
            (
                Dialect::Envoy,
                &[],
                &[forwarded[0], forwarded[1], original[2]],
            ),
        ] {
            let HeaderNames { any, lookalikes } = refused_behind_proxy(dialect);
            let has = |names: &[String], name: &str| names.iter().any(|other| other == name);
            let overrides = ["x-http-method-override", "x-rewrite-url", "script-name"];
            for name in overrides.iter().chain(others) {
                assert!(has(&any, name), "{dialect:?} {name}");
            }
            let by_proxy = [
                "x-forwarded-for",
                "x-real-ip",
                "x-organization-id",
                "x-patrol-subject",
                "x-patrol-session",
            ];
            for name in by_proxy.iter().chain(questions) {
                let refused = (has(&any, name), has(&lookalikes, name));
                assert_eq!(refused, (false, true), "{dialect:?} {name}");
            }
            for name in any.iter().chain(&lookalikes) {
                let usual = usual_spelling(name).unwrap();
                assert_eq!(usual.to_ascii_lowercase(), *name);
            }
        }
    }

    /// The edge compares folded names, so it would never find any other form.
    #[test]
    fn header_names_are_in_the_form_that_is_compared() {
        let refused = Dialect::ALL.map(refused_behind_proxy);
        let withheld = [withheld(&client(None))];
        for HeaderNames { any, lookalikes } in withheld.into_iter().chain(refused) {
            for name in any.iter().chain(&lookalikes) {
                let folded =
                    |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
                assert!(name.starts_with(|letter: char| letter.is_ascii_lowercase()));
                assert!(name.len() <= MAX_NAME, "{name}");
                assert!(name.bytes().all(folded), "{name}");
            }
        }
    }

    #[test]
    fn to_is_host_and_scheme_of_the_public_url() {
        for (public_url, expected) in [
            ("https://api.example.com", ["api.example.com", "https"]),
            ("https://example.com/api", ["example.com", "https"]),
            ("http://127.0.0.1:8787", ["127.0.0.1:8787", "http"]),
            ("http://[::1]:8787", ["[::1]:8787", "http"]),
        ] {
            assert_eq!(called_address(public_url), expected);
        }
    }

    #[test]
    fn conditional_headers_change_by_their_values() {
        let address = client(Some("Fly-Client-IP"));
        let changes = |conditional: ConditionalHeaders<'static>| conditional.changes(&address);
        let without = |name: &'static str| (Cow::Borrowed(name), None);
        let none = ConditionalHeaders::default();
        assert!(changes(none).is_empty());

        let connection = |value| ConditionalHeaders {
            connection: Some(value),
            ..none
        };
        assert!(changes(connection("")).is_empty());
        assert!(changes(connection("Keep-Alive")).is_empty());
        assert!(changes(connection("close")).is_empty());
        let named = changes(connection("X-Hop , Upgrade,,x-other, a b,é"));
        assert_eq!(named, [without("X-Hop"), without("x-other")]);
        for relied_on in [
            "x-real-ip",
            "X-Forwarded-For",
            "x-forwarded-anything",
            "CF-Connecting-IP",
            "cf-ray",
            "fly-client-ip",
            "X-Organization-ID",
        ] {
            assert!(changes(connection(relied_on)).is_empty(), "{relied_on}");
        }

        let upgrade = |value| ConditionalHeaders {
            upgrade: Some(value),
            ..none
        };
        assert!(changes(upgrade("WebSocket")).is_empty());
        assert_eq!(changes(upgrade("h2c")), [without("Upgrade")]);

        let cookie = |value| ConditionalHeaders {
            cookie: Some(value),
            ..none
        };
        let session = "__Host-patrol_session=secret";
        assert_eq!(changes(cookie(session)), [without("Cookie")]);
        let kept = [("Cookie".into(), Some("theme=dark".to_owned()))];
        assert_eq!(changes(cookie("theme=dark")), kept);

        let subprotocols = |value| ConditionalHeaders {
            subprotocols: Some(value),
            ..none
        };
        assert!(changes(subprotocols("patrol, patrol.token.a")).is_empty());
        let kept = [(SUBPROTOCOL.into(), Some("mqtt".to_owned()))];
        assert_eq!(changes(subprotocols("patrol, patrol.token.a, mqtt")), kept);
    }
}
