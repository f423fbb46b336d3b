//! Forward-auth: which request another proxy asks about, and how it learns of a refusal.
//!
//! The path of a question says how the proxy states the request ([`Dialect`]). The proxy must write
//! what it states itself, in place of whatever a client sent. A client can still send what another
//! dialect would read; that counts as an override, and refuses the request
//! ([`refused_behind_proxy`](super::forwarding::refused_behind_proxy)).
//!
//! Left out: whether the proxy forwards the request that it states.

use super::{
    decision::Forwarder,
    forwarding::{
        FORWARDED_METHOD, FORWARDED_URI, ORIGINAL_METHOD, ORIGINAL_URI, ORIGINAL_URL, in_tokens,
    },
};
use crate::{
    http::problem::{Problem, ProblemCode},
    routes::{self, Dialect},
};

/// A proxy's request to the edge, without its headers.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// How it states the request that it asks about.
    pub dialect: Dialect,
    /// Its own method.
    pub method: &'a str,
    /// What follows the dialect's path in its own path.
    pub path: &'a str,
    /// Its own query, with its `?`, if there is one.
    pub query: &'a str,
}

/// The request that a proxy asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The method as sent.
    pub method: String,
    /// The path as sent, percent-encoded, without the query.
    pub path: String,
}

/// Why a question cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuestionError {
    /// The method or the target is missing.
    Missing,
    /// There is not exactly one method and one target.
    Ambiguous,
}

impl Question {
    /// Reads the question. `header` returns the value of one of its headers.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub fn read(
        asking: Asking<'_>,
        header: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, QuestionError> {
        let (method, target) = match asking.dialect {
            Dialect::Forwarded => (header(FORWARDED_METHOD), header(FORWARDED_URI)),
            Dialect::Nginx => {
                let target = match (header(ORIGINAL_URI), header(ORIGINAL_URL)) {
                    // The client wrote one of them.
                    (Some(_), Some(_)) => return Err(QuestionError::Ambiguous),
                    (uri, url) => uri.or(url),
                };
                (header(ORIGINAL_METHOD), target)
            }
            Dialect::Envoy => {
                let target = match asking.query.strip_prefix('?') {
                    // The target as sent, with its own slash.
                    Some(target) if asking.path.is_empty() => target.to_owned(),
                    _ => format!("{}{}", asking.path, asking.query),
                };
                let target = Some(target).filter(|target| !target.is_empty());
                (Some(asking.method.to_owned()), target)
            }
        };
        let (Some(method), Some(target)) = (method, target) else {
            return Err(QuestionError::Missing);
        };
        match path_of(&target) {
            Some(path) if is_method(&method) => Ok(Self {
                method,
                path: path.to_owned(),
            }),
            _ => Err(QuestionError::Ambiguous),
        }
    }
}

/// Whether the text is one method (RFC 9110, section 9.1). The runtime joins two headers with a comma.
fn is_method(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(in_tokens)
}

/// The path of a request target in origin form or absolute form (RFC 9112, section 3.2). `None`: it is
/// not exactly one. The runtime joins two headers with a comma and a space, and
/// no target contains a space or a fragment.
fn path_of(target: &str) -> Option<&str> {
    let in_targets = |byte: u8| !matches!(byte, 0..=b' ' | b'#' | 0x7f);
    if !target.bytes().all(in_targets) {
        return None;
    }
    if target.starts_with('/') {
        return Some(routes::split(target).0);
    }
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| target.strip_prefix(scheme))?;
    // nginx builds the URL of a header that the client wrote: the host must not begin the path.
    let (host, _) = rest.split_once('/')?;
    let in_hosts = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte);
    (!host.is_empty() && host.bytes().all(in_hosts)).then(|| routes::split(target).0)
}

