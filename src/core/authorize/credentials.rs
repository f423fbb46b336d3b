//! Where a request carries its token.
//!
//! Four ways, because clients differ: `Bearer` (RFC 6750, section 2.1); `Basic` with the token as
//! the password (RFC 7617), for git, Excel and whatever reads `.netrc`; `token`, which some clients
//! write in place of `Bearer`; and a [`subprotocol`], for the WebSocket of a browser. A request must use
//! exactly one of them. A token is never read from a query, because queries are logged.
//!
//! Browsers send `Basic` by themselves once a user has entered it, also in requests that another
//! site causes. So they are never asked for it ([`BROWSER`]), and it is refused from other sites
//! ([`Initiator`]).

use super::subprotocol::{self, SubprotocolError};
use crate::{
    session::Initiator,
    token::{self, PREFIX},
};
use base64ct::{Base64, Encoding};
use std::{borrow::Cow, fmt};

/// The headers that can carry a token. `None`: the request has no such header.
#[derive(Clone, Copy, Default)]
pub struct CredentialHeaders<'a> {
    /// `Authorization`
    pub authorization: Option<&'a str>,
    /// `Sec-WebSocket-Protocol`, if the request opens a WebSocket.
    pub subprotocols: Option<&'a str>,
    /// Whether another proxy forwards the request. Its subprotocols are then out of the edge's reach.
    pub is_behind_proxy: bool,
}

/// Headers that browsers send and other clients do not. A request with one of them is never asked
/// for `Basic`: the browser would open a dialog. Over plain http, a navigation has only the last.
pub const BROWSER: [&str; 8] = [
    "Cookie",
    "Origin",
    "Sec-Fetch-Dest",
    "Sec-Fetch-Mode",
    "Sec-Fetch-Site",
    "Sec-Fetch-Storage-Access",
    "Sec-Fetch-User",
    "Upgrade-Insecure-Requests",
];

/// One place where a request has credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `Authorization: Bearer`
    Bearer,
    /// `Authorization: Basic`
    Basic,
    /// `Authorization: token`
    Token,
    /// `Authorization` with any other scheme
    OtherScheme,
    /// A WebSocket subprotocol
    Subprotocol,
}

impl Place {
    const ALL: [Self; 5] = [
        Self::Bearer,
        Self::Basic,
        Self::Token,
        Self::OtherScheme,
        Self::Subprotocol,
    ];

    /// The scheme, whose name is case-insensitive (RFC 9110, section 11.1).
    fn of_scheme(name: &str) -> Self {
        let schemes = [
            ("bearer", Self::Bearer),
            ("basic", Self::Basic),
            ("token", Self::Token),
        ];
        let found = schemes
            .into_iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known));
        found.map_or(Self::OtherScheme, |(_, place)| place)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "`Bearer`",
            Self::Basic => "`Basic`",
            Self::Token => "`token`",
            Self::OtherScheme => "another scheme",
            Self::Subprotocol => "a WebSocket subprotocol",
        }
    }
}

/// The places where a request has credentials, in a fixed order. Several in one place count once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Places(u8);

impl Places {
    const fn with(self, place: Place) -> Self {
        Self(self.0 | place.bit())
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = |place: &Place| self.0 & place.bit() != 0;
        let mut names = Place::ALL.into_iter().filter(has).map(Place::name);
        let Some(first) = names.next() else {
            return Ok(());
        };
        f.write_str(first)?;
        match names.next() {
            None => f.write_str(", more than once"),
            Some(second) => {
                write!(f, " and {second}")?;
                names.try_for_each(|name| write!(f, " and {name}"))
            }
        }
    }
}

/// Why a request has no token that could be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialsError {
    /// No credentials.
    Missing,
    /// `Authorization` has a scheme that cannot carry a token.
    UnknownScheme,
    /// The scheme is not followed by exactly one token.
    NotOneToken(Place),
    /// `Basic` is not followed by base64 of a user, a colon and a password.
    BasicMalformed,
    /// Neither the user nor the password of `Basic` looks like a token.
    BasicWithoutToken,
    /// A browser sent `Basic` for a page of another site.
    BasicFromOtherSite,
    /// A subprotocol has the token, but the protocol to select is not offered beside it.
    SubprotocolAlone,
    /// A subprotocol has a token, and another proxy forwards the request, to which the edge has no
    /// access.
    SubprotocolBehindProxy,
    /// Credentials in several places, or several in one.
    Several(Places),
}

