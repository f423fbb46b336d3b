//! The routes and scopes of the repository's own policy.

use super::{Access, Policy, RouteError, path::PathFault};
use std::sync::LazyLock;

/// The policy of this repository.
pub(crate) fn policy() -> &'static Policy {
    static POLICY: LazyLock<Policy> = LazyLock::new(|| {
        let text = include_str!("../../../policy.toml");
        Policy::from_json(&patrol_policy::to_json(text).unwrap()).unwrap()
    });
    &POLICY
}

fn route(method: &str, path: &str) -> Option<&'static str> {
    let found = policy().route(method, path).ok()?;
    Some(&found.route.path)
}

/// What is wrong with a path.
fn fault(path: &str) -> Option<PathFault> {
    match policy().route("GET", path) {
        Err(RouteError::Path(error)) => Some(error.fault()),
        _ => None,
    }
}

#[test]
fn scopes_are_organized_by_group() {
    let groups: Vec<_> = policy()
        .groups()
        .iter()
        .map(|group| group.name.as_str())
        .collect();
    assert_eq!(
        groups,
        [
            "Pipelines",
            "Models",
            "Connectors",
            "UNS",
            "Dashboards",
            "Organizations"
        ]
    );
    for group in policy().groups() {
        assert!((3..=5).contains(&group.scopes.len()), "{}", group.name);
    }
}

#[test]
fn role_holds_the_scopes_of_the_roles_it_inherits() {
    let scopes = |name: &str| policy().role(name).unwrap().scopes;
    assert!(scopes("viewer").is_subset_of(scopes("operator")));
    assert!(scopes("operator").is_subset_of(scopes("engineer")));
    assert!(scopes("engineer").is_subset_of(scopes("admin")));
    assert_eq!(scopes("admin").len(), policy().scopes().count());
    assert!(!scopes("viewer").contains(policy().scope_index("uns:publish").unwrap()));
}

#[test]
fn route_prefers_the_most_specific() {
    for (method, path, found) in [
        (
            "GET",
            "/api/v1/engine/pipelines",
            "/api/v1/engine/pipelines",
        ),
        (
            "HEAD",
            "/api/v1/engine/pipelines",
            "/api/v1/engine/pipelines",
        ),
        (
            "GET",
            "/api/v1/engine/pipelines/p%20q",
            "/api/v1/engine/pipelines/{pipeline}",
        ),
        (
            "GET",
            "/api/v1/models/m/export",
            "/api/v1/models/{model}/export",
        ),
        (
            "PUT",
            "/api/v1/uns/topics/site/line/temp",
            "/api/v1/uns/topics/{*topic}",
        ),
        (
            "PUT",
            "/api/v1/uns/topics/one",
            "/api/v1/uns/topics/{*topic}",
        ),
    ] {
        assert_eq!(route(method, path), Some(found), "{method} {path}");
    }
}

#[test]
fn route_denies_what_no_rule_covers() {
    for (method, path) in [
        ("GET", "/"),
        ("GET", ""),
        ("GET", "/api"),
        ("GET", "/api/v1/engine"),
        ("GET", "/api/v1/secrets"),
        ("PUT", "/api/v1/engine/pipelines"),
        ("PUT", "/api/v1/uns/topics"),
        ("get", "/api/v1/engine/pipelines"),
        ("OPTIONS", "/api/v1/engine/pipelines"),
        ("TRACE", "/api/v1/engine/pipelines"),
        ("GET", "/api/v1/engine/pipelines/p/runs/r/results/more"),
    ] {
        assert_eq!(route(method, path), None, "{method} {path}");
    }
}