impl QuestionError {
    /// The response body. The text is for whoever configures the proxy.
    pub fn problem(self, dialect: Dialect) -> Problem {
        let headers = match dialect {
            Dialect::Forwarded => {
                "Send the request's method in one header `X-Forwarded-Method`, and its path and \
                 query, as the client sent them, in one header `X-Forwarded-Uri`, without `#` or \
                 white space."
            }
            Dialect::Nginx => {
                "Send the request's method in one header `X-Original-Method`, and its path and \
                 query, as the client sent them, in one header `X-Original-URI` or \
                 `X-Original-URL`, but not both, without `#` or white space."
            }
            Dialect::Envoy => {
                "Ask with the request's method, and append its path and query, as the client sent \
                 them, to the path of this question, without `#`."
            }
        };
        match self {
            Self::Missing => Problem::new(
                ProblemCode::ForwardedMissing,
                "No request to authorize",
                headers,
            ),
            Self::Ambiguous => Problem::new(
                ProblemCode::ForwardedInvalid,
                "Ambiguous request to authorize",
                headers,
            ),
        }
    }
}

/// The header in which nginx gets the status for the client.
pub const NGINX_STATUS: &str = "X-Patrol-Status";

/// The header in which nginx gets the body for the client: a problem in ASCII, on one line.
pub const NGINX_PROBLEM: &str = "X-Patrol-Problem";

/// How a refusal is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// Headers beyond those of the problem.
    pub headers: Vec<(&'static str, String)>,
}

