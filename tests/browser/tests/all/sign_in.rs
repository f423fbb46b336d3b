//! Sign-in by a real provider, in an installation without development users.

use patrol_browser::{Appearance, Page, visit};
use patrol_support::{
    Response, System, api_request, client,
    identity_provider::Providers,
    workspace::{policy, write_policy},
};
use reqwest::Method;
use serde_json::json;

const RULE: &str = r#"
[[membership.rule]]
claim = "groups"
value = "/{organization}/{role}"

[membership.names]
acme = "Acme Manufacturing"
globex = "Globex Chemicals"
"#;

/// A system whose only provider is the first one.
async fn start(name: &str, providers: &Providers) -> System {
    let registered = providers.get(0).client("rs256", "factory").await;
    let mut description = registered.description;
    description["label"] = json!("Factory login");
    let (secret, value) = registered.credential;
    let policy = write_policy(name, &(policy() + RULE));
    System::start(
        name,
        &[
            "--policy",
            policy.to_str().expect("a path in Unicode"),
            &format!("--var=OIDC_PROVIDERS={}", json!([description])),
            &format!("--var={secret}={value}"),
            "--var=DEV_SIGN_IN=false",
        ],
    )
}

async fn log_in_at_the_provider(page: &Page<'_>, user: &str) {
    page.type_into("input[name=login]", user).await;
    page.type_into("input[name=password]", "any").await;
    page.click("form button").await;
}

#[tokio::test]
async fn new_user_signs_in_creates_a_token_and_signs_out() {
    let providers = Providers::start(1);
    let system = start("page-provider", &providers).await;
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

        let cookie = page.session_cookie().await;
        let me = || {
            let request = client().get(format!("{}/api/v1/me", system.url));
            Response::to(request.header("Cookie", &cookie))
        };
        assert_eq!(me().await.status, 200);
        page.click("#sign-out").await;
        // The provider asks whether to sign out there too.
        page.click("button[name=logout]").await;
        page.wait_for("[data-provider=factory]").await;
        assert_eq!(me().await.outcome(), (401, "session-required"));
    })
    .await;
}

#[tokio::test]
async fn form_survives_a_session_that_ends_and_a_provider_that_is_another_site() {
    let providers = Providers::start(1);
    let system = start("page-provider-again", &providers).await;
    visit(&system, Appearance::default(), async |page| {
        page.expect_requests_to(providers.get(0).url);
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
    let providers = Providers::start(1);
    let system = start("page-provider-down", &providers).await;
    providers.get(0).stop().await;
    let narrow = Appearance {
        width: 320,
        ..Appearance::default()
    };
    visit(&system, narrow, async |page| {
        page.goto("/profile/security").await;
        page.expect_status(502);
        page.click("[data-provider=factory]").await;
        page.wait_for_text("h1", "Sign-in is not possible now")
            .await;
        page.wait_for_text("main", "does not respond").await;
        page.audit("provider-down").await;
        page.expect_to_fit("provider-down").await;
        page.click("main a").await;
        page.wait_for("[data-provider=factory]").await;
    })
    .await;
}
