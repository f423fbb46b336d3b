//! The decision: may this request go on?
//!
//! [`authorize`] is the one place where it is made. It takes facts and gives a verdict; the
//! edge gathers the facts and carries the verdict out. The order is fixed and each step
//! assumes the ones before: header, signature and claims, times, revocation, route,
//! organization, scopes. What is not allowed by the end is denied.

use crate::{
    authorize::bearer::BearerError,
    http::problem::{Problem, ProblemCode},
    ids::OrganizationId,
    jose::{jws::ParseError, status_list::Status},
    policy::{Policy, scope::Requirement},
    revocation::{known_list::StatusCheck, single_flight::RETRY_BACKOFF},
    time::Timestamp,
    token::{Token, TokenError},
};
use std::fmt::Write as _;

/// What a request asks, without its token.
#[derive(Debug, Clone, Copy)]
pub struct AccessRequest<'a> {
    /// As sent.
    pub method: &'a str,
    /// Still escaped, without the query.
    pub path: &'a str,
    /// `X-Organization-ID`
    pub organization: Option<&'a str>,
    /// When it arrived.
    pub now: Timestamp,
}

/// A token that may be used for this request.
#[derive(Debug, Clone, Copy)]
pub struct Permit<'a> {
    /// The token.
    pub token: &'a Token,
    /// The organization that the request acts in, where it names one.
    pub organization: Option<&'a OrganizationId>,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// No credentials of our scheme.
    TokenMissing,
    /// Not a token of this installation.
    TokenMalformed(Malformed),
    /// A wrong signature, or by an unknown key.
    SignatureInvalid,
    /// `now >= exp`
    TokenExpired,
    /// `now < nbf`
    TokenNotYetValid,
    /// The owner ended it.
    TokenRevoked,
    /// Not to be used for now.
    TokenSuspended,
    /// No rule covers the request.
    RouteUnknown,
    /// The route acts in an organization, and the request names none.
    OrganizationRequired,
    /// Not an organization of the token.
    OrganizationMismatch,
    /// The token's scopes do not cover the route.
    ScopeInsufficient(Requirement),
    /// The status cannot be known now.
    RevocationUnavailable,
    /// Another proxy holds the request, which has a header of that name (in any spelling): the
    /// upstream could take it for a request that was not judged, or for another caller's.
    HeaderRefused(&'static str),
}

/// What is wrong with the form of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// The header `Authorization` is not `Bearer` and one token.
    Header,
    /// The token is not what our tokens are.
    Token(TokenError),
}

impl From<BearerError> for Denial {
    fn from(error: BearerError) -> Self {
        match error {
            BearerError::Resource => Self::TokenMissing,
            BearerError::Malformed => Self::TokenMalformed(Malformed::Header),
        }
    }
}

impl From<TokenError> for Denial {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::UnknownKey | TokenError::Signature => Self::SignatureInvalid,
            other => Self::TokenMalformed(Malformed::Token(other)),
        }
    }
}

/// Judges the times of a token, and not `iat`: the clock that issued it may be ahead of ours. It stands apart from [`authorize`], which calls it, so that
/// the edge can spare itself the status of a token that is over anyway.
///
/// # Errors
/// [`Denial::TokenExpired`] and [`Denial::TokenNotYetValid`], without leeway.
pub fn check_times(token: &Token, now: Timestamp) -> Result<(), Denial> {
    if now >= token.expires_at {
        Err(Denial::TokenExpired)
    } else if token.not_before.is_some_and(|begin| now < begin) {
        Err(Denial::TokenNotYetValid)
    } else {
        Ok(())
    }
}

/// Judges a token by itself: its times and its status.
///
/// # Errors
/// The first [`Denial`] in the fixed order.
pub fn authenticate(token: &Token, revocation: StatusCheck, now: Timestamp) -> Result<(), Denial> {
    check_times(token, now)?;
    match revocation {
        StatusCheck::Known(Status::Valid) => Ok(()),
        StatusCheck::Known(Status::Invalid) => Err(Denial::TokenRevoked),
        // A status that we do not know is no licence.
        StatusCheck::Known(Status::Suspended | Status::Other(_)) => Err(Denial::TokenSuspended),
        StatusCheck::KeyRetired => Err(Denial::SignatureInvalid),
        StatusCheck::NoSuchList => Err(TokenError::List.into()),
        StatusCheck::Unavailable => Err(Denial::RevocationUnavailable),
    }
}

