//! The session of a signed-in user: a row of the user's registry, and a signed cookie that names it.
//!
//! The signature keeps strangers from asking registries about sessions that never existed. The row
//! decides: sign-out deletes it, and a copy of the cookie is then worth nothing. A session has its
//! own `typ` and its own keys, so an access token never passes as a session, and a session never
//! passes as a token (RFC 8725, section 3.11). It names only the user; [`crate::account`] is read
//! with every request.

use crate::{
    ids::{SessionId, UserId},
    jose::{
        jws::{self, Unverified},
        keys::KeySet,
        signing::{Dalek, SigningKey},
    },
    routes::Paths,
    time::{Timestamp, numeric},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The `typ` of a session.
pub const TYPE: &str = "session+jwt";

/// The lifetime of a session with a cookie, in seconds.
pub const LIFETIME: u64 = 12 * 60 * 60;

/// The lifetime of a session without one, in seconds. A page of the platform keeps it in memory, and
/// gets a new one by another assertion.
pub const EMBEDDED_LIFETIME: u64 = 15 * 60;

/// The header with a session that has no cookie.
pub const HEADER: &str = "X-Patrol-Session";

/// The longest session that is verified, in bytes.
const MAX_LENGTH: usize = 1024;

/// The most sessions of one user. A sign-in beyond it ends the oldest.
pub const MAX_SESSIONS: u64 = 200;

/// The session that a request claims. It counts only if the user's registry has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose session it is.
    pub user: UserId,
    /// Which of the user's sessions.
    pub id: SessionId,
}

#[derive(Serialize, Deserialize)]
struct SessionClaims {
    sub: UserId,
    jti: SessionId,
    #[serde(with = "numeric")]
    iat: Timestamp,
    #[serde(with = "numeric")]
    exp: Timestamp,
}

/// Signs the text that names a session: the value of its cookie or of [`HEADER`].
///
/// # Errors
/// None in practice: the claims are a plain struct.
pub fn sign(
    session: Session,
    now: Timestamp,
    expires_at: Timestamp,
    key: &SigningKey,
) -> Result<String, jwt_compact::CreationError> {
    let claims = SessionClaims {
        sub: session.user,
        jti: session.id,
        iat: now,
        exp: expires_at,
    };
    jws::sign(key, TYPE, &claims)
}

/// Verifies that text. `None` if it has expired or was not signed by `keys`.
pub fn verify(text: &str, now: Timestamp, keys: &KeySet) -> Option<Session> {
    let unverified = Unverified::parse(text, TYPE, MAX_LENGTH).ok()?;
    let SessionClaims { sub, jti, exp, .. } = unverified.verify(keys, &Dalek).ok()?;
    (now < exp).then_some(Session { user: sub, id: jti })
}

/// The start of the name of every installation's cookie, after the prefix that browsers check.
const NAME: &str = "patrol_session";

/// The session cookie of an installation.
///
/// Its name has an id of the installation, so that two on one host do not overwrite each other's. With
/// https the prefix `__Host-` binds it to https and to this host (RFC 6265bis, section 4.1.3.2): a
/// sibling host could otherwise plant a session of its own. It needs the path `/`, so the platform's API
/// would get the cookie too, but the edge removes it ([`without_session`]). Plain http, which is allowed
/// on loopback only, cannot use the prefix, and has the narrowest path that works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionCookie {
    name: String,
    /// The attributes that depend on the installation.
    attributes: String,
}

impl SessionCookie {
    /// The cookie of the installation with these paths.
    pub fn new(paths: &Paths) -> Self {
        let https = paths.public_url().starts_with("https://");
        let (prefix, path, secure) = if https {
            ("__Host-", "/", "; Secure")
        } else {
            ("", paths.cookie_path(), "")
        };
        let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(paths.base_url()));
        let id = u32::from_be_bytes([a, b, c, d]);
        Self {
            name: format!("{prefix}{NAME}_{id:08x}"),
            attributes: format!("Path={path}; HttpOnly; SameSite=Lax{secure}"),
        }
    }

    /// The value of `Set-Cookie`. An empty session deletes the cookie.
    pub fn set(&self, session: &str) -> String {
        let Self { name, attributes } = self;
        let age = if session.is_empty() { 0 } else { LIFETIME };
        format!("{name}={session}; Max-Age={age}; {attributes}")
    }

    /// Finds the session in a `Cookie` header.
    ///
    /// Returns `None` if the cookie occurs twice: a sibling host may have set the second one. Trims
    /// only HTTP's white space: a sibling host can set a cookie whose name is ours after some other
    /// space, and the `__Host-` prefix does not stop that.
    pub fn find<'a>(&self, header: &'a str) -> Option<&'a str> {
        let mut found = cookies(header).filter(|(key, _)| *key == self.name);
        let (_, session) = found.next()?;
        found.next().is_none().then_some(session)
    }
}

