//! The files of the page: which one answers a path, and what a browser may do with it.
//!
//! The page is plain files that `cargo xtask build` lays out. All of it but the entry points
//! lives under `/assets/<hash>/`, where the hash is one of every file, so those answers can be
//! kept for good: another content has another address. The HTML, which names the hash, is never
//! kept. Left out: the files themselves, which the origin has as static assets.

/// One file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File<'a> {
    /// Where it is among the static assets.
    pub path: &'a str,
    /// The status of the answer, if the file is there.
    pub status: u16,
    /// `Cache-Control`.
    pub cache_control: &'static str,
}

/// What a browser must refuse to do, even if a script on the page asked for it (Content
/// Security Policy Level 3). No markup can become a script: there is no inline script or style,
/// nothing comes from elsewhere, and Trusted Types close the ways from text to script.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// What every file is sent with.
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
    // For browsers that do not know `frame-ancestors`.
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
];

const NEVER: &str = "no-store";
const ASK_FIRST: &str = "no-cache";
const FOR_GOOD: &str = "public, max-age=31536000, immutable";

/// The file for a path; None: the path is none of the page's.
pub fn file(path: &str) -> Option<File<'_>> {
    let html = |status| File {
        path: "/index.html",
        status,
        cache_control: NEVER,
    };
    let as_it_is = |path, cache_control| File {
        path,
        status: 200,
        cache_control,
    };
    Some(match path {
        "/" | "/sign-in" | "/profile" | "/profile/" | "/profile/security" => html(200),
        // The page itself says that there is no such thing.
        _ if path.starts_with("/profile/") => html(404),
        "/favicon.svg" | "/favicon.ico" => as_it_is("/favicon.svg", ASK_FIRST),
        _ if path.starts_with("/pkg/") => as_it_is(path, ASK_FIRST),
        _ => {
            let below = path.strip_prefix("/assets/")?;
            let hashed = below.contains('/');
            as_it_is(path, if hashed { FOR_GOOD } else { ASK_FIRST })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::{self, Destination};

    #[test]
    fn html_is_never_kept_and_what_has_a_hash_for_good() {
        for (path, expected) in [
            ("/", Some(("/index.html", 200, NEVER))),
            ("/sign-in", Some(("/index.html", 200, NEVER))),
            ("/profile", Some(("/index.html", 200, NEVER))),
            ("/profile/security", Some(("/index.html", 200, NEVER))),
            ("/profile/other", Some(("/index.html", 404, NEVER))),
            ("/favicon.ico", Some(("/favicon.svg", 200, ASK_FIRST))),
            (
                "/assets/patrol-tokens.js",
                Some(("/assets/patrol-tokens.js", 200, ASK_FIRST)),
            ),
            (
                "/assets/0123/app/main.js",
                Some(("/assets/0123/app/main.js", 200, FOR_GOOD)),
            ),
            ("/pkg/form.js", Some(("/pkg/form.js", 200, ASK_FIRST))),
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
    fn nothing_inline_and_nothing_from_elsewhere_is_allowed() {
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
