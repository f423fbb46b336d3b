//! Sending the browser to a provider (OpenID Connect Core, section 3.1.2.1).
//!
//! What the answer must match is kept in a signed cookie for ten minutes. It has a `typ` of its own,
//! so it passes neither for a session nor for a token (RFC 8725, section 3.11). The cookie ties the
//! answer to the browser that began: another's code cannot be slipped in (RFC 6749, section 10.12).
//! It is signed and not encrypted, because the only one who can read it is its own user.

use super::discovery::Discovery;
use crate::{
    jose::{
        jws::{self, Unverified},
        keys::KeySet,
        signing::{Dalek, SigningKey},
    },
    routes::Paths,
    time::{Timestamp, numeric},
};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// How long a user may take at the provider, in seconds.
pub const LIFETIME: u64 = 10 * 60;

/// The path of the answer, below the prefix.
pub const CALLBACK: &str = "auth/callback";

/// The `typ` of the cookie.
const TYPE: &str = "sign-in+jwt";

/// The longest cookie that is verified, in bytes.
const MAX_LENGTH: usize = 2048;

/// A path of this host to go to after signing in.
///
/// Browsers read `//host` and `/\host` as another site, and ignore tabs and line ends in between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ReturnTo(String);

/// The text is no path of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidReturnTo;

impl fmt::Display for InvalidReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a path of this site, such as /profile/security")
    }
}

impl TryFrom<String> for ReturnTo {
    type Error = InvalidReturnTo;
    fn try_from(text: String) -> Result<Self, InvalidReturnTo> {
        let is_local = text.starts_with('/') && !text.starts_with("//");
        let in_paths = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
        (is_local && text.len() <= 512 && text.bytes().all(in_paths))
            .then_some(Self(text))
            .ok_or(InvalidReturnTo)
    }
}

impl ReturnTo {
    /// The path, for `Location`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Random bytes for one sign-in.
pub type Random = [[u8; 32]; 3];

/// What the answer must match.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) provider: String,
    /// OpenID Connect Core, section 3.1.2.1.
    pub(super) state: String,
    /// Ties the ID token to this sign-in.
    pub(super) nonce: String,
    /// RFC 7636, section 4.1: 43 characters.
    pub(super) verifier: String,
    #[serde(rename = "to")]
    pub(super) return_to: ReturnTo,
    #[serde(with = "numeric")]
    exp: Timestamp,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending(..)")
    }
}

/// The response that begins a sign-in: 302, with these headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// `Location`
    pub location: String,
    /// `Set-Cookie`
    pub set_cookie: String,
}

/// Begins a sign-in. The random bytes must be new each time.
///
/// # Errors
/// None in practice: the cookie's claims are a plain struct.
pub fn begin(
    discovery: &Discovery,
    return_to: ReturnTo,
    random: &Random,
    now: Timestamp,
    key: &SigningKey,
    paths: &Paths,
) -> Result<Begun, jwt_compact::CreationError> {
    let provider = &discovery.provider;
    let [state, nonce, verifier] = random
        .each_ref()
        .map(|bytes| Base64UrlUnpadded::encode_string(bytes));
    let challenge = Base64UrlUnpadded::encode_string(&Sha256::digest(&verifier));
    let location = discovery.authorization_endpoint.with_query(&[
        ("response_type", "code"),
        ("client_id", &provider.client_id),
        ("redirect_uri", &redirect_uri(paths)),
        ("scope", &provider.scope),
        ("state", &state),
        ("nonce", &nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    let pending = Pending {
        provider: provider.name.clone(),
        state,
        nonce,
        verifier,
        return_to,
        exp: now.plus(LIFETIME),
    };
    let cookie = Cookie::new(paths);
    let text = jws::sign(key, TYPE, &pending)?;
    Ok(Begun {
        location,
        set_cookie: cookie.set(&pending.state, &text, LIFETIME),
    })
}

/// The most sign-ins that one browser has pending. Another site can begin some by leading a browser
/// here, and cookies that are too long break every request to this host.
const MAX_PENDING: usize = 4;

/// The values of `Set-Cookie` that delete the pending sign-ins of a browser that has too many of them.
pub fn abandoned(cookies: &str, paths: &Paths) -> Vec<String> {
    let cookie = Cookie::new(paths);
    let start = format!("{}{PENDING}", cookie.prefix);
    let names = cookies.split(';').filter_map(|pair| pair.split_once('='));
    let ids: Vec<_> = names
        .filter_map(|(name, _)| name.trim_matches([' ', '\t']).strip_prefix(&start))
        .collect();
    if ids.len() < MAX_PENDING {
        return Vec::new();
    }
    ids.into_iter().map(|id| cookie.delete(id)).collect()
}

/// The start of the name of a pending sign-in's cookie, after the prefix that browsers check.
const PENDING: &str = "patrol_session_pending_";

/// Where the provider sends the browser back to. Register it there.
pub fn redirect_uri(paths: &Paths) -> String {
    paths.url_of(CALLBACK)
}

/// The cookies of an installation's pending sign-ins.
///
/// Each has a name of its own, so that two tabs can sign in at the same time. With https the prefix
/// `__Host-` keeps a neighbouring host from planting one (RFC 6265bis, section 4.1.3.2), with which it
/// could sign the user in as somebody else. It needs the path `/`, so the upstream API would get the
/// cookie too; its name begins as that of a session, which the edge removes
/// ([`crate::session::without_session`]).
pub(super) struct Cookie {
    prefix: &'static str,
    secure: &'static str,
}

impl Cookie {
    pub(super) fn new(paths: &Paths) -> Self {
        let (prefix, secure) = if paths.public_url().starts_with("https://") {
            ("__Host-", "; Secure")
        } else {
            ("", "")
        };
        Self { prefix, secure }
    }

    fn name(&self, state: &str) -> String {
        let id = state.get(..11).unwrap_or(state);
        format!("{}{PENDING}{id}", self.prefix)
    }

    /// `SameSite=Lax`, because the answer is a navigation from the provider's site.
    fn set(&self, state: &str, value: &str, age: u64) -> String {
        let (name, secure) = (self.name(state), self.secure);
        format!("{name}={value}; Max-Age={age}; Path=/; HttpOnly; SameSite=Lax{secure}")
    }

    /// The value of `Set-Cookie` that deletes the cookie.
    pub(super) fn delete(&self, state: &str) -> String {
        self.set(state, "", 0)
    }

    /// Finds the pending sign-in that an answer's `state` belongs to.
    pub(super) fn find(
        &self,
        header: &str,
        state: &str,
        now: Timestamp,
        keys: &KeySet,
    ) -> Option<Pending> {
        let name = self.name(state);
        let pairs = header.split(';').filter_map(|pair| pair.split_once('='));
        let mut found = pairs.filter(|(key, _)| key.trim_matches([' ', '\t']) == name);
        let (_, text) = found.next().filter(|_| found.next().is_none())?;
        let unverified = Unverified::parse(text.trim(), TYPE, MAX_LENGTH).ok()?;
        let pending: Pending = unverified.verify(keys, &Dalek).ok()?;
        (now < pending.exp && pending.state == state).then_some(pending)
    }
}