/// Removes the sessions of every installation from a `Cookie` header before the upstream sees it.
/// `None` if nothing is left.
///
/// The runtime joins two `Cookie` headers with a comma, so a cookie may also start after a comma.
/// [`SessionCookie::find`] does not look there: the text may be part of another cookie's value.
pub fn without_session(header: &str) -> Option<String> {
    let joined = |parts: Vec<&str>, by| (!parts.is_empty()).then(|| parts.join(by));
    let pairs = header.split(';').filter_map(|pair| {
        let parts = pair.split(',');
        joined(parts.filter(|part| !is_session(part)).collect(), ",")
    });
    let pairs: Vec<_> = pairs.collect();
    let pairs = pairs.iter().map(|pair| pair.trim());
    joined(pairs.filter(|pair| !pair.is_empty()).collect(), "; ")
}

fn is_session(cookie: &str) -> bool {
    let cookie = cookie.trim_start();
    ["", "__Host-", "__Secure-"]
        .iter()
        .filter_map(|prefix| cookie.strip_prefix(prefix))
        .any(|name| name.starts_with(NAME))
}

/// Parses `DEV_SIGN_IN`, which lets anyone sign in as a development user. `host` is the host of
/// `PUBLIC_URL`: the setting is an error in an installation that others can reach.
///
/// # Errors
/// Says which values the setting may have.
pub fn dev_sign_in(setting: Option<&str>, host: &str) -> Result<bool, &'static str> {
    match setting {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") if is_loopback(host) => Ok(true),
        Some("true" | "1") => Err(
            "DEV_SIGN_IN is for development only: PUBLIC_URL must be on 127.0.0.1, localhost or [::1]",
        ),
        Some(_) => Err("DEV_SIGN_IN must be `true` or `false`"),
    }
}

/// Whether a URL's host is the local machine.
pub fn is_loopback(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

/// What tells which page made a browser send a request. Programs other than browsers send neither
/// header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Initiator<'a> {
    /// `Sec-Fetch-Site` (Fetch Metadata Request Headers, section 2.4)
    pub site: Option<String>,
    /// `Origin`
    pub origin: Option<String>,
    /// This installation's origin.
    pub own: &'a str,
}

impl Initiator<'_> {
    /// Whether it was a page of another site (CSRF). Then what the browser adds by itself, a cookie or
    /// a password, does not prove that the user intended the request.
    pub fn is_other_site(&self) -> bool {
        let is_foreign = |site: &String| !matches!(&**site, "same-origin" | "none");
        self.site.as_ref().is_some_and(is_foreign)
            || self
                .origin
                .as_ref()
                .is_some_and(|origin| origin != self.own)
    }
}

/// HTTP's white space (RFC 9110, section 5.6.3).
const SPACES: [char; 2] = [' ', '\t'];