/// How a problem is sent to whoever forwards the request. nginx takes every status but 401 and 403
/// for an error of Patrol's and drops the body, so it gets both in headers.
pub fn refusal(problem: &Problem, forwarder: Forwarder) -> Refusal {
    match forwarder {
        Forwarder::Proxy(Dialect::Nginx) => Refusal {
            status: if problem.status == 401 { 401 } else { 403 },
            headers: vec![
                (NGINX_STATUS, problem.status.to_string()),
                (NGINX_PROBLEM, problem.to_ascii_json()),
            ],
        },
        Forwarder::Edge | Forwarder::Proxy(Dialect::Forwarded | Dialect::Envoy) => Refusal {
            status: problem.status,
            headers: Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use QuestionError::{Ambiguous, Missing};

    const FORWARDED: Asking<'_> = Asking {
        dialect: Dialect::Forwarded,
        method: "POST",
        path: "",
        query: "?/ignored",
    };
    const NGINX: Asking<'_> = Asking {
        dialect: Dialect::Nginx,
        ..FORWARDED
    };

    /// Method and path of a question with these headers.
    fn read(
        asking: Asking<'_>,
        headers: &[(&str, &str)],
    ) -> Result<(String, String), QuestionError> {
        let header = |wanted: &str| {
            let mut found = headers.iter().filter(|(name, _)| *name == wanted);
            found.next().map(|(_, value)| (*value).to_owned())
        };
        let question = Question::read(asking, header)?;
        Ok((question.method.clone(), question.path))
    }

    #[test]
    fn question_is_read_from_the_headers_of_its_dialect_only() {
        let forwarded = [("X-Forwarded-Method", "PUT"), ("X-Forwarded-Uri", "/f?x")];
        let uri = [("X-Original-Method", "GET"), ("X-Original-URI", "/o?x")];
        let url = [
            ("X-Original-Method", "GET"),
            ("X-Original-URL", "https://h:1/u?x"),
        ];
        let ok = |method: &str, path: &str| Ok((method.to_owned(), path.to_owned()));
        let both = [&forwarded[..], &uri].concat();
        let envoy = |path, query| Asking {
            dialect: Dialect::Envoy,
            method: "DELETE",
            path,
            query,
        };
        for (asking, headers, expected) in [
            (FORWARDED, &forwarded[..], ok("PUT", "/f")),
            (FORWARDED, &both, ok("PUT", "/f")),
            (FORWARDED, &uri, Err(Missing)),
            (FORWARDED, &forwarded[..1], Err(Missing)),
            (FORWARDED, &forwarded[1..], Err(Missing)),
            (NGINX, &uri, ok("GET", "/o")),
            (NGINX, &url, ok("GET", "/u")),
            (NGINX, &both, ok("GET", "/o")),
            (NGINX, &forwarded, Err(Missing)),
            (NGINX, &[uri[0], uri[1], url[1]], Err(Ambiguous)),
            (NGINX, &uri[1..], Err(Missing)),
            (envoy("/e//x", "?a?b"), &both, ok("DELETE", "/e//x")),
            (envoy("", "?/e/../x?a"), &both, ok("DELETE", "/e/../x")),
            (envoy("", ""), &both, Err(Missing)),
            (envoy("", "?"), &both, Err(Missing)),
            (envoy("", "?a=/e"), &both, Err(Ambiguous)),
        ] {
            assert_eq!(read(asking, headers), expected, "{asking:?} {headers:?}");
        }
    }

    #[test]
    fn question_has_exactly_one_method_and_one_target() {
        for (method, uri, expected) in [
            ("GET", "/a?b=1,2", Ok("/a")),
            ("get", "/", Ok("/")),
            ("M-SEARCH", "/a?b=http://c/d", Ok("/a")),
            ("GET", "http://h/a,b", Ok("/a,b")),
            ("GET", "https://[::1]:8080/a//b?c", Ok("/a//b")),
            ("GET", "//h/a", Ok("//h/a")),
            ("GET", "/http://h/a", Ok("/http://h/a")),
            ("GET, DELETE", "/a", Err(Ambiguous)),
            ("", "/a", Err(Ambiguous)),
            ("GET ", "/a", Err(Ambiguous)),
            ("GET", "", Err(Ambiguous)),
            ("GET", "*", Err(Ambiguous)),
            ("GET", "a", Err(Ambiguous)),
            ("GET", "h:443", Err(Ambiguous)),
            ("GET", "ftp://h/a", Err(Ambiguous)),
            ("GET", "HTTP://h/a", Err(Ambiguous)),
            ("GET", "http://h", Err(Ambiguous)),
            ("GET", "http:///a", Err(Ambiguous)),
            ("GET", "http://h?x/a", Err(Ambiguous)),
            ("GET", "http://h\\x/a", Err(Ambiguous)),
            ("GET", "http://u@h/a", Err(Ambiguous)),
            ("GET", "/allowed, /other", Err(Ambiguous)),
            ("GET", "/allowed?b=1, /other", Err(Ambiguous)),
            ("GET", "/allowed,\t/other", Err(Ambiguous)),
            ("GET", "/allowed#/../../other", Err(Ambiguous)),
            ("GET", "/allowed?b#/../../other", Err(Ambiguous)),
            ("GET", "/allowed\u{c}", Err(Ambiguous)),
            ("GET", "/allowed\u{7f}", Err(Ambiguous)),
        ] {
            let stated = [
                (FORWARDED, ["X-Forwarded-Method", "X-Forwarded-Uri"]),
                (NGINX, ["X-Original-Method", "X-Original-URI"]),
                (NGINX, ["X-Original-Method", "X-Original-URL"]),
            ];
            for (asking, [first, second]) in stated {
                let found = read(asking, &[(first, method), (second, uri)]);
                let path = found.map(|(_, path)| path);
                assert_eq!(path.as_deref().map_err(|error| *error), expected, "{uri}");
            }
        }
    }

    #[test]
    fn nginx_gets_status_and_problem_in_headers() {
        let problem = Problem::new(ProblemCode::OrganizationRequired, "Title", "ä\u{1f600}\n");
        let plain = Refusal {
            status: 400,
            headers: Vec::new(),
        };
        for forwarder in [
            Forwarder::Edge,
            Forwarder::Proxy(Dialect::Forwarded),
            Forwarder::Proxy(Dialect::Envoy),
        ] {
            assert_eq!(refusal(&problem, forwarder), plain);
        }
        let nginx = |problem: &Problem| refusal(problem, Forwarder::Proxy(Dialect::Nginx));
        let told = nginx(&problem);
        assert_eq!(told.status, 403);
        let [(status, value), (name, json)] = &told.headers[..] else {
            panic!("two headers");
        };
        assert_eq!((*status, value.as_str()), ("X-Patrol-Status", "400"));
        assert_eq!(*name, "X-Patrol-Problem");
        assert!(json.contains(r"\u00e4\ud83d\ude00\n"), "{json}");
        let read = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(read(json), read(&problem.to_json()));
        for (code, status) in [
            (ProblemCode::TokenExpired, 401),
            (ProblemCode::ScopeInsufficient, 403),
            (ProblemCode::RevocationUnavailable, 403),
            (ProblemCode::Internal, 403),
        ] {
            assert_eq!(nginx(&Problem::new(code, "", "")).status, status);
        }
    }
}