impl CredentialsError {
    /// What is wrong, and how to fix it.
    pub fn detail(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Missing => "Send the header `Authorization: Bearer <token>`.",
            Self::UnknownScheme => {
                "The scheme in `Authorization` cannot carry a token. Send `Authorization: Bearer \
                 <token>`, or `Basic` with the token as the password."
            }
            Self::NotOneToken(Place::Token) => {
                "The header must be `Authorization: token <token>` with one token."
            }
            Self::NotOneToken(Place::Subprotocol) => {
                "The WebSocket subprotocol must be `patrol.token.` and the token."
            }
            Self::NotOneToken(_) => {
                "The header must be `Authorization: Bearer <token>` with one token."
            }
            Self::BasicMalformed => {
                "What follows `Basic` must be base64 of a user, a colon and the token."
            }
            Self::BasicWithoutToken => {
                "The password in `Authorization: Basic` is not a token. If you did not set it, your \
                 program may have taken it from a `.netrc` file or from the URL."
            }
            Self::BasicFromOtherSite => {
                "A page of another site cannot use `Basic`. Send `Authorization: Bearer <token>`."
            }
            Self::SubprotocolAlone => {
                "Offer the WebSocket subprotocol `patrol` too, beside `patrol.token.` and the token."
            }
            Self::SubprotocolBehindProxy => {
                "Behind this proxy, a WebSocket subprotocol cannot carry a token: the API would get it. \
                 Send `Authorization: Bearer <token>`."
            }
            Self::Several(places) => {
                return Cow::Owned(format!(
                    "Send one token. This request has several credentials: {places}."
                ));
            }
        })
    }
}

/// Finds the token of a request. `initiator` is called only for `Basic`.
///
/// # Errors
/// [`CredentialsError`].
pub fn token<'a>(
    headers: CredentialHeaders<'a>,
    initiator: impl FnOnce() -> Initiator<'a>,
) -> Result<Cow<'a, str>, CredentialsError> {
    if headers.is_behind_proxy && headers.subprotocols.is_some_and(subprotocol::has_token) {
        return Err(CredentialsError::SubprotocolBehindProxy);
    }
    let offered = headers.subprotocols.map(subprotocol::token).transpose();
    let offered = match offered {
        Ok(offered) => offered.flatten(),
        Err(SubprotocolError::Several) => {
            let places = places(headers.authorization.unwrap_or_default());
            return Err(CredentialsError::Several(places.with(Place::Subprotocol)));
        }
        Err(SubprotocolError::Alone) => {
            return Err(match headers.authorization {
                Some(header) => CredentialsError::Several(places(header).with(Place::Subprotocol)),
                None => CredentialsError::SubprotocolAlone,
            });
        }
    };
    match (headers.authorization, offered) {
        (Some(header), None) => in_authorization(header, initiator),
        (Some(header), Some(_)) => {
            let places = places(header).with(Place::Subprotocol);
            Err(CredentialsError::Several(places))
        }
        (None, Some(token)) if is_b64token(token.as_bytes()) => Ok(Cow::Borrowed(token)),
        (None, Some(_)) => Err(CredentialsError::NotOneToken(Place::Subprotocol)),
        (None, None) => Err(CredentialsError::Missing),
    }
}

fn in_authorization<'a>(
    header: &'a str,
    initiator: impl FnOnce() -> Initiator<'a>,
) -> Result<Cow<'a, str>, CredentialsError> {
    // Only the white space that may surround a header's value (RFC 9110, section 5.5).
    let header = header.trim_matches([' ', '\t']);
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    let credentials = rest.trim_start_matches(' ');
    let place = Place::of_scheme(scheme);
    let result = match place {
        Place::Bearer | Place::Token if is_b64token(credentials.as_bytes()) => {
            Ok(Cow::Borrowed(credentials))
        }
        Place::Basic => in_basic(credentials).map(Cow::Owned),
        Place::OtherScheme if header.is_empty() => return Err(CredentialsError::Missing),
        Place::OtherScheme => Err(CredentialsError::UnknownScheme),
        _ => Err(CredentialsError::NotOneToken(place)),
    };
    match result {
        Ok(_) if place == Place::Basic && initiator().is_other_site() => {
            Err(CredentialsError::BasicFromOtherSite)
        }
        // The runtime joins two headers with a comma, which no credentials of ours contain.
        Err(_) if has_several(header) => Err(CredentialsError::Several(places(header))),
        result => result,
    }
}

