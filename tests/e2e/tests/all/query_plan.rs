//! The registry finds what belongs to a user by an index.
//!
//! The statements are read from the registry's source, so a new one is checked too. `SQLite` explains
//! them in the database of a running registry.

use patrol_support::{User, root, shared_system};
use std::process::{Command, Stdio};

const SOURCES: [&str; 2] = [
    include_str!("../../../../src/origin/registry/store/mod.rs"),
    include_str!("../../../../src/origin/registry/store/accounts.rs"),
];

/// The string literals that are statements. None of them contains a quote.
fn statements() -> Vec<String> {
    let literals = SOURCES
        .iter()
        .flat_map(|source| source.split('"').skip(1).step_by(2));
    literals
        .filter(|text| {
            ["SELECT ", "UPDATE ", "DELETE "]
                .iter()
                .any(|verb| text.starts_with(verb))
        })
        .map(|text| {
            text.replace("{COLUMNS}", "id, name")
                .replace("{ENTRY_COLUMNS}", "number, at")
        })
        .collect()
}

#[tokio::test]
async fn registry_statements_never_scan_a_table_of_all_users() {
    let system = shared_system();
    User::sign_in(&system.url, "ada")
        .await
        .create_token(&["models:read"])
        .await;
    let statements = statements();
    let on_tokens = statements
        .iter()
        .filter(|text| text.contains("tokens"))
        .count();
    assert!(on_tokens >= 8, "found too few statements in the source");

    let output = Command::new(root().join("node_modules/.bin/node"))
        .args(["--disable-warning=ExperimentalWarning"])
        .arg(root().join("tests/e2e/query-plan.mjs"))
        .arg(system.state())
        .arg(serde_json::to_string(&statements).unwrap())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let plans: Vec<Vec<String>> =
        serde_json::from_slice(&output.stdout).expect("found no database of a registry");
    assert_eq!(plans.len(), statements.len());
    for (statement, plan) in statements.iter().zip(&plans) {
        let scans = |step: &String| {
            ["tokens", "accounts", "sessions", "audit"]
                .iter()
                .any(|table| *step == format!("SCAN {table}"))
        };
        assert!(!plan.iter().any(scans), "{statement}: {plan:?}");
    }

    // The index returns a user's tokens in the order of the list, so nothing is sorted.
    let list = statements
        .iter()
        .position(|text| text.contains("WHERE owner = ? ORDER BY"));
    let list = list.expect("found no statement for the list");
    assert_eq!(
        plans[list],
        ["SEARCH tokens USING INDEX tokens_by_owner (owner=?)"]
    );
}
