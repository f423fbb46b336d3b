//! The page's files: the file for each path, and the headers it is served with.
//!
//! The page consists of static files that `cargo xtask build` lays out. All but the entry points are
//! under `assets/<hash>/`, where the hash covers every file. Browsers may cache them forever, because
//! a change of any file changes the address. The HTML contains the hash and is never cached. It is
//! served at several depths, so it names the other files by their public paths, which the origin
//! writes into it. The files themselves are the origin's static assets.

use crate::routes::{PAGE, Paths};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
const PAGE_PLACEHOLDER: &str = "%PAGE%";

/// What stands in the HTML for the origin of `PUBLIC_URL`. The page compares its own with it, because
/// only a browser knows the address that the user sees.
const ORIGIN_PLACEHOLDER: &str = "%ORIGIN%";

/// Completes the HTML. Neither needs escapes: the path is plain ([`Paths::new`]), and the origin is one
/// as browsers write it.
pub fn html(template: &str, paths: &Paths) -> String {
    template
        .replace(PAGE_PLACEHOLDER, &paths.public_path_of(PAGE))
        .replace(ORIGIN_PLACEHOLDER, paths.origin())
}

/// Where to send a browser that opened the page at another of this machine's names, which is easily
/// done in development. The session and all changes belong to the origin of `PUBLIC_URL`. `host`
/// and `port` are the request's, `path` is its path.
///
/// At any other address the page opens, and says which is the right one: a proxy may have replaced
/// what the user typed, and would do so again. One on this machine has another port.
pub fn redirect(host: &str, port: Option<u16>, path: &str, paths: &Paths) -> Option<String> {
    let names = [host, paths.host()].map(|host| host.trim_end_matches('.').to_ascii_lowercase());
    let is_other = !host.eq_ignore_ascii_case(paths.host());
    let is_here = names.iter().all(|name| names_this_machine(name));
    (is_other && is_here && port == paths.port()).then(|| format!("{}{path}", paths.origin()))
}

/// Whether a host, in lower case, is a name or an address of the local machine (RFC 6761, section
/// 6.3). [`crate::session::is_loopback`] is stricter: it is about what is allowed there.
fn names_this_machine(host: &str) -> bool {
    let literal = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let address: Option<IpAddr> = match literal {
        Some(literal) => literal
            .parse::<Ipv6Addr>()
            .ok()
            .map(|address| address.to_canonical()),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    };
    match address {
        // Browsers reach the own machine by the unspecified address too.
        Some(address) => address.is_loopback() || address.is_unspecified(),
        None => host == "localhost" || host.ends_with(".localhost"),
    }
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
        "" | "sign-in" | "profile" | "profile/security" => html(200),
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
        for path in ["", "sign-in", "profile", "profile/security", "profile/x"] {
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
        let found = html(r#"<a href="%PAGE%x"><a href="%ORIGIN%%PAGE%y">"#, &paths);
        assert_eq!(
            found,
            r#"<a href="/a/b/ui/x"><a href="https://example.com/a/b/ui/y">"#
        );
    }

    #[test]
    fn another_name_of_this_machine_leads_to_the_public_url() {
        let here = "http://127.0.0.1:8787/a";
        for (public_url, host, expected) in [
            (here, "localhost", Some("http://127.0.0.1:8787/a/b")),
            (here, "[::1]", Some("http://127.0.0.1:8787/a/b")),
            (here, "LocalHost", Some("http://127.0.0.1:8787/a/b")),
            (here, "localhost.", Some("http://127.0.0.1:8787/a/b")),
            (here, "app.localhost", Some("http://127.0.0.1:8787/a/b")),
            (here, "127.0.0.2", Some("http://127.0.0.1:8787/a/b")),
            (here, "127.0.0.1.", Some("http://127.0.0.1:8787/a/b")),
            (here, "0.0.0.0", Some("http://127.0.0.1:8787/a/b")),
            (here, "[::]", Some("http://127.0.0.1:8787/a/b")),
            (
                here,
                "[::ffff:127.0.0.1]",
                Some("http://127.0.0.1:8787/a/b"),
            ),
            (here, "127.0.0.1", None),
            (here, "192.168.0.1", None),
            (here, "[fe80::1]", None),
            (here, "notlocalhost", None),
            (here, "localhost.evil.example", None),
            (here, "evil.example", None),
            (here, "", None),
            (
                "http://localhost:1",
                "127.0.0.1",
                Some("http://localhost:1/a/b"),
            ),
            ("https://patrol.example", "localhost", None),
            ("https://patrol.example", "patrol.example", None),
        ] {
            let paths = Paths::new(public_url, None, None).unwrap();
            let redirect = |port| redirect(host, port, "/a/b", &paths);
            let found = redirect(paths.port());
            assert_eq!(found.as_deref(), expected, "{public_url} {host}");
            assert_eq!(redirect(Some(9)), None, "a proxy's address for the Worker");
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
