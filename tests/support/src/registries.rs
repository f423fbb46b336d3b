//! Changes the databases of registries, to simulate old or many tokens.

use crate::workspace::root;
use serde_json::json;
use std::{path::Path, process::Command};

/// Runs SQL in the databases of all registries in a folder. No process may have them open.
///
/// # Panics
/// If that fails.
pub fn change_registries(folder: &Path, statements: &[&str]) {
    // The Node of the lock file includes SQLite.
    let status = Command::new(root().join("node_modules/.bin/node"))
        .arg("--disable-warning=ExperimentalWarning")
        .arg(root().join("tests/support/change-registries.mjs"))
        .arg(folder)
        .arg(json!(statements).to_string())
        .status();
    assert!(status.unwrap().success(), "cannot change the registries");
}

/// Statements that add `count` tokens like the one with this name. Number i of them is called "Seeded i" and
/// was created i minutes before that one. Every 20th is active, the other even ones are revoked, and the odd
/// ones have expired. They belong to a status list of their own.
pub fn many_tokens(template: &str, count: usize) -> [String; 2] {
    let list = "INSERT OR IGNORE INTO lists (list, permutation_key, issued, version, last_expiry) \
                VALUES (1000, '0', 131072, 1, unixepoch() + 30 * 86400)";
    let tokens = format!(
        "INSERT INTO tokens (id, owner, name, name_key, organizations, scopes, list, idx,
            created_at, expires_at, revoked_at, changed, last_used_at)
         WITH RECURSIVE numbers (i) AS
            (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {count})
         SELECT printf('seeded%016d', i), owner, 'Seeded ' || i,
            'seeded 0' || char(length(i)) || i, organizations, scopes, 1000, i,
            created_at - i * 60,
            CASE WHEN i % 2 = 1 THEN unixepoch() - i ELSE unixepoch() + 86400 + i END,
            CASE WHEN i % 2 = 0 AND i % 20 > 0 THEN unixepoch() - i END,
            CASE WHEN i % 2 = 0 AND i % 20 > 0 THEN 1 END,
            CASE WHEN i % 3 = 0 THEN unixepoch() - i % 100 END
         FROM tokens, numbers WHERE name = '{template}'"
    );
    [list.to_owned(), tokens]
}