/// The password of `Basic`, or its user if the password is empty or the word that GitHub's users put
/// there.
fn in_basic(encoded: &str) -> Result<String, CredentialsError> {
    if encoded.len() > MAX_BASIC {
        return Err(CredentialsError::BasicMalformed);
    }
    let decoded = Base64::decode_vec(encoded).map_err(|_| CredentialsError::BasicMalformed)?;
    // The password may contain colons, the user not (RFC 7617, section 2).
    let mut parts = decoded.splitn(2, |byte| *byte == b':');
    let (Some(user), Some(password)) = (parts.next(), parts.next()) else {
        return Err(CredentialsError::BasicMalformed);
    };
    let token = match (looks_like_token(user), looks_like_token(password)) {
        (true, true) => {
            let places = Places::default().with(Place::Basic);
            return Err(CredentialsError::Several(places));
        }
        (false, true) => password,
        (true, false) if password.is_empty() || password == b"x-oauth-basic" => user,
        _ => return Err(CredentialsError::BasicWithoutToken),
    };
    // It is ASCII.
    String::from_utf8(token.to_vec()).map_err(|_| CredentialsError::BasicMalformed)
}

/// The longest credentials of `Basic` that are decoded, in bytes: the longest token and a user of
/// some 1,000 bytes.
const MAX_BASIC: usize = (token::MAX_LENGTH + 1_024) * 4 / 3;

/// Whether it has the form of a token: three parts, the first of which is a JSON object in base64.
fn looks_like_token(text: &[u8]) -> bool {
    let jwt = text.strip_prefix(PREFIX.as_bytes()).unwrap_or(text);
    let parts = jwt.split(|byte| *byte == b'.').count();
    jwt.starts_with(b"eyJ") && parts == 3 && is_b64token(text)
}

/// The credentials in a header, whether it is one or several that the runtime joined. What follows a
/// comma may also be a parameter of the credentials before it, which has no space before its `=`.
fn places_in(header: &str) -> impl Iterator<Item = Place> {
    let parts = header.split(',').map(|part| part.trim_matches([' ', '\t']));
    parts.enumerate().filter_map(|(number, part)| {
        let (scheme, _) = part.split_once(' ').unwrap_or((part, ""));
        let place = Place::of_scheme(scheme);
        let is_first = number == 0 && !scheme.is_empty();
        let is_later = scheme.len() < part.len() && !scheme.contains(['=', '"']);
        let counts = place != Place::OtherScheme || is_first || is_later;
        counts.then_some(place)
    })
}

fn has_several(header: &str) -> bool {
    places_in(header).nth(1).is_some()
}

fn places(header: &str) -> Places {
    places_in(header).fold(Places::default(), Places::with)
}

/// A `b64token` (RFC 6750, section 2.1).
fn is_b64token(text: &[u8]) -> bool {
    // Faster than stopping at the first invalid byte.
    let valid = text
        .iter()
        .fold(true, |all, byte| all & IN_TOKENS[usize::from(*byte)]);
    valid && !text.is_empty()
}

