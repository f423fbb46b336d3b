//! The section *Revoking a Token* of the product's page: one test for each sentence.

use patrol_browser::{Look, page::key, stage::workshop, visit};
use patrol_support::{Response, System, User, api_request};
use reqwest::Method;

const MODELS: &str = "/api/v1/models";

#[tokio::test]
async fn a_token_is_revoked_by_the_action_on_its_row_and_a_confirmation() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("ada").await;
        page.create_and_take("Kept first", &["models:read"]).await;
        let revoke = page.in_row("Kept first", ".revoke").await;
        page.click(&revoke).await;
        page.says("#revoke-dialog", "Kept first").await;
        for word in ["Immediate.", "Permanent.", "Stays listed."] {
            page.says("#revoke-dialog", word).await;
        }
        // A key pressed too soon, or Esc, keeps the token.
        assert!(page.has_focus("#revoke-keep").await);
        page.press(&[key::ENTER]).await;
        page.gone("#revoke-dialog").await;
        page.focuses(&revoke).await;
        page.press(&[key::ENTER]).await;
        page.see("#revoke-dialog").await;
        page.press(&[key::ESCAPE]).await;
        page.gone("#revoke-dialog").await;
        assert_eq!(page.cell("Kept first", "status").await, "Active");

        page.revoke("Kept first").await;
        page.click("#revoke-done").await;
        page.gone("#revoke-dialog").await;
        assert!(
            page.cell("Kept first", "status")
                .await
                .starts_with("Revoked")
        );
    })
    .await;
}

#[tokio::test]
async fn revocation_is_immediate() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("ada").await;
        let token = page
            .create_and_take("Ended at once", &["models:read"])
            .await;
        let used = async || {
            Response::to(api_request(&page.system().url, Method::GET, MODELS, &token)).await
        };
        assert_eq!(used().await.status, 200);
        page.revoke("Ended at once").await;
        // No wait: what the page says holds when it says it.
        assert_eq!(used().await.outcome(), (401, "token-revoked"));
        let text = page.text("#revoke-text").await;
        // The wait is told, unless there was none to speak of.
        let (since, took) = text.split_once('\n').unwrap_or((&text, "It took no time."));
        let time = since
            .strip_prefix("Refused everywhere since ")
            .expect("since when");
        assert_eq!(time.len(), "14:03:22".len(), "{time}");
        assert_eq!(time.matches(':').count(), 2, "{time}");
        assert!(took.trim().starts_with("It took "), "{took}");
    })
    .await;
}

#[tokio::test]
async fn revocation_is_permanent() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("ada").await;
        let token = page
            .create_and_take("Ended for good", &["models:read"])
            .await;
        page.revoke("Ended for good").await;
        page.click("#revoke-done").await;
        page.reload().await;
        page.loaded().await;
        // There is nothing on its row that could bring it back.
        let actions = page.in_row("Ended for good", "button:not([hidden])").await;
        assert_eq!(page.count(&actions).await, 0);
        let ada = User::sign_in(&page.system().url, "ada").await;
        let list = ada.get("/api/v1/tokens").await.body;
        let tokens = list["tokens"].as_array().expect("a list");
        let ended = tokens
            .iter()
            .find(|token| token["name"] == "Ended for good");
        let id = ended.expect("it is listed")["id"].as_str().expect("an id");
        let path = format!("/api/v1/tokens/{id}");
        for method in [Method::PUT, Method::PATCH, Method::POST] {
            let body = serde_json::json!({ "status": "active", "revoked_at": null });
            let answer = Response::to(ada.request(method, &path).json(&body)).await;
            assert_eq!(answer.status, 405);
        }
        let used = Response::to(api_request(&page.system().url, Method::GET, MODELS, &token)).await;
        assert_eq!(used.outcome(), (401, "token-revoked"));
    })
    .await;
}

