//! The form module as it is shipped, from JavaScript.

use patrol_browser::{Look, stage::workshop, visit};
use serde_json::json;

#[tokio::test]
async fn form_module_keeps_its_types_and_survives_what_a_page_can_do() {
    visit(workshop(), Look::default(), async |page| {
        page.goto("/").await;
        let result = page.js_async(include_str!("form.js")).await;
        assert_eq!(result["failed"], json!([]));
        let passed = result["passed"].as_array().map(Vec::len);
        assert_eq!(passed, Some(8), "every case has run");
    })
    .await;
}
