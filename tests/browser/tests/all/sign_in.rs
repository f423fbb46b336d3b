//! Sign-in by identity providers, in installations without development users.

use crate::fronts::{EVIL, fronts, log_in_at_the_provider, me_by_a_copy};
use patrol_browser::{Appearance, visit, visit_at};
use patrol_support::{
    Response, System, api_request,
    fronts::{oidc_settings, policy_with_memberships},
    identity_provider::Providers,
    workspace::write_policy,
};
use reqwest::Method;
use serde_json::json;

/// A system whose only provider is the first one.
async fn start(providers: &Providers) -> System {
    let name = "page-provider";
    let mut client = providers.get(0).client("rs256", "factory").await;
    client.description["label"] = json!("Factory login");
    let policy = write_policy(name, &policy_with_memberships());
    let policy = policy.to_str().expect("a path in Unicode");
    let mut arguments = vec![
        "--policy".to_owned(),
        policy.to_owned(),
        "--var=DEV_SIGN_IN=false".to_owned(),
    ];
    let settings = oidc_settings(vec![client]).into_iter();
    arguments.extend(settings.map(|(name, value)| format!("--var={name}={value}")));
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    System::start(name, &arguments)
}

#[tokio::test]
async fn new_user_signs_in_creates_a_token_and_signs_out() {
    let providers = Providers::start(1);
    let system = start(&providers).await;
    visit(&system, Appearance::default(), async |page| {
        page.expect_requests_to(providers.get(0).url);
        page.goto("/profile/security").await;
        page.wait_for("[data-provider=factory]").await;
        assert_eq!(page.count("[data-user]").await, 0, "no development users");
        page.audit("sign-in-providers").await;
        page.click("[data-provider=factory]").await;
        log_in_at_the_provider(page, "ada").await;
        page.wait_for_list().await;
        page.wait_for_text("#user", "Ada Lovelace").await;
        page.wait_for_text("#session", "ada@example.com").await;
        let token = page
            .create_and_copy("By a provider", &["pipelines:read"])
            .await;
        let used = api_request(&system.url, Method::GET, "/api/v1/engine/pipelines", &token);
        assert_eq!(Response::to(used).await.status, 200);

        let cookie = page.session_cookie().await.expect("a session");
        assert_eq!(me_by_a_copy(&system.url, &cookie).await.status, 200);
        page.click("#sign-out").await;
        // The provider asks whether to sign out there too.
        page.click("button[name=logout]").await;
        page.wait_for("[data-provider=factory]").await;
        let ended = me_by_a_copy(&system.url, &cookie).await;
        assert_eq!(ended.outcome(), (401, "session-required"));
    })
    .await;
}

/// Both providers have a user `ada`.
#[tokio::test]
async fn two_providers_have_their_own_users_side_by_side() {
    let fronts = fronts().await;
    let office = fronts.issuer("office");
    let claims = json!({
        "name": "Ada Byron", "email": "ada@office.example", "email_verified": true,
        "groups": ["/globex/viewer"],
    });
    office.set_user("ada", &claims).await;
    visit_at(&fronts.url(), Appearance::default(), async |page| {
        page.expect_requests_to(fronts.issuer("factory").url);
        page.expect_requests_to(office.url);
        page.goto("/profile/security").await;
        page.wait_for("[data-provider=office]").await;
        page.audit("sign-in-two-providers").await;
        for (provider, name, email) in [
            ("factory", "Ada Lovelace", "ada@example.com"),
            ("office", "Ada Byron", "ada@office.example"),
        ] {
            page.click(&format!("[data-provider={provider}]")).await;
            log_in_at_the_provider(page, "ada").await;
            page.wait_for_list().await;
            page.wait_for_text("#user", name).await;
            page.wait_for_text("#session", email).await;
            assert_eq!(page.count("#tokens tbody tr").await, 0, "{provider}");
            page.create_and_copy("Of one Ada", &["models:read"]).await;
            page.click("#sign-out").await;
            page.click("button[name=logout]").await;
            page.wait_for("[data-provider=office]").await;
            page.goto("/profile/security").await;
        }
    })
    .await;
}

