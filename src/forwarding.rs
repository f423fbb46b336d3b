//! Which headers of an allowed request the upstream gets.
//!
//! It gets everything but what was meant for the edge (the token, the session), what speaks of
//! one connection only, what would make another request of it than was judged, and what only the
//! edge may say (who calls). Headers are named one by one, as to look at all that a client sent
//! costs more than everything else that is done here; so a new header of ours must be one of
//! [`IDENTITY`].

use crate::session;
use std::borrow::Cow;

/// The headers that tell the upstream who calls, and that nobody else may send: the token's
/// owner, its id, the organization in which the request acts, the scopes with spaces between them.
pub const IDENTITY: [&str; 4] = [
    "X-Patrol-Subject",
    "X-Patrol-Token-Id",
    "X-Patrol-Organization",
    "X-Patrol-Scopes",
];

/// The first is the token; then come headers of one connection only (RFC 9110, section 7.6.1);
/// then such as let some servers take a request for one of another method or path than was judged.
const ENDS_HERE: [&str; 14] = [
    "Authorization",
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "X-HTTP-Method",
    "X-HTTP-Method-Override",
    "X-Method-Override",
    "X-Original-URL",
    "X-Rewrite-URL",
];

/// The names of all headers that the upstream never gets from a client, whatever they say.
pub fn withheld() -> Vec<String> {
    let ends_here = ENDS_HERE.map(str::to_owned).into_iter();
    ends_here
        .chain(IDENTITY.into_iter().flat_map(lookalikes))
        .collect()
}

/// The name, and what servers in the manner of CGI read as the same one: for them a hyphen is
/// an underscore.
fn lookalikes(name: &str) -> Vec<String> {
    let begun = vec![String::new()];
    name.chars().fold(begun, |written, letter| {
        let letters = match letter {
            '-' => "-_".to_owned(),
            other => other.to_string(),
        };
        let each = written.iter();
        each.flat_map(|begun| {
            letters
                .chars()
                .map(move |letter| format!("{begun}{letter}"))
        })
        .collect()
    })
}

/// The headers of a request that go on or not by what they say. None: there is no such header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conditional<'a> {
    /// It names other headers that end here too.
    pub connection: Option<&'a str>,
    /// It goes on only where it asks for WebSocket, which the runtime carries through.
    pub upgrade: Option<&'a str>,
    /// It goes on without the session.
    pub cookie: Option<&'a str>,
}

/// A header that is to be changed: its name, and its new value or none.
pub type Change<'a> = (Cow<'a, str>, Option<String>);

impl<'a> Conditional<'a> {
    /// What is to be changed besides. It is to be done before the identity is written: a client
    /// may name these headers too.
    pub fn changes(self) -> Vec<Change<'a>> {
        let named = self.connection.into_iter().flat_map(named_by);
        let mut changes: Vec<_> = named.map(|name| (name.into(), None)).collect();
        if self
            .upgrade
            .is_some_and(|protocol| !protocol.eq_ignore_ascii_case("websocket"))
        {
            changes.push(("Upgrade".into(), None));
        }
        if let Some(cookies) = self.cookie {
            changes.push(("Cookie".into(), session::without_session(cookies)));
        }
        changes
    }
}

/// The headers that a `Connection` header names, but for `Upgrade`, which has its own rule, and
/// for what is no header but says whether the connection stays open. What no header can be named
/// like (RFC 9110, section 5.6.2) is left out.
fn named_by(connection: &str) -> impl Iterator<Item = &str> {
    const NO_HEADERS: [&str; 4] = ["", "upgrade", "keep-alive", "close"];
    let in_names = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let names = connection.split(',').map(str::trim);
    names
        .filter(move |name| name.bytes().all(in_names))
        .filter(|name| NO_HEADERS.iter().all(|no| !name.eq_ignore_ascii_case(no)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upstream_does_not_get_what_was_meant_for_the_edge() {
        let withheld = withheld();
        let is_withheld = |name: &str| {
            let mut names = withheld.iter();
            names.any(|withheld| withheld.eq_ignore_ascii_case(name))
        };
        for name in [
            "authorization",
            "connection",
            "te",
            "x-http-method-override",
            "x-patrol-subject",
            "x_patrol_subject",
            "x-patrol_subject",
            "x_patrol-token_id",
            "x-patrol-organization",
            "x-patrol_scopes",
        ] {
            assert!(is_withheld(name), "{name}");
        }
        for name in ["accept", "x-organization-id", "x-patrolled", "upgrade"] {
            assert!(!is_withheld(name), "{name}");
        }
    }

    #[test]
    fn an_identity_has_no_second_spelling() {
        let twice: Vec<_> = lookalikes("a-b-c");
        assert_eq!(twice, ["a-b-c", "a-b_c", "a_b-c", "a_b_c"]);
    }

    #[test]
    fn some_headers_go_on_by_what_they_say() {
        let changes = |conditional: Conditional<'static>| conditional.changes();
        let without = |name: &'static str| (Cow::Borrowed(name), None);
        let none = Conditional::default();
        assert!(changes(none).is_empty());

        let connection = |value| Conditional {
            connection: Some(value),
            ..none
        };
        assert!(changes(connection("")).is_empty());
        assert!(changes(connection("Keep-Alive")).is_empty());
        assert!(changes(connection("close")).is_empty());
        let named = changes(connection("X-Hop , Upgrade,,x-other, a b,é"));
        assert_eq!(named, [without("X-Hop"), without("x-other")]);

        let upgrade = |value| Conditional {
            upgrade: Some(value),
            ..none
        };
        assert!(changes(upgrade("WebSocket")).is_empty());
        assert_eq!(changes(upgrade("h2c")), [without("Upgrade")]);

        let cookie = |value| Conditional {
            cookie: Some(value),
            ..none
        };
        let session = "__Host-patrol_session=secret";
        assert_eq!(changes(cookie(session)), [without("Cookie")]);
        let kept = [("Cookie".into(), Some("theme=dark".to_owned()))];
        assert_eq!(changes(cookie("theme=dark")), kept);
    }
}
