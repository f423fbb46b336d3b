//! axe-core: what a program can find that keeps people out.
//!
//! It runs inside the page and looks into its shadow roots. That it finds nothing does not
//! prove that everybody can use the page; the tests of the keyboard are beside it for that.

use crate::page::Page;
use patrol_support::root;
use serde_json::Value;
use std::{fs, sync::OnceLock};

/// As the npm package ships it.
fn source() -> &'static str {
    static SOURCE: OnceLock<String> = OnceLock::new();
    SOURCE.get_or_init(|| {
        fs::read_to_string(root().join("node_modules/axe-core/axe.min.js"))
            .expect("axe-core is there: `cargo xtask test` installs it")
    })
}

const RUN: &str = r#"
const done = arguments[arguments.length - 1];
const tell = ({ id, help, nodes }) =>
  `${id}: ${help}\n` + nodes.map((one) => `  ${one.target.flat().join(" ")}\n  ${one.html}`).join("\n");
axe.run(document, { resultTypes: ["violations"] }).then(
  ({ violations, passes }) => done({ found: violations.map(tell), passed: passes.length }),
  (error) => done({ found: [String(error)], passed: 0 }),
);"#;

impl Page<'_> {
    /// Takes a picture of a state and lets axe-core look at it.
    ///
    /// # Panics
    /// When it finds something.
    pub async fn state(&self, name: &str) {
        self.shoot(name).await;
        let script = format!("{}\n{RUN}", source());
        let result = self.js_async(&script).await;
        let found: Vec<&str> = result["found"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
        let passed = result["passed"].as_u64().unwrap_or_default();
        assert!(passed > 10, "{name}: axe-core has looked at the page");
    }
}