#[tokio::test]
async fn refused_answer_is_a_clear_page_and_begins_no_session() {
    let fronts = fronts().await;
    visit_at(&fronts.url(), Appearance::default(), async |page| {
        page.expect_requests_to(fronts.evil.url());
        page.expect_status(400);
        let evil = format!("[data-provider={EVIL}]");
        page.goto("/profile/security").await;
        for (what, lie, reason) in [
            (
                "state",
                json!({ "answer": { "state": "other" } }),
                "callback-stale",
            ),
            (
                "issuer of the answer",
                json!({ "answer": { "iss": "https://other.example" } }),
                "callback-issuer",
            ),
            (
                "nonce",
                json!({ "claims": { "nonce": "other" } }),
                "claims-nonce",
            ),
            (
                "audience",
                json!({ "claims": { "aud": "other" } }),
                "claims-audience",
            ),
            (
                "issuer",
                json!({ "claims": { "iss": "https://other.example" } }),
                "jwt-issuer",
            ),
            (
                "expired",
                json!({ "claims": { "iat": 1_000, "exp": 2_000 } }),
                "claims-expired",
            ),
            ("no algorithm", json!({ "sign": "none" }), "jwt-algorithm"),
            (
                "public key as secret",
                json!({ "sign": "public key" }),
                "jwt-algorithm",
            ),
            (
                "rotated keys",
                json!({ "header": { "kid": "rotated" } }),
                "jwt-key-unknown",
            ),
            (
                "key of a stranger",
                json!({ "sign": "stranger" }),
                "jwt-signature",
            ),
        ] {
            fronts.evil.publish(EVIL, &json!({ "signIn": lie })).await;
            page.click(&evil).await;
            page.wait_for_text("h1", "Sign-in failed").await;
            page.wait_for_text("main", &format!("[{reason}]")).await;
            if what == "nonce" || what == "rotated keys" {
                page.audit(&format!("refused-{reason}")).await;
            }
            assert_eq!(page.session_cookie().await, None, "{what}");
            page.click("main a").await;
            page.wait_for(&evil).await;
        }
        // The same way is open to the truth.
        fronts.evil.publish(EVIL, &json!({})).await;
        page.click(&evil).await;
        page.wait_for("#user").await;
        assert!(page.session_cookie().await.is_some());
    })
    .await;
}

#[tokio::test]
async fn form_survives_a_session_that_ends_and_a_provider_that_is_another_site() {
    let fronts = fronts().await;
    visit_at(&fronts.url(), Appearance::default(), async |page| {
        page.expect_requests_to(fronts.issuer("factory").url);
        page.goto("/profile/security").await;
        page.click("[data-provider=factory]").await;
        log_in_at_the_provider(page, "vic").await;
        page.wait_for_list().await;
        page.open_form().await;
        page.paste("#token-name", "Still there").await;
        page.click("#scopes-all").await;
        page.expire_session().await;
        page.click("#create-submit").await;
        page.wait_for("#sign-in-dialog [data-provider=factory]")
            .await;
        page.audit("session-ended-provider").await;
        page.click("#sign-in-dialog [data-provider=factory]").await;
        page.in_new_window(async || {
            log_in_at_the_provider(page, "vic").await;
            page.wait_for_text("h1", "You are signed in").await;
            page.audit("signed-in-window").await;
        })
        .await;
        page.wait_until_gone("#sign-in-dialog").await;
        page.wait_for_text("#create-session", "nothing was lost")
            .await;
        assert_eq!(page.property("#token-name", "value").await, "Still there");
        page.click("#create-submit").await;
        page.wait_for("#created-token").await;
    })
    .await;
}

#[tokio::test]
async fn provider_that_is_down_is_named_on_a_clear_page() {
    let fronts = fronts().await;
    fronts.issuer("stopping").stop().await;
    let narrow = Appearance {
        width: 320,
        ..Appearance::default()
    };
    visit_at(&fronts.url(), narrow, async |page| {
        page.goto("/profile/security").await;
        page.expect_status(502);
        page.click("[data-provider=stopping]").await;
        page.wait_for_text("h1", "Sign-in is not possible now")
            .await;
        page.wait_for_text("main", "does not respond").await;
        page.audit("provider-down").await;
        page.expect_to_fit("provider-down").await;
        page.click("main a").await;
        page.wait_for("[data-provider=stopping]").await;
    })
    .await;
}
