//! Names that are written from right to left, or turn the text around them: they are isolated.

use patrol_browser::{Appearance, systems::shared_system, visit};
use patrol_support::User;
use serde_json::json;

/// Whether what stands before a name, the name, and what stands after it are in this order on the
/// screen. The element is a sentence of one line with one name.
const IN_ORDER: &str = "((sentence) => { \
    const place = (node) => { const range = document.createRange(); \
        range.selectNodeContents(node); return range.getBoundingClientRect(); }; \
    const name = sentence.querySelector('bdi'); \
    const [before, after] = [name.previousSibling, name.nextSibling].map(place); \
    const { left, right } = name.getBoundingClientRect(); \
    return before.right <= left + 1 && right <= after.left + 1 && after.width > 0; \
  })($(args[0]))";

const NAMES: [&str; 5] = [
    "harmless \u{202e}fdp.exe",
    "\u{2067}open",
    // It would end its own isolation.
    "ended\u{2069}\u{202e}gnp",
    "\u{2069}\u{2069}\u{202e}twice",
    "\u{5e9}\u{5dc}\u{5d5}\u{5dd} 12",
];

#[tokio::test]
async fn name_does_not_turn_the_words_around_it() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("otto").await;
        for name in NAMES {
            page.create(name, &["models:read"]).await;
            let in_order = page.eval_with(IN_ORDER, &["#create-dialog .dialog-body > p"]);
            assert_eq!(in_order.await, true, "created: {name:?}");
            page.screenshot("name-created").await;
            page.click("#copy-token").await;
            page.wait_for("#copy-token[data-state=copied]").await;
            page.click("#created-done").await;
            page.wait_until_gone("#create-dialog").await;
            let otto = User::sign_in(&page.system().url, "otto").await;
            let list = otto.get("/api/v1/tokens").await.body;
            let mut tokens = list["tokens"].as_array().expect("a list").iter();
            let found = tokens.find(|token| token["name"] == *name && token["status"] == "active");
            let id = found.and_then(|token| token["id"].as_str()).expect("an id");
            let row = format!("#tokens tr[data-id=\"{id}\"]");
            let revoke = format!("{row} .revoke");
            page.wait_for(&revoke).await;
            assert_eq!(page.count(&format!("{row} th bdi")).await, 2, "{name:?}");
            let label = &page.attributes(&revoke, "aria-label").await[0];
            let isolated = label.strip_prefix("Revoke \u{2068}").expect("an isolate");
            assert!(isolated.ends_with('\u{2069}'), "{label:?}");
            let starts = isolated
                .chars()
                .filter(|c| ('\u{2066}'..='\u{2068}').contains(c));
            let ends = isolated.chars().filter(|c| *c == '\u{2069}');
            assert_eq!(starts.count() + 1, ends.count(), "{label:?}");
            page.click(&revoke).await;
            let in_order = page.eval_with(IN_ORDER, &["#revoke-title"]);
            assert_eq!(in_order.await, true, "revoke: {name:?}");
            page.screenshot("name-revoke").await;
            page.click("#revoke-confirm").await;
            page.wait_for("#revoke-done").await;
            let in_order = page.eval_with(IN_ORDER, &["#revoke-title"]);
            assert_eq!(in_order.await, true, "revoked: {name:?}");
            page.click("#revoke-done").await;
            page.wait_until_gone("#revoke-dialog").await;
        }
    })
    .await;
}

#[tokio::test]
async fn form_refuses_a_name_that_nobody_can_see() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.open_form().await;
        page.click("#scopes-all").await;
        for (name, error) in [
            ("\u{200b}\u{feff}", "at least one visible character"),
            ("\u{3164}", "at least one visible character"),
            ("a\u{2028}b", "Remove U+2028"),
        ] {
            page.paste("#token-name", name).await;
            page.click("#create-submit").await;
            page.wait_for_text("#token-name-line", error).await;
            let ada = User::sign_in(&page.system().url, "ada").await;
            let request =
                json!({ "name": name, "organizations": ["acme"], "scopes": ["uns:read"] });
            let refused = ada.create(&request).await;
            assert_eq!(refused.outcome(), (422, "name-invalid"));
            let detail = refused.body["detail"].as_str().expect("a text");
            assert_eq!(
                page.text("#token-name-line").await,
                detail,
                "the same words"
            );
        }
        page.paste("#token-name", "\u{200b}a").await;
        page.click("#create-submit").await;
        page.wait_for("#created-token").await;
    })
    .await;
}
