//! The paths of an installation: which are Patrol's, and which Worker serves them.
//!
//! The edge serves the one public address. Everything below one prefix is Patrol's, and nothing
//! else, except the root paths that a setting names. Every other path is the platform's API, where
//! nothing passes without a token.
//!
//! A proxy in front of the edge may remove the path of `PUBLIC_URL`, so Patrol's paths are
//! recognized with it and without it. What Patrol writes always has it.

/// The prefix if `PATROL_PREFIX` is absent. No policy has a route below it.
pub const DEFAULT_PREFIX: &str = "/.patrol/";

/// The path of forward-auth, below the prefix.
pub const AUTHORIZE: &str = "authorize";

/// The path of forward-auth for nginx, below that of [`AUTHORIZE`].
const NGINX: &str = "/nginx";

/// The path of forward-auth for Envoy, below that of [`AUTHORIZE`].
const ENVOY: &str = "/envoy";

/// The path of the health check, below the prefix.
pub const HEALTH: &str = "health";

/// The path of the readiness check, below the prefix.
pub const READY: &str = "ready";

/// The folder whose paths the edge sends back, below the prefix.
pub const ECHO_PATH: &str = "echo-path/";

/// The path of the public keys, below the prefix.
pub const JWKS: &str = "jwks.json";

/// The folder of the page, below the prefix.
pub const PAGE: &str = "ui/";

/// How another proxy states the request that it asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// In `X-Forwarded-Method` and `X-Forwarded-Uri`, like Caddy and Traefik.
    Forwarded,
    /// In `X-Original-Method`, and `X-Original-URI` or `X-Original-URL`, like nginx. It knows no
    /// other statuses than 200, 401 and 403.
    Nginx,
    /// By the question itself, like Envoy: its method, and what follows in its target.
    Envoy,
}

impl Dialect {
    /// All dialects.
    pub const ALL: [Self; 3] = [Self::Forwarded, Self::Nginx, Self::Envoy];

    /// Reads a path below the prefix. Returns what follows the dialect's own path.
    fn of_path(path: &str) -> Option<(Self, &str)> {
        let rest = path.strip_prefix(AUTHORIZE)?;
        match rest.strip_prefix(ENVOY) {
            Some(target) if target.is_empty() || target.starts_with('/') => {
                Some((Self::Envoy, target))
            }
            _ if rest.is_empty() => Some((Self::Forwarded, "")),
            _ if rest == NGINX => Some((Self::Nginx, "")),
            _ => None,
        }
    }
}

/// The handler of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination<'a> {
    /// The edge: health check.
    Health,
    /// The edge: forward-auth for another proxy. With the path that follows in Envoy's question.
    Authorize(Dialect, &'a str),
    /// The edge: the path as it arrived, if the installation shows it.
    EchoPath,
    /// The origin Worker: a path below the prefix, perhaps one that it does not have.
    Origin(&'a str),
    /// The origin Worker: a path below [`PAGE`].
    Page(&'a str),
    /// The platform's API: checked, then forwarded.
    Api,
}

/// `ROOT_PATHS`: what an installation also serves outside its prefix. By default nothing: those
/// paths are the platform's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct RootPaths {
    page: bool,
    api: bool,
    jwks: bool,
}

impl RootPaths {
    fn from_setting(setting: &str) -> Result<Self, &'static str> {
        let mut roots = Self::default();
        for word in setting.split_ascii_whitespace() {
            match word {
                "page" => roots.page = true,
                "api" => roots.api = true,
                "jwks" => roots.jwks = true,
                _ => {
                    return Err(
                        "ROOT_PATHS must be some of the words `page`, `api` and `jwks`, separated \
                         by spaces",
                    );
                }
            }
        }
        Ok(roots)
    }

    fn destination(self, path: &str) -> Option<Destination<'_>> {
        let Self { page, api, jwks } = self;
        let path = path.strip_prefix('/')?;
        // A path with a slash too many is Patrol's too: the origin says which one was meant.
        match path.strip_suffix('/').unwrap_or(path) {
            "" | "favicon.ico" | "favicon.svg" if page && !path.ends_with('/') => {
                Some(Destination::Page(path))
            }
            ".well-known/jwks.json" if jwks && !path.ends_with('/') => {
                Some(Destination::Origin(JWKS))
            }
            "sign-in" | "profile" if page => Some(Destination::Page(path)),
            _ if page && path.starts_with("profile/") => Some(Destination::Page(path)),
            "api/v1/me" | "api/v1/scopes" | "api/v1/tokens" if api => {
                Some(Destination::Origin(path))
            }
            _ if api && path.starts_with("api/v1/tokens/") => Some(Destination::Origin(path)),
            _ => None,
        }
    }
}

