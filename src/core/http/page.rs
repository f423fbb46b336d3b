//! The page's files: the file for each path, and the headers it is served with.
//!
//! The page consists of static files that `cargo xtask build` lays out. All but the entry points are
//! under `assets/<hash>/`, where the hash covers every file. Browsers may cache them forever, because
//! a change of any file changes the address. The HTML contains the hash and is never cached. It is
//! served at several depths, so it names the other files by their public paths, which the origin
//! writes into it. The files themselves are the origin's static assets.

use crate::{
    routes::{PAGE, Paths},
    session::is_loopback,
};

/// A file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File<'a> {
    /// The file's path among the static assets, without a slash in front.
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

impl File<'_> {
    /// Whether the file is the HTML, which [`html`] completes.
    pub fn is_html(&self) -> bool {
        self.path == HTML
    }
}

const HTML: &str = "index.html";

/// What stands in the HTML for the public path of the page.
const PLACEHOLDER: &str = "%PAGE%";

/// Completes the HTML. The path needs no escapes: see [`Paths::new`].
pub fn html(template: &str, paths: &Paths) -> String {
    template.replace(PLACEHOLDER, &paths.public_path_of(PAGE))
}

/// Where to send a browser that opened the page at another of this machine's names, which is easily
/// done in development. The session and all changes belong to the origin of `PUBLIC_URL`. `host` is
/// the request's, `target` its path and query.
pub fn redirect(host: &str, target: &str, paths: &Paths) -> Option<String> {
    let is_other = host != paths.host() && is_loopback(host) && is_loopback(paths.host());
    is_other.then(|| format!("{}{target}", paths.origin()))
}

const NO_STORE: &str = "no-store";
const REVALIDATE: &str = "no-cache";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Returns the file for a path below [`PAGE`], or `None` if the page has no such path.
pub fn file(path: &str) -> Option<File<'_>> {
    let html = |status| File {
        path: HTML,
        status,
        cache_control: NO_STORE,
    };
    let file = |path, cache_control| File {
        path,
        status: 200,
        cache_control,
    };
    Some(match path {
        "" | "sign-in" | "profile" | "profile/" | "profile/security" => html(200),
        // The page shows "Page not found".
        _ if path.starts_with("profile/") => html(404),
        "favicon.svg" | "favicon.ico" => file("favicon.svg", REVALIDATE),
        _ if path.starts_with("pkg/") => file(path, REVALIDATE),
        _ => {
            let asset = path.strip_prefix("assets/")?;
            let has_hash = asset.contains('/');
            file(path, if has_hash { IMMUTABLE } else { REVALIDATE })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::Destination;

    #[test]
    fn html_is_never_cached_and_hashed_files_are_cached_forever() {
        for (path, expected) in [
            ("", Some(("index.html", 200, NO_STORE))),
            ("sign-in", Some(("index.html", 200, NO_STORE))),
            ("profile", Some(("index.html", 200, NO_STORE))),
            ("profile/security", Some(("index.html", 200, NO_STORE))),
            ("profile/other", Some(("index.html", 404, NO_STORE))),
            ("favicon.ico", Some(("favicon.svg", 200, REVALIDATE))),
            (
                "assets/patrol-tokens.js",
                Some(("assets/patrol-tokens.js", 200, REVALIDATE)),
            ),
            (
                "assets/0123/app/main.js",
                Some(("assets/0123/app/main.js", 200, IMMUTABLE)),
            ),
            ("pkg/form.js", Some(("pkg/form.js", 200, REVALIDATE))),
            ("index.html", None),
            ("api/v1/tokens", None),
        ] {
            let found = file(path).map(|file| (file.path, file.status, file.cache_control));
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn every_view_is_at_the_root_too_if_a_setting_says_so() {
        let paths = Paths::new("https://patrol.example", None, Some("page")).unwrap();
        for path in [
            "",
            "sign-in",
            "profile",
            "profile/",
            "profile/security",
            "profile/x",
        ] {
            assert!(file(path).is_some_and(|file| file.is_html()), "{path}");
            for prefix in ["/", "/.patrol/ui/"] {
                let found = format!("{prefix}{path}");
                assert_eq!(
                    paths.destination(&found),
                    Destination::Page(path),
                    "{found}"
                );
            }
        }
    }

    #[test]
    fn html_names_its_files_by_their_public_paths() {
        let paths = Paths::new("https://example.com/a", Some("/b/"), None).unwrap();
        let found = html(r#"<a href="%PAGE%x"><a href="%PAGE%y">"#, &paths);
        assert_eq!(found, r#"<a href="/a/b/ui/x"><a href="/a/b/ui/y">"#);
    }

    #[test]
    fn another_name_of_this_machine_leads_to_the_public_url() {
        let here = "http://127.0.0.1:8787/a";
        for (public_url, host, expected) in [
            (here, "localhost", Some("http://127.0.0.1:8787/a/b?c")),
            (here, "[::1]", Some("http://127.0.0.1:8787/a/b?c")),
            (here, "127.0.0.1", None),
            (here, "evil.example", None),
            (
                "http://localhost:1",
                "127.0.0.1",
                Some("http://localhost:1/a/b?c"),
            ),
            ("https://patrol.example", "localhost", None),
            ("https://patrol.example", "patrol.example", None),
        ] {
            let paths = Paths::new(public_url, None, None).unwrap();
            let found = redirect(host, "/a/b?c", &paths);
            assert_eq!(found.as_deref(), expected, "{public_url} {host}");
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