#[test]
fn route_rejects_a_path_with_a_second_spelling() {
    for path in [
        "/api/v1/engine/pipelines/",
        "/api//v1/engine/pipelines",
        "//api/v1/engine/pipelines",
        "/api/v1/engine/pipelines/..",
        "/api/v1/engine/pipelines/.",
        "/api/v1/engine/pipelines/%2e%2e",
        "/api/v1/engine/pipelines/%2E",
        "/api/v1/engine/pipelines/a%2fb",
        "/api/v1/engine/pipelines/a%5cb",
        "/api/v1/engine/pipelines/a\\b",
        "/api/v1/engine/pipelines/a;b",
        "/api/v1/engine/pipelines/a%3Bb",
        "/api/v1/engine/pipelines/a%00",
        "/api/v1/engine/pipelines/a%0a",
        "/api/v1/engine/pipelines/a%",
        "/api/v1/engine/pipelines/a%2",
        "/api/v1/engine/pipelines/a%zz",
        "/api/v1/engine/pipelines/a%+1",
        "/api/v1/engine/pipelines/a b",
        "/api/v1/engine/pipelines/a?b",
        "/api/v1/engine/pipelines/ä",
        "/api/v1/engine/pipelines/a#b",
        // Not UTF-8: overlong, truncated, a lone continuation byte, a surrogate, above U+10FFFF.
        "/api/v1/engine/pipelines/%c0%af",
        "/api/v1/engine/pipelines/%C0%AE%C0%AE",
        "/api/v1/engine/pipelines/%e0%80%af",
        "/api/v1/engine/pipelines/%c3",
        "/api/v1/engine/pipelines/%c3b",
        "/api/v1/engine/pipelines/%c3/runs",
        "/api/v1/engine/pipelines/%c3%28",
        "/api/v1/engine/pipelines/%a4",
        "/api/v1/engine/pipelines/%ff",
        "/api/v1/engine/pipelines/%ed%a0%80",
        "/api/v1/engine/pipelines/%f4%90%80%80",
        // Another path to a server that decodes twice.
        "/api/v1/engine/pipelines/%252e%252e",
        "/api/v1/engine/pipelines/a%252fb",
        "/api/v1/engine/pipelines/a%252Fb",
        "/api/v1/engine/pipelines/a%255cb",
        "/api/v1/engine/pipelines/a%25252fb",
        "/api/v1/engine/pipelines/p/%2572uns",
        "/api/v1/engine/pipelines/%25%34%31",
        "/api/v1/engine/pipelines/%2%35%34%31",
        "/api/v1/engine/pipelines/a%25u002fb",
    ] {
        assert_eq!(route("GET", path), None, "{path}");
    }
}

#[test]
fn route_accepts_an_escape_that_is_needed() {
    for name in [
        "a%20b",
        "%c3%a4",
        "%C3%84rger",
        "%e2%82%ac",
        "%f0%9f%8c%b2",
        "%c3%a4%e2%82%ac%25",
        "50%25",
        "50%25%20off",
        "50%25-off",
        "100%25or",
        "%25a",
    ] {
        let path = format!("/api/v1/engine/pipelines/{name}");
        let found = route("GET", &path);
        assert_eq!(found, Some("/api/v1/engine/pipelines/{pipeline}"), "{name}");
    }
}

/// RFC 3986, section 6.2.2.2. A literal in another spelling is still that literal.
#[test]
fn route_reads_an_escaped_unreserved_character_as_the_character() {
    const RUNS: &str = "/api/v1/engine/pipelines/{pipeline}/runs";
    for (sent, normal, found) in [
        ("plant%2D1", "plant-1", "/api/v1/models/{model}"),
        ("press%5Fhall", "press_hall", "/api/v1/models/{model}"),
        ("v1%2E0", "v1.0", "/api/v1/models/{model}"),
        ("%7Etmp", "~tmp", "/api/v1/models/{model}"),
        ("%41%20%c3%a4%62", "A%20%c3%a4b", "/api/v1/models/{model}"),
        ("m/%65xport", "m/export", "/api/v1/models/{model}/export"),
    ] {
        let path = format!("/api/v1/models/{sent}");
        let matched = policy().route("GET", &path).unwrap();
        assert_eq!(matched.path, format!("/api/v1/models/{normal}"));
        assert_eq!(matched.route.path, found, "{sent}");
    }
    assert_eq!(
        route("GET", "/api/v1/engine/pipelines/p/%72uns"),
        Some(RUNS)
    );
    assert_eq!(
        route("GET", "/%61pi/v1/engine/pipelines/p/runs"),
        Some(RUNS)
    );
}

