//! The mistakes that stop a policy, and what becomes of one without.

use super::{read, to_json};
use patrol::policy::{COLORS, Policy, membership::MembershipRules};

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

/// A role, so that `role = "r"` is possible.
const ROLE: &str = "[[role]]\nname = \"r\"\nlabel = \"R\"\n";

/// What is added to [`START`] and [`ROLE`], the line of the mistake, and a part of the message.
const WRONG_MEMBERSHIP: &[(&str, usize, &str)] = &[
    ("[membership]\nrules = []\n", 11, "unknown field `rules`"),
    (
        "[[membership.rule]]\nvalue = \"x\"\n",
        10,
        "missing field `claim`",
    ),
    (
        "[[membership.rule]]\nclaim = \"g\"\n",
        10,
        "missing field `value`",
    ),
    (
        "[[membership.rule]]\nclaim = \"g\"\nvalue = \"x\"\nroles = []\n",
        13,
        "unknown field `roles`",
    ),
    (
        "[[membership.rule]]\nclaim = 5\nvalue = \"x\"\n",
        11,
        "a claim is a path like \"realm_access.roles\"",
    ),
    (
        "[[membership.rule]]\nclaim = \"a..b\"\nvalue = \"{organization}\"\nrole = \"r\"\n",
        11,
        "without empty parts",
    ),
    (
        "[[membership.rule]]\nclaim = \"{role}.b\"\nvalue = \"{organization}\"\n",
        11,
        "the first part must be the name of a claim",
    ),
    (
        "[[membership.rule]]\nclaim = \"g\"\nvalue = \"{organisation}\"\n",
        12,
        "in braces only {organization} and {role}",
    ),
    (
        "[[membership.rule]]\nclaim = \"g\"\nvalue = \"{role}{organization}\"\n",
        12,
        "a text must follow a placeholder",
    ),
    (
        "[[membership.rule]]\nclaim = \"g\"\nvalue = \"{role}*\"\n",
        12,
        "a text must follow a placeholder",
    ),
    (
        "[[membership.rule]]\nclaim = \"g\"\nvalue = \"a*b\"\n",
        12,
        "must be the last character",
    ),
    (
        "[[membership.rule]]\nclaim = \"g\"\nvalue = \"{role}/{role}\"\n",
        12,
        "{role} occurs twice",
    ),
    (
        "[[membership.rule]]\nclaim = \"g\"\nvalue = \"{role}\"\n",
        10,
        "must say which organization: add `organization`",
    ),
    (
        "[[membership.rule]]\nclaim = \"g\"\nvalue = \"x\"\norganization = \"acme\"\n",
        10,
        "must say which role: add `role`",
    ),
    (
        "[[membership.rule]]\nclaim = \"g\"\nvalue = \"{role}\"\norganization = \"acme\"\nrole = \"r\"\n",
        10,
        "the role is there twice",
    ),
    (
        "[[membership.rule]]\nclaim = \"g\"\nvalue = \"x\"\n\norganization = \"Acme Inc\"\nrole = \"r\"\n",
        14,
        "\"Acme Inc\" is no id of an organization",
    ),
    (
        "[[membership.rule]]\nclaim = \"g\"\nvalue = \"x\"\norganization = { id = \"a\" }\nrole = \"r\"\n",
        13,
        "an organization is the text of its id",
    ),
    (
        "[[membership.rule]]\nclaim = \"g\"\nvalue = \"x\"\norganization = { claim = \"o.{role}\" }\nrole = \"r\"\n",
        13,
        "cannot have placeholders",
    ),
    (
        "[[membership.rule]]\nclaim = \"g\"\nvalue = \"x\"\norganization = \"acme\"\nrole = \"boss\"\n",
        14,
        "the policy has no role \"boss\"",
    ),
    (
        "[[membership.rule]]\nclaim = \"g\"\nvalue = \"{organization}r{role}\"\n",
        12,
        "the role \"r\" contains \"r\"",
    ),
    (
        "[[membership.rule]]\nprovider = \"My IdP\"\nclaim = \"g\"\nvalue = \"{organization}\"\nrole = \"r\"\n",
        11,
        "the name of one in OIDC_PROVIDERS",
    ),
    (
        "[membership.names]\nacme = \"Acme\"\n\"Acme Inc\" = \"Acme\"\n",
        12,
        "\"Acme Inc\" is no id of an organization",
    ),
    (
        "[membership.names]\nacme = \" \"\n",
        11,
        "1 to 100 characters",
    ),
];

#[test]
fn read_rejects_a_wrong_rule_of_memberships_with_its_line() {
    for (addition, line, message) in WRONG_MEMBERSHIP {
        let error = read(&format!("{START}{ROLE}{addition}")).unwrap_err();
        assert!(error.message.contains(message), "{addition}{error}");
        assert_eq!(error.line, *line, "{addition}{error}");
    }
}

/// The edge reads the same file, and skips the rules.
#[test]
fn json_has_the_rules_of_memberships() {
    let text = format!(
        "{START}{ROLE}[[membership.rule]]\nclaim = \"a.b\"\nvalue = \"{{organization}}\"\nrole = \"r\"\n"
    );
    let json = to_json(&text).unwrap();
    let policy = Policy::from_json(&json).unwrap();
    let rules = MembershipRules::from_json(&json, &policy).unwrap();
    let claims = serde_json::json!({ "a": { "b": "acme" } });
    let mapped = rules.apply("main", claims.as_object().unwrap(), &policy);
    assert_eq!(mapped.memberships.len(), 1);
    assert!(!to_json(START).unwrap().contains("membership"));
}

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
