//! The built form module, called from JavaScript.

use patrol_browser::{Appearance, systems::shared_system, visit};
use serde_json::json;

#[tokio::test]
async fn form_module_matches_its_types_and_survives_invalid_arguments() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.goto("/").await;
        let result = page.eval_async(include_str!("form_module.js")).await;
        assert_eq!(result["failed"], json!([]));
        let passed = result["passed"].as_array().map(Vec::len);
        assert_eq!(passed, Some(8), "all cases have run");
    })
    .await;
}
