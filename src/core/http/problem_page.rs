//! A problem as a page, for browsers that follow a link or come back from a provider.
//!
//! It has neither scripts nor other files, so that it works when nothing else does. Its texts may
//! contain what a provider said, so they are escaped.

use super::problem::Problem;
use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

/// The media type of the page.
pub const MEDIA_TYPE: &str = "text/html; charset=utf-8";

const STYLE: &str = "\
    :root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif }\
    main { max-width: 34rem; margin: 12vh auto; padding: 0 1rem; overflow-wrap: anywhere }\
    h1 { font-size: 1.4rem }";

/// The HTML. `again` is the path at which the user can begin again.
pub fn html(problem: &Problem, again: &str) -> String {
    let [title, detail, again] = [problem.title, &*problem.detail, again].map(escaped);
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title} · Patrol</title><style>{STYLE}</style>\
         <main><h1>{title}</h1><p>{detail}</p><p><a href=\"{again}\">Sign in again</a></p></main>"
    )
}

/// The Content Security Policy of the page: its own style, and nothing else.
pub fn content_security_policy() -> String {
    let hash = Base64::encode_string(&Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::ProblemCode;

    #[test]
    fn texts_of_a_provider_never_become_markup() {
        let detail = r#"<script>alert("1")</script> & more"#;
        let problem = Problem::new(ProblemCode::SignInFailed, "Sign-in failed", detail);
        let html = html(&problem, "/x\"><b>");
        assert!(html.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; more"));
        assert!(html.contains("href=\"/x&quot;&gt;&lt;b&gt;\""));
    }
}
