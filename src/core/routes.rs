//! Which Worker answers a path.
//!
//! The edge stands at the one public address. A few paths are its own, some belong to the
//! origin (management, keys, lists, the page), and every other one is the platform's API,
//! where nothing passes without a token.

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// The edge: is it alive?
    Health,
    /// The edge: forward-auth for another proxy.
    Authorize,
    /// The origin Worker.
    Origin,
    /// The platform's API: judged, then forwarded.
    Api,
}

/// The edge's own folder. What it has not yet is refused like any path without a rule.
pub const EDGE_FOLDER: &str = "/.patrol/";

/// Forward-auth.
pub const AUTHORIZE: &str = "/.patrol/authorize";

/// Health.
pub const HEALTH: &str = "/.patrol/health";

/// The public keys.
pub const JWKS: &str = "/.well-known/jwks.json";

/// Paths of the origin that stand alone.
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

/// Who answers this path, as it came, without the query?
pub fn destination(path: &str) -> Destination {
    // The API is most of the traffic and shares only its first letters with the rest.
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

/// Path and query (with its `?`, or empty) of an absolute URL or of a request target. Scheme and
/// host are left out. A fragment, which no request has, is not: no path with a `#` is allowed.
pub fn split(url: &str) -> (&str, &str) {
    let target = match url.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => rest
            .find(['/', '?', '#'])
            .map_or("", |end| rest.split_at(end).1),
        _ => url,
    };
    target.split_at(target.find('?').unwrap_or(target.len()))
}

/// The same of `X-Forwarded-Uri`. None: it is not one request target. The runtime joins two
/// headers with a comma and a space, and no target has a space, nor a fragment.
pub fn forwarded(uri: &str) -> Option<(&str, &str)> {
    let in_targets = |byte: u8| !matches!(byte, 0..=b' ' | b'#' | 0x7f);
    uri.bytes().all(in_targets).then(|| split(uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_one_worker() {
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
    fn a_path_is_cut_out_of_any_target() {
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
    fn a_proxy_tells_of_one_target() {
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
