//! The page's files: the file for each path, and the headers it is served with.
//!
//! The page consists of static files that `cargo xtask build` lays out. All but the entry points are
//! under `/assets/<hash>/`, where the hash covers every file. Browsers may cache them forever,
//! because a change of any file changes the address. The HTML contains the hash and is never cached.
//! The files themselves are the origin's static assets.

/// A file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File<'a> {
    /// The file's path among the static assets.
    pub path: &'a str,
    /// The status of the response, provided that the file exists.
    pub status: u16,
    /// The value of `Cache-Control`.
    pub cache_control: &'static str,
}

/// The Content Security Policy (Level 3), against cross-site scripting: markup cannot become a
/// script. It allows no inline scripts or styles and no other origins, and Trusted Types keep
/// scripts from turning text into code.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// The headers of every file.
pub const HEADERS: &[(&str, &str)] = &[
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    (
        "Permissions-Policy",
        "camera=(), clipboard-read=(), display-capture=(), geolocation=(), microphone=(), \
         payment=(), publickey-credentials-get=(), usb=()",
    ),
    ("Referrer-Policy", "same-origin"),
    // For browsers without `frame-ancestors`.
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
];

const NO_STORE: &str = "no-store";
const REVALIDATE: &str = "no-cache";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Returns the file for a path, or `None` if the path is not one of the page's.
pub fn file(path: &str) -> Option<File<'_>> {
    let html = |status| File {
        path: "/index.html",
        status,
        cache_control: NO_STORE,
    };
    let file = |path, cache_control| File {
        path,
        status: 200,
        cache_control,
    };
    Some(match path {
        "/" | "/sign-in" | "/profile" | "/profile/" | "/profile/security" => html(200),
        // The page shows "Page not found".
        _ if path.starts_with("/profile/") => html(404),
        "/favicon.svg" | "/favicon.ico" => file("/favicon.svg", REVALIDATE),
        _ if path.starts_with("/pkg/") => file(path, REVALIDATE),
        _ => {
            let asset = path.strip_prefix("/assets/")?;
            let has_hash = asset.contains('/');
            file(path, if has_hash { IMMUTABLE } else { REVALIDATE })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::{self, Destination};

    #[test]
    fn html_is_never_cached_and_hashed_files_are_cached_forever() {
        for (path, expected) in [
            ("/", Some(("/index.html", 200, NO_STORE))),
            ("/sign-in", Some(("/index.html", 200, NO_STORE))),
            ("/profile", Some(("/index.html", 200, NO_STORE))),
            ("/profile/security", Some(("/index.html", 200, NO_STORE))),
            ("/profile/other", Some(("/index.html", 404, NO_STORE))),
            ("/favicon.ico", Some(("/favicon.svg", 200, REVALIDATE))),
            (
                "/assets/patrol-tokens.js",
                Some(("/assets/patrol-tokens.js", 200, REVALIDATE)),
            ),
            (
                "/assets/0123/app/main.js",
                Some(("/assets/0123/app/main.js", 200, IMMUTABLE)),
            ),
            ("/pkg/form.js", Some(("/pkg/form.js", 200, REVALIDATE))),
            ("/index.html", None),
            ("/api/v1/tokens", None),
        ] {
            let found = file(path).map(|file| (file.path, file.status, file.cache_control));
            assert_eq!(found, expected, "{path}");
            if found.is_some() {
                assert_eq!(routes::destination(path), Destination::Origin, "{path}");
            }
        }
    }

    #[test]
    fn content_security_policy_allows_nothing_inline_and_no_other_origin() {
        for directive in CONTENT_SECURITY_POLICY.split("; ") {
            let mut words = directive.split(' ');
            let name = words.next().unwrap();
            for source in words {
                let allowed = matches!(source, "'none'" | "'self'")
                    || (name, source) == ("script-src", "'wasm-unsafe-eval'")
                    || (name, source) == ("require-trusted-types-for", "'script'");
                assert!(allowed, "{directive}");
            }
        }
    }
}
