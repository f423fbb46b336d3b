//! The section *Limits and Constraints* of the product's page: one test for each row.

use patrol::time::{DAY, Timestamp};
use patrol_browser::{Look, stage::workshop, visit};
use patrol_support::User;
use serde_json::json;

#[tokio::test]
async fn a_user_has_at_most_50_active_tokens() {
    visit(workshop(), Look::default(), async |page| {
        let vic = User::sign_in(&page.system().url, "vic").await;
        let wish =
            json!({ "name": "One of many", "organizations": ["acme"], "scopes": ["uns:read"] });
        for _ in 0..49 {
            assert_eq!(vic.create(&wish).await.status, 201);
        }
        page.tokens_of("vic").await;
        assert_eq!(page.text("#active-count").await, "49 of 50 active");
        page.open_form().await;
        page.paste("#token-name", "One too many").await;
        page.click("input[name=scope][value='uns:read']").await;
        // The last place is taken while the form is open: only the origin can know.
        assert_eq!(vic.create(&wish).await.status, 201);
        page.expect_refusal(409);
        page.click("#create-submit").await;
        page.says("#create-limit", "50 active tokens").await;
        page.focuses("#create-limit").await;
        page.state("limit-reached").await;
        page.discard_form().await;
        page.reload().await;
        page.loaded().await;
        page.says("#limit-reached", "Revoke one that you no longer need")
            .await;
        // One ends, and there is room.
        page.click("#tokens tbody tr:first-child .revoke").await;
        page.click("#revoke-confirm").await;
        page.click("#revoke-done").await;
        page.gone("#limit-reached").await;
        page.create("Room for it", &["uns:read"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_token_name_of_255_characters_is_listed_whole() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("otto").await;
        let name = "Long name ".repeat(26)[..255].trim().to_owned() + "!";
        assert_eq!(name.len(), 255);
        page.create_and_take(&name, &["uns:read"]).await;
        page.cell(&name, "status").await;
        let wide = "document.documentElement.scrollWidth > innerWidth";
        assert_eq!(page.js(wide).await, false, "it does not burst the page");
    })
    .await;
}

#[tokio::test]
async fn a_token_lives_for_at_most_365_days() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("otto").await;
        page.open_form().await;
        let days = page.js("Math.max(...[...$('#token-expiry').options].map((one) => +one.value))");
        assert_eq!(days.await, 365);
        page.paste("#token-name", "For a year").await;
        page.choose("#token-expiry", "365").await;
        page.click("input[name=scope][value='uns:read']").await;
        page.click("#create-submit").await;
        page.see("#created-token").await;
        let otto = User::sign_in(&page.system().url, "otto").await;
        let list = otto.get("/api/v1/tokens").await.body;
        let tokens = list["tokens"].as_array().expect("a list");
        let made = tokens.iter().find(|token| token["name"] == "For a year");
        let time = |name: &str| -> Timestamp {
            made.and_then(|made| made[name].as_str()?.parse().ok())
                .expect("a time")
        };
        assert_eq!(time("expires_at").since(time("created_at")), 365 * DAY);
        // Nor does the origin grant more to who asks without the form.
        let wish = json!({
            "name": "For longer", "organizations": ["acme"], "scopes": ["uns:read"],
            "expires_in_days": 366,
        });
        assert_eq!(otto.create(&wish).await.outcome(), (422, "expiry-invalid"));
    })
    .await;
}
