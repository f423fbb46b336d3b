//! The section *Scopes* of the product's page: one test for each sentence.

use patrol_browser::{
    Look,
    stage::{without_rbac, workshop},
    visit,
};
use patrol_support::{Response, api_request};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn specific_permissions_can_be_assigned_to_a_token() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("otto").await;
        let token = page
            .create_and_take("Two permissions", &["models:read", "uns:publish"])
            .await;
        let badges = page.in_row("Two permissions", ".badge").await;
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
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("otto").await;
        page.open_form().await;
        let offered = page.attributes("input[name=scope]", "value").await;
        let me = patrol_support::User::sign_in(&page.system().url, "otto").await;
        let me = me.get("/api/v1/me").await.body;
        assert_eq!(json!(offered), me["organizations"][0]["scopes"]);
        assert_eq!(page.text("#scopes-counter").await, "0 of 11 selected");
        // "Select all" is all that there is to give.
        page.click("#scopes-all").await;
        page.paste("#token-name", "All of an operator").await;
        page.click("#create-submit").await;
        page.see("#created-token").await;
    })
    .await;
}

#[tokio::test]
async fn the_scope_selector_reflects_the_current_role_assignments() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("ada").await;
        page.open_form().await;
        // Admin in one organization, viewer in the other.
        page.click("input[name=scope][value='pipelines:delete']")
            .await;
        page.click("input[name=scope][value='pipelines:read']")
            .await;
        page.click("input[name=organization][value=globex]").await;
        assert_eq!(page.text("#scopes-counter").await, "1 of 8 selected");
        page.says("#scopes-dropped", "Delete pipelines").await;
        page.gone("input[name=scope][value='pipelines:delete']")
            .await;
        page.state("two-organizations").await;
        // Back where it is offered, it is selected as before.
        page.click("input[name=organization][value=globex]").await;
        assert_eq!(page.text("#scopes-counter").await, "2 of 23 selected");
        page.gone("#scopes-dropped").await;
    })
    .await;
}

#[tokio::test]
async fn without_rbac_tokens_inherit_the_full_access_of_the_account() {
    visit(without_rbac(), Look::default(), async |page| {
        page.tokens_of("vic").await;
        let token = page.create_and_take("Unrestricted", &[]).await;
        let badges = page.in_row("Unrestricted", ".badge").await;
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
    visit(without_rbac(), Look::default(), async |page| {
        page.tokens_of("vic").await;
        page.open_form().await;
        page.says("#rbac-off", "RBAC is not enabled").await;
        page.says("#rbac-off", "inherits the full access of your account")
            .await;
        page.gone("#permissions").await;
        page.state("rbac-off").await;
    })
    .await;
}
