//! The claims that every JWT of a sign-in has (RFC 7519, section 4.1), and whom they name.

use crate::{ids::UserId, jose::foreign::Claims, time::Timestamp};
use serde_json::Value;
use std::fmt;

/// How far another party's clock may be ahead or behind, in seconds.
pub const LEEWAY: u64 = 30;

/// The longest subject, in bytes. OpenID Connect Core, section 2, allows 255 characters.
const MAX_SUBJECT: usize = 255;

/// The longest display name or e-mail address, in characters.
const MAX_SHOWN: usize = 200;

/// Why claims were rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimsError {
    /// `typ` declares another kind of JWT (RFC 8725, section 3.11).
    Type,
    /// A claim is missing, or has a value of the wrong kind.
    Missing(&'static str),
    /// `iss` is another issuer.
    Issuer,
    /// `aud` is another party, or includes one.
    Audience,
    /// `exp` has passed.
    Expired,
    /// `iat` or `nbf` is in the future.
    Future,
    /// `nonce` belongs to another sign-in.
    Nonce,
    /// The claim that identifies the user is missing, empty or too long.
    Subject(String),
    /// It is valid for longer than it may be.
    Lifetime,
    /// It names no user: Cloudflare Access admitted a program.
    NoUser,
    /// `memberships` is not a list of organizations with roles.
    Memberships,
}

impl ClaimsError {
    /// A stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Type => "claims-type",
            Self::Missing(_) => "claims-missing",
            Self::Issuer => "claims-issuer",
            Self::Audience => "claims-audience",
            Self::Expired => "claims-expired",
            Self::Future => "claims-future",
            Self::Nonce => "claims-nonce",
            Self::Subject(_) => "claims-subject",
            Self::Lifetime => "claims-lifetime",
            Self::NoUser => "claims-no-user",
            Self::Memberships => "claims-memberships",
        }
    }
}

impl fmt::Display for ClaimsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type => f.write_str("it is another kind of JWT: `typ` must be \"JWT\" or absent"),
            Self::Missing(claim) => write!(f, "the claim `{claim}` is missing or malformed"),
            Self::Issuer => f.write_str("`iss` is another issuer than the configured one"),
            Self::Audience => f.write_str(
                "`aud` is not this installation's alone: check the client id or audience",
            ),
            Self::Expired => f.write_str("it has expired: begin again, and check the clocks"),
            Self::Future => {
                f.write_str("it is from the future: the issuer's clock is ahead, or ours behind")
            }
            Self::Nonce => f.write_str("`nonce` belongs to another sign-in: begin again"),
            Self::Subject(claim) => write!(
                f,
                "the claim {claim:?} must be a text of 1 to {MAX_SUBJECT} bytes: check `subject`"
            ),
            Self::Lifetime => f.write_str("`exp` is too long after `iat`"),
            Self::NoUser => f.write_str("it belongs to a service token, and only people sign in"),
            Self::Memberships => f.write_str(
                "`memberships` must be a list of { \"id\": …, \"name\": …, \"roles\": […] }",
            ),
        }
    }
}

impl std::error::Error for ClaimsError {}

/// Someone whom another party has authenticated.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthenticatedUser {
    /// [`UserId::of_subject`]
    pub id: UserId,
    /// Who authenticated them.
    pub issuer: String,
    /// Their id there.
    pub subject: String,
    /// The display name.
    pub name: String,
    /// For display only; may be empty.
    pub email: String,
}

/// Without what describes the person.
impl fmt::Debug for AuthenticatedUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthenticatedUser({})", self.id)
    }
}

/// Checks `iss` and the times, and returns `iat`.
pub(super) fn check(
    claims: &Claims,
    issuer: &str,
    now: Timestamp,
) -> Result<Timestamp, ClaimsError> {
    let time = |name| claims.time(name).ok_or(ClaimsError::Missing(name));
    if claims.text("iss") != Some(issuer) {
        return Err(ClaimsError::Issuer);
    }
    let issued_at = time("iat")?;
    if now >= time("exp")?.plus(LEEWAY) {
        return Err(ClaimsError::Expired);
    }
    let latest = now.plus(LEEWAY);
    let not_before = claims.get("nbf").map(|_| time("nbf")).transpose()?;
    if issued_at > latest || not_before.is_some_and(|time| time > latest) {
        return Err(ClaimsError::Future);
    }
    Ok(issued_at)
}

/// Whether a JWT is for us alone. With other audiences it must at least have been issued to us
/// (OpenID Connect Core, section 3.1.3.7, steps 3 to 5).
pub(super) fn check_audience(claims: &Claims, own: &str) -> Result<(), ClaimsError> {
    let audiences = claims.audiences();
    let party = claims.get("azp");
    let party_is_own = party.and_then(|party| party.as_str()) == Some(own);
    let good = match audiences.as_slice() {
        [one] => *one == own && (party.is_none() || party_is_own),
        several => several.contains(&own) && party_is_own,
    };
    good.then_some(()).ok_or(ClaimsError::Audience)
}

/// Reads whom the claims name.
pub(super) fn identity(
    claims: &Claims,
    issuer: &str,
    subject_claim: &str,
) -> Result<AuthenticatedUser, ClaimsError> {
    let subject = claims
        .text(subject_claim)
        .filter(|subject| (1..=MAX_SUBJECT).contains(&subject.len()))
        .ok_or_else(|| ClaimsError::Subject(subject_claim.to_owned()))?;
    let shown = |name| claims.text(name).map(shown).filter(|text| !text.is_empty());
    let verified = claims.get("email_verified");
    let is_verified = verified.is_none() || is_true(verified);
    let email = shown("email").filter(|_| is_verified).unwrap_or_default();
    let name = shown("name")
        .or_else(|| shown("preferred_username"))
        .or_else(|| Some(email.clone()).filter(|email| !email.is_empty()))
        .unwrap_or_else(|| subject.to_owned());
    Ok(AuthenticatedUser {
        id: UserId::of_subject(issuer, subject),
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        name,
        email,
    })
}

/// The claims that may decide what a user is allowed to do. At some providers users enter their own
/// address, so `email` counts only if the provider says that it has verified it.
pub(super) fn trusted(claims: Claims) -> Claims {
    if is_true(claims.get("email_verified")) {
        claims
    } else {
        claims.without("email")
    }
}

/// Some providers write a text.
fn is_true(value: Option<&Value>) -> bool {
    value.is_some_and(|value| value.as_bool() == Some(true) || value.as_str() == Some("true"))
}

/// A foreign text that people will see.
pub(super) fn shown(text: &str) -> String {
    let visible = text.chars().filter(|c| !c.is_control()).take(MAX_SHOWN);
    visible.collect::<String>().trim().to_owned()
}
