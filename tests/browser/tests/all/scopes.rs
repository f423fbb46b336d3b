//! The section *Scopes* of the product page: one test for each sentence.

use patrol_browser::{
    Appearance,
    systems::{shared_system, system_without_rbac},
    visit,
};
use patrol_support::{Response, api_request};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn specific_permissions_can_be_assigned_to_a_token() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("otto").await;
        let token = page
            .create_and_copy("Two permissions", &["models:read", "uns:publish"])
            .await;
        let badges = page.row_selector("Two permissions", ".badge").await;
        assert_eq!(page.texts(&badges).await, ["models:read", "uns:publish"]);
        let models = api_request(&page.system().url, Method::GET, "/api/v1/models", &token);
        assert_eq!(Response::to(models).await.status, 200);
        let dashboards = api_request(
            &page.system().url,
            Method::GET,
            "/api/v1/dashboards",
            &token,
        );
        assert_eq!(
            Response::to(dashboards).await.outcome(),
            (403, "scope-insufficient")
        );
    })
    .await;
}

#[tokio::test]
async fn only_scopes_that_the_own_account_has_can_be_granted() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("otto").await;
        page.open_form().await;
        let offered = page.attributes("input[name=scope]", "value").await;
        let me = patrol_support::User::sign_in(&page.system().url, "otto").await;
        let me = me.get("/api/v1/me").await.body;
        assert_eq!(json!(offered), me["organizations"][0]["scopes"]);
        assert_eq!(page.text("#scopes-counter").await, "0 of 11 selected");
        // The origin accepts everything that "Select all" selects.
        page.click("#scopes-all").await;
        page.paste("#token-name", "All of an operator").await;
        page.click("#create-submit").await;
        page.wait_for("#created-token").await;
    })
    .await;
}

#[tokio::test]
async fn the_scope_selector_reflects_the_current_role_assignments() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.open_form().await;
        // ada is an admin in Acme and a viewer in Globex.
        page.click("input[name=scope][value='pipelines:delete']")
            .await;
        page.click("input[name=scope][value='pipelines:read']")
            .await;
        page.click("input[name=organization][value=globex]").await;
        assert_eq!(page.text("#scopes-counter").await, "1 of 8 selected");
        page.wait_for_text("#scopes-dropped", "Delete pipelines")
            .await;
        page.wait_until_gone("input[name=scope][value='pipelines:delete']")
            .await;
        page.audit("two-organizations").await;
        // Without Globex, the scope is offered and selected again.
        page.click("input[name=organization][value=globex]").await;
        assert_eq!(page.text("#scopes-counter").await, "2 of 23 selected");
        page.wait_until_gone("#scopes-dropped").await;
    })
    .await;
}

#[tokio::test]
async fn without_rbac_tokens_inherit_the_full_access_of_the_account() {
    visit(system_without_rbac(), Appearance::default(), async |page| {
        page.open_tokens("vic").await;
        let token = page.create_and_copy("Unrestricted", &[]).await;
        let badges = page.row_selector("Unrestricted", ".badge").await;
        assert_eq!(page.texts(&badges).await, ["Full access"]);
        let publish = api_request(
            &page.system().url,
            Method::PUT,
            "/api/v1/uns/topics/a/b",
            &token,
        );
        let answer = Response::to(publish.json(&json!({ "value": 1 }))).await;
        assert!((200..300).contains(&answer.status), "{}", answer.status);
    })
    .await;
}

#[tokio::test]
async fn without_rbac_an_informational_banner_on_the_form_says_so() {
    visit(system_without_rbac(), Appearance::default(), async |page| {
        page.open_tokens("vic").await;
        page.open_form().await;
        page.wait_for_text("#rbac-off", "RBAC is not enabled").await;
        page.wait_for_text(
            "#rbac-off",
            "inherits the full access level of your account",
        )
        .await;
        page.wait_until_gone("#permissions").await;
        page.audit("rbac-off").await;
    })
    .await;
}