/// MQTT topics and OPC UA node ids.
#[test]
fn raw_tail_goes_on_as_it_was_sent() {
    for tail in [
        "ns=2;s=Press",
        "ns%3D2%3Bs=Press",
        "a//b",
        "/leading/slash",
        "trailing/",
        "a%2Fb",
        "a%5Cb",
        "plant%2D1",
        "..a/b..",
        "...",
        "a;..",
        "50%25",
        "a%252Fb",
        "%c3%a4/\u{7b}\u{22}",
    ] {
        let path = format!("/api/v1/uns/topics/{tail}");
        let matched = policy().route("PUT", &path).unwrap();
        assert_eq!(matched.path, path);
        // Only the head is normalized.
        let path = format!("/api/v1/%75ns/topics/{tail}");
        let matched = policy().route("PUT", &path).unwrap();
        assert_eq!(matched.path, format!("/api/v1/uns/topics/{tail}"));
    }
}

#[test]
fn raw_tail_never_leads_out_of_its_folder() {
    for (tail, expected) in [
        ("..", PathFault::DotSegment),
        (".", PathFault::DotSegment),
        ("a/../b", PathFault::DotSegment),
        ("a/%2e%2E", PathFault::DotSegment),
        ("a/.%2e/b", PathFault::DotSegment),
        ("a%2F..%2Fb", PathFault::DotSegment),
        ("a%2f%2e%2e", PathFault::DotSegment),
        ("a%5C..", PathFault::DotSegment),
        ("a%5c%2e%2e%5cb", PathFault::DotSegment),
        ("..;x", PathFault::DotSegment),
        ("a/..;x=1/b", PathFault::DotSegment),
        ("a/..%3Bx", PathFault::DotSegment),
        ("a/%2e%2e%3bx/b", PathFault::DotSegment),
        ("a/%252e%252e/b", PathFault::DotSegment),
        ("a%252F..%252Fb", PathFault::DotSegment),
        ("a/%25252e%25252e", PathFault::DotSegment),
        ("a/%25u002e%25u002E", PathFault::DotSegment),
        ("a/..%25%32%66b", PathFault::DotSegment),
        ("a/%u002e%u002e", PathFault::InvalidEscape),
        ("a\\..\\b", PathFault::Backslash),
        ("a\\b", PathFault::Backslash),
        ("a%00", PathFault::Control),
        ("a%2500", PathFault::Control),
        ("a%0a", PathFault::Control),
        ("a%c0%ae", PathFault::NotUtf8),
        ("a%c3", PathFault::NotUtf8),
        ("a%zz", PathFault::InvalidEscape),
        ("a b", PathFault::Unescaped),
        ("ä", PathFault::Unescaped),
        ("", PathFault::FinalSlash),
        ("/", PathFault::EmptyTail),
        ("///", PathFault::EmptyTail),
        ("%2F", PathFault::EmptyTail),
        ("/%2f%5c", PathFault::EmptyTail),
        ("%252F", PathFault::EmptyTail),
    ] {
        assert_eq!(
            fault(&format!("/api/v1/uns/topics/{tail}")),
            Some(expected),
            "{tail}"
        );
    }
    // Outside of the tail nothing is raw.
    assert_eq!(fault("/api/v1/uns/topics;x/a"), Some(PathFault::Semicolon));
    assert_eq!(
        fault("/api/v1/uns/topics%2Fa"),
        Some(PathFault::EscapedSlash)
    );
    assert_eq!(
        fault("/api/v1//uns/topics/a"),
        Some(PathFault::EmptySegment)
    );
}