#[tokio::test]
async fn revoked_tokens_remain_visible_with_a_revoked_badge() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("ada").await;
        page.create_and_take("Still listed", &["models:read"]).await;
        page.revoke("Still listed").await;
        page.click("#revoke-done").await;
        let status = page.in_row("Still listed", ".status").await;
        page.says(&status, "Revoked").await;
        page.reload().await;
        page.loaded().await;
        let status = page.in_row("Still listed", ".status").await;
        assert_eq!(page.text(&status).await, "Revoked");
        page.click("input[name=filter][value=revoked] + span").await;
        page.see(&status).await;
    })
    .await;
}

#[tokio::test]
async fn a_token_that_somebody_else_ended_meanwhile_is_revoked_all_the_same() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("ada").await;
        page.create_and_take("Ended twice", &["models:read"]).await;
        let ada = User::sign_in(&page.system().url, "ada").await;
        let row = page.in_row("Ended twice", "").await;
        let id = page.attributes(row.trim(), "data-id").await.remove(0);
        assert_eq!(ada.revoke(&id).await.status, 200);
        page.revoke("Ended twice").await;
        page.says("#revoke-text", "Refused everywhere since").await;
    })
    .await;
}

#[tokio::test]
async fn a_revocation_that_nobody_confirmed_can_be_tried_again() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("ada").await;
        page.create_and_take("Not confirmed", &["models:read"])
            .await;
        let row = page.in_row("Not confirmed", "").await;
        let id = page.attributes(row.trim(), "data-id").await.remove(0);
        page.ask_to_revoke("Not confirmed").await;
        // The answer gets lost, after the deed.
        let ada = User::sign_in(&page.system().url, "ada").await;
        assert_eq!(ada.revoke(&id).await.status, 200);
        page.block(Some("*/api/v1/tokens/*")).await;
        page.click("#revoke-confirm").await;
        page.says("#revoke-problem", "it may be revoked already")
            .await;
        page.says("#revoke-problem", "Try again, that is safe.")
            .await;
        let status = page.in_row("Not confirmed", ".status").await;
        page.says(&status, "Revoked").await;
        page.block(None).await;
        page.click("#revoke-confirm").await;
        page.says("#revoke-text", "Refused everywhere since").await;
    })
    .await;
}

#[tokio::test]
async fn where_no_lease_vouches_for_it_the_page_promises_no_more_than_the_age_of_a_snapshot() {
    let arguments = [
        "--var",
        "REVOCATION_MODE=kv",
        "--var",
        "KV_MAX_AGE_SECONDS=60",
    ];
    let system = System::start("page-kv", &arguments);
    visit(&system, Look::default(), async |page| {
        page.tokens_of("ada").await;
        for name in ["Ended in a while", "Noch eine Weile"] {
            page.create_and_take(name, &["models:read"]).await;
        }
        page.ask_to_revoke("Ended in a while").await;
        let question = page.text("#revoke-dialog").await;
        assert!(question.contains("Within 1 minute."), "{question}");
        assert!(!question.contains("Immediate"), "{question}");
        page.state("light-revoke-in-a-while").await;
        page.click("#revoke-confirm").await;
        page.see("#revoke-done").await;
        let text = page.text("#revoke-text").await;
        let time = text
            .strip_prefix("May still be accepted until ")
            .unwrap_or_else(|| panic!("{text}"));
        assert_eq!(time.matches(':').count(), 2, "{time}");
        page.says("#revoke-title", "is being revoked").await;
        page.see(".seal[data-pending]").await;
        page.state("light-revoked-in-a-while").await;
        page.click("#revoke-done").await;
        page.gone("#revoke-dialog").await;
        page.click("[data-language=de]").await;
        page.ask_to_revoke("Noch eine Weile").await;
        let question = page.text("#revoke-dialog").await;
        assert!(question.contains("Innerhalb von 1 Minute."), "{question}");
        assert!(!question.contains("Sofort"), "{question}");
        page.state("german-revoke-in-a-while").await;
        page.click("#revoke-confirm").await;
        page.see("#revoke-done").await;
        page.says("#revoke-text", "Wird möglicherweise noch bis")
            .await;
        page.says("#revoke-title", "wird widerrufen").await;
    })
    .await;
}
