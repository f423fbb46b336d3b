//! Sessions that expire while the user works, and signing out.

use patrol_browser::{
    Appearance, Page,
    page::key,
    systems::{sample_system, shared_system},
    visit,
};
use patrol_support::{Response, User, api_request};
use reqwest::Method;

#[tokio::test]
async fn expired_session_keeps_the_users_entries() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.open_form().await;
        page.paste("#token-name", "Still there").await;
        page.choose("#token-expiry", "30").await;
        page.click("input[name=organization][value=globex]").await;
        page.click(".group[data-group=Models] .group-head label")
            .await;
        page.expire_session().await;
        page.click("#create-submit").await;
        page.wait_for("#sign-in-dialog").await;
        page.audit("session-ended").await;
        // The user closes the dialog: the form keeps the entries and says what to do.
        page.press(&[key::ESCAPE]).await;
        page.wait_for_text("#create-session", "Sign in and try again")
            .await;
        assert_eq!(page.property("#token-name", "value").await, "Still there");
        page.click("#create-submit").await;
        page.click("#sign-in-dialog [data-user=ada]").await;
        page.wait_until_gone("#sign-in-dialog").await;
        page.wait_for_text("#create-session", "nothing was lost")
            .await;
        page.audit("session-renewed").await;
        assert_eq!(page.property("#token-name", "value").await, "Still there");
        assert_eq!(page.property("#token-expiry", "value").await, "30");
        assert_eq!(page.text("#scopes-counter").await, "1 of 8 selected");
        page.wait_for_focus("#create-submit").await;
        page.press(&[key::ENTER]).await;
        page.wait_for("#created-token").await;
    })
    .await;
}

#[tokio::test]
async fn failed_request_after_signing_in_again_keeps_the_form() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.open_form().await;
        page.paste("#token-name", "Not lost").await;
        page.click("#scopes-all").await;
        page.expire_session().await;
        page.click("#create-submit").await;
        page.wait_for("#sign-in-dialog").await;
        page.block(Some("*/api/v1/me")).await;
        page.click("#sign-in-dialog [data-user=ada]").await;
        page.wait_for_text("#create-session", "The server did not respond")
            .await;
        page.block(None).await;
        page.click("#create-submit").await;
        page.wait_for("#created-token").await;
    })
    .await;
}

#[tokio::test]
async fn revocation_with_an_expired_session_asks_to_sign_in() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        let token = page
            .create_and_copy("Revoked after signing in", &["models:read"])
            .await;
        page.expire_session().await;
        page.open_revoke_dialog("Revoked after signing in").await;
        page.click("#revoke-confirm").await;
        page.click("#sign-in-dialog [data-user=ada]").await;
        page.wait_for("#revoke-done").await;
        let used = Response::to(api_request(
            &page.system().url,
            Method::GET,
            "/api/v1/models",
            &token,
        ))
        .await;
        assert_eq!(used.outcome(), (401, "token-revoked"));
    })
    .await;
}

#[tokio::test]
async fn form_reloads_the_account_after_signing_in_as_another_user() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.open_form().await;
        page.paste("#token-name", "By another user").await;
        page.click("#scopes-all").await;
        page.expire_session().await;
        page.click("#create-submit").await;
        page.click("#sign-in-dialog [data-user=otto]").await;
        page.wait_until_gone("#sign-in-dialog").await;
        page.wait_for_text("#scopes-counter", "11 of 11 selected")
            .await;
        // Nothing of the first account is left.
        assert_eq!(page.count("input[name=organization]").await, 0);
        assert_eq!(
            page.text("#token-organizations").await,
            "Acme Manufacturing"
        );
        page.wait_for_text("#session", "otto@example.com").await;
        page.wait_for_text("#user", "Otto Operator").await;
        page.click("#create-submit").await;
        page.wait_for("#created-token").await;
        belongs_to(page, "otto", "By another user").await;
    })
    .await;
}

async fn belongs_to(page: &Page<'_>, user: &str, name: &str) {
    let user = User::sign_in(&page.system().url, user).await;
    let list = user.get("/api/v1/tokens").await.body;
    let tokens = list["tokens"].as_array().expect("a list");
    assert!(tokens.iter().any(|token| token["name"] == name));
}

#[tokio::test]
async fn back_button_shows_no_tokens_after_signing_out() {
    visit(sample_system().await, Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.click("#sign-out").await;
        page.wait_for(".sign-in").await;
        page.back().await;
        page.wait_for(".sign-in").await;
        assert_eq!(page.count("patrol-tokens").await, 0);
    })
    .await;
}
