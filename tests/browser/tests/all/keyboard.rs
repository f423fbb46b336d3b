//! The page with the keyboard alone.

use patrol_browser::{
    Appearance,
    page::key,
    systems::{sample_system, shared_system},
    visit,
};

#[tokio::test]
async fn keyboard_creates_and_revokes_a_token() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.goto("/profile/security").await;
        page.wait_for(".sign-in").await;
        page.tab_to(".user-choice[data-user=otto]").await;
        page.press(&[key::ENTER]).await;
        page.wait_for_list().await;

        page.tab_to("#create-token").await;
        page.press(&[key::ENTER]).await;
        page.wait_for_focus("#token-name").await;
        page.type_text("Keys only").await;
        page.tab_to("#token-expiry").await;
        page.press(&['3']).await;
        page.tab_to("input[name=group][value=Models]").await;
        page.press(&[key::SPACE]).await;
        page.wait_for_text("#scopes-counter", "1 of 11").await;
        page.tab_to("#create-submit").await;
        page.press(&[key::ENTER]).await;
        page.wait_for("#created-token").await;
        assert!(page.has_focus("#copy-token").await);
        page.press(&[key::SPACE]).await;
        page.wait_for_text("#copy-token", "Copied").await;
        page.press(&[key::ESCAPE]).await;
        page.wait_until_gone("#create-dialog").await;
        page.wait_for_focus("#create-token").await;
        assert!(
            page.cell("Keys only", "expires")
                .await
                .contains("in 30 days")
        );

        let revoke = page.row_selector("Keys only", ".revoke").await;
        page.tab_to(&revoke).await;
        page.press(&[key::ENTER]).await;
        page.wait_for_focus("#revoke-keep").await;
        page.tab_to("#revoke-confirm").await;
        page.press(&[key::ENTER]).await;
        page.wait_for("#revoke-done").await;
        page.wait_for_focus("#revoke-done").await;
        page.press(&[key::ENTER]).await;
        page.wait_until_gone("#revoke-dialog").await;
        // The button is gone, so its row gets the focus.
        let head = page.row_selector("Keys only", "th").await;
        page.wait_for_focus(&head).await;
    })
    .await;
}

#[tokio::test]
async fn focus_stays_in_a_dialog_and_returns_afterwards() {
    visit(sample_system().await, Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.open_form().await;
        for _ in 0..50 {
            page.press(&[key::TAB]).await;
            let inside = "focusedElement() === document.body || focusedElement()?.closest('dialog') !== null";
            assert_eq!(page.eval(inside).await, true, "{}", page.focused_element().await);
        }
        page.press(&[key::ESCAPE]).await;
        page.wait_until_gone("#create-dialog").await;
        page.wait_for_focus("#create-token").await;
        let revoke = page.row_selector("Grafana", ".revoke").await;
        page.click(&revoke).await;
        page.press(&[key::ESCAPE]).await;
        page.wait_for_focus(&revoke).await;
    })
    .await;
}

#[tokio::test]
async fn focus_is_always_visible() {
    visit(sample_system().await, Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        for _ in 0..20 {
            page.press(&[key::TAB]).await;
            let ring = "((one) => one === document.body || [one, one.parentElement, \
                        one.nextElementSibling].some((shown) => shown && \
                        (getComputedStyle(shown).outlineStyle !== 'none' || \
                        getComputedStyle(shown).boxShadow !== 'none')))(focusedElement())";
            assert_eq!(
                page.eval(ring).await,
                true,
                "{}",
                page.focused_element().await
            );
        }
    })
    .await;
}
