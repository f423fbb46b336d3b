//! The session of a signed-in user: a signed cookie of 12 hours.
//!
//! It has a `typ` and keys of its own, so that no access token is ever taken for a session
//! nor the other way round. It names the user and nothing else: roles are looked up on every
//! request, so a change of them needs no new sign-in.

use crate::{
    ids::UserId,
    jose::{
        jws::{self, Unverified},
        keys::KeySet,
        signing::{Dalek, SigningKey},
    },
    time::{Timestamp, numeric},
};
use serde::{Deserialize, Serialize};

/// The `typ` of a session.
pub const TYPE: &str = "session+jwt";

/// How long a session lasts, in seconds.
pub const LIFETIME: u64 = 12 * 60 * 60;

/// The longest cookie that is looked at, in bytes.
const MAX_LENGTH: usize = 1024;

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    #[serde(with = "numeric")]
    iat: Timestamp,
    #[serde(with = "numeric")]
    exp: Timestamp,
}

/// Signs a session that begins now.
///
/// # Errors
/// None in practice: the claims are plain.
pub fn sign(
    user: UserId,
    now: Timestamp,
    key: &SigningKey,
) -> Result<String, jwt_compact::CreationError> {
    let claims = Claims {
        sub: user,
        iat: now,
        exp: now.plus(LIFETIME),
    };
    jws::sign(key, TYPE, &claims)
}

/// Whose session it is; None when it is over or not ours.
pub fn verify(text: &str, now: Timestamp, keys: &KeySet) -> Option<UserId> {
    let unverified = Unverified::parse(text, TYPE, MAX_LENGTH).ok()?;
    let claims: Claims = unverified.verify(keys, &Dalek).ok()?;
    (now < claims.exp).then_some(claims.sub)
}

/// The cookie's name. On https the prefix binds it to this host and to https (RFC 6265bis,
/// section 4.1.3.2); plain http, which only loopback may use, cannot have it.
pub const fn cookie_name(https: bool) -> &'static str {
    if https {
        "__Host-patrol_session"
    } else {
        "patrol_session"
    }
}

/// The value of `Set-Cookie`. An empty session ends it.
pub fn set_cookie(session: &str, https: bool) -> String {
    let name = cookie_name(https);
    let age = if session.is_empty() { 0 } else { LIFETIME };
    let secure = if https { "; Secure" } else { "" };
    format!("{name}={session}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}")
}

/// The session in a `Cookie` header. When the name stands twice, none is believed: the second
/// may come from a neighbouring host. Only what HTTP calls white space is taken off: a neighbour may
/// set a cookie whose name is ours behind another kind of space, for which no prefix protects us.
pub fn from_cookies(header: &str, https: bool) -> Option<&str> {
    let name = cookie_name(https);
    let mut found = cookies(header).filter(|(key, _)| *key == name);
    let (_, session) = found.next()?;
    found.next().is_none().then_some(session)
}

/// A `Cookie` header without our session: what the upstream may see. None: nothing is left. The
/// runtime joins two headers with a comma, so a cookie may begin behind one too; to *read* a session
/// there would be to believe what stands in the value of another cookie.
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
    let key = cookie.split_once('=').map_or(cookie, |(key, _)| key);
    [cookie_name(true), cookie_name(false)].contains(&key.trim())
}

/// Reads `DEV_SIGN_IN`, which lets whoever asks be a development user. `host` is that of
/// `PUBLIC_URL`: an installation that others can reach does not start with it.
///
/// # Errors
/// What the setting must be.
pub fn dev_sign_in(setting: Option<&str>, host: &str) -> Result<bool, &'static str> {
    match setting {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") if is_loopback(host) => Ok(true),
        Some("true" | "1") => Err(
            "DEV_SIGN_IN is for development: PUBLIC_URL must be at 127.0.0.1, localhost or [::1]",
        ),
        Some(_) => Err("DEV_SIGN_IN must be `true` or `false`"),
    }
}

/// Is the host, as a URL has it, the very machine that names it?
pub fn is_loopback(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

/// Does a browser send this request for another site? Then the cookie on it says nothing about
/// what the user wants. Programs other than browsers send neither header, and no cookie of
/// somebody else's. `own` is the origin of this installation.
pub fn is_cross_site(sec_fetch_site: Option<&str>, origin: Option<&str>, own: &str) -> bool {
    let foreign_site = sec_fetch_site.is_some_and(|site| !matches!(site, "same-origin" | "none"));
    foreign_site || origin.is_some_and(|origin| origin != own)
}

/// White space of HTTP (RFC 9110, section 5.6.3).
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
    fn a_session_names_its_user_for_12_hours() {
        let keys = SigningKeys::from_jwks(&SigningKeys::generate(&[3; 32])).unwrap();
        let other = SigningKeys::from_jwks(&SigningKeys::generate(&[4; 32])).unwrap();
        let now = Timestamp::from_seconds(1_000_000);
        let ada: UserId = "ada".parse().unwrap();
        let text = sign(ada.clone(), now, keys.first()).unwrap();
        assert_eq!(verify(&text, now, keys.public()), Some(ada.clone()));
        assert_eq!(
            verify(&text, now.plus(LIFETIME - 1), keys.public()),
            Some(ada)
        );
        assert_eq!(verify(&text, now.plus(LIFETIME), keys.public()), None);
        let behind = Timestamp::from_seconds(999_990);
        assert_eq!(
            verify(&text, behind, keys.public()),
            Some("ada".parse().unwrap()),
            "by a clock that is behind"
        );
        assert_eq!(verify(&text, now, other.public()), None);
    }

    #[test]
    fn a_browser_on_another_site_cannot_act_for_the_user() {
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
            assert_eq!(
                is_cross_site(site, origin, own),
                refused,
                "{site:?} {origin:?}"
            );
        }
    }

    #[test]
    fn development_sign_in_is_on_in_so_many_words_and_on_this_machine_only() {
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

    #[test]
    fn the_cookie_is_found_once_and_kept_from_the_upstream() {
        for (header, found, rest) in [
            ("patrol_session=a", Some("a"), None),
            ("x=1; patrol_session=a; y=2", Some("a"), Some("x=1; y=2")),
            ("patrol_session=a; patrol_session=b", None, None),
            ("xpatrol_session=a", None, Some("xpatrol_session=a")),
            ("__Host-patrol_session=a;z=3", None, Some("z=3")),
            ("", None, None),
            ("x=1, patrol_session=a; y=2", None, Some("x=1; y=2")),
            (
                "patrol_session=a, x=1; y=2",
                Some("a, x=1"),
                Some("x=1; y=2"),
            ),
            ("\u{2003}patrol_session=a", None, None),
            ("\u{c}patrol_session=a; x=1", None, Some("x=1")),
            ("patrol_session\u{a0}=a", None, None),
            ("x=1,2; y=3, z=4", None, Some("x=1,2; y=3, z=4")),
            (
                "x=1; , __Host-patrol_session=a,y=2",
                None,
                Some("x=1; ,y=2"),
            ),
        ] {
            assert_eq!(from_cookies(header, false), found, "{header}");
            assert_eq!(without_session(header).as_deref(), rest, "{header}");
        }
        assert_eq!(
            set_cookie("s", true),
            "__Host-patrol_session=s; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure"
        );
    }
}