/// The addresses and paths of an installation, from `PUBLIC_URL`, `PATROL_PREFIX` and `ROOT_PATHS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Without a slash at the end.
    public_url: String,
    /// The length of scheme, host and port in `public_url`.
    origin_length: usize,
    /// With a slash at both ends.
    prefix: String,
    /// `public_url` and `prefix`.
    base_url: String,
    roots: RootPaths,
}

impl Paths {
    /// Reads the settings. `None`: the setting is absent. The scheme and host of `public_url` are
    /// not checked here.
    ///
    /// # Errors
    /// Names the setting and says what it must be.
    pub fn new(
        public_url: &str,
        prefix: Option<&str>,
        root_paths: Option<&str>,
    ) -> Result<Self, &'static str> {
        let prefix = prefix.unwrap_or(DEFAULT_PREFIX);
        let folders = prefix.strip_suffix('/').unwrap_or_default();
        if folders.is_empty() || !is_plain_path(folders) {
            return Err(
                "PATROL_PREFIX must be a path like /.patrol/, with a slash at both ends, and \
                 between slashes only letters, digits and -._~, but not only dots",
            );
        }
        let (path, query) = split(public_url);
        if !is_plain_path(path) || !query.is_empty() {
            return Err(PUBLIC_URL_RULE);
        }
        Ok(Self {
            public_url: public_url.to_owned(),
            origin_length: public_url.len() - path.len(),
            prefix: prefix.to_owned(),
            base_url: format!("{public_url}{prefix}"),
            roots: RootPaths::from_setting(root_paths.unwrap_or_default())?,
        })
    }

    /// `PUBLIC_URL`, without a slash at the end: issuer and audience of every token.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// Scheme, host and port of `PUBLIC_URL`, as browsers write them in `Origin`.
    pub fn origin(&self) -> &str {
        self.public_url.split_at(self.origin_length).0
    }

    /// The host of `PUBLIC_URL`, without the port.
    pub fn host(&self) -> &str {
        let (_, host) = self.origin().split_once("://").unwrap_or_default();
        let end = if host.starts_with('[') {
            host.find(']').map(|bracket| bracket + 1)
        } else {
            host.find(':')
        };
        host.split_at(end.unwrap_or(host.len())).0
    }

    /// The port of `PUBLIC_URL`. `None`: the scheme's own.
    pub fn port(&self) -> Option<u16> {
        let (_, authority) = self.origin().split_once("://")?;
        authority
            .strip_prefix(self.host())?
            .strip_prefix(':')?
            .parse()
            .ok()
    }

    /// The path of `PUBLIC_URL`: empty, or without a slash at the end.
    fn public_path(&self) -> &str {
        self.public_url.split_at(self.origin_length).1
    }

    /// The path below which browsers send the session's cookie: the narrowest that has every path of
    /// the API.
    pub fn cookie_path(&self) -> &str {
        let base = self.base_path();
        if self.roots.api {
            // The prefix begins with a slash.
            base.split_at(self.public_path().len() + 1).0
        } else {
            base
        }
    }

    /// The public path of everything below the prefix.
    pub fn base_path(&self) -> &str {
        self.base_url.split_at(self.origin_length).1
    }

    /// The public address of everything below the prefix.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The public path of what is at `path` below the prefix.
    pub fn public_path_of(&self, path: &str) -> String {
        format!("{}{path}", self.base_path())
    }

    /// The public address of what is at `path` below the prefix.
    pub fn url_of(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// Returns the destination of a path. The path is as sent, without the query.
    pub fn destination<'a>(&self, path: &'a str) -> Destination<'a> {
        let public_path = self.public_path();
        let below = if public_path.is_empty() {
            None
        } else {
            // The public address itself, without a slash, is its root.
            path.strip_prefix(public_path)
                .map(|below| if below.is_empty() { "/" } else { below })
        };
        below
            .and_then(|below| self.own(below))
            .or_else(|| self.own(path))
            .unwrap_or(Destination::Api)
    }

    fn own<'a>(&self, path: &'a str) -> Option<Destination<'a>> {
        let Some(below) = path.strip_prefix(&*self.prefix) else {
            return self.roots.destination(path);
        };
        Some(match below {
            HEALTH => Destination::Health,
            "ui" => Destination::Page(""),
            _ if below.starts_with(ECHO_PATH) => Destination::EchoPath,
            _ => match (below.strip_prefix(PAGE), Dialect::of_path(below)) {
                (Some(page), _) => Destination::Page(page),
                (None, Some((dialect, target))) => Destination::Authorize(dialect, target),
                (None, None) => Destination::Origin(below),
            },
        })
    }
}