#[test]
fn refused_path_is_told_the_part_to_blame_and_what_to_write() {
    let text = |method: &str, path: &str| {
        let path = format!("/api/v1/{path}");
        policy().route(method, &path).unwrap_err().to_string()
    };
    for (method, path, told) in [
        ("GET", "models/", "Remove the slash at the end"),
        ("GET", "models//m", "empty segment in `//`"),
        ("GET", "models/a/../b", "the segment `..`"),
        ("GET", "models/%2e%2e", "the segment `..`"),
        ("GET", "models/a;b", "has `;`"),
        ("GET", "models/a%3Bb", "has `%3B`"),
        ("GET", "models/a%2fb", "escaped slash `%2f`"),
        ("GET", "models/a%5cb", "backslash `%5c`"),
        ("GET", "models/a%0ab", "control character `%0a`"),
        ("GET", "models/100%", "`%`, which is no escape. Write `%25`"),
        ("GET", "models/a%2541", "`%2541`, which is escaped twice"),
        ("GET", "models/a%c0%afb", "`%c0`, which is not UTF-8"),
        ("GET", "models/a%c3%28b", "`%c3%28`, which is not UTF-8"),
        ("GET", "models/a%c3", "`%c3`, which is not UTF-8"),
        ("GET", "models/ä", "Write `%C3%A4`"),
        ("GET", "models/a b", "Write `%20`"),
        ("GET", "uns/topics/a/..;b", "the segment `..;b`"),
        ("DELETE", "models", "Use GET or POST."),
        ("PUT", "uns/events", "Use GET."),
        ("POST", "models/m", "Use DELETE, GET, PATCH or PUT."),
        ("GET", "secrets", "Compare it with the API's documentation"),
    ] {
        let text = text(method, path);
        assert!(text.contains(told), "{path}: {text}");
    }
    let long = format!("models/{}", "%c3".repeat(9_000));
    assert!(text("GET", &long).len() < 400);
}

#[test]
fn organization_in_the_path_is_compared_decoded() {
    let other = |path: &str, organization: &str| {
        let path = format!("/api/v1/organizations{path}");
        let matched = policy().route("GET", &path).unwrap();
        matched.contradicts(organization)
    };
    assert!(!other("/acme/members", "acme"));
    assert!(!other("/%61cme/members", "acme"));
    assert!(!other("/auth0%7C7/members", "auth0|7"));
    assert!(other("/globex/members", "acme"));
    assert!(other("/acme%20/members", "acme"));
    assert!(other("/Acme", "acme"));
    assert!(!other("", "acme"));
}

#[test]
fn requirement_is_met_by_any_one_whole_alternative() {
    let held = |names: &str| policy().parse_scopes(names);
    let requirement = |path: &str| match &policy().route("POST", path).unwrap().route.access {
        Access::Scopes(requirement) => requirement.clone(),
        Access::Public => unreachable!(),
    };
    let any = requirement("/api/v1/connectors/c/test");
    assert!(any.is_met_by(held("connectors:test")) && any.is_met_by(held("connectors:write")));
    assert!(!any.is_met_by(held("connectors:read")) && !any.is_met_by(held("")));
    let both = requirement("/api/v1/uns/moves");
    assert!(both.is_met_by(held("uns:publish uns:manage")));
    assert!(!both.is_met_by(held("uns:publish")) && !both.is_met_by(held("uns:manage")));
}

#[test]
fn parse_scopes_ignores_a_scope_that_the_policy_lacks() {
    assert!(policy().parse_scopes("").is_empty());
    assert!(
        policy()
            .parse_scopes("uns:fly * uns:read,uns:publish")
            .is_empty()
    );
    assert_eq!(policy().parse_scopes("uns:read uns:read uns:fly").len(), 1);
}
