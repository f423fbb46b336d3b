//! Every example of memberships in docs/POLICY.md gives what it says.

use patrol::policy::{
    Policy,
    membership::{Mapped, MembershipRules},
};
use serde_json::{Map, Value};

const POLICY: &str = r#"
[rbac]
enabled = true
[[group]]
name = "G"
color = "blue"
scopes = [{ name = "a:b", label = "L", description = "D" }]
"#;

fn policy_with(membership: &str) -> String {
    let roles = ["viewer", "operator", "engineer", "admin"];
    let roles = roles.map(|role| format!("[[role]]\nname = \"{role}\"\nlabel = \"\"\n"));
    format!("{POLICY}{}{membership}", roles.concat())
}

fn block<'a>(section: &'a str, language: &str) -> &'a str {
    let (_, rest) = section.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

fn written(mapped: &Mapped) -> String {
    let memberships = mapped.memberships.iter().map(|membership| {
        let (organization, name) = (&membership.organization, &membership.name);
        format!("{organization} ({name}): {}", membership.roles.join(", "))
    });
    memberships.collect::<Vec<_>>().join("; ")
}

#[test]
fn examples_of_memberships_give_what_the_documentation_says() {
    let text = include_str!("../../../docs/POLICY.md");
    let (_, text) = text.split_once("\n## Memberships\n").unwrap();
    let sections: Vec<_> = text.split("\n### ").skip(1).collect();
    for provider in [
        "Keycloak",
        "Microsoft Entra",
        "Auth0",
        "Okta",
        "Google",
        "Cloudflare",
    ] {
        assert!(
            sections.iter().any(|section| section.starts_with(provider)),
            "{provider}"
        );
    }
    for section in sections {
        let title = section.lines().next().unwrap();
        let (_, expected) = section.split_once("\nResult: ").expect(title);
        let json = patrol_policy::to_json(&policy_with(block(section, "toml"))).expect(title);
        let policy = Policy::from_json(&json).unwrap();
        let rules = MembershipRules::from_json(&json, &policy).unwrap();
        let claims: Map<String, Value> = serde_json::from_str(block(section, "json")).expect(title);
        let provider = if title.starts_with("Cloudflare") {
            "access"
        } else {
            "main"
        };
        let mapped = rules.apply(provider, &claims, &policy);
        assert_eq!(written(&mapped), expected.trim(), "{title}");
    }
}
