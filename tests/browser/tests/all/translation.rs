//! A browser's translation of the page, which replaces text nodes.

use patrol_browser::{Appearance, page::key, systems::shared_system, visit, wait_until};

/// Replaces the text nodes as Chrome's translation does; `everything` also those that it would leave.
fn translate(everything: bool) -> String {
    format!(
        "(() => {{ for (const root of roots()) {{ \
           const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT); \
           const texts = []; while (walker.nextNode()) texts.push(walker.currentNode); \
           for (const text of texts) {{ \
             const parent = text.parentElement; \
             if (!parent?.checkVisibility() || text.data.trim() === '') continue; \
             if (!{everything} && parent.closest('[translate=no]')) continue; \
             const font = document.createElement('font'); \
             font.append('[' + text.data.toUpperCase() + ']'); text.replaceWith(font); \
           }} }} }})()"
    )
}

#[tokio::test]
async fn copy_buttons_copy_the_original_of_a_translated_page() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        for button in ["#copy-token", "#copy-example"] {
            page.create("Translated", &["models:read"]).await;
            let token = page.property("#created-token", "value").await;
            let command = page.text("#example").await;
            page.eval(&translate(true)).await;
            assert_ne!(page.text("#example").await, command, "it was translated");
            page.click(button).await;
            page.wait_for(&format!("{button}[data-state=copied]")).await;
            page.click("#created-done").await;
            page.wait_until_gone("#create-dialog").await;
            // A field of one line has no line breaks.
            let without_space = |text: String| text.replace(char::is_whitespace, "");
            let copied = if button == "#copy-token" {
                token
            } else {
                command
            };
            let copied = without_space(copied);
            page.eval("$('#token-search').select()").await;
            page.click("#token-search").await;
            page.chord(&[key::CONTROL, 'a']).await;
            page.chord(&[key::CONTROL, 'v']).await;
            wait_until("the clipboard is pasted", || async {
                let pasted = page.property("#token-search", "value").await;
                (without_space(pasted) == copied).then_some(())
            })
            .await;
            page.paste("#token-search", "").await;
            page.press(&[key::ESCAPE]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn names_codes_and_ids_are_not_translated() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.create_and_copy("In my words", &["models:read", "uns:read"])
            .await;
        page.cell("In my words", "status").await;
        page.click("#activity summary").await;
        page.wait_for("#activity code").await;
        page.eval(&translate(false)).await;
        page.wait_for_text("#tokens-title", "[PERSONAL ACCESS TOKENS]")
            .await;
        for kept in [
            "#tokens th bdi",
            "#tokens .badge.mono",
            "#activity code",
            "#user bdi",
        ] {
            for text in page.texts(kept).await {
                assert!(!text.starts_with('['), "{kept}: {text}");
            }
        }
        page.open_revoke_dialog("In my words").await;
        page.eval(&translate(false)).await;
        page.wait_for_text("#revoke-title", "In my words").await;
        page.click("#revoke-keep").await;
        page.click("#user").await;
        page.wait_for("#account code").await;
        page.eval(&translate(false)).await;
        assert_eq!(page.text("#account code").await, "ada");
        assert_eq!(page.texts("#organizations code").await, ["acme", "globex"]);
        assert_eq!(page.texts(".brand span, .avatar").await, ["Patrol", "AL"]);
        page.click(".brand").await;
        page.wait_for(".command").await;
        page.eval(&translate(false)).await;
        page.wait_for_text(".command", "curl -H").await;
    })
    .await;
}
