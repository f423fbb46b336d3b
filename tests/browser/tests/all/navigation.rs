//! Addresses and the history.

use patrol_browser::{
    Appearance,
    systems::{sample_system, shared_system},
    visit,
};

#[tokio::test]
async fn unknown_address_shows_page_not_found() {
    visit(sample_system().await, Appearance::default(), async |page| {
        page.expect_status(404);
        page.sign_in("ada", "/profile/security").await;
        page.goto("/profile/other").await;
        page.wait_for_text("h1", "Page not found").await;
    })
    .await;
}

#[tokio::test]
async fn back_button_does_not_lose_a_token_that_is_not_copied() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.sign_in("otto", "/profile").await;
        page.click(".tabs a[href='/profile/security']").await;
        page.wait_for_list().await;
        page.create("Not copied", &["models:read"]).await;
        page.back().await;
        page.wait_for("#leave-dialog").await;
        page.click("#leave-back").await;
        page.wait_for("#created-token").await;
        assert_eq!(page.path().await, "/profile/security");
    })
    .await;
}
