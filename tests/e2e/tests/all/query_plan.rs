//! A registry finds a user's tokens without walking through everybody's.
//!
//! The statements are read from the registry's source, so a new one is judged too, by `SQLite` in
//! the very database that a running registry has made.

use patrol_support::{User, root, shared};
use std::process::{Command, Stdio};

const SOURCE: &str = include_str!("../../../../src/origin/registry/store.rs");

/// The text literals that are statements. None of them holds a quote.
fn statements() -> Vec<String> {
    let literals = SOURCE.split('"').skip(1).step_by(2);
    literals
        .filter(|text| {
            ["SELECT ", "UPDATE ", "DELETE "]
                .iter()
                .any(|verb| text.starts_with(verb))
        })
        .map(|text| text.replace("{COLUMNS}", "id, name"))
        .collect()
}

#[tokio::test]
async fn no_statement_of_a_registry_walks_through_all_tokens() {
    let system = shared();
    User::sign_in(system, "ada")
        .await
        .token(&["models:read"])
        .await;
    let statements = statements();
    let on_tokens = statements
        .iter()
        .filter(|text| text.contains("tokens"))
        .count();
    assert!(on_tokens >= 8, "the statements were found in the source");

    let output = Command::new(root().join("node_modules/.bin/node"))
        .args(["--disable-warning=ExperimentalWarning"])
        .arg(root().join("tests/e2e/query-plan.mjs"))
        .arg(system.state())
        .arg(serde_json::to_string(&statements).unwrap())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let plans: Vec<Vec<String>> =
        serde_json::from_slice(&output.stdout).expect("a registry's database was found");
    assert_eq!(plans.len(), statements.len());
    for (statement, plan) in statements.iter().zip(&plans) {
        let walks = plan.iter().any(|step| step.starts_with("SCAN tokens"));
        assert!(!walks, "{statement}: {plan:?}");
    }

    // The list of a user's tokens comes out of the index in its order: nothing is sorted.
    let list = statements
        .iter()
        .position(|text| text.contains("WHERE owner = ? ORDER BY"));
    let list = list.expect("the statement of the list");
    assert_eq!(
        plans[list],
        ["SEARCH tokens USING INDEX tokens_by_owner (owner=?)"]
    );
}
