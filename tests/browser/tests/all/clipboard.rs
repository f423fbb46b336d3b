//! Copying where the browser does not allow it.

use patrol_browser::{Appearance, Page, page::key, systems::shared_system, visit};
use serde_json::json;

/// Every copy button fails with a visible sentence and its text selected, so that Ctrl+C copies it.
async fn assert_refused(page: &Page<'_>, name: &str) {
    for (button, text, selected) in [
        (
            "#copy-token",
            "The token is selected",
            "(({ selectionStart, selectionEnd, value }) => value.slice(selectionStart, \
             selectionEnd) === value && value.length > 99)($('#created-token'))",
        ),
        (
            "#copy-example",
            "The command is selected",
            "String($('#example').getRootNode().getSelection()) === $('#example').textContent",
        ),
    ] {
        page.create(name, &["models:read"]).await;
        page.click(button).await;
        let sentence = format!("{button}-failed");
        page.wait_for_text(&sentence, text).await;
        page.wait_for_text(&sentence, "press Ctrl+C").await;
        page.wait_for_text("#create-dialog [role=status]", text)
            .await;
        page.wait_until("the text is selected", selected).await;
        assert_eq!(page.count(&format!("{button}[data-state=copied]")).await, 0);
        page.audit("copy-refused").await;
        // Once it is copied, the dialog closes without a question.
        page.chord(&[key::CONTROL, 'c']).await;
        page.click("#created-done").await;
        page.wait_until_gone("#create-dialog").await;
    }
}

#[tokio::test]
async fn copy_button_that_is_denied_the_clipboard_says_so_and_selects_its_text() {
    visit(shared_system(), Appearance::default(), async |page| {
        let set = async |setting: &str| {
            let permission = json!({
                "permission": { "name": "clipboard-write" },
                "setting": setting,
                "origin": page.system().url,
            });
            page.devtools("Browser.setPermission", permission).await;
        };
        page.open_tokens("ada").await;
        set("denied").await;
        assert_refused(page, "Denied the clipboard").await;
        // Whoever allows it then can go on.
        page.create("Allowed later", &["models:read"]).await;
        page.click("#copy-token").await;
        page.wait_for("#copy-token-failed").await;
        set("granted").await;
        page.click("#copy-token").await;
        page.wait_for_text("#copy-token", "Copied").await;
        page.wait_until_gone("#copy-token-failed").await;
    })
    .await;
}

#[tokio::test]
async fn copy_button_without_a_clipboard_says_so_and_selects_its_text() {
    visit(shared_system(), Appearance::default(), async |page| {
        // As over plain http.
        page.before_scripts("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
            .await;
        page.open_tokens("ada").await;
        assert_refused(page, "Without a clipboard").await;
    })
    .await;
}