/// Decides on a request with a token whose signature is right.
///
/// # Errors
/// The first [`Denial`] in the fixed order.
pub fn authorize<'a>(
    request: &AccessRequest<'_>,
    token: &'a Token,
    revocation: StatusCheck,
    policy: &Policy,
) -> Result<Permit<'a>, Denial> {
    authenticate(token, revocation, request.now)?;
    let route = policy
        .route(request.method, request.path)
        .ok_or(Denial::RouteUnknown)?;
    let organization = match request.organization {
        // Named is checked, needed or not: the upstream is told what we let pass.
        Some(named) => {
            let found = token.organizations.iter().find(|id| id.as_str() == named);
            Some(found.ok_or(Denial::OrganizationMismatch)?)
        }
        None if route.organization => return Err(Denial::OrganizationRequired),
        None => None,
    };
    if policy.rbac && !route.requirement.is_met_by(token.grant.scopes()) {
        return Err(Denial::ScopeInsufficient(route.requirement));
    }
    Ok(Permit {
        token,
        organization,
    })
}

/// Decides on a CORS preflight, which cannot carry a token, by the method that it asks for: where
/// no request could follow, nothing is passed on.
///
/// # Errors
/// [`Denial::RouteUnknown`].
pub fn preflight(wanted: &str, path: &str, policy: &Policy) -> Result<(), Denial> {
    let route = policy.route(wanted, path);
    route.map(|_| ()).ok_or(Denial::RouteUnknown)
}

/// A challenge without an error code, for requests without credentials (RFC 6750, section 3.1).
pub const CHALLENGE: &str = "Bearer realm=\"patrol\"";

/// Seconds after which a refused client should ask again when the status was unavailable: before,
/// the edge itself does not ask again.
const RETRY_AFTER_SECONDS: u64 = RETRY_BACKOFF.div_ceil(1_000);

impl Denial {
    /// The code of the problem.
    pub const fn code(&self) -> ProblemCode {
        match self {
            Self::TokenMissing => ProblemCode::TokenMissing,
            Self::TokenMalformed(_) => ProblemCode::TokenMalformed,
            Self::SignatureInvalid => ProblemCode::SignatureInvalid,
            Self::TokenExpired => ProblemCode::TokenExpired,
            Self::TokenNotYetValid => ProblemCode::TokenNotYetValid,
            Self::TokenRevoked => ProblemCode::TokenRevoked,
            Self::TokenSuspended => ProblemCode::TokenSuspended,
            Self::RouteUnknown => ProblemCode::RouteUnknown,
            Self::OrganizationRequired => ProblemCode::OrganizationRequired,
            Self::OrganizationMismatch => ProblemCode::OrganizationMismatch,
            Self::ScopeInsufficient(_) => ProblemCode::ScopeInsufficient,
            Self::RevocationUnavailable => ProblemCode::RevocationUnavailable,
            Self::HeaderRefused(_) => ProblemCode::HeaderRefused,
        }
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.code().status()
    }

    /// Was the token good, and only the request not one that it allows?
    pub const fn is_authenticated(&self) -> bool {
        matches!(self.status(), 400 | 403)
    }

