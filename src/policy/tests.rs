//! The mistakes that stop a policy, and what becomes of one without.

use super::{read, to_json};
use patrol::policy::{COLORS, Policy};

const START: &str = r#"[rbac]
enabled = true
[[group]]
name = "G"
color = "blue"
scopes = [{ name = "a:b", label = "L", description = "D" }]
"#;

/// What is added to [`START`], the line of the mistake, and a part of the message.
const WRONG: &[(&str, usize, &str)] = &[
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
    (
        "[routes]\n\"GET /{a}/{a}\" = [\"a:b\"]\n",
        8,
        "{a} occurs twice",
    ),
    ("[routes]\n\"GET /x\" = {}\n", 8, "open to every token"),
    (
        "[routes]\n\"GET /x\" = { scopes = [\"a:b\"], public = true }\n",
        8,
        "a public route needs no token",
    ),
    (
        "[routes]\n\"GET /x/{a}\" = { scopes = [\"a:b\"], raw = true }\n",
        8,
        "only a tail like {*name} can be raw",
    ),
    (
        "[routes]\n\"GET /x/y\" = [\"a:b\"]\n\"GET /x/{*z}\" = { scopes = [\"a:b\"], raw = true }\n",
        9,
        "a raw tail must be the only route below its folder",
    ),
    (
        "[routes]\n\"GET /x/{*z}\" = { scopes = [\"a:b\"], raw = true }\n\"PUT /x/{*z}\" = [\"a:b\"]\n",
        9,
        "raw for all methods",
    ),
    (
        "[routes]\n\"GET /o/{organization}\" = { scopes = [\"a:b\"], organization = false }\n",
        8,
        "remove `organization = false`",
    ),
    ("[rules]\n", 7, "unknown field `rules`"),
];

#[test]
fn read_rejects_a_wrong_policy_with_its_line() {
    for (addition, line, message) in WRONG {
        let error = read(&format!("{START}{addition}")).unwrap_err();
        assert_eq!(error.line, *line, "{addition}{error}");
        assert!(error.message.contains(message), "{addition}{error}");
    }
    assert!(read(START).is_ok());
}

#[test]
fn read_rejects_a_route_that_would_never_be_reached() {
    let read = |path: &str| read(&format!("{START}[routes]\n\"GET {path}\" = [\"a:b\"]\n"));
    for path in ["/.patrol/health", "/.patrol/{*rest}"] {
        let error = read(path).unwrap_err();
        assert_eq!(error.line, 8, "{path}: {error}");
        assert!(error.message.contains("use another path"), "{error}");
    }
    for path in ["/", "/status/{x}", "/{*all}", "/.well-known/security.txt"] {
        assert!(read(path).is_ok(), "{path}");
    }
}

/// The shorthands of the file are gone, and the Workers read what people wrote.
#[test]
fn json_says_what_the_file_says() {
    let text = format!(
        "{START}[routes]\n\"GET /a\" = [\"a:b\"]\n\"GET /b/{{*c}}\" = {{ scopes = [[\"a:b\"]], raw = true }}\n"
    );
    let json = to_json(&text).unwrap();
    let policy = Policy::from_json(&json).unwrap();
    assert!(policy.route("GET", "/a").is_ok());
    assert!(policy.route("GET", "/b/c;d//e").is_ok());
    assert!(policy.route("GET", "/c").is_err());
}

#[test]
fn every_group_color_has_a_style() {
    let sheet = include_str!("../../www/style/tokens.css");
    for color in COLORS {
        assert!(
            sheet.contains(&format!("\n[data-color=\"{color}\"] {{")),
            "{color}"
        );
    }
}
