//! The systems that the tests visit.
//!
//! Most tests share one, on which they create and revoke tokens. Its lists change all the time, so a
//! test there only looks at its own tokens, by name; `vic` belongs to the test of the limit. Tests of
//! the whole list use the sample system, where nobody changes the tokens of `ada`, `otto` has none, and
//! `vic` has 1,000.

pub use patrol_support::shared_system;
use patrol_support::{
    System, User,
    registries::{change_registries, many_tokens},
    root,
    workspace::{policy_without_rbac, write_policy},
};
use serde_json::json;
use std::{path::Path, process::Command, sync::OnceLock};
use tokio::sync::OnceCell;

/// A system with RBAC off.
///
/// # Panics
/// Panics if it does not start.
pub fn system_without_rbac() -> &'static System {
    static SYSTEM: OnceLock<System> = OnceLock::new();
    SYSTEM.get_or_init(|| {
        let policy = write_policy("page-rbac-off", &policy_without_rbac());
        let policy = policy.to_str().expect("a path in Unicode");
        System::start("page-rbac-off", &["--policy", policy])
    })
}

/// A token on the [`sample_system`].
#[derive(Debug)]
pub struct SampleToken {
    /// The token's name.
    pub name: &'static str,
    /// The names of its scopes.
    pub scopes: &'static [&'static str],
    /// The ids of its organizations.
    pub organizations: &'static [&'static str],
    /// Its lifetime in days.
    pub days: u64,
    /// Its age in days.
    pub age: u64,
    /// Whether it is revoked.
    pub revoked: bool,
}

/// The tokens of `ada` on the [`sample_system`], newest first.
pub const SAMPLE_TOKENS: &[SampleToken] = &[
    SampleToken {
        name: "ERP Data Sync",
        scopes: &[
            "pipelines:read",
            "pipelines:run",
            "pipelines:results",
            "models:read",
        ],
        organizations: &["acme"],
        days: 90,
        age: 0,
        revoked: false,
    },
    SampleToken {
        name: "UNS Topic Publisher",
        scopes: &["uns:browse", "uns:read", "uns:publish"],
        organizations: &["acme"],
        days: 365,
        age: 12,
        revoked: false,
    },
    SampleToken {
        name: "Grafana",
        scopes: &["models:read", "uns:browse", "uns:read", "dashboards:read"],
        organizations: &["acme", "globex"],
        days: 30,
        age: 26,
        revoked: false,
    },
    SampleToken {
        name: "Migration script",
        scopes: &[
            "pipelines:read",
            "pipelines:write",
            "models:read",
            "models:write",
            "connectors:read",
            "connectors:write",
            "dashboards:write",
        ],
        organizations: &["acme"],
        days: 180,
        age: 33,
        revoked: true,
    },
    SampleToken {
        name: "SCADA bridge, line 4",
        scopes: &["connectors:read", "connectors:test", "uns:publish"],
        organizations: &["acme"],
        days: 90,
        age: 94,
        revoked: false,
    },
    SampleToken {
        name: "Onboarding bot",
        scopes: &["organizations:read", "organizations:members"],
        organizations: &["acme"],
        days: 30,
        age: 140,
        revoked: true,
    },
];

/// The system on which `ada` has the [`SAMPLE_TOKENS`].
pub async fn sample_system() -> &'static System {
    static SYSTEM: OnceCell<System> = OnceCell::const_new();
    SYSTEM.get_or_init(start_sample_system).await
}

async fn start_sample_system() -> System {
    let mut system = System::start("page-sample", &[]);
    let ada = User::sign_in(&system.url, "ada").await;
    for token in SAMPLE_TOKENS.iter().rev() {
        let request = json!({
            "name": token.name, "expires_in_days": token.days,
            "organizations": token.organizations, "scopes": token.scopes,
        });
        let created = ada.create(&request).await;
        assert_eq!(created.outcome(), (201, ""), "{}", token.name);
        if token.revoked {
            let id = created.body["id"].as_str().unwrap_or_default();
            assert_eq!(ada.revoke(id).await.status, 200, "{}", token.name);
        }
    }
    let vic = User::sign_in(&system.url, "vic").await;
    let request = json!({ "name": "Template", "organizations": ["acme"], "scopes": ["uns:read"] });
    assert_eq!(vic.create(&request).await.outcome(), (201, ""));
    system.crash_and_restart_after(|state| {
        backdate(state);
        let statements = many_tokens("Template", 999);
        change_registries(state, &statements.each_ref().map(String::as_str));
    });
    system
}

/// Makes the tokens as old as they should be. No token lives for less than 30 days, so this changes
/// their records while the system is down.
fn backdate(state: &Path) {
    let ages: serde_json::Map<_, _> = SAMPLE_TOKENS
        .iter()
        .map(|token| (token.name.to_owned(), json!(token.age)))
        .collect();
    // The Node of the lock file includes SQLite.
    let status = Command::new(root().join("node_modules/.bin/node"))
        .arg(root().join("tests/browser/backdate.mjs"))
        .arg(state)
        .arg(json!(ages).to_string())
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "backdate.mjs failed"
    );
}
