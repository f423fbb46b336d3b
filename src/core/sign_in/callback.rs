//! The provider's answer, which the browser brings (OpenID Connect Core, section 3.1.2.5).

use super::{
    Secret,
    authorization::{Cookie, Pending, ReturnTo},
    discovery::Discovery,
};
use crate::{jose::keys::KeySet, routes::Paths, time::Timestamp};
use std::fmt;

/// The longest query that is read, in bytes. Some codes have several thousand.
const MAX_QUERY: usize = 12 * 1024;

/// Why an answer was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallbackError {
    /// Too long, without `state`, or with a parameter twice.
    Malformed,
    /// This browser has not begun the sign-in, or too long ago.
    Stale,
    /// The answer comes from another provider (RFC 9207, section 2.4).
    Issuer,
    /// The provider answers with an error.
    Provider(ProviderError),
    /// There is neither a code nor an error.
    CodeMissing,
}

impl CallbackError {
    /// A stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "callback-malformed",
            Self::Stale => "callback-stale",
            Self::Issuer => "callback-issuer",
            Self::Provider(_) => "callback-error",
            Self::CodeMissing => "callback-code",
        }
    }
}

impl fmt::Display for CallbackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => {
                f.write_str("This is no answer of a sign-in provider. Begin again from the page.")
            }
            Self::Stale => f.write_str(
                "This sign-in was not begun in this browser within the last 10 minutes, or it is \
                 already finished. Begin again, and allow cookies for this site.",
            ),
            Self::Issuer => f.write_str(
                "The answer comes from another provider than the one that was asked. Begin again.",
            ),
            Self::Provider(error) => error.fmt(f),
            Self::CodeMissing => {
                f.write_str("The provider's answer has no authorization code. Begin again.")
            }
        }
    }
}

impl std::error::Error for CallbackError {}

/// An error of a provider (RFC 6749, sections 4.1.2.1 and 5.2; OpenID Connect Core, section 3.1.2.6).
/// Its texts are foreign: short, and of printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderError {
    code: String,
    description: String,
}

impl ProviderError {
    pub(super) fn new(code: &str, description: Option<&str>) -> Self {
        // RFC 6749, appendix A.7 and A.8.
        let shown = |text: &str, length| {
            let shown = text.chars().filter(|c| matches!(c, ' '..='~')).take(length);
            shown.collect::<String>()
        };
        Self {
            code: shown(code, 64),
            description: shown(description.unwrap_or_default(), 200),
        }
    }

    /// `error`
    pub fn code(&self) -> &str {
        &self.code
    }

    fn advice(&self) -> &'static str {
        match &*self.code {
            "access_denied" => {
                "You or the provider refused. Sign in again, or ask your administrator for access."
            }
            "login_required"
            | "interaction_required"
            | "consent_required"
            | "account_selection_required" => "Sign in at the provider first, then begin again.",
            "temporarily_unavailable" | "server_error" => {
                "The provider has a problem. Try again in a few minutes."
            }
            "invalid_grant" => "The code has expired or was used already. Begin again.",
            "invalid_client" | "unauthorized_client" => {
                "An administrator must check the client id, `auth` and the secret of this provider."
            }
            "invalid_scope" => "An administrator must check `scopes` of this provider.",
            _ => "An administrator must check how Patrol is registered at this provider.",
        }
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, description } = self;
        write!(f, "The provider answers {code:?}")?;
        if !description.is_empty() {
            write!(f, " ({description:?})")?;
        }
        write!(f, ". {}", self.advice())
    }
}

/// The parameters of an answer.
#[derive(Default)]
struct Parameters {
    state: Option<String>,
    iss: Option<String>,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl Parameters {
    /// `None`: too long, or one of the parameters occurs twice (RFC 6749, section 3.1).
    fn read(query: &str) -> Option<Self> {
        if query.len() > MAX_QUERY {
            return None;
        }
        let mut all = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let member = match &*name {
                "state" => &mut all.state,
                "iss" => &mut all.iss,
                "code" => &mut all.code,
                "error" => &mut all.error,
                "error_description" => &mut all.error_description,
                _ => continue,
            };
            if member.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        Some(all)
    }
}

/// An answer to a sign-in that this browser began. Whether it is a good one is not known yet.
pub struct Returned {
    pending: Pending,
    parameters: Parameters,
    delete_cookie: String,
}

impl Returned {
    /// Reads an answer. `query` has no `?`, `cookies` is the `Cookie` header.
    ///
    /// # Errors
    /// [`CallbackError`].
    pub fn read(
        query: &str,
        cookies: &str,
        now: Timestamp,
        keys: &KeySet,
        paths: &Paths,
    ) -> Result<Self, CallbackError> {
        let parameters = Parameters::read(query).ok_or(CallbackError::Malformed)?;
        let state = parameters
            .state
            .as_deref()
            .ok_or(CallbackError::Malformed)?;
        let cookie = Cookie::new(paths);
        let pending = cookie.find(cookies, state, now, keys);
        let delete_cookie = cookie.delete(state);
        Ok(Self {
            pending: pending.ok_or(CallbackError::Stale)?,
            parameters,
            delete_cookie,
        })
    }

    /// The name of the provider that was asked.
    pub fn provider(&self) -> &str {
        &self.pending.provider
    }

    /// Where the user wanted to go, also if the sign-in fails.
    pub fn return_to(&self) -> &ReturnTo {
        &self.pending.return_to
    }

    /// The value of `Set-Cookie` that ends this sign-in, whatever comes of it.
    pub fn delete_cookie(&self) -> &str {
        &self.delete_cookie
    }

    /// Checks the answer.
    ///
    /// # Errors
    /// [`CallbackError`].
    pub fn grant(self, discovery: &Discovery) -> Result<Grant, CallbackError> {
        let provider = &discovery.provider;
        let Parameters {
            iss,
            code,
            error,
            error_description,
            ..
        } = self.parameters;
        // Errors have `iss` too, and must not be believed without it.
        let good_issuer = match iss {
            Some(iss) => iss == provider.issuer,
            None => !discovery.sends_issuer,
        };
        if !good_issuer || self.pending.provider != provider.name {
            return Err(CallbackError::Issuer);
        }
        if let Some(error) = error {
            let error = ProviderError::new(&error, error_description.as_deref());
            return Err(CallbackError::Provider(error));
        }
        let code = code.filter(|code| !code.is_empty());
        Ok(Grant {
            code: Secret::new(code.ok_or(CallbackError::CodeMissing)?),
            pending: self.pending,
        })
    }
}

/// An authorization code for a sign-in that this browser began.
#[derive(Debug)]
pub struct Grant {
    pub(super) code: Secret,
    pub(super) pending: Pending,
}
