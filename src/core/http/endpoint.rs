//! The origin's endpoints: which one serves a path, and which methods it has.
//!
//! [`crate::routes`] decides which Worker a path belongs to; this is the origin's own table, of paths
//! below the prefix. The edge's own endpoints are defined there.

use crate::{
    http::page::{self, File},
    jose::status_list,
    policy::Method,
    routes::{self, Destination, Paths},
    sign_in::authorization,
};

/// The path of the token that the request carries; the edge authenticates it first.
pub const CURRENT_TOKEN: &str = "api/v1/tokens/current";

/// The folder of single tokens.
pub const TOKENS_FOLDER: &str = "api/v1/tokens/";

/// The folder of single sessions.
const SESSIONS_FOLDER: &str = "api/v1/sessions/";

/// The endpoint that serves a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint<'a> {
    /// The signed-in user.
    Me,
    /// The scopes that the user may grant.
    Scopes,
    /// The user's tokens.
    Tokens,
    /// Revocation of several tokens.
    RevokeTokens,
    /// The token that the request carries.
    CurrentToken,
    /// One token, by its id.
    Token(&'a str),
    /// The user's sessions.
    Sessions,
    /// One session, by its id.
    Session(&'a str),
    /// The user's part of the audit log.
    Audit,
    /// Whether the installation can serve requests.
    Ready,
    /// The public keys.
    KeySet,
    /// The addresses of all status lists.
    StatusLists,
    /// One signed status list, by its path.
    StatusList(&'a str),
    /// How users can sign in.
    Fronts,
    /// Sign-in by a provider.
    SignIn,
    /// The provider's answer.
    SignInCallback,
    /// Sign-in by an assertion of the platform.
    AssertedSignIn,
    /// Sign-in for development.
    DevSignIn,
    /// Sign-out.
    SignOut,
    /// A file of the page.
    Page(File<'a>),
}

/// What was meant by a path with slashes at its end that has no endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtraSlash<'a> {
    /// A path of the page. Browsers go to this reference, which is relative, because a proxy in front
    /// may have changed the path.
    Page(String),
    /// This path. A client that changes something must correct its own address.
    Api(&'a str),
}

impl<'a> ExtraSlash<'a> {
    /// Finds what was meant. `path` is as sent, without its query.
    pub fn find(path: &'a str, paths: &Paths) -> Option<Self> {
        let meant = path.trim_end_matches('/');
        let slashes = path.len() - meant.len();
        if slashes == 0 || meant.is_empty() {
            return None;
        }
        match paths.destination(meant) {
            Destination::Page(page) if !page.is_empty() && page::file(page).is_some() => {
                let (_, name) = meant.rsplit_once('/')?;
                Some(Self::Page(format!("{}{name}", "../".repeat(slashes))))
            }
            Destination::Origin(below) => Endpoint::below_prefix(below).map(|_| Self::Api(meant)),
            Destination::Health | Destination::Authorize(..) => Some(Self::Api(meant)),
            Destination::Page(_) | Destination::EchoPath | Destination::Api => None,
        }
    }
}

impl<'a> Endpoint<'a> {
    /// The endpoints of the API, each once. Files of the page are left out.
    pub const API: [Self; 19] = [
        Self::Me,
        Self::Scopes,
        Self::Tokens,
        Self::Token(""),
        Self::RevokeTokens,
        Self::CurrentToken,
        Self::Sessions,
        Self::Session(""),
        Self::Audit,
        Self::Fronts,
        Self::SignIn,
        Self::SignInCallback,
        Self::AssertedSignIn,
        Self::DevSignIn,
        Self::SignOut,
        Self::Ready,
        Self::KeySet,
        Self::StatusList(""),
        Self::StatusLists,
    ];

    /// Finds the endpoint for a path as sent, without its query.
    pub fn from_path(path: &'a str, paths: &Paths) -> Option<Self> {
        match paths.destination(path) {
            Destination::Origin(path) => Self::below_prefix(path),
            Destination::Page(path) => page::file(path).map(Self::Page),
            Destination::Health
            | Destination::Authorize(..)
            | Destination::EchoPath
            | Destination::Api => None,
        }
    }

    fn below_prefix(path: &'a str) -> Option<Self> {
        let fixed = |endpoint: &Self| endpoint.pattern() == path;
        if let Some(endpoint) = Self::API.into_iter().find(fixed) {
            return Some(endpoint);
        }
        if path.starts_with(status_list::FOLDER) {
            return Some(Self::StatusList(path));
        }
        let token = path.strip_prefix(TOKENS_FOLDER).map(Self::Token);
        token.or_else(|| path.strip_prefix(SESSIONS_FOLDER).map(Self::Session))
    }

    /// The path below the prefix, with its parameters in braces.
    pub const fn pattern(&self) -> &'static str {
        match self {
            Self::Me => "api/v1/me",
            Self::Scopes => "api/v1/scopes",
            Self::Tokens => "api/v1/tokens",
            Self::RevokeTokens => "api/v1/tokens/revoke",
            Self::CurrentToken => CURRENT_TOKEN,
            Self::Token(_) => "api/v1/tokens/{id}",
            Self::Sessions => "api/v1/sessions",
            Self::Session(_) => "api/v1/sessions/{id}",
            Self::Audit => "api/v1/audit",
            Self::Ready => routes::READY,
            Self::KeySet => routes::JWKS,
            Self::StatusLists => status_list::AGGREGATION,
            Self::StatusList(_) => "status/{registry}/{list}",
            Self::Fronts => "auth/fronts",
            Self::SignIn => "auth/sign-in",
            Self::SignInCallback => authorization::CALLBACK,
            Self::AssertedSignIn => "auth/session",
            Self::DevSignIn => "auth/dev",
            Self::SignOut => "auth/sign-out",
            Self::Page(_) => "ui/{file}",
        }
    }

    /// The methods of the endpoint. [`Method::Get`] includes HEAD.
    pub const fn methods(&self) -> &'static [Method] {
        match self {
            Self::Tokens => &[Method::Get, Method::Post],
            Self::CurrentToken | Self::Token(_) => &[Method::Get, Method::Delete],
            Self::Session(_) => &[Method::Delete],
            Self::RevokeTokens | Self::AssertedSignIn | Self::DevSignIn | Self::SignOut => {
                &[Method::Post]
            }
            Self::Me
            | Self::Scopes
            | Self::Sessions
            | Self::Audit
            | Self::Fronts
            | Self::SignIn
            | Self::SignInCallback
            | Self::Ready
            | Self::KeySet
            | Self::StatusLists
            | Self::StatusList(_)
            | Self::Page(_) => &[Method::Get],
        }
    }

    /// The value of `Allow` (RFC 9110, section 10.2.1).
    pub fn allow(&self) -> String {
        let names = self.methods().iter().map(|method| match method {
            Method::Get => "GET, HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        });
        names.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_is_found_by_its_path_and_belongs_to_the_origin() {
        let paths = Paths::new("https://patrol.example", None, Some("page api")).unwrap();
        let find = |path| Endpoint::from_path(path, &paths);
        for (path, expected) in [
            ("/.patrol/api/v1/tokens", Endpoint::Tokens),
            ("/api/v1/tokens", Endpoint::Tokens),
            ("/.patrol/api/v1/tokens/revoke", Endpoint::RevokeTokens),
            ("/api/v1/tokens/revoke", Endpoint::RevokeTokens),
            ("/.patrol/api/v1/tokens/current", Endpoint::CurrentToken),
            ("/.patrol/api/v1/tokens/abc", Endpoint::Token("abc")),
            ("/api/v1/tokens/abc", Endpoint::Token("abc")),
            ("/.patrol/jwks.json", Endpoint::KeySet),
            ("/.patrol/status/aggregation", Endpoint::StatusLists),
            ("/.patrol/status/1/2", Endpoint::StatusList("status/1/2")),
            ("/.patrol/status/", Endpoint::StatusList("status/")),
        ] {
            assert_eq!(find(path), Some(expected), "{path}");
        }
        for path in ["/", "/.patrol/ui/", "/profile/security"] {
            assert!(matches!(find(path), Some(Endpoint::Page(_))), "{path}");
        }
        for unknown in [
            "/.patrol/",
            "/.patrol/auth/nowhere",
            "/.patrol/api/v1/me/",
            "/.patrol/api/v2/tokens",
            "/.patrol/health",
            "/.patrol/ui/index.html",
            "/auth/dev",
        ] {
            assert_eq!(find(unknown), None, "{unknown}");
        }
        for endpoint in Endpoint::API {
            let path = paths.public_path_of(endpoint.pattern());
            let expected = Destination::Origin(endpoint.pattern());
            assert_eq!(paths.destination(&path), expected, "{endpoint:?}");
        }
        assert_eq!(Endpoint::Token("abc").allow(), "GET, HEAD, DELETE");
    }

    #[test]
    fn path_with_a_slash_too_many_leads_to_the_one_that_was_meant() {
        let paths = Paths::new("https://patrol.example/a", None, Some("page api")).unwrap();
        let page = |to: &str| Some(ExtraSlash::Page(to.to_owned()));
        for (path, expected) in [
            ("/profile/security/", page("../security")),
            ("/profile/security//", page("../../security")),
            ("/profile/", page("../profile")),
            ("/profile/other/", page("../other")),
            ("/sign-in/", page("../sign-in")),
            ("/a/profile/security/", page("../security")),
            ("/.patrol/ui/profile/security/", page("../security")),
            ("/.patrol/ui/sign-in/", page("../sign-in")),
            ("/a/.patrol/ui/profile/", page("../profile")),
            ("/", None),
            ("/a/", None),
            ("/.patrol/ui/", None),
            ("/.patrol/ui/nowhere/", None),
            ("/profile/security", None),
        ] {
            assert_eq!(ExtraSlash::find(path, &paths), expected, "{path}");
        }
        for path in [
            "/.patrol/api/v1/tokens/",
            "/.patrol/api/v1/tokens//",
            "/.patrol/api/v1/tokens/abc/",
            "/.patrol/api/v1/tokens/current/",
            "/.patrol/api/v1/me/",
            "/a/.patrol/api/v1/audit/",
            "/.patrol/auth/sign-out/",
            "/.patrol/health/",
            "/.patrol/authorize/",
            "/.patrol/ready/",
            "/.patrol/jwks.json/",
            "/.patrol/status/1/2/",
            "/api/v1/me/",
            "/api/v1/scopes/",
            "/api/v1/tokens/",
            "/api/v1/tokens/revoke/",
        ] {
            let meant = ExtraSlash::Api(path.trim_end_matches('/'));
            assert_eq!(ExtraSlash::find(path, &paths), Some(meant), "{path}");
            // The request must reach the origin, which answers it.
            let destination = paths.destination(path);
            assert!(matches!(destination, Destination::Origin(_)), "{path}");
        }
        for path in [
            "/.patrol/",
            "/.patrol/nowhere/",
            "/.patrol/api/v2/tokens/",
            "/orders/",
        ] {
            assert_eq!(ExtraSlash::find(path, &paths), None, "{path}");
        }
    }
}
