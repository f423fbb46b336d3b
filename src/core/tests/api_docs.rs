//! `docs/API.md` and the code name the same endpoints, members and codes.

use patrol::{
    audit::{Action, ActorKind, AuditEntry, Outcome},
    http::{
        api::{
            AssertedSignIn, AuditPage, Catalogue, CreateToken, CreatedToken, DevSignIn, EchoedPath,
            EmbeddedSession, FrontList, Me, ProviderView, Readiness, RevocationEffect,
            RevokeTokens, RevokedToken, RevokedTokens, SessionList, SessionRecord, SignedOut,
            TokenList, TokenRecord, TokenStatus, VERSION,
        },
        endpoint::Endpoint,
        problem::{Problem, ProblemCode},
    },
    issue::rules::{self, Rejection},
    jose::status_list::Aggregation,
    mode::RevocationMode,
    policy::{
        Method,
        account::{Account, Membership},
    },
    quota::{CREATIONS, QuotaPolicy, REVOCATIONS, SIGN_INS, SIGN_INS_PER_MINUTE},
    routes,
    time::Timestamp,
};
use patrol_policy::example;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const DOCS: &str = include_str!("../../../docs/API.md");

/// The rows of the table below a heading, as their cells.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let text = DOCS
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("docs/API.md has no heading `{heading}`"))
        .1;
    let section = text.split("\n#").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    rows.skip(1)
        .map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

/// The text between a cell's first pair of backticks.
fn code(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?
        .split_once('`')
        .map(|(text, _)| text)
}

#[test]
fn every_endpoint_is_documented_with_its_methods() {
    let mut documented = BTreeSet::new();
    for heading in [
        "## Token management",
        "## Signing in",
        "## With a token",
        "## Public",
    ] {
        for row in table(heading) {
            // `OPTIONS` and the routes of the policy belong to the upstream.
            let Some(request) = code(row[0]).filter(|request| *request != "OPTIONS") else {
                continue;
            };
            let (method, path) = request.split_once(' ').unwrap_or(("any", request));
            let path = path.split('?').next().unwrap();
            assert!(
                documented.insert(format!("{method} {path}")),
                "{request} is documented twice"
            );
        }
    }
    let prefix = routes::DEFAULT_PREFIX;
    let mut expected = BTreeSet::from([
        format!("GET {prefix}{}", routes::HEALTH),
        format!("GET {prefix}{}{{path}}", routes::ECHO_PATH),
        format!("any {prefix}{}", routes::AUTHORIZE),
    ]);
    for endpoint in Endpoint::API {
        for method in endpoint.methods() {
            let method = match method {
                Method::Get => "GET",
                Method::Post => "POST",
                Method::Put => "PUT",
                Method::Patch => "PATCH",
                Method::Delete => "DELETE",
            };
            expected.insert(format!("{method} {prefix}{}", endpoint.pattern()));
        }
    }
    assert_eq!(documented, expected);
}

#[test]
fn every_problem_code_is_documented_with_its_status() {
    let documented: Vec<_> = table("## Problems")
        .iter()
        .map(|row| (code(row[0]).unwrap(), row[1].parse().unwrap()))
        .collect();
    let expected: Vec<_> = ProblemCode::ALL
        .iter()
        .map(|code| (code.as_str(), code.status()))
        .collect();
    assert_eq!(documented, expected);
}

#[test]
fn every_rate_limit_is_documented() {
    let documented: BTreeMap<_, _> = table("## Rate limits")
        .into_iter()
        .map(|row| (code(row[0]).unwrap(), row[2]))
        .collect();
    let number = |text: &'static str| {
        let numbers = text.replace(',', "");
        let words: Vec<u32> = numbers
            .split(' ')
            .filter_map(|word| word.parse().ok())
            .collect();
        words
    };
    for (policy, expected) in [
        (
            QuotaPolicy::Creation,
            vec![CREATIONS.burst, CREATIONS.per_hour],
        ),
        (
            QuotaPolicy::Revocation,
            vec![REVOCATIONS.burst, REVOCATIONS.per_hour],
        ),
        (
            QuotaPolicy::SignIn,
            vec![SIGN_INS_PER_MINUTE, SIGN_INS.burst, SIGN_INS.per_hour],
        ),
    ] {
        assert_eq!(number(documented[policy.name()]), expected, "{policy:?}");
    }
    assert_eq!(documented.len(), 3);
}

fn members(value: &impl Serialize) -> BTreeSet<String> {
    match serde_json::to_value(value).unwrap() {
        Value::Object(object) => object.keys().cloned().collect(),
        other => panic!("not an object: {other}"),
    }
}

fn record() -> TokenRecord {
    let time = Timestamp::from_seconds(1_800_000_000);
    TokenRecord {
        id: "token-1".parse().unwrap(),
        name: "ERP".to_owned(),
        organizations: vec!["acme".parse().unwrap()],
        scopes: None,
        created_at: time,
        last_used_at: None,
        last_used_address: None,
        expires_at: time,
        revoked_at: None,
        status: TokenStatus::Active,
        idempotency_key: None,
    }
}