/// What `PUBLIC_URL` must be.
pub const PUBLIC_URL_RULE: &str = "PUBLIC_URL must look like https://api.example.com or \
    https://example.com/api: lower case, without a trailing slash or a query, and with https \
    unless it is a loopback address";

/// Whether a path is empty, or consists of slashes and the segments after them. Such a path has one
/// spelling, and needs no escapes in HTML, JSON and cookies.
fn is_plain_path(path: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_plain =
        |segment: &str| segment.bytes().all(unreserved) && segment.bytes().any(|byte| byte != b'.');
    path.is_empty()
        || path
            .strip_prefix('/')
            .is_some_and(|path| path.split('/').all(is_plain))
}

/// Splits an absolute URL or a request target into path and query; the query includes its `?` and may
/// be empty. Scheme and host are dropped. A fragment is not: no request has one, and a path with a
/// `#` is never allowed.
pub fn split(url: &str) -> (&str, &str) {
    let target = match url.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => rest
            .find(['/', '?', '#'])
            .map_or("", |end| rest.split_at(end).1),
        _ => url,
    };
    target.split_at(target.find('?').unwrap_or(target.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC_URL: &str = "https://example.com";

    fn paths(public_url: &str, prefix: &str, root_paths: &str) -> Paths {
        let [prefix, root_paths] =
            [prefix, root_paths].map(|text| Some(text).filter(|text| !text.is_empty()));
        Paths::new(public_url, prefix, root_paths).unwrap()
    }

    #[test]
    fn platform_keeps_every_path_outside_the_prefix() {
        let paths = paths(PUBLIC_URL, "", "");
        for path in [
            "",
            "/",
            "/assets/x",
            "/auth/login",
            "/auth/dev",
            "/profile",
            "/profile/security",
            "/sign-in",
            "/pkg/form.js",
            "/status/1",
            "/status/0/0",
            "/.well-known/security.txt",
            "/.well-known/jwks.json",
            "/api/v1/me",
            "/api/v1/scopes",
            "/api/v1/tokens",
            "/api/v1/tokens/current",
            "/favicon.ico",
            "/.patrol",
            "/.patrolx/health",
            "/x/.patrol/health",
            "/.Patrol/health",
        ] {
            assert_eq!(paths.destination(path), Destination::Api, "{path}");
        }
        for (path, expected) in [
            ("/.patrol/", Destination::Origin("")),
            ("/.patrol/health", Destination::Health),
            (
                "/.patrol/authorize",
                Destination::Authorize(Dialect::Forwarded, ""),
            ),
            (
                "/.patrol/authorize/nginx",
                Destination::Authorize(Dialect::Nginx, ""),
            ),
            (
                "/.patrol/authorize/envoy",
                Destination::Authorize(Dialect::Envoy, ""),
            ),
            (
                "/.patrol/authorize/envoy//a/nginx",
                Destination::Authorize(Dialect::Envoy, "//a/nginx"),
            ),
            ("/.patrol/authorize/", Destination::Origin("authorize/")),
            (
                "/.patrol/authorize/nginx/",
                Destination::Origin("authorize/nginx/"),
            ),
            (
                "/.patrol/authorize/envoyx",
                Destination::Origin("authorize/envoyx"),
            ),
            ("/.patrol/ready", Destination::Origin("ready")),
            ("/.patrol/echo-path/a//b", Destination::EchoPath),
            ("/.patrol/echo-path", Destination::Origin("echo-path")),
            ("/.patrol/healthy", Destination::Origin("healthy")),
            ("/.patrol/../api", Destination::Origin("../api")),
            ("/.patrol/api/v1/me", Destination::Origin("api/v1/me")),
            ("/.patrol/ui", Destination::Page("")),
            ("/.patrol/ui/", Destination::Page("")),
            ("/.patrol/ui/profile", Destination::Page("profile")),
            (
                "/.patrol/ui/assets/0/x.js",
                Destination::Page("assets/0/x.js"),
            ),
        ] {
            assert_eq!(paths.destination(path), expected, "{path}");
        }
    }

    #[test]
    fn root_paths_are_aliases_that_a_setting_names() {
        for (word, path, expected) in [
            ("page", "/", Destination::Page("")),
            ("page", "/sign-in", Destination::Page("sign-in")),
            ("page", "/profile", Destination::Page("profile")),
            ("page", "/profile/x", Destination::Page("profile/x")),
            ("page", "/favicon.ico", Destination::Page("favicon.ico")),
            ("page", "/favicon.svg", Destination::Page("favicon.svg")),
            ("api", "/api/v1/me", Destination::Origin("api/v1/me")),
            (
                "api",
                "/api/v1/scopes",
                Destination::Origin("api/v1/scopes"),
            ),
            (
                "api",
                "/api/v1/tokens",
                Destination::Origin("api/v1/tokens"),
            ),
            (
                "api",
                "/api/v1/tokens/x",
                Destination::Origin("api/v1/tokens/x"),
            ),
            (
                "jwks",
                "/.well-known/jwks.json",
                Destination::Origin("jwks.json"),
            ),
        ] {
            for roots in ["page", "api", "jwks"] {
                let expected = if roots == word {
                    expected
                } else {
                    Destination::Api
                };
                let found = paths(PUBLIC_URL, "", roots).destination(path);
                assert_eq!(found, expected, "{roots} {path}");
            }
        }
        let all = paths(PUBLIC_URL, "", " page api  jwks ");
        for path in [
            "/profiles",
            "/index.html",
            "/ui/",
            "/assets/x",
            "/auth/dev",
            "/pkg/form.js",
            "/status/0/0",
            "//",
            "/favicon.ico/",
            "/.well-known/",
            "/.well-known/jwks.json/",
            "/api/v1/me/x",
            "/api/v1/me//",
            "/api/v1/tokensx",
            "/health",
        ] {
            assert_eq!(all.destination(path), Destination::Api, "{path}");
        }
    }

    #[test]
    fn own_paths_are_recognized_with_and_without_the_path_of_the_public_url() {
        let paths = paths("https://example.com/a/b", "/x/", "page");
        for (path, expected) in [
            ("/a/b/x/health", Destination::Health),
            ("/x/health", Destination::Health),
            ("/a/b/x/jwks.json", Destination::Origin("jwks.json")),
            ("/a/b/profile", Destination::Page("profile")),
            ("/profile", Destination::Page("profile")),
            ("/a/b/", Destination::Page("")),
            ("/a/b", Destination::Page("")),
            ("/a/bx/health", Destination::Api),
            ("/a/x/health", Destination::Api),
            ("/a/b/.patrol/health", Destination::Api),
            ("/.patrol/health", Destination::Api),
            ("/a/b/api/v1/me", Destination::Api),
        ] {
            assert_eq!(paths.destination(path), expected, "{path}");
        }
    }

    #[test]
    fn what_patrol_writes_has_the_path_of_the_public_url() {
        for (public_url, prefix, roots, base, cookie) in [
            (PUBLIC_URL, "", "", "/.patrol/", "/.patrol/"),
            (PUBLIC_URL, "", "page jwks", "/.patrol/", "/.patrol/"),
            (PUBLIC_URL, "", "api", "/.patrol/", "/"),
            ("https://example.com/a", "/x/y/", "", "/a/x/y/", "/a/x/y/"),
            ("https://example.com/a", "/x/y/", "api", "/a/x/y/", "/a/"),
        ] {
            let paths = paths(public_url, prefix, roots);
            assert_eq!(paths.public_url(), public_url);
            assert_eq!(paths.origin(), PUBLIC_URL);
            assert_eq!(paths.base_path(), base);
            assert_eq!(paths.cookie_path(), cookie);
            assert_eq!(paths.url_of(JWKS), format!("{PUBLIC_URL}{base}jwks.json"));
        }
        for (public_url, host, port) in [
            ("http://127.0.0.1:8787", "127.0.0.1", Some(8787)),
            ("http://localhost/a", "localhost", None),
            ("http://[::1]:8787/a", "[::1]", Some(8787)),
        ] {
            let paths = paths(public_url, "", "");
            assert_eq!((paths.host(), paths.port()), (host, port));
        }
    }

    #[test]
    fn settings_that_are_not_plain_paths_are_refused() {
        let read = |prefix| Paths::new(PUBLIC_URL, Some(prefix), None);
        for good in ["/.patrol/", "/a/b/", "/A-z_0.~/", "/..a/"] {
            assert!(read(good).is_ok(), "{good}");
        }
        for wrong in [
            "", "/", "//", "/a", "a/", "/a//b/", "/./", "/../", "/.../", "/a/../b/", "/a b/",
            "/ä/", "/%61/", "/a;b/", "/a?/", "/{a}/",
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.starts_with("PATROL_PREFIX must be"), "{wrong}");
        }
        for wrong in [
            "https://example.com/",
            "https://example.com/a/",
            "https://example.com/a//b",
            "https://example.com/a/..",
            "https://example.com/a%20b",
            "https://example.com/a?b",
            "https://example.com?b",
            "https://example.com/#a",
        ] {
            let error = Paths::new(wrong, None, None).unwrap_err();
            assert!(error.starts_with("PUBLIC_URL must look like"), "{wrong}");
        }
        for wrong in ["pages", "page,api", "Page"] {
            let error = Paths::new(PUBLIC_URL, None, Some(wrong)).unwrap_err();
            assert!(error.starts_with("ROOT_PATHS must be"), "{wrong}");
        }
    }

    #[test]
    fn split_handles_every_form_of_target() {
        for (url, path, query) in [
            ("http://h:1/a/b?c=/d#e", "/a/b", "?c=/d#e"),
            ("https://h/", "/", ""),
            ("https://h", "", ""),
            ("https://h?x/y", "", "?x/y"),
            ("/a?b=http://c/d", "/a", "?b=http://c/d"),
            ("/a%3Fb#c?d", "/a%3Fb#c", "?d"),
            ("http://h#/../a", "#/../a", ""),
        ] {
            assert_eq!(split(url), (path, query), "{url}");
        }
    }
}
