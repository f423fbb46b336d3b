//! Which headers of an allowed request the upstream gets.
//!
//! It gets everything but what was meant for the edge (the token, the session), what speaks of
//! one connection only, what would make another request of it than was judged, and what only the
//! edge may say: who calls, from where, and by which address.
//!
//! A name that matters, matters in every spelling. Servers in the manner of CGI make one name of all
//! that differ only in the signs between their letters: `X-Patrol-Subject`, `X_Patrol_Subject`
//! and `X.Patrol~Subject` are `HTTP_X_PATROL_SUBJECT`. So names are compared with each such sign
//! written as a hyphen. The comparison itself is the edge's, in JavaScript: to bring over all names
//! of a request costs more than all that is judged of it.

use crate::session;
use std::borrow::Cow;

/// The headers that tell the upstream who calls, and that nobody else may send: the token's
/// owner, its id, the organization in which the request acts, the scopes with spaces between them.
pub const IDENTITY: [&str; 4] = [
    "X-Patrol-Subject",
    "X-Patrol-Token-Id",
    "X-Patrol-Organization",
    "X-Patrol-Scopes",
];

/// The header that picks one of the token's organizations. It is judged, and goes on.
pub const ORGANIZATION: &str = "X-Organization-ID";

/// The token, and headers of one connection only (RFC 9110, section 7.6.1; RFC 7540, section 3.2.1).
const ENDS_HERE: [&str; 10] = [
    "Authorization",
    "Connection",
    "HTTP2-Settings",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
];

/// Headers that let some servers, or frameworks in them, take a request for one of another method
/// or path than was judged.
const OVERRIDES: [&str; 14] = [
    "Path-Info",
    "Script-Name",
    "X-Envoy-Original-Path",
    "X-HTTP-Method",
    "X-HTTP-Method-Override",
    "X-HTTP-Path-Override",
    "X-Method-Override",
    "X-Original-Method",
    "X-Original-Path",
    "X-Original-URI",
    "X-Original-URL",
    "X-Override-URL",
    "X-Rewrite-URL",
    "X-Script-Name",
];

/// The request that a proxy tells of when it asks for the verdict. To the upstream they are
/// overrides like the others.
pub const FORWARDED_METHOD: &str = "X-Forwarded-Method";
/// See [`FORWARDED_METHOD`].
pub const FORWARDED_URI: &str = "X-Forwarded-Uri";

/// Headers that say who called, from where and by which address, where a proxy writes them (RFC
/// 7239, and what was there before). The edge sets some of them: [`FROM`], [`TO`].
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

/// The headers with the client's address that the upstream gets.
pub const FROM: [&str; 2] = ["X-Forwarded-For", "X-Real-IP"];

/// The headers with the address that the client called: host, and scheme.
pub const TO: [&str; 2] = ["X-Forwarded-Host", "X-Forwarded-Proto"];

/// The values of [`TO`], for an installation at that public address.
pub fn to(public_url: &str) -> [&str; 2] {
    let (scheme, host) = public_url.split_once("://").unwrap_or(("", public_url));
    [host, scheme]
}

/// The headers of a CORS preflight (Fetch standard, section 3.2.2; Private Network Access, section
/// 3.1): all that the upstream gets of one.
pub const PREFLIGHT: [&str; 4] = [
    "Origin",
    PREFLIGHT_METHOD,
    "Access-Control-Request-Headers",
    "Access-Control-Request-Private-Network",
];

/// The method that a preflight asks for.
pub const PREFLIGHT_METHOD: &str = "Access-Control-Request-Method";

/// The longest name of a header that is looked for, in bytes.
const MAX_NAME: usize = 63;

/// `CLIENT_ADDRESS_HEADER`: the header in which the platform, or the proxy before the edge, names
/// the client's address. In small letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressHeader(String);

impl AddressHeader {
    /// What Cloudflare sets, on every request.
    const DEFAULT: &str = "CF-Connecting-IP";

    /// Reads the setting; None: not set.
    ///
    /// # Errors
    /// What it must be: it is no header's name, or that of a header with another meaning.
    pub fn from_setting(setting: Option<&str>) -> Result<Self, &'static str> {
        let name = setting.unwrap_or(Self::DEFAULT).to_ascii_lowercase();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let other_meaning = IDENTITY
            .iter()
            .chain(&ENDS_HERE)
            .chain(&OVERRIDES)
            .chain(&PREFLIGHT)
            .chain(&[ORGANIZATION, FORWARDED_METHOD, FORWARDED_URI])
            .chain(&TO)
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

    /// The name, in small letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Names of headers, in small letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderNames {
    /// Those that are meant in every spelling.
    pub any: Vec<String>,
    /// Those that are meant in every spelling but their own.
    pub lookalikes: Vec<String>,
}

