//! The decision: may this request proceed?
//!
//! [`authorize`] is the only function that makes it. The edge gathers the facts and carries out the
//! decision. The order is fixed, and each step relies on the ones before it: header, signature and
//! claims, times, status, route, organization, scopes. The default is to deny.

use super::credentials::CredentialsError;
use crate::{
    http::problem::{Problem, ProblemCode},
    ids::OrganizationId,
    jose::{jws::ParseError, status_list::Status},
    policy::{Access, Match, Policy, RouteError, path::PathError, scope::Requirement},
    revocation::{known_list::StatusCheck, single_flight::RETRY_BACKOFF},
    routes::Dialect,
    time::Timestamp,
    token::{Token, TokenError},
};
use std::{borrow::Cow, fmt::Write as _};

/// A request, without its token.
#[derive(Debug, Clone, Copy)]
pub struct AccessRequest<'a> {
    /// The method as sent.
    pub method: &'a str,
    /// The path as sent, percent-encoded, without the query.
    pub path: &'a str,
    /// `X-Organization-ID`
    pub organization: Option<&'a str>,
    /// When the request arrived.
    pub now: Timestamp,
    /// Who forwards the request if it is allowed.
    pub forwarder: Forwarder,
}

/// Who forwards an allowed request to the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarder {
    /// The edge. It forwards the normalized path.
    Edge,
    /// A proxy that uses forward-auth, in this dialect. It forwards the path as it was sent.
    Proxy(Dialect),
}

/// Permission for one request.
#[derive(Debug, Clone)]
pub struct Permit<'a, 'p> {
    /// The token that grants it.
    pub token: &'a Token,
    /// The organization that the request acts in: the one it names, or the token's only one on a
    /// route that needs one.
    pub organization: Option<&'a OrganizationId>,
    /// The path by which it goes on.
    pub path: Cow<'p, str>,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// The request does not carry exactly one token.
    Credentials(CredentialsError),
    /// Not a token of this installation.
    TokenMalformed(TokenError),
    /// The signature is wrong, or its key is unknown.
    SignatureInvalid,
    /// `now >= exp`
    TokenExpired,
    /// `now < nbf`
    TokenNotYetValid,
    /// The token's status is INVALID.
    TokenRevoked,
    /// The token's status is SUSPENDED.
    TokenSuspended,
    /// The policy has no route for the method and path.
    RouteUnknown(RouteError),
    /// The route needs an organization, the request names none, and the token has several.
    OrganizationRequired,
    /// The named organization is not one of the token's.
    OrganizationMismatch,
    /// The path names another organization than the request acts in.
    OrganizationInPath,
    /// The token's scopes do not cover the route.
    ScopeInsufficient(Requirement),
    /// The token's status cannot be known now.
    RevocationUnavailable,
    /// The request that another proxy holds has this header, in some spelling. The upstream could
    /// mistake it for a request that was never checked, or for another caller's.
    HeaderRefused(&'static str),
}

impl From<CredentialsError> for Denial {
    fn from(error: CredentialsError) -> Self {
        Self::Credentials(error)
    }
}

impl From<TokenError> for Denial {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::UnknownKey | TokenError::Signature => Self::SignatureInvalid,
            other => Self::TokenMalformed(other),
        }
    }
}

/// Checks a token's times, without leeway. `iat` is not checked, because the clock that issued the
/// token may be ahead.
///
/// This is separate from [`authorize`], which calls it, so that the edge can skip the status of an
/// expired token.
///
/// # Errors
/// [`Denial::TokenExpired`] and [`Denial::TokenNotYetValid`].
pub fn check_times(token: &Token, now: Timestamp) -> Result<(), Denial> {
    if now >= token.expires_at {
        Err(Denial::TokenExpired)
    } else if token.not_before.is_some_and(|begin| now < begin) {
        Err(Denial::TokenNotYetValid)
    } else {
        Ok(())
    }
}