fn cookies(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.trim_matches(SPACES), value.trim_matches(SPACES)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::signing::SigningKeys;

    #[test]
    fn cookie_names_its_session_for_12_hours() {
        let keys = SigningKeys::from_jwks(&SigningKeys::generate(&[3; 32])).unwrap();
        let other = SigningKeys::from_jwks(&SigningKeys::generate(&[4; 32])).unwrap();
        let now = Timestamp::from_seconds(1_000_000);
        let session = Session {
            user: "ada".parse().unwrap(),
            id: SessionId::from_random([1; 16]),
        };
        let text = sign(session.clone(), now, now.plus(LIFETIME), keys.first()).unwrap();
        for (at, keys, expected) in [
            (now, keys.public(), Some(&session)),
            (now.plus(LIFETIME - 1), keys.public(), Some(&session)),
            (now.plus(LIFETIME), keys.public(), None),
            // A clock that is behind.
            (
                Timestamp::from_seconds(999_990),
                keys.public(),
                Some(&session),
            ),
            (now, other.public(), None),
        ] {
            assert_eq!(verify(&text, at, keys).as_ref(), expected, "{at}");
        }
    }

    #[test]
    fn another_site_cannot_act_for_the_user() {
        let own = "https://patrol.example";
        for (site, origin, refused) in [
            (None, None, false),
            (Some("same-origin"), Some(own), false),
            (Some("none"), None, false),
            (None, Some(own), false),
            (Some("same-site"), Some(own), true),
            (Some("cross-site"), None, true),
            (None, Some("https://evil.example"), true),
            (Some("same-origin"), Some("null"), true),
        ] {
            let initiator = Initiator {
                site: site.map(str::to_owned),
                origin: origin.map(str::to_owned),
                own,
            };
            assert_eq!(initiator.is_other_site(), refused, "{initiator:?}");
        }
    }

    #[test]
    fn dev_sign_in_must_be_enabled_explicitly_and_on_loopback() {
        let here = "127.0.0.1";
        for (setting, host, expected) in [
            (None, "patrol.example", Ok(false)),
            (Some("false"), "patrol.example", Ok(false)),
            (Some("0"), here, Ok(false)),
            (Some("true"), here, Ok(true)),
            (Some("1"), "localhost", Ok(true)),
            (Some("1"), "[::1]", Ok(true)),
            (Some("1"), "patrol.example", Err("PUBLIC_URL")),
            (Some("true"), "127.0.0.1.patrol.example", Err("PUBLIC_URL")),
            (Some("yes"), here, Err("`true` or `false`")),
            (Some("TRUE"), here, Err("`true` or `false`")),
            (Some("no"), "patrol.example", Err("`true` or `false`")),
        ] {
            match (dev_sign_in(setting, host), expected) {
                (Err(found), Err(part)) => {
                    assert!(found.starts_with("DEV_SIGN_IN") && found.contains(part));
                }
                (found, _) => assert_eq!(found, expected, "{setting:?} {host}"),
            }
        }
    }

    fn cookie(public_url: &str, prefix: &str, root_paths: &str) -> SessionCookie {
        SessionCookie::new(&Paths::new(public_url, Some(prefix), Some(root_paths)).unwrap())
    }

    #[test]
    fn cookie_is_bound_to_its_host_and_has_a_name_of_the_installation() {
        let host = "https://patrol.example";
        let names: Vec<_> = [
            (host, "/.patrol/", "", "__Host-", "/"),
            (host, "/other/", "page jwks", "__Host-", "/"),
            ("https://patrol.example/a", "/.patrol/", "", "__Host-", "/"),
            (
                "https://patrol.example/b",
                "/.patrol/",
                "api",
                "__Host-",
                "/",
            ),
            ("https://other.example", "/.patrol/", "api", "__Host-", "/"),
            (
                "http://127.0.0.1:8787/a",
                "/.patrol/",
                "",
                "",
                "/a/.patrol/",
            ),
            ("http://127.0.0.1:8787", "/.patrol/", "", "", "/.patrol/"),
            ("http://127.0.0.1:8788", "/.patrol/", "api", "", "/"),
        ]
        .into_iter()
        .map(|(public_url, prefix, root_paths, start, path)| {
            let SessionCookie { name, attributes } = cookie(public_url, prefix, root_paths);
            let (found, id) = name.split_once("patrol_session_").unwrap();
            assert_eq!(found, start, "{public_url} {prefix}");
            assert!(
                id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{id}"
            );
            let expected = format!("Path={path}; HttpOnly; SameSite=Lax");
            assert!(attributes.starts_with(&expected), "{attributes}");
            assert_eq!(
                attributes.ends_with("; Secure"),
                public_url.starts_with("https")
            );
            id.to_owned()
        })
        .collect();
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
        assert_eq!(
            cookie(host, "/.patrol/", "api").set("s"),
            "__Host-patrol_session_8d70ea33=s; Max-Age=43200; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
    }

    #[test]
    fn two_installations_on_one_host_find_their_own_sessions() {
        let [one, two] = ["/one/", "/two/"].map(|prefix| cookie("http://[::1]:1", prefix, "api"));
        let pair = |cookie: &SessionCookie, session| {
            cookie.set(session).split(';').next().unwrap().to_owned()
        };
        let header = format!("{}; {}; x=1", pair(&one, "a"), pair(&two, "b"));
        assert_eq!(one.find(&header), Some("a"));
        assert_eq!(two.find(&header), Some("b"));
        assert_eq!(without_session(&header).as_deref(), Some("x=1"));
    }

    #[test]
    fn cookie_is_found_once_and_hidden_from_the_upstream() {
        let own = cookie("http://127.0.0.1:8787", "/.patrol/", "");
        let name = &own.name;
        for (header, found, rest) in [
            ("NAME=a", Some("a"), None),
            ("x=1; NAME=a; y=2", Some("a"), Some("x=1; y=2")),
            ("NAME=a; NAME=b", None, None),
            ("xNAME=a", None, Some("xNAME=a")),
            ("__Host-NAME=a;z=3", None, Some("z=3")),
            ("__Secure-NAME=a;z=3", None, Some("z=3")),
            (
                "patrol_session=a; patrol_session_0=b; z=3",
                None,
                Some("z=3"),
            ),
            ("NAME; z=3", None, Some("z=3")),
            ("", None, None),
            ("x=1, NAME=a; y=2", None, Some("x=1; y=2")),
            ("NAME=a, x=1; y=2", Some("a, x=1"), Some("x=1; y=2")),
            ("\u{2003}NAME=a", None, None),
            ("\u{c}NAME=a; x=1", None, Some("x=1")),
            ("NAME\u{a0}=a", None, None),
            ("x=1,2; y=3, z=4", None, Some("x=1,2; y=3, z=4")),
            ("x=1; , __Host-NAME=a,y=2", None, Some("x=1; ,y=2")),
        ] {
            let [header, rest] =
                [Some(header), rest].map(|text| text.map(|text| text.replace("NAME", name)));
            let header = header.unwrap();
            assert_eq!(own.find(&header), found, "{header}");
            assert_eq!(without_session(&header), rest, "{header}");
        }
    }
}