impl HeaderNames {
    fn new<'a>(
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

/// The headers that the upstream never gets from a client. The one with the client's address goes on
/// as it came, unless the edge writes it itself.
pub fn withheld(client: &AddressHeader) -> HeaderNames {
    let client = client.as_str();
    let is_client = |name: &str| name.eq_ignore_ascii_case(client);
    let goes_on = !FROM.into_iter().any(is_client);
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

/// The headers with which a request that another proxy holds is not allowed: the edge cannot take
/// them from it. What the proxy writes itself, in its own spelling, takes the place of a client's.
pub fn refused_behind_proxy() -> HeaderNames {
    HeaderNames::new(
        OVERRIDES,
        IDENTITY.into_iter().chain(FORWARDED).chain([
            ORGANIZATION,
            FORWARDED_METHOD,
            FORWARDED_URI,
        ]),
    )
}

/// One of the names of [`refused_behind_proxy`], as it is usually written.
pub fn usual_spelling(name: &str) -> Option<&'static str> {
    let mut names = OVERRIDES
        .into_iter()
        .chain(IDENTITY)
        .chain(FORWARDED)
        .chain([ORGANIZATION, FORWARDED_METHOD, FORWARDED_URI]);
    names.find(|usual| usual.eq_ignore_ascii_case(name))
}

/// The headers of a request that go on or not by what they say. None: there is no such header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConditionalHeaders<'a> {
    /// It names other headers that end here too.
    pub connection: Option<&'a str>,
    /// It goes on only where it asks for WebSocket, which the runtime carries through.
    pub upgrade: Option<&'a str>,
    /// It goes on without the session.
    pub cookie: Option<&'a str>,
}

/// A header that is to be changed: its name, and its new value or none.
pub type HeaderChange<'a> = (Cow<'a, str>, Option<String>);

impl<'a> ConditionalHeaders<'a> {
    /// What is to be changed besides. It is to be done before anything is written: a client may name
    /// these headers too.
    pub fn changes(self, client: &AddressHeader) -> Vec<HeaderChange<'a>> {
        let named = self.connection.into_iter().flat_map(named_by);
        let named = named.filter(|name| !is_relied_on(name, client));
        let mut changes: Vec<_> = named.map(|name| (name.into(), None)).collect();
        if self
            .upgrade
            .is_some_and(|protocol| !protocol.eq_ignore_ascii_case("websocket"))
        {
            changes.push(("Upgrade".into(), None));
        }
        if let Some(cookies) = self.cookie {
            changes.push(("Cookie".into(), session::without_session(cookies)));
        }
        changes
    }
}

/// The headers that a `Connection` header names, but for `Upgrade`, which has its own rule, and
/// for what is no header but says whether the connection stays open. What no header can be named
/// like (RFC 9110, section 5.6.2) is left out.
fn named_by(connection: &str) -> impl Iterator<Item = &str> {
    const NO_HEADERS: [&str; 4] = ["", "upgrade", "keep-alive", "close"];
    let in_names = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let names = connection.split(',').map(str::trim);
    names
        .filter(move |name| name.bytes().all(in_names))
        .filter(|name| NO_HEADERS.iter().all(|no| !name.eq_ignore_ascii_case(no)))
}

/// Does the upstream rely on the header, because not the client wrote it, or because it was judged?
/// Then no client may take it away by naming it in `Connection`.
fn is_relied_on(name: &str, client: &AddressHeader) -> bool {
    const PREFIXES: [&str; 2] = ["CF-", "X-Forwarded-"];
    let begins_with = |prefix: &&str| {
        let begin = name.get(..prefix.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
    };
    PREFIXES.iter().any(begins_with)
        || [client.as_str(), ORGANIZATION]
            .iter()
            .chain(&FROM)
            .any(|relied_on| name.eq_ignore_ascii_case(relied_on))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(setting: Option<&str>) -> AddressHeader {
        AddressHeader::from_setting(setting).unwrap()
    }

    #[test]
    fn the_upstream_does_not_get_what_was_meant_for_the_edge() {
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
            "x-patrol-scopes",
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
    fn the_clients_address_comes_from_one_header_that_nobody_else_is_believed() {
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
    fn a_setting_that_names_no_address_is_refused() {
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
    fn behind_a_proxy_its_own_headers_are_allowed_and_no_others_like_them() {
        let HeaderNames { any, lookalikes } = refused_behind_proxy();
        let has = |names: &[String], name: &str| names.iter().any(|other| other == name);
        for name in ["x-http-method-override", "x-original-url", "x-rewrite-url"] {
            assert!(has(&any, name), "{name}");
        }
        for name in any.iter().chain(&lookalikes) {
            let usual = usual_spelling(name).unwrap();
            assert_eq!(usual.to_ascii_lowercase(), *name);
        }
        for name in [
            "x-forwarded-uri",
            "x-forwarded-for",
            "x-real-ip",
            "x-organization-id",
            "x-patrol-subject",
        ] {
            assert!(!has(&any, name) && has(&lookalikes, name), "{name}");
        }
    }

    /// Else the edge, which looks for a folded name, would never find them.
    #[test]
    fn every_name_is_written_as_it_is_looked_for() {
        for HeaderNames { any, lookalikes } in [withheld(&client(None)), refused_behind_proxy()] {
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
    fn the_upstream_is_told_by_which_address_it_was_called() {
        for (public_url, expected) in [
            ("https://api.example.com", ["api.example.com", "https"]),
            ("http://127.0.0.1:8787", ["127.0.0.1:8787", "http"]),
            ("http://[::1]:8787", ["[::1]:8787", "http"]),
        ] {
            assert_eq!(to(public_url), expected);
        }
    }

    #[test]
    fn some_headers_go_on_by_what_they_say() {
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
    }
}
