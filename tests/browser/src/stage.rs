//! The systems that the tests visit.
//!
//! Most share one. As its lists change under everybody's hands, a test there looks at its own
//! tokens only, by their names; `vic` belongs to the test of the limit. Where the whole list
//! matters there is the gallery: nobody changes the tokens of `ada` there, and `otto` has none.

use patrol_support::{System, User, root, workspace::write_policy_without_rbac};
use serde_json::json;
use std::{path::Path, process::Command, sync::OnceLock};
use tokio::sync::OnceCell;

/// Where tests create and revoke.
pub fn workshop() -> &'static System {
    static SYSTEM: OnceLock<System> = OnceLock::new();
    SYSTEM.get_or_init(|| System::start("page", &[]))
}

/// Where RBAC is off.
///
/// # Panics
/// When it does not start.
pub fn without_rbac() -> &'static System {
    static SYSTEM: OnceLock<System> = OnceLock::new();
    SYSTEM.get_or_init(|| {
        let policy = write_policy_without_rbac();
        let policy = policy.to_str().expect("a path in Unicode");
        System::start("page-rbac-off", &["--policy", policy])
    })
}

/// One token of the gallery.
#[derive(Debug)]
pub struct Exhibit {
    /// Its name.
    pub name: &'static str,
    /// What it may do.
    pub scopes: &'static [&'static str],
    /// Where.
    pub organizations: &'static [&'static str],
    /// Its lifetime.
    pub days: u64,
    /// How old it is.
    pub age: u64,
    /// Has its owner revoked it?
    pub revoked: bool,
}

/// What `ada` has in the gallery, newest first.
pub const EXHIBITS: &[Exhibit] = &[
    Exhibit {
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
    Exhibit {
        name: "UNS Topic Publisher",
        scopes: &["uns:browse", "uns:read", "uns:publish"],
        organizations: &["acme"],
        days: 365,
        age: 12,
        revoked: false,
    },
    Exhibit {
        name: "Grafana",
        scopes: &["models:read", "uns:browse", "uns:read", "dashboards:read"],
        organizations: &["acme", "globex"],
        days: 30,
        age: 26,
        revoked: false,
    },
    Exhibit {
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
    Exhibit {
        name: "SCADA bridge, line 4",
        scopes: &["connectors:read", "connectors:test", "uns:publish"],
        organizations: &["acme"],
        days: 90,
        age: 94,
        revoked: false,
    },
    Exhibit {
        name: "Onboarding bot",
        scopes: &["organizations:read", "organizations:members"],
        organizations: &["acme"],
        days: 30,
        age: 140,
        revoked: true,
    },
];

/// Where the list is as [`EXHIBITS`] says.
pub async fn gallery() -> &'static System {
    static SYSTEM: OnceCell<System> = OnceCell::const_new();
    SYSTEM.get_or_init(set_up_gallery).await
}

async fn set_up_gallery() -> System {
    let mut system = System::start("page-gallery", &[]);
    let ada = User::sign_in(&system.url, "ada").await;
    for exhibit in EXHIBITS.iter().rev() {
        let wish = json!({
            "name": exhibit.name, "expires_in_days": exhibit.days,
            "organizations": exhibit.organizations, "scopes": exhibit.scopes,
        });
        let made = ada.create(&wish).await;
        assert_eq!(made.outcome(), (201, ""), "{} can be made", exhibit.name);
        if exhibit.revoked {
            let id = made.body["id"].as_str().unwrap_or_default();
            assert_eq!(ada.revoke(id).await.status, 200, "{}", exhibit.name);
        }
    }
    system.crash_and_restart_after(age);
    system
}

/// Makes the tokens as old as they are to be. No token lives for less than 30 days, so their
/// records are moved into the past while the system is down; what follows from that, it finds
/// out itself.
fn age(state: &Path) {
    let ages: serde_json::Map<_, _> = EXHIBITS
        .iter()
        .map(|exhibit| (exhibit.name.to_owned(), json!(exhibit.age)))
        .collect();
    // The Node that the lock file names has SQLite in it.
    let moved = Command::new(root().join("node_modules/.bin/node"))
        .arg(root().join("tests/browser/age.mjs"))
        .arg(state)
        .arg(json!(ages).to_string())
        .status();
    assert!(
        moved.is_ok_and(|status| status.success()),
        "records can be moved into the past"
    );
}