/// Decides on a token alone: its times and its status.
///
/// # Errors
/// The first [`Denial`] in the fixed order.
pub fn authenticate(token: &Token, status: StatusCheck, now: Timestamp) -> Result<(), Denial> {
    check_times(token, now)?;
    match status {
        StatusCheck::Known(Status::Valid) => Ok(()),
        StatusCheck::Known(Status::Invalid) => Err(Denial::TokenRevoked),
        // An unknown status grants nothing.
        StatusCheck::Known(Status::Suspended | Status::Other(_)) => Err(Denial::TokenSuspended),
        StatusCheck::KeyRetired => Err(Denial::SignatureInvalid),
        StatusCheck::NoSuchList => Err(TokenError::List.into()),
        StatusCheck::Unavailable => Err(Denial::RevocationUnavailable),
    }
}

/// Finds the route of a request.
///
/// # Errors
/// [`Denial::RouteUnknown`].
pub fn route<'r, 'p>(
    request: &AccessRequest<'p>,
    policy: &'r Policy,
) -> Result<Match<'r, 'p>, Denial> {
    let found = policy.route(request.method, request.path);
    let found = found.map_err(Denial::RouteUnknown)?;
    match (&found.path, request.forwarder) {
        (Cow::Owned(normal), Forwarder::Proxy(_)) => Err(Denial::RouteUnknown(RouteError::Path(
            PathError::not_normal(normal),
        ))),
        _ => Ok(found),
    }
}

/// Decides on a request whose token has a valid signature. `found` is the result of [`route`].
///
/// # Errors
/// The first [`Denial`] in the fixed order.
pub fn authorize<'a, 'p>(
    request: &AccessRequest<'_>,
    token: &'a Token,
    status: StatusCheck,
    found: Result<Match<'_, 'p>, Denial>,
    policy: &Policy,
) -> Result<Permit<'a, 'p>, Denial> {
    authenticate(token, status, request.now)?;
    let found = found?;
    let organization = match request.organization {
        // Checked even where the route needs none, because the name is passed to the upstream.
        Some(named) => {
            let found = token.organizations.iter().find(|id| id.as_str() == named);
            Some(found.ok_or(Denial::OrganizationMismatch)?)
        }
        None if found.route.organization => match token.organizations.as_slice() {
            [only] => Some(only),
            _ => return Err(Denial::OrganizationRequired),
        },
        None => None,
    };
    if organization.is_some_and(|id| found.contradicts(id.as_str())) {
        return Err(Denial::OrganizationInPath);
    }
    match &found.route.access {
        Access::Scopes(requirement)
            if policy.rbac && !requirement.is_met_by(token.grant.scopes()) =>
        {
            Err(Denial::ScopeInsufficient(requirement.clone()))
        }
        _ => Ok(Permit {
            token,
            organization,
            path: found.path,
        }),
    }
}

/// Decides on a CORS preflight by the method that it announces, because it cannot carry a token. It
/// passes only if the policy has a route for that method. Returns the path by which it goes on.
///
/// # Errors
/// [`Denial::RouteUnknown`].
pub fn preflight<'p>(
    announced: &str,
    path: &'p str,
    policy: &Policy,
) -> Result<Cow<'p, str>, Denial> {
    let found = policy.route(announced, path);
    Ok(found.map_err(Denial::RouteUnknown)?.path)
}

/// The challenge for requests without credentials. It has no error code (RFC 6750, section 3.1).
pub const CHALLENGE: &str = "Bearer realm=\"patrol\"";

/// The challenge to send `Basic` (RFC 7617, section 2). git, wget and others send no credentials
/// without it.
const BASIC_CHALLENGE: &str = "Basic realm=\"patrol\", charset=\"UTF-8\"";

/// The `Retry-After` of an unavailable status, in seconds. The edge does not retry sooner.
const RETRY_AFTER_SECONDS: u64 = RETRY_BACKOFF.div_ceil(1_000);

