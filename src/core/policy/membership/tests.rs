//! What a rule grants, and what it does not.

use super::*;
use serde_json::json;

/// A policy with these roles.
fn policy(roles: &[&str]) -> Policy {
    let roles = roles
        .iter()
        .map(|name| json!({ "name": name, "label": "" }));
    let document = json!({
        "rbac": true, "groups": [], "roles": roles.collect::<Value>(), "routes": [],
        "membership": { "rules": "not looked at" },
    });
    Policy::from_json(&document.to_string()).unwrap()
}

fn usual() -> Policy {
    policy(&["viewer", "operator", "admin"])
}

fn rules(rules: &Value) -> Result<MembershipRules, MembershipError> {
    let json = json!({ "rbac": 1, "membership": { "rules": rules } });
    MembershipRules::from_json(&json.to_string(), &usual())
}

fn apply(rule: &Value, claims: &Value) -> Mapped {
    let claims = claims.as_object().unwrap();
    rules(rule).unwrap().apply("main", claims, &usual())
}

/// `organization: roles`
fn granted(mapped: &Mapped) -> Vec<String> {
    let granted = mapped.memberships.iter();
    granted
        .map(|one| format!("{}: {}", one.organization, one.roles.join(" ")))
        .collect()
}

#[test]
fn value_must_be_spelled_as_the_rule_says() {
    for (pattern, value, expected) in [
        ("/{organization}/{role}", "/acme/admin", Some("acme: admin")),
        ("/{organization}/{role}", "acme/admin", None),
        ("/{organization}/{role}", "/acme/admin/", None),
        ("/{organization}/{role}", "/acme", None),
        ("/{organization}/{role}", "//admin", None),
        ("/{organization}/{role}", "/acme/", None),
        ("/{organization}/{role}", "/acme/Admin", None),
        // Not the admin of "acme", and "acme/eu" is no organization.
        ("/{organization}/{role}", "/acme/eu/admin", None),
        (
            "/{organization}/{role}/*",
            "/acme/admin/eu/north",
            Some("acme: admin"),
        ),
        (
            "/{organization}/{role}/*",
            "/acme/admin/",
            Some("acme: admin"),
        ),
        ("/{organization}/{role}/*", "/acme/admin", None),
        ("{organization}.{role}", "acme.admin", Some("acme: admin")),
        (
            "{organization}.{role}",
            "acme.com.admin",
            Some("acme.com: admin"),
        ),
        (
            "{role}@{organization}",
            "admin@acme@eu",
            Some("acme@eu: admin"),
        ),
        (
            "{role}s of {organization}",
            "admins of acme",
            Some("acme: admin"),
        ),
        (
            "{organization}-{role}s",
            "acme-eu-admins",
            Some("acme-eu: admin"),
        ),
        ("{organization}-{role}s", "acme-eu-admin", None),
    ] {
        let mapped = apply(
            &json!([{ "claim": ["groups"], "value": pattern }]),
            &json!({ "groups": [value] }),
        );
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(granted(&mapped), expected, "{pattern} {value}");
    }
    for (pattern, value, expected) in [
        ("staff", "staff", true),
        ("staff", "staff2", false),
        ("staff", "Staff", false),
        ("", "staff", false),
        ("staff-*", "staff-berlin", true),
        ("staff-*", "staff", false),
        ("*", "anything", true),
    ] {
        let rule = json!([
            { "claim": ["g"], "value": pattern, "organization": { "id": "acme" }, "role": "viewer" },
        ]);
        let mapped = apply(&rule, &json!({ "g": value }));
        assert_eq!(
            !mapped.memberships.is_empty(),
            expected,
            "{pattern} {value}"
        );
    }
}

#[test]
fn path_leads_to_texts_elements_and_names_of_members() {
    let organization = |path: &[&str], claims: Value| {
        let rule = json!([{ "claim": path, "value": "{organization}", "role": "viewer" }]);
        granted(&apply(&rule, &claims)).join(", ")
    };
    for (path, claims, expected) in [
        (&["o"][..], json!({ "o": "acme" }), "acme: viewer"),
        (
            &["o"],
            json!({ "o": ["acme", "b"] }),
            "acme: viewer, b: viewer",
        ),
        (
            &["o"],
            json!({ "o": { "acme": {}, "b": null } }),
            "acme: viewer, b: viewer",
        ),
        (
            &["o", "p"],
            json!({ "o": [{ "p": "acme" }, { "p": ["b"] }] }),
            "acme: viewer, b: viewer",
        ),
        (&["o", "p"], json!({ "o": { "p": 5 } }), ""),
        (&["o", "p"], json!({ "o.p": "acme" }), ""),
        (&["o"], json!({ "o": [1, null, true] }), "true: viewer"),
        (&["o"], json!({ "o": false }), ""),
        (&["x"], json!({ "o": "acme" }), ""),
    ] {
        assert_eq!(organization(path, claims.clone()), expected, "{claims}");
    }
    // Zitadel: roles, and in each the organizations.
    let rule = json!([{ "claim": ["urn:zitadel:roles", "{role}"], "value": "{organization}" }]);
    let claims =
        json!({ "urn:zitadel:roles": { "admin": { "org1": "a.example", "org2": "b.example" } } });
    assert_eq!(
        granted(&apply(&rule, &claims)),
        ["org1: admin", "org2: admin"]
    );
}

