//! The section *Revoking a Token* of the product page: one test for each sentence.

use patrol_browser::{Appearance, page::key, systems::shared_system, visit};
use patrol_support::{Answer, System, User, call};
use reqwest::Method;

const MODELS: &str = "/api/v1/models";

#[tokio::test]
async fn a_token_is_revoked_by_the_action_on_its_row_and_a_confirmation() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.create_and_copy("Not yet revoked", &["models:read"])
            .await;
        let revoke = page.row_selector("Not yet revoked", ".revoke").await;
        page.click(&revoke).await;
        page.wait_for_text("#revoke-dialog", "Not yet revoked")
            .await;
        for word in ["Immediate.", "Permanent.", "Stays listed."] {
            page.wait_for_text("#revoke-dialog", word).await;
        }
        // Enter pressed too early, and Esc, keep the token.
        assert!(page.has_focus("#revoke-keep").await);
        page.press(&[key::ENTER]).await;
        page.wait_until_gone("#revoke-dialog").await;
        page.wait_for_focus(&revoke).await;
        page.press(&[key::ENTER]).await;
        page.wait_for("#revoke-dialog").await;
        page.press(&[key::ESCAPE]).await;
        page.wait_until_gone("#revoke-dialog").await;
        assert_eq!(page.cell("Not yet revoked", "status").await, "Active");

        page.revoke("Not yet revoked").await;
        page.click("#revoke-done").await;
        page.wait_until_gone("#revoke-dialog").await;
        assert!(
            page.cell("Not yet revoked", "status")
                .await
                .starts_with("Revoked")
        );
    })
    .await;
}

#[tokio::test]
async fn revocation_is_immediate() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        let token = page
            .create_and_copy("Revoked at once", &["models:read"])
            .await;
        let used = async || Answer::to(call(page.system(), Method::GET, MODELS, &token)).await;
        assert_eq!(used().await.status, 200);
        page.revoke("Revoked at once").await;
        // Without waiting: what the page says is true when it says it.
        assert_eq!(used().await.outcome(), (401, "token-revoked"));
        let text = page.text("#revoke-text").await;
        // The page mentions the wait unless it was too short to notice.
        let (since, took) = text.split_once('\n').unwrap_or((&text, "Took no time."));
        let time = since
            .strip_prefix("Rejected everywhere since ")
            .expect("since when");
        assert_eq!(time.len(), "14:03:22".len(), "{time}");
        assert_eq!(time.matches(':').count(), 2, "{time}");
        assert!(took.trim().starts_with("Took "), "{took}");
    })
    .await;
}

#[tokio::test]
async fn revocation_is_permanent() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        let token = page
            .create_and_copy("Revoked for good", &["models:read"])
            .await;
        page.revoke("Revoked for good").await;
        page.click("#revoke-done").await;
        page.reload().await;
        page.wait_for_list().await;
        // Its row has no action.
        let actions = page
            .row_selector("Revoked for good", "button:not([hidden])")
            .await;
        assert_eq!(page.count(&actions).await, 0);
        let ada = User::sign_in(page.system(), "ada").await;
        let list = ada.get("/api/v1/tokens").await.body;
        let tokens = list["tokens"].as_array().expect("a list");
        let revoked = tokens
            .iter()
            .find(|token| token["name"] == "Revoked for good");
        let id = revoked.expect("it is listed")["id"]
            .as_str()
            .expect("an id");
        let path = format!("/api/v1/tokens/{id}");
        for method in [Method::PUT, Method::PATCH, Method::POST] {
            let body = serde_json::json!({ "status": "active", "revoked_at": null });
            let answer = Answer::to(ada.request(method, &path).json(&body)).await;
            assert_eq!(answer.status, 405);
        }
        let used = Answer::to(call(page.system(), Method::GET, MODELS, &token)).await;
        assert_eq!(used.outcome(), (401, "token-revoked"));
    })
    .await;
}

