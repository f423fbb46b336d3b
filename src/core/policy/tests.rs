//! The default policy, and the mistakes that the policy compiler rejects.

use super::{POLICY, source};

fn route(method: &str, path: &str) -> Option<&'static str> {
    POLICY.route(method, path).map(|route| route.path)
}

#[test]
fn scopes_are_organized_by_group() {
    let groups: Vec<_> = POLICY.groups.iter().map(|group| group.name).collect();
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
    for group in POLICY.groups {
        assert!(
            (3..=5).contains(&(group.end - group.first)),
            "{}",
            group.name
        );
    }
}

#[test]
fn role_holds_the_scopes_of_the_roles_it_inherits() {
    let scopes = |name: &str| POLICY.role(name).unwrap().scopes;
    assert!(scopes("viewer").is_subset_of(scopes("operator")));
    assert!(scopes("operator").is_subset_of(scopes("engineer")));
    assert!(scopes("engineer").is_subset_of(scopes("admin")));
    assert_eq!(scopes("admin").len(), POLICY.scopes.len());
    assert!(!scopes("viewer").contains(POLICY.scope_index("uns:publish").unwrap()));
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
        "/api/v1/engine/pipelines/%72uns",
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

#[test]
fn requirement_is_met_by_any_one_whole_alternative() {
    let held = |names: &str| POLICY.parse_scopes(names);
    let any = POLICY
        .route("POST", "/api/v1/connectors/c/test")
        .unwrap()
        .requirement;
    assert!(any.is_met_by(held("connectors:test")) && any.is_met_by(held("connectors:write")));
    assert!(!any.is_met_by(held("connectors:read")) && !any.is_met_by(held("")));
    let both = POLICY
        .route("POST", "/api/v1/uns/moves")
        .unwrap()
        .requirement;
    assert!(both.is_met_by(held("uns:publish uns:manage")));
    assert!(!both.is_met_by(held("uns:publish")) && !both.is_met_by(held("uns:manage")));
}

#[test]
fn parse_scopes_ignores_a_scope_that_the_policy_lacks() {
    assert!(POLICY.parse_scopes("").is_empty());
    assert!(
        POLICY
            .parse_scopes("uns:fly * uns:read,uns:publish")
            .is_empty()
    );
    assert_eq!(POLICY.parse_scopes("uns:read uns:read uns:fly").len(), 1);
}

const START: &str = r#"[rbac]
enabled = true
[[group]]
name = "G"
color = "blue"
scopes = [{ name = "a:b", label = "L", description = "D" }]
"#;

#[test]
fn read_rejects_a_wrong_policy_with_its_line() {
    for (addition, line, message) in [
        (
            "[routes]\n\"GET /x\" = [\"a:c\"]\n",
            8,
            "no group has a scope \"a:c\"",
        ),
        (
            "[routes]\n\n\"GET x\" = [\"a:b\"]\n",
            9,
            "a route is \"METHOD /path\"",
        ),
        ("[routes]\n\"GET /x\" = []\n", 8, "open to every token"),
        ("[routes]\n\"GET /x\" = [[]]\n", 8, "allow every token"),
        (
            "[routes]\n\"FETCH /x\" = [\"a:b\"]\n",
            8,
            "method \"FETCH\"",
        ),
        ("[routes]\n\"GET /x//y\" = [\"a:b\"]\n", 8, "segment \"\""),
        (
            "[routes]\n\"GET /x/%41\" = [\"a:b\"]\n",
            8,
            "segment \"%41\"",
        ),
        (
            "[routes]\n\"GET /{*a}/y\" = [\"a:b\"]\n",
            8,
            "must be the last segment",
        ),
        (
            "[routes]\n\"GET /{a}\" = [\"a:b\"]\n\"GET /{b}\" = [\"a:b\"]\n",
            9,
            "matches the same requests",
        ),
        (
            "[[role]]\nname = \"r\"\nlabel = \"R\"\nscopes = [\"a:c\"]\n",
            10,
            "no group has a scope",
        ),
        (
            "[[role]]\nname = \"r\"\nlabel = \"R\"\ninherits = [\"q\"]\n",
            10,
            "no role \"q\" is defined above",
        ),
        (
            "[[group]]\nname = \"G\"\ncolor = \"pink\"\nscopes = []\n",
            8,
            "is defined twice",
        ),
        (
            "[[group]]\nname = \"H\"\ncolor = \"pink\"\nscopes = []\n",
            8,
            "has no scopes",
        ),
        (
            "[[group]]\nname = \"H\"\ncolor = \"pink\"\nscopes = [{ name = \"ab\", label = \"\", description = \"\" }]\n",
            10,
            "resource:action",
        ),
        (
            "[[group]]\nname = \"H\"\ncolor = \"red\"\nscopes = []\n",
            9,
            "color \"red\" is not one of blue, violet, amber, green, pink, slate",
        ),
        ("[rules]\n", 7, "unknown field `rules`"),
    ] {
        let error = source::read(&format!("{START}{addition}")).unwrap_err();
        assert_eq!(error.line, line, "{addition}{error}");
        assert!(error.message.contains(message), "{addition}{error}");
    }
    assert!(source::read(START).is_ok());
}

#[test]
fn read_rejects_a_route_that_would_never_be_reached() {
    let read = |path: &str| source::read(&format!("{START}[routes]\n\"GET {path}\" = [\"a:b\"]\n"));
    for path in ["/.patrol/health", "/.patrol/api/v1/me", "/.patrol/{*rest}"] {
        let error = read(path).unwrap_err();
        assert_eq!(error.line, 8, "{path}: {error}");
        assert!(error.message.contains("use another path"), "{error}");
    }
    for path in [
        "/api/v1/me",
        "/api/v1/{x}",
        "/auth/login",
        "/status/{id}",
        "/.well-known/security.txt",
        "/{*all}",
    ] {
        assert!(read(path).is_ok(), "{path}");
    }
}

#[test]
fn every_group_color_has_a_style() {
    let sheet = include_str!("../../../www/style/tokens.css");
    for color in source::COLORS {
        assert!(
            sheet.contains(&format!("\n[data-color=\"{color}\"] {{")),
            "{color}"
        );
    }
}