/// The bytes of a `b64token`. A table, because this loop is most of the work for a cached token.
const IN_TOKENS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let letter = byte as u8;
        table[byte] = letter.is_ascii_alphanumeric()
            || matches!(letter, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::{CredentialsError as Error, *};

    fn in_header(header: Option<&str>) -> Result<String, Error> {
        let headers = CredentialHeaders {
            authorization: header,
            ..CredentialHeaders::default()
        };
        token(headers, || initiator(None, None)).map(Cow::into_owned)
    }

    fn initiator(site: Option<&str>, origin: Option<&str>) -> Initiator<'static> {
        Initiator {
            site: site.map(str::to_owned),
            origin: origin.map(str::to_owned),
            own: "https://patrol.test",
        }
    }

    fn several(places: &[Place]) -> Error {
        let all = places.iter().copied();
        Error::Several(all.fold(Places::default(), Places::with))
    }

    #[test]
    fn authorization_has_one_scheme_and_one_token() {
        let found = |token: &str| Ok(token.to_owned());
        let not_one = |place| Err(Error::NotOneToken(place));
        for (header, expected) in [
            (Some("Bearer patrol_a.b-c_d"), found("patrol_a.b-c_d")),
            (Some("bearer   x "), found("x")),
            (Some("BEARER x"), found("x")),
            (Some("\t Bearer x \t"), found("x")),
            (Some("token x"), found("x")),
            (Some("Token x"), found("x")),
            (None, Err(Error::Missing)),
            (Some(""), Err(Error::Missing)),
            (Some(" \t"), Err(Error::Missing)),
            (Some("Bearerx y"), Err(Error::UnknownScheme)),
            (Some("patrol_a.b.c"), Err(Error::UnknownScheme)),
            (
                Some("Digest username=\"a\", realm=\"b\", qop=auth"),
                Err(Error::UnknownScheme),
            ),
            (Some("Bearer"), not_one(Place::Bearer)),
            (Some("Bearer  "), not_one(Place::Bearer)),
            (Some("Bearer a b"), not_one(Place::Bearer)),
            (Some("Bearer a,b"), not_one(Place::Bearer)),
            (Some("Bearer \"a\""), not_one(Place::Bearer)),
            (Some("Bearer \u{c}x"), not_one(Place::Bearer)),
            (Some("Bearer x\u{c}"), not_one(Place::Bearer)),
            (Some("Bearer \tx"), not_one(Place::Bearer)),
            (Some("Bearer x\n"), not_one(Place::Bearer)),
            (Some("Bearer x\u{b}"), not_one(Place::Bearer)),
            (Some("Bearer x\u{a0}"), not_one(Place::Bearer)),
            (Some("token a b"), not_one(Place::Token)),
            (Some("token token=\"a\""), not_one(Place::Token)),
            (Some("\u{c}Bearer x"), Err(Error::UnknownScheme)),
        ] {
            assert_eq!(in_header(header), expected, "{header:?}");
        }
    }

    #[test]
    fn several_credentials_are_named() {
        use Place::{Basic, Bearer, OtherScheme, Token};
        for (header, places) in [
            ("Bearer a, Bearer b", &[Bearer][..]),
            ("Bearer a, Bearer a", &[Bearer]),
            ("Bearer a,bearer", &[Bearer]),
            ("Bearer a, Basic YTpi", &[Bearer, Basic]),
            ("Basic YTpi, token b", &[Basic, Token]),
            ("Digest realm=\"x\", Bearer a", &[OtherScheme, Bearer]),
            ("Bearer a, Digest realm=\"x\"", &[Bearer, OtherScheme]),
            ("token a, Bearer b, Basic YTpi", &[Bearer, Basic, Token]),
        ] {
            assert_eq!(in_header(Some(header)), Err(several(places)), "{header}");
        }
        for (places, text) in [
            (&[Bearer][..], "`Bearer`, more than once."),
            (&[Basic, Bearer], "`Bearer` and `Basic`."),
            (
                &[Place::Subprotocol, OtherScheme, Token],
                "`token` and another scheme and a WebSocket subprotocol.",
            ),
        ] {
            let detail = several(places).detail();
            assert!(detail.ends_with(text), "{detail}");
        }
    }

    fn basic(credentials: &[u8]) -> String {
        format!("Basic {}", Base64::encode_string(credentials))
    }

    #[test]
    fn basic_has_the_token_as_password_or_alone() {
        for credentials in [
            &b"ada:patrol_eyJ.b.c"[..],
            b":patrol_eyJ.b.c",
            b"x-access-token:patrol_eyJ.b.c",
            b"J\xfcrgen:patrol_eyJ.b.c",
            b"patrol_eyJ.b.c:",
            b"patrol_eyJ.b.c:x-oauth-basic",
            b"patrol_ci:patrol_eyJ.b.c",
            b"eyJohn:patrol_eyJ.b.c",
            b"eyJohn.von.d.y:patrol_eyJ.b.c",
        ] {
            let found = in_header(Some(&basic(credentials)));
            assert_eq!(found.as_deref(), Ok("patrol_eyJ.b.c"), "{credentials:?}");
        }
        let bare = in_header(Some(&basic(b"ada:eyJ.b.c")));
        assert_eq!(bare.as_deref(), Ok("eyJ.b.c"));
        for (credentials, error) in [
            (&b"ada:secret"[..], Error::BasicWithoutToken),
            (b"ada:", Error::BasicWithoutToken),
            (b":", Error::BasicWithoutToken),
            (b"patrol_eyJ.b.c:secret", Error::BasicWithoutToken),
            (b"ada:patrol_eyJ.b.c ", Error::BasicWithoutToken),
            (b"ada:patrol_eyJ.b.c\n", Error::BasicWithoutToken),
            (b"ada:patrol_eyJ.b", Error::BasicWithoutToken),
            (b"ada:patrol_\xff", Error::BasicWithoutToken),
            (b"eyJ.b.c:patrol_eyJ.e.f", several(&[Place::Basic])),
            (b"patrol_eyJ.b.c", Error::BasicMalformed),
            (b"", Error::BasicMalformed),
        ] {
            let found = in_header(Some(&basic(credentials)));
            assert_eq!(found, Err(error), "{credentials:?}");
        }
        let long = [&b"ada:patrol_eyJ.b."[..], &[b'c'; MAX_BASIC]].concat();
        let long = basic(&long);
        for malformed in ["Basic", "Basic YTpi!", "Basic YTpiY", "Basic ada:x", &long] {
            let found = in_header(Some(malformed));
            assert_eq!(found, Err(Error::BasicMalformed));
        }
    }

    #[test]
    fn basic_is_refused_from_other_sites() {
        let header = basic(b"ada:patrol_eyJ.b.c");
        let from = |scheme: &str, site: Option<&str>, origin: Option<&str>| {
            let headers = CredentialHeaders {
                authorization: Some(scheme),
                ..CredentialHeaders::default()
            };
            token(headers, || initiator(site, origin)).map(|_| ())
        };
        let own = Some("https://patrol.test");
        for (site, origin) in [
            (None, None),
            (Some("none"), None),
            (Some("same-origin"), own),
            (None, own),
        ] {
            assert_eq!(from(&header, site, origin), Ok(()));
        }
        for (site, origin) in [
            (Some("cross-site"), None),
            (Some("same-site"), own),
            (Some(""), None),
            (Some("same-origin, cross-site"), own),
            // Older browsers, and all over plain http, do not send the site.
            (None, Some("https://evil.example")),
            (None, Some("null")),
        ] {
            let refused = Err(Error::BasicFromOtherSite);
            assert_eq!(from(&header, site, origin), refused, "{site:?} {origin:?}");
            assert_eq!(from("Bearer x", site, origin), Ok(()));
        }
    }

    #[test]
    fn websocket_has_its_token_in_a_subprotocol_or_in_authorization() {
        let find = |authorization, subprotocols| {
            let headers = CredentialHeaders {
                authorization,
                subprotocols: Some(subprotocols),
                ..CredentialHeaders::default()
            };
            token(headers, || initiator(None, None)).map(Cow::into_owned)
        };
        let found = Ok("a.b.c".to_owned());
        let one = "patrol, patrol.token.a.b.c";
        assert_eq!(find(None, one), found);
        assert_eq!(find(Some("Bearer a.b.c"), "mqtt, patrol"), found);
        assert_eq!(find(None, "mqtt"), Err(Error::Missing));
        assert_eq!(find(None, "patrol.token.a"), Err(Error::SubprotocolAlone));
        let not_one = Err(Error::NotOneToken(Place::Subprotocol));
        assert_eq!(find(None, "patrol, patrol.token."), not_one);
        assert_eq!(find(None, "patrol, patrol.token.a b"), not_one);
        let both = [Place::Bearer, Place::Subprotocol];
        assert_eq!(find(Some("Bearer a.b.c"), one), Err(several(&both)));
        let alone = find(Some("Bearer a.b.c"), "patrol.token.a");
        assert_eq!(alone, Err(several(&both)));
        let twice = "patrol, patrol.token.a, patrol.token.b";
        assert_eq!(find(None, twice), Err(several(&[Place::Subprotocol])));
    }

    #[test]
    fn subprotocol_cannot_carry_a_token_behind_a_proxy() {
        let find = |authorization, subprotocols| {
            let headers = CredentialHeaders {
                authorization,
                subprotocols: Some(subprotocols),
                is_behind_proxy: true,
            };
            token(headers, || initiator(None, None)).map(Cow::into_owned)
        };
        for authorization in [None, Some("Bearer a")] {
            for offered in [
                "patrol, patrol.token.a",
                "patrol.token.a",
                "x, patrol.token.",
            ] {
                let refused = Err(Error::SubprotocolBehindProxy);
                assert_eq!(find(authorization, offered), refused, "{offered}");
            }
        }
        assert_eq!(find(Some("Bearer a"), "mqtt, patrol"), Ok("a".to_owned()));
    }
}