#[tokio::test]
async fn revoked_tokens_remain_visible_with_a_revoked_badge() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.create_and_copy("Still listed", &["models:read"]).await;
        page.revoke("Still listed").await;
        page.click("#revoke-done").await;
        let status = page.row_selector("Still listed", ".status").await;
        page.wait_for_text(&status, "Revoked").await;
        page.reload().await;
        page.wait_for_list().await;
        let status = page.row_selector("Still listed", ".status").await;
        assert_eq!(page.text(&status).await, "Revoked");
        page.click("input[name=filter][value=revoked] + span").await;
        page.wait_for(&status).await;
    })
    .await;
}

#[tokio::test]
async fn revoking_a_token_that_is_already_revoked_succeeds() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.create_and_copy("Revoked twice", &["models:read"])
            .await;
        let ada = User::sign_in(page.system(), "ada").await;
        let row = page.row_selector("Revoked twice", "").await;
        let id = page.attributes(row.trim(), "data-id").await.remove(0);
        assert_eq!(ada.revoke(&id).await.status, 200);
        page.revoke("Revoked twice").await;
        page.wait_for_text("#revoke-text", "Rejected everywhere since")
            .await;
    })
    .await;
}

#[tokio::test]
async fn unconfirmed_revocation_can_be_repeated() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.create_and_copy("Not confirmed", &["models:read"])
            .await;
        let row = page.row_selector("Not confirmed", "").await;
        let id = page.attributes(row.trim(), "data-id").await.remove(0);
        page.open_revoke_dialog("Not confirmed").await;
        // The token is revoked, but the page gets no response.
        let ada = User::sign_in(page.system(), "ada").await;
        assert_eq!(ada.revoke(&id).await.status, 200);
        page.block(Some("*/api/v1/tokens/*")).await;
        page.click("#revoke-confirm").await;
        page.wait_for_text("#revoke-problem", "It may have gone through")
            .await;
        page.wait_for_text("#revoke-problem", "It is safe to try again.")
            .await;
        let status = page.row_selector("Not confirmed", ".status").await;
        page.wait_for_text(&status, "Revoked").await;
        page.block(None).await;
        page.click("#revoke-confirm").await;
        page.wait_for_text("#revoke-text", "Rejected everywhere since")
            .await;
    })
    .await;
}

#[tokio::test]
async fn kv_mode_shows_until_when_a_revoked_token_may_be_accepted() {
    let arguments = [
        "--var",
        "REVOCATION_MODE=kv",
        "--var",
        "KV_MAX_AGE_SECONDS=60",
    ];
    let system = System::start("page-kv", &arguments);
    visit(&system, Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        for name in ["Revoked later", "Später widerrufen"] {
            page.create_and_copy(name, &["models:read"]).await;
        }
        page.open_revoke_dialog("Revoked later").await;
        let text = page.text("#revoke-dialog").await;
        assert!(text.contains("Within 1 minute."), "{text}");
        assert!(!text.contains("Immediate"), "{text}");
        page.audit("light-revoke-later").await;
        page.click("#revoke-confirm").await;
        page.wait_for("#revoke-done").await;
        let text = page.text("#revoke-text").await;
        let time = text
            .strip_prefix("May still be accepted until ")
            .unwrap_or_else(|| panic!("{text}"));
        assert_eq!(time.matches(':').count(), 2, "{time}");
        page.wait_for_text("#revoke-title", "is being revoked")
            .await;
        page.wait_for(".seal[data-pending]").await;
        page.audit("light-revoked-later").await;
        page.click("#revoke-done").await;
        page.wait_until_gone("#revoke-dialog").await;
        page.click("[data-language=de]").await;
        page.open_revoke_dialog("Später widerrufen").await;
        let text = page.text("#revoke-dialog").await;
        assert!(text.contains("Innerhalb von 1 Minute."), "{text}");
        assert!(!text.contains("Sofort"), "{text}");
        page.audit("german-revoke-later").await;
        page.click("#revoke-confirm").await;
        page.wait_for("#revoke-done").await;
        page.wait_for_text("#revoke-text", "Wird möglicherweise noch bis")
            .await;
        page.wait_for_text("#revoke-title", "wird widerrufen").await;
    })
    .await;
}