impl Denial {
    /// The code of the problem.
    pub const fn code(&self) -> ProblemCode {
        match self {
            Self::Credentials(CredentialsError::Missing | CredentialsError::UnknownScheme) => {
                ProblemCode::TokenMissing
            }
            Self::Credentials(_) | Self::TokenMalformed(_) => ProblemCode::TokenMalformed,
            Self::SignatureInvalid => ProblemCode::SignatureInvalid,
            Self::TokenExpired => ProblemCode::TokenExpired,
            Self::TokenNotYetValid => ProblemCode::TokenNotYetValid,
            Self::TokenRevoked => ProblemCode::TokenRevoked,
            Self::TokenSuspended => ProblemCode::TokenSuspended,
            Self::RouteUnknown(_) => ProblemCode::RouteUnknown,
            Self::OrganizationRequired => ProblemCode::OrganizationRequired,
            Self::OrganizationMismatch | Self::OrganizationInPath => {
                ProblemCode::OrganizationMismatch
            }
            Self::ScopeInsufficient(_) => ProblemCode::ScopeInsufficient,
            Self::RevocationUnavailable => ProblemCode::RevocationUnavailable,
            Self::HeaderRefused(_) => ProblemCode::HeaderRefused,
        }
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.code().status()
    }

    /// Whether the denial is one of a few, so that its response is worth keeping.
    pub const fn is_general(&self) -> bool {
        !matches!(
            self,
            Self::RouteUnknown(RouteError::Path(_))
                | Self::Credentials(CredentialsError::Several(_))
        )
    }

    /// Whether the token is valid and only this request is denied.
    pub const fn is_authenticated(&self) -> bool {
        matches!(self.status(), 400 | 403)
    }

