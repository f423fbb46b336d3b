//! axe-core, which finds accessibility problems automatically.
//!
//! It runs inside the page and looks into shadow roots. It cannot find every problem, so
//! `tests/all/keyboard.rs` tests the page with the keyboard alone.

use crate::page::Page;
use patrol_support::root;
use serde_json::Value;
use std::{fs, sync::OnceLock};

/// The script of the npm package.
fn source() -> &'static str {
    static SOURCE: OnceLock<String> = OnceLock::new();
    SOURCE.get_or_init(|| {
        fs::read_to_string(root().join("node_modules/axe-core/axe.min.js"))
            .expect("axe-core is missing: `cargo xtask test` installs it")
    })
}

const RUN: &str = r#"
const done = arguments[arguments.length - 1];
const describe = ({ id, help, nodes }) =>
  `${id}: ${help}\n` + nodes.map((one) => `  ${one.target.flat().join(" ")}\n  ${one.html}`).join("\n");
axe.run(document, { resultTypes: ["violations"] }).then(
  ({ violations, passes }) => done({ found: violations.map(describe), passed: passes.length }),
  (error) => done({ found: [String(error)], passed: 0 }),
);"#;

impl Page<'_> {
    /// Takes a screenshot and checks the page with axe-core.
    ///
    /// # Panics
    /// Panics if axe-core finds a violation.
    pub async fn audit(&self, name: &str) {
        self.screenshot(name).await;
        let script = format!("{}\n{RUN}", source());
        let result = self.eval_async(&script).await;
        let found: Vec<&str> = result["found"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
        let passed = result["passed"].as_u64().unwrap_or_default();
        assert!(passed > 10, "{name}: axe-core has checked the page");
    }
}
