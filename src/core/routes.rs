//! Which Worker serves a path.
//!
//! The edge serves the one public address. It serves a few paths itself, passes some to the origin
//! (management, keys, lists, the page), and treats every other one as the platform's API, where
//! nothing passes without a token.

/// The handler of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// The edge: health check.
    Health,
    /// The edge: forward-auth for another proxy.
    Authorize,
    /// The origin Worker.
    Origin,
    /// The platform's API: checked, then forwarded.
    Api,
}

/// The edge's own folder. Unused paths below it are refused like any unknown route.
pub const EDGE_FOLDER: &str = "/.patrol/";

/// The path of forward-auth.
pub const AUTHORIZE: &str = "/.patrol/authorize";

/// The path of the health check.
pub const HEALTH: &str = "/.patrol/health";

/// The path of the public keys.
pub const JWKS: &str = "/.well-known/jwks.json";

/// Single paths of the origin.
const ORIGIN_PATHS: &[&str] = &[
    "/",
    "/api/v1/me",
    "/api/v1/scopes",
    "/api/v1/tokens",
    "/favicon.ico",
    "/favicon.svg",
    "/profile",
    "/sign-in",
];

/// Folders of the origin.
const ORIGIN_FOLDERS: &[&str] = &[
    "/.well-known/",
    "/api/v1/tokens/",
    "/assets/",
    "/auth/",
    "/pkg/",
    "/profile/",
    "/status/",
];

/// Returns the destination of a path. The path is as sent, without the query.
pub fn destination(path: &str) -> Destination {
    match path {
        HEALTH => Destination::Health,
        AUTHORIZE => Destination::Authorize,
        _ if ORIGIN_PATHS.contains(&path)
            || ORIGIN_FOLDERS.iter().any(|folder| path.starts_with(folder)) =>
        {
            Destination::Origin
        }
        _ => Destination::Api,
    }
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

/// Splits `X-Forwarded-Uri`. `None`: it is not exactly one request target. The runtime joins two
/// headers with a comma and a space, and no target contains a space or a fragment.
pub fn forwarded(uri: &str) -> Option<(&str, &str)> {
    let in_targets = |byte: u8| !matches!(byte, 0..=b' ' | b'#' | 0x7f);
    uri.bytes().all(in_targets).then(|| split(uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destination_is_one_worker_for_every_path() {
        for (path, expected) in [
            ("/", Destination::Origin),
            ("/api/v1/tokens", Destination::Origin),
            ("/api/v1/tokens/current", Destination::Origin),
            ("/api/v1/tokensx", Destination::Api),
            ("/api/v1/me", Destination::Origin),
            ("/api/v1/me/", Destination::Api),
            ("/status/0/0", Destination::Origin),
            ("/profile/security", Destination::Origin),
            ("/.patrol/health", Destination::Health),
            ("/.patrol/authorize", Destination::Authorize),
            ("/.patrol/other", Destination::Api),
            ("/api/v1/engine/pipelines", Destination::Api),
            ("", Destination::Api),
        ] {
            assert_eq!(destination(path), expected, "{path}");
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

    #[test]
    fn forwarded_accepts_exactly_one_target() {
        for (uri, expected) in [
            ("/a?b=1,2", Some(("/a", "?b=1,2"))),
            ("http://h/a,b", Some(("/a,b", ""))),
            ("/allowed, /other", None),
            ("/allowed?b=1, /other", None),
            ("/allowed,\t/other", None),
            ("/allowed#/../../other", None),
            ("/allowed?b#/../../other", None),
            ("/allowed\u{c}", None),
            ("/allowed\u{7f}", None),
        ] {
            assert_eq!(forwarded(uri), expected, "{uri}");
        }
    }
}