    const fn title(&self) -> &'static str {
        match self {
            Self::Credentials(CredentialsError::Missing | CredentialsError::UnknownScheme) => {
                "Access token missing"
            }
            Self::Credentials(_) | Self::TokenMalformed(_) => "Malformed access token",
            Self::SignatureInvalid => "Invalid token signature",
            Self::TokenExpired => "Token expired",
            Self::TokenNotYetValid => "Token not yet valid",
            Self::TokenRevoked => "Token revoked",
            Self::TokenSuspended => "Token suspended",
            Self::RouteUnknown(_) => "Unknown route",
            Self::OrganizationRequired => "Organization required",
            Self::OrganizationMismatch | Self::OrganizationInPath => "Organization not allowed",
            Self::ScopeInsufficient(_) => "Insufficient scope",
            Self::RevocationUnavailable => "Token status unavailable",
            Self::HeaderRefused(_) => "Header not allowed",
        }
    }

    fn detail(&self, policy: &Policy) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Credentials(error) => return error.detail(),
            Self::TokenMalformed(error) => malformed(*error),
            Self::SignatureInvalid => {
                "The token was altered, or its key is no longer in use. Create a new token."
            }
            Self::TokenExpired => "Create a new token.",
            Self::TokenNotYetValid => "Try again later, and check your clock.",
            Self::TokenRevoked => "Its owner revoked it permanently. Create a new token.",
            Self::TokenSuspended => "Ask the token's owner or an administrator.",
            Self::RouteUnknown(error) => return Cow::Owned(error.to_string()),
            Self::OrganizationRequired => {
                "Send the header `X-Organization-ID` with one of the token's organizations."
            }
            Self::OrganizationMismatch => {
                "`X-Organization-ID` must be one of the token's organizations."
            }
            Self::OrganizationInPath => {
                "The path must name the organization that the request acts in: the one in \
                 `X-Organization-ID`, or the token's only one."
            }
            Self::ScopeInsufficient(requirement) => {
                return Cow::Owned(missing_scopes(requirement, policy));
            }
            Self::RevocationUnavailable => {
                "Whether the token was revoked cannot be checked right now. Try again in a moment."
            }
            Self::HeaderRefused(name) => {
                return Cow::Owned(format!(
                    "Remove the header `{name}` and every header whose name differs from it only \
                     in punctuation."
                ));
            }
        })
    }

    /// The response body.
    pub fn problem(&self, policy: &Policy) -> Problem {
        Problem::new(self.code(), self.title(), self.detail(policy))
    }

    /// The value of `WWW-Authenticate` (RFC 6750, section 3) if the denial is about credentials.
    pub fn challenge(&self, policy: &Policy) -> Option<String> {
        let error = match self {
            Self::Credentials(CredentialsError::Missing | CredentialsError::UnknownScheme) => {
                return Some(CHALLENGE.to_owned());
            }
            Self::ScopeInsufficient(requirement) => {
                let first = requirement
                    .alternatives()
                    .first()
                    .copied()
                    .unwrap_or_default();
                let scope = policy.scope_names(first).join(" ");
                return Some(format!(
                    "{CHALLENGE}, error=\"insufficient_scope\", error_description=\"{}\", scope=\"{scope}\"",
                    self.title()
                ));
            }
            // More than one method of sending a token (RFC 6750, section 3.1).
            Self::Credentials(CredentialsError::Several(_)) => "invalid_request",
            _ if self.status() == 401 => "invalid_token",
            _ => return None,
        };
        Some(format!(
            "{CHALLENGE}, error=\"{error}\", error_description=\"{}\"",
            self.title()
        ))
    }

    /// The headers that this denial adds to those of every problem: one or two challenges, or when
    /// to try again. A browser must not be asked for `Basic`; it would open a dialog.
    pub fn headers(
        &self,
        policy: &Policy,
        is_browser: bool,
    ) -> impl Iterator<Item = (&'static str, String)> {
        // A client that sent several must not be asked for more.
        let is_several = matches!(self, Self::Credentials(CredentialsError::Several(_)));
        let basic = self.status() == 401 && !is_browser && !is_several;
        let basic = basic.then(|| BASIC_CHALLENGE.to_owned());
        let challenges = self.challenge(policy).into_iter().chain(basic);
        let retry_after = self.retry_after().map(|seconds| seconds.to_string());
        challenges
            .map(|value| ("WWW-Authenticate", value))
            .chain(retry_after.map(|value| ("Retry-After", value)))
    }

    /// `Retry-After`, in seconds.
    pub const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RevocationUnavailable => Some(RETRY_AFTER_SECONDS),
            _ => None,
        }
    }
}

fn missing_scopes(requirement: &Requirement, policy: &Policy) -> String {
    let mut text = "This request needs ".to_owned();
    for (number, alternative) in requirement.alternatives().iter().enumerate() {
        let joint = if number == 0 { "" } else { ", or " };
        let names = policy.scope_names(*alternative).join(" and ");
        // Writing to a String cannot fail.
        let _ = write!(text, "{joint}{names}");
    }
    text + ". Create a token with it."
}

/// What is wrong with a token.
const fn malformed(error: TokenError) -> &'static str {
    match error {
        TokenError::Form(ParseError::TooLong) => "The token is too long.",
        TokenError::Form(ParseError::NotCompact) => {
            "The token is not a JWT in compact form. Was all of it copied?"
        }
        TokenError::Form(ParseError::Header) => {
            "The token's header must have exactly the members alg, typ and kid."
        }
        TokenError::Form(ParseError::Algorithm) => "The token's algorithm is not EdDSA.",
        TokenError::Form(ParseError::Type) => "This JWT is not an access token.",
        TokenError::UnknownKey | TokenError::Signature => "The signature is wrong.",
        TokenError::Claims => "The claims are not those of an access token.",
        TokenError::Issuer => "The token was issued by another service.",
        TokenError::Audience => "The token was issued for another service.",
        TokenError::Lifetime => "The token's lifetime is out of range.",
        TokenError::List => "The token's status list does not exist.",
    }
}
