//! Sign-in by Cloudflare Access, whose proxy adds a header to every request of the browser.

use crate::fronts::{TEAM, fronts, me_by_a_copy};
use patrol_browser::{Appearance, visit_at};
use patrol_support::{
    Response, api_request,
    fronts::{ACCESS_HEADER, access_claims},
};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn new_user_of_access_creates_a_token_and_signs_out() {
    let fronts = fronts().await;
    let url = fronts.url();
    visit_at(&url, Appearance::default(), async |page| {
        let jwt = json!({ "claims": access_claims(TEAM, "iris") });
        let jwt = fronts.evil.forge(&jwt).await;
        page.add_header(ACCESS_HEADER, &jwt).await;
        page.goto("/profile/security").await;
        page.wait_for("[data-provider=access]").await;
        page.audit("access-sign-in").await;
        page.click("[data-provider=access]").await;
        page.wait_for_list().await;
        assert_eq!(page.path().await, "/profile/security");
        page.wait_for_text("#session", "iris@example.com").await;
        // Access tells no name.
        assert_eq!(
            page.texts("#user .user-text > *").await,
            ["iris@example.com"]
        );
        assert_eq!(page.text("#user .avatar").await, "I");
        let token = page.create_and_copy("By Access", &["pipelines:read"]).await;
        page.audit("access-tokens").await;
        let use_token = || {
            let request = api_request(&url, Method::GET, "/api/v1/engine/pipelines", &token);
            Response::to(request)
        };
        assert_eq!(use_token().await.status, 200);

        let cookie = page.session_cookie().await.expect("a session");
        assert_eq!(me_by_a_copy(&url, &cookie).await.status, 200);
        page.click("#sign-out").await;
        page.wait_for("[data-provider=access]").await;
        page.audit("access-signed-out").await;
        assert_eq!(page.session_cookie().await, None);
        let ended = me_by_a_copy(&url, &cookie).await;
        assert_eq!(ended.outcome(), (401, "session-required"));
        assert_eq!(use_token().await.status, 200, "the token lives on");
    })
    .await;
}

#[tokio::test]
async fn jwt_that_access_does_not_vouch_for_is_a_clear_page() {
    let fronts = fronts().await;
    visit_at(&fronts.url(), Appearance::default(), async |page| {
        page.expect_status(400);
        let mut other = access_claims(TEAM, "tess");
        other["aud"] = json!(["0".repeat(64)]);
        let other = json!({ "claims": other });
        let other = fronts.evil.forge(&other).await;
        page.goto("/profile/security").await;
        for (header, reason) in [(None, "access-missing"), (Some(other), "claims-audience")] {
            if let Some(jwt) = header {
                page.add_header(ACCESS_HEADER, &jwt).await;
            }
            page.click("[data-provider=access]").await;
            page.wait_for_text("h1", "Sign-in failed").await;
            page.wait_for_text("main", &format!("[{reason}]")).await;
            page.screenshot(&format!("refused-{reason}")).await;
            assert_eq!(page.session_cookie().await, None, "{reason}");
            page.click("main a").await;
            page.wait_for("[data-provider=access]").await;
        }
    })
    .await;
}
