//! The section *Limits and Constraints* of the product page: one test for each row.

use patrol::time::{DAY, Timestamp};
use patrol_browser::{Appearance, systems::shared_system, visit};
use patrol_support::User;
use serde_json::json;

#[tokio::test]
async fn a_user_has_at_most_50_active_tokens() {
    visit(shared_system(), Appearance::default(), async |page| {
        let vic = User::sign_in(&page.system().url, "vic").await;
        let request =
            json!({ "name": "One of many", "organizations": ["acme"], "scopes": ["uns:read"] });
        for _ in 0..49 {
            assert_eq!(vic.create(&request).await.status, 201);
        }
        page.open_tokens("vic").await;
        assert_eq!(page.text("#active-count").await, "49 of 50 active");
        page.open_form().await;
        page.paste("#token-name", "One too many").await;
        page.click("input[name=scope][value='uns:read']").await;
        // The 50th token is created while the form is open, so only the origin knows.
        assert_eq!(vic.create(&request).await.status, 201);
        page.expect_status(409);
        page.click("#create-submit").await;
        page.wait_for_text("#create-limit", "50 active tokens")
            .await;
        page.wait_for_focus("#create-limit").await;
        page.audit("limit-reached").await;
        page.discard_form().await;
        page.reload().await;
        page.wait_for_list().await;
        page.wait_for_text("#limit-reached", "Revoke one that you no longer need")
            .await;
        // Revoking one makes room.
        page.click("#tokens tbody tr:first-child .revoke").await;
        page.click("#revoke-confirm").await;
        page.click("#revoke-done").await;
        page.wait_until_gone("#limit-reached").await;
        page.create("Room for it", &["uns:read"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_token_name_of_255_characters_is_listed_whole() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("otto").await;
        let name = "Long name ".repeat(26)[..255].trim().to_owned() + "!";
        assert_eq!(name.len(), 255);
        page.create_and_copy(&name, &["uns:read"]).await;
        page.cell(&name, "status").await;
        let wide = "document.documentElement.scrollWidth > innerWidth";
        assert_eq!(
            page.eval(wide).await,
            false,
            "the page does not scroll sideways"
        );
    })
    .await;
}

#[tokio::test]
async fn a_token_lives_for_at_most_365_days() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("otto").await;
        page.open_form().await;
        let days =
            page.eval("Math.max(...[...$('#token-expiry').options].map((one) => +one.value))");
        assert_eq!(days.await, 365);
        page.paste("#token-name", "For a year").await;
        page.choose("#token-expiry", "365").await;
        page.click("input[name=scope][value='uns:read']").await;
        page.click("#create-submit").await;
        page.wait_for("#created-token").await;
        let otto = User::sign_in(&page.system().url, "otto").await;
        let list = otto.get("/api/v1/tokens").await.body;
        let tokens = list["tokens"].as_array().expect("a list");
        let created = tokens.iter().find(|token| token["name"] == "For a year");
        let time = |name: &str| -> Timestamp {
            created
                .and_then(|created| created[name].as_str()?.parse().ok())
                .expect("a time")
        };
        assert_eq!(time("expires_at").since(time("created_at")), 365 * DAY);
        // The origin rejects more even without the form.
        let request = json!({
            "name": "For longer", "organizations": ["acme"], "scopes": ["uns:read"],
            "expires_in_days": 366,
        });
        assert_eq!(
            otto.create(&request).await.outcome(),
            (422, "expiry-invalid")
        );
    })
    .await;
}