    const fn title(&self) -> &'static str {
        match self {
            Self::TokenMissing => "No access token",
            Self::TokenMalformed(_) => "Not an access token of this service",
            Self::SignatureInvalid => "The token's signature is wrong",
            Self::TokenExpired => "The token has expired",
            Self::TokenNotYetValid => "The token is not valid yet",
            Self::TokenRevoked => "The token has been revoked",
            Self::TokenSuspended => "The token is suspended",
            Self::RouteUnknown => "No rule covers this request",
            Self::OrganizationRequired => "The request names no organization",
            Self::OrganizationMismatch => "The token is not for this organization",
            Self::ScopeInsufficient(_) => "The token lacks a permission",
            Self::RevocationUnavailable => "The token's status cannot be checked right now",
            Self::HeaderRefused(_) => "The request could be taken for another one",
        }
    }

    fn detail(&self, policy: &Policy) -> String {
        match self {
            Self::TokenMissing => "Send the header `Authorization: Bearer <token>`.".to_owned(),
            Self::TokenMalformed(what) => what.detail().to_owned(),
            Self::SignatureInvalid => {
                "It was changed on its way, or its key is no longer in use; create a new token."
                    .to_owned()
            }
            Self::TokenExpired => "Create a new token.".to_owned(),
            Self::TokenNotYetValid => "Try again later; check the clocks involved.".to_owned(),
            Self::TokenRevoked => "Its owner revoked it, for good; create a new token.".to_owned(),
            Self::TokenSuspended => "Ask the token's owner or an administrator.".to_owned(),
            Self::RouteUnknown => {
                "Tokens cannot be used for this method and path; check both.".to_owned()
            }
            Self::OrganizationRequired => {
                "Send the header `X-Organization-ID` with an organization of the token.".to_owned()
            }
            Self::OrganizationMismatch => {
                "Name an organization in `X-Organization-ID` that the token was created for."
                    .to_owned()
            }
            Self::ScopeInsufficient(requirement) => {
                let mut text = "This request needs ".to_owned();
                for (number, alternative) in requirement.alternatives.iter().enumerate() {
                    let joint = if number == 0 { "" } else { ", or " };
                    let names = policy.scope_names(*alternative).join(" and ");
                    // Writing to a String cannot fail.
                    let _ = write!(text, "{joint}{names}");
                }
                text + "; create a token with it."
            }
            Self::RevocationUnavailable => {
                "The request was refused to be safe; try again in a moment.".to_owned()
            }
            Self::HeaderRefused(name) => {
                format!("Leave out the header `{name}`, also with other signs in its name.")
            }
        }
    }

    /// The body of the refusal.
    pub fn problem(&self, policy: &Policy) -> Problem {
        Problem::new(self.code(), self.title(), self.detail(policy))
    }

    /// The value of `WWW-Authenticate` (RFC 6750, section 3), where the refusal is about
    /// credentials.
    pub fn challenge(&self, policy: &Policy) -> Option<String> {
        let error = match self {
            Self::TokenMissing => return Some(CHALLENGE.to_owned()),
            Self::ScopeInsufficient(requirement) => {
                let first = requirement
                    .alternatives
                    .first()
                    .copied()
                    .unwrap_or_default();
                let scope = policy.scope_names(first).join(" ");
                return Some(format!(
                    "{CHALLENGE}, error=\"insufficient_scope\", error_description=\"{}\", scope=\"{scope}\"",
                    self.title()
                ));
            }
            _ if self.status() == 401 => "invalid_token",
            _ => return None,
        };
        Some(format!(
            "{CHALLENGE}, error=\"{error}\", error_description=\"{}\"",
            self.title()
        ))
    }

    /// The headers that the refusal adds to those of every problem.
    pub fn headers(&self, policy: &Policy) -> impl Iterator<Item = (&'static str, String)> {
        let challenge = self.challenge(policy);
        let retry_after = self.retry_after().map(|seconds| seconds.to_string());
        let challenge = challenge.map(|value| ("WWW-Authenticate", value));
        let retry_after = retry_after.map(|value| ("Retry-After", value));
        challenge.into_iter().chain(retry_after)
    }

    /// Seconds for `Retry-After`.
    pub const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RevocationUnavailable => Some(RETRY_AFTER_SECONDS),
            _ => None,
        }
    }
}

impl Malformed {
    const fn detail(self) -> &'static str {
        match self {
            Self::Header => "The header must be `Authorization: Bearer <token>` with one token.",
            Self::Token(error) => match error {
                TokenError::Form(ParseError::TooLong) => "It is longer than any token of ours.",
                TokenError::Form(ParseError::NotCompact) => {
                    "It is not a JWT in compact form; was all of it copied?"
                }
                TokenError::Form(ParseError::Header) => {
                    "Its header has other members than alg, typ and kid."
                }
                TokenError::Form(ParseError::Algorithm) => "Its algorithm is not EdDSA.",
                TokenError::Form(ParseError::Type) => "It is a JWT, but no access token.",
                TokenError::UnknownKey | TokenError::Signature => "Its signature is wrong.",
                TokenError::Claims => "Its claims are not those of an access token.",
                TokenError::Issuer => "It was issued by another service.",
                TokenError::Audience => "It was issued for another service.",
                TokenError::Lifetime => "Its lifetime is not possible.",
                TokenError::List => "Its status list does not exist.",
            },
        }
    }
}