/// A heading of the page, and the members of the object that it describes.
type Object = (&'static str, BTreeSet<String>);

fn requests() -> [Object; 4] {
    [
        (
            "Assertion",
            members(&AssertedSignIn {
                assertion: String::new(),
            }),
        ),
        (
            "Token request",
            members(&CreateToken {
                name: String::new(),
                expires_in_days: Some(90),
                organizations: Vec::new(),
                scopes: Vec::new(),
            }),
        ),
        (
            "Revocation request",
            members(&RevokeTokens {
                ids: Vec::new(),
                all: true,
            }),
        ),
        (
            "Sign-in request",
            members(&DevSignIn {
                user: String::new(),
            }),
        ),
    ]
}

const KV: RevocationMode = RevocationMode::Kv { max_age: 120 };

fn token_responses() -> [Object; 5] {
    let record_members = members(&record());
    let list = TokenList {
        tokens: Vec::new(),
        next: None,
        active: 0,
        expired: 0,
        revoked: 0,
        limit: 50,
    };
    let created = CreatedToken {
        record: record(),
        token: String::new(),
    };
    // The members of both modes.
    let [mut revoked_token, mut revoked_tokens] = [BTreeSet::new(), BTreeSet::new()];
    for mode in [RevocationMode::Lease, KV] {
        let effect = RevocationEffect::new(mode, 0, 0);
        revoked_token.extend(members(&RevokedToken {
            record: record(),
            effect,
        }));
        revoked_tokens.extend(members(&RevokedTokens {
            tokens: Vec::new(),
            unknown: Vec::new(),
            effect,
        }));
    }
    [
        ("Token list", members(&list)),
        ("Created token", &members(&created) - &record_members),
        ("Revoked token", &revoked_token - &record_members),
        ("Revoked tokens", revoked_tokens),
        ("Token record", record_members),
    ]
}

fn session_responses() -> [Object; 8] {
    let time = Timestamp::from_seconds(1_800_000_000);
    let session = SessionRecord {
        id: "session-1".parse().unwrap(),
        created_at: time,
        expires_at: time,
        address: None,
        user_agent: None,
        current: true,
    };
    let entry = AuditEntry {
        number: 1,
        at: time,
        user: "ada".parse().unwrap(),
        actor: ActorKind::User,
        action: Action::SignIn,
        session: None,
        token: None,
        organizations: Vec::new(),
        address: None,
        outcome: Outcome::Done,
    };
    let list = SessionList {
        sessions: Vec::new(),
    };
    let provider = ProviderView {
        name: "keycloak",
        label: "Factory login",
    };
    let fronts = FrontList {
        providers: Vec::new(),
        access: false,
        development: false,
    };
    let embedded = EmbeddedSession {
        session: String::new(),
        expires_at: time,
    };
    [
        ("Fronts", members(&fronts)),
        ("Provider", members(&provider)),
        ("Signed out", members(&SignedOut { next: None })),
        ("Embedded session", members(&embedded)),
        ("Session list", members(&list)),
        ("Session record", members(&session)),
        ("Audit page", members(&AuditPage::new(Vec::new()))),
        ("Audit entry", members(&entry)),
    ]
}

fn other_responses() -> [Object; 10] {
    let account = Account {
        id: "ada".parse().unwrap(),
        name: "Ada".to_owned(),
        email: "ada@example.com".to_owned(),
        memberships: vec![Membership::new(
            "acme".parse().unwrap(),
            "Acme".to_owned(),
            vec!["admin".to_owned()],
            example(),
        )],
    };
    let me = Me::new(&account, example(), KV);
    let held = account.scopes_in_all(["acme"]).unwrap();
    let catalogue = Catalogue::new(held, example());
    let lists = Aggregation {
        status_lists: Vec::new(),
    };
    let problem = Problem {
        id: Some("token-1".parse().unwrap()),
        ..rules::problem(&[Rejection::Expiry])
    };
    let readiness = Readiness {
        version: VERSION.to_owned(),
        policy: String::new(),
        keys: 1,
        registries: 0,
        warnings: Vec::new(),
    };
    [
        ("Readiness", members(&readiness)),
        ("Echoed path", members(&EchoedPath { path: "/" })),
        ("Account", members(&me)),
        ("Organization", members(&me.organizations[0])),
        ("Catalogue", members(&catalogue)),
        ("Scope group", members(&catalogue.groups[0])),
        ("Scope", members(&catalogue.groups[0].scopes[0])),
        ("List addresses", members(&lists)),
        ("Problem", members(&problem)),
        ("Field error", members(&problem.errors[0])),
    ]
}

#[test]
fn every_member_is_documented() {
    let objects: BTreeMap<_, _> = requests()
        .into_iter()
        .chain(token_responses())
        .chain(session_responses())
        .chain(other_responses())
        .collect();
    for (heading, expected) in &objects {
        let rows = table(&format!("### {heading}"));
        let documented: BTreeSet<_> = rows
            .iter()
            .map(|row| code(row[0]).unwrap().to_owned())
            .collect();
        assert_eq!(&documented, expected, "{heading}");
        assert_eq!(
            rows.len(),
            expected.len(),
            "{heading}: a member has two rows"
        );
    }

    // The page describes no other object.
    let section = DOCS.split_once("\n## JSON objects\n").unwrap().1;
    let section = section.split_once("\n## ").unwrap().0;
    let described = section.lines().filter_map(|line| line.strip_prefix("### "));
    let described: Vec<_> = described.collect::<BTreeSet<_>>().into_iter().collect();
    assert_eq!(described, objects.into_keys().collect::<Vec<_>>());
}
