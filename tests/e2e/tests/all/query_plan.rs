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

/// What the list is ordered by.
const KEYS: [&str; 5] = [
    "name_key",
    "scope_count",
    "created_at",
    "last_use",
    "expires_at",
];

/// The string literals that are statements, those of the list in every order. None of them contains a
/// quote.
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
        .flat_map(|text| {
            let orders = if text.contains("{key}") {
                &KEYS[..]
            } else {
                &[""]
            };
            let of_key = move |key: &&str| {
                let text = text.replace("{key}", key);
                let order =
                    |(behind, order)| text.replace("{behind}", behind).replace("{order}", order);
                let both = [("<", "DESC"), (">", "ASC")].map(order);
                // Of a statement without an order there is one.
                both.into_iter()
                    .take(if key.is_empty() { 1 } else { 2 })
                    .collect::<Vec<_>>()
            };
            orders.iter().flat_map(of_key).collect::<Vec<_>>()
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
            ["tokens", "totals", "accounts", "sessions", "audit"]
                .iter()
                .any(|table| *step == format!("SCAN {table}"))
        };
        assert!(!plan.iter().any(scans), "{statement}: {plan:?}");
    }

    // An index returns a user's tokens in every order of the list, so nothing is sorted, and only the rows of
    // the page are read.
    let lists = statements.iter().zip(&plans);
    let lists: Vec<_> = lists
        .filter(|(text, _)| text.contains("rowid AS number"))
        .collect();
    assert_eq!(lists.len(), 6 * KEYS.len());
    for (statement, plan) in lists {
        let [step] = &plan[..] else {
            panic!("{statement}: {plan:?}");
        };
        let by_index = step.starts_with("SEARCH tokens USING INDEX tokens_by_");
        // Every condition is a part of the search.
        let conditions = statement.matches(['=', '<', '>']).count();
        let searched = step.matches(['=', '<', '>']).count();
        assert!(by_index && searched == conditions, "{statement}: {plan:?}");
    }
}