#[test]
fn organizations_of_another_claim_get_each_role() {
    let rule = json!([
        { "claim": ["r"], "value": "{role}", "organization": { "claim": ["o", "ids"] } },
    ]);
    let claims = json!({ "r": ["admin", "viewer", "admin"], "o": { "ids": ["a", "b"] } });
    assert_eq!(
        granted(&apply(&rule, &claims)),
        ["a: viewer admin", "b: viewer admin"]
    );
    assert!(
        apply(&rule, &json!({ "r": ["admin"] }))
            .memberships
            .is_empty()
    );
}

#[test]
fn rule_reads_only_the_claims_of_its_provider() {
    let rules = rules(&json!([
        { "provider": "partner", "claim": ["g"], "value": "{role}", "organization": { "id": "b" } },
        { "claim": ["h"], "value": "{role}", "organization": { "id": "c" } },
    ]));
    let rules = rules.unwrap();
    assert_eq!(rules.providers().collect::<Vec<_>>(), ["partner"]);
    let claims = json!({ "g": "admin", "h": "viewer" });
    let from = |provider| granted(&rules.apply(provider, claims.as_object().unwrap(), &usual()));
    assert_eq!(from("main"), ["c: viewer"]);
    assert_eq!(from("partner"), ["b: admin", "c: viewer"]);
}

#[test]
fn what_gives_nothing_is_noticed() {
    let both = json!([{ "claim": ["g"], "value": "{organization}/{role}" }]);
    let notices = |claims: Value| {
        let mapped = apply(&both, &claims);
        assert!(mapped.memberships.is_empty(), "{claims}");
        mapped.notices
    };
    let unknown = Notice::UnknownRole("boss".to_owned());
    assert_eq!(
        notices(json!({ "g": ["acme/boss", "b/boss", "other"] })),
        [unknown]
    );
    let invalid = Notice::InvalidOrganization("Acme Inc.".to_owned());
    assert_eq!(notices(json!({ "g": "Acme Inc./admin" })), [invalid]);
    assert_eq!(notices(json!({ "g": ["/admin", "acme/", "/"] })), []);
    // Microsoft's groups overage.
    let overage = json!({ "_claim_names": { "g": "src1" }, "_claim_sources": { "src1": {} } });
    assert_eq!(notices(overage), [Notice::NotInToken("g".to_owned())]);
    let many: Vec<_> = (0..200).map(|number| format!("o/{number}")).collect();
    assert_eq!(notices(json!({ "g": many })).len(), MAX_NOTICES);
}

#[test]
fn organizations_are_capped() {
    let rule = json!([{ "claim": ["o"], "value": "{organization}", "role": "viewer" }]);
    let many: Vec<_> = (0..=MAX_ORGANIZATIONS)
        .map(|number| format!("o{number}"))
        .collect();
    let mapped = apply(&rule, &json!({ "o": many }));
    assert_eq!(mapped.memberships.len(), MAX_ORGANIZATIONS);
    assert_eq!(mapped.notices, [Notice::TooManyOrganizations]);
}

#[test]
fn separator_inside_a_role_is_a_mistake() {
    let policy = policy(&["read-only"]);
    let document = |value: &str| MembershipDocument {
        rules: vec![RuleDocument {
            provider: None,
            claim: vec!["g".to_owned()],
            value: value.to_owned(),
            organization: None,
            role: None,
        }],
        ..MembershipDocument::default()
    };
    let error = MembershipRules::new(document("{organization}-{role}"), &policy).unwrap_err();
    assert_eq!(error.at, Place::Value(0));
    assert!(MembershipRules::new(document("{organization}.{role}"), &policy).is_ok());
}

#[test]
fn policy_without_rules_grants_nothing() {
    let rules = MembershipRules::from_json("{\"rbac\":true}", &usual()).unwrap();
    let claims = json!({ "groups": ["/acme/admin"] });
    let mapped = rules.apply("main", claims.as_object().unwrap(), &usual());
    assert_eq!(mapped, Mapped::default());
    assert!(MembershipRules::from_json("{\"membership\":[]}", &usual()).is_err());
}
