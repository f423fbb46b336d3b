//! The page at a width of 320 pixels, with long names: nothing scrolls sideways (WCAG 2.2, 1.4.10).

use patrol_browser::{Appearance, Page, page::key, visit};
use patrol_support::{
    System,
    identity_provider::Providers,
    workspace::{policy, write_policy},
};
use serde_json::json;

const NARROW: Appearance = Appearance {
    width: 320,
    height: 640,
    dark: false,
    forced_colors: false,
};

const LONG: &str =
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";

const RULE: &str = r#"
[[membership.rule]]
claim = "groups"
value = "/{organization}/{role}"

[membership.names]
"#;

/// A system with a user whose every name is long, and with development users.
async fn start(name: &str, providers: &Providers) -> System {
    let organizations: Vec<_> = (10..28)
        .map(|number| format!("oberweserdampfschifffahrtsgesellschaft-{number}"))
        .collect();
    let user = json!({
        "name": format!("Maximiliane {LONG}"),
        "email": format!("maximiliane.{}@example.com", LONG.replace('ä', "ae")),
        "email_verified": true,
        "groups": organizations.iter().map(|id| format!("/{id}/admin")).collect::<Vec<_>>(),
    });
    providers.get(0).set_user("max", &user).await;
    let names = organizations.iter().zip(10..);
    let names = names.map(|(id, number)| format!("{id} = \"{LONG} {number}\"\n"));
    let names = names.collect::<Vec<_>>().concat();
    let registered = providers.get(0).client("rs256", "factory").await;
    let mut description = registered.description;
    description["label"] = json!(LONG.chars().take(40).collect::<String>());
    let (secret, value) = registered.credential;
    let policy = write_policy(name, &(policy() + RULE + &names));
    System::start(
        name,
        &[
            "--policy",
            policy.to_str().expect("a path in Unicode"),
            &format!("--var=OIDC_PROVIDERS={}", json!([description])),
            &format!("--var={secret}={value}"),
        ],
    )
}

/// Takes a screenshot and checks the width.
async fn fits(page: &Page<'_>, language: &str, state: &str) {
    let state = format!("320-{language}-{state}");
    page.screenshot(&state).await;
    page.expect_to_fit(&state).await;
}

/// Signs in by the provider, and visits the list before it has a token.
async fn visit_empty_list(page: &Page<'_>, provider: &str, language: &str) {
    let fits = async |state: &str| fits(page, language, state).await;
    page.expect_requests_to(provider);
    page.goto("/profile/security").await;
    page.click(&format!("[data-language={language}]")).await;
    page.wait_for("[data-provider=factory]").await;
    fits("sign-in").await;
    page.click("[data-provider=factory]").await;
    page.type_into("input[name=login]", "max").await;
    page.type_into("input[name=password]", "any").await;
    page.click("form button").await;
    page.wait_for_list().await;
    fits("security").await;
    page.eval("scrollTo(0, 1e6)").await;
    fits("list-without-tokens").await;
    page.click("#sessions summary").await;
    page.wait_for("#sessions .current").await;
    fits("sessions").await;
    page.click("#activity summary").await;
    page.wait_for("#activity time").await;
    fits("activity").await;
}

/// Visits the form with every error, and the new token.
async fn visit_form(page: &Page<'_>, language: &str) {
    let fits = async |state: &str| fits(page, language, state).await;
    page.open_form().await;
    fits("form").await;
    page.paste("#token-name", &"x".repeat(300)).await;
    page.eval("$$('input[name=organization]:not(:checked)').forEach((one) => one.click())")
        .await;
    page.click("#create-submit").await;
    page.wait_for("#token-name[aria-invalid=true]").await;
    fits("form-errors").await;
    for (position, state) in [
        (0, "form-start"),
        (900, "form-organizations"),
        (1_000_000, "form-end"),
    ] {
        page.eval(&format!("$('.dialog-body').scrollTo(0, {position})"))
            .await;
        fits(state).await;
    }
    page.type_into("#scopes-search", "nothing like that").await;
    fits("form-search").await;
    page.press(&[key::ESCAPE]).await;
    page.eval("$$('input[name=organization]:checked').slice(1).forEach((one) => one.click())")
        .await;
    page.paste("#token-name", &format!("{LONG} {language}"))
        .await;
    page.click("#scopes-all").await;
    fits("form-filled").await;
    page.press(&[key::ESCAPE]).await;
    page.wait_for("#leave-dialog").await;
    fits("discard").await;
    page.click("#leave-back").await;
    page.wait_until_gone("#leave-dialog").await;
    page.eval("navigator.clipboard.writeText = () => Promise.reject(new Error())")
        .await;
    page.click("#create-submit").await;
    page.wait_for("#created-token").await;
    fits("created").await;
    for button in ["#copy-token", "#copy-example"] {
        page.click(button).await;
        page.wait_for(&format!("{button}-failed")).await;
        fits(&format!("created-{}", &button[1..])).await;
    }
    page.click("#created-done").await;
    page.wait_for("#leave-dialog").await;
    fits("leave").await;
    page.click("#leave-anyway").await;
    page.wait_until_gone("#create-dialog").await;
}

/// Visits the list, the revocation of its token, and a form whose session ends.
async fn visit_list(page: &Page<'_>, language: &str) {
    let fits = async |state: &str| fits(page, language, state).await;
    page.wait_for("#tokens .badge.more").await;
    fits("list").await;
    page.click("#tokens .badge.more").await;
    page.eval("scrollTo(0, 1e6)").await;
    fits("list-all-scopes").await;
    page.type_into("#token-search", "nothing like that").await;
    page.wait_for("#clear-filter").await;
    fits("list-no-match").await;
    page.click("#clear-filter").await;
    page.click("#tokens .revoke").await;
    page.wait_for("#revoke-confirm").await;
    fits("revoke").await;
    page.click("#revoke-confirm").await;
    page.wait_for("#revoke-done").await;
    fits("revoked").await;
    page.click("#revoke-done").await;
    page.wait_until_gone("#revoke-dialog").await;
    page.eval("scrollTo(0, 1e6)").await;
    fits("list-revoked").await;

    page.open_form().await;
    page.paste("#token-name", "x").await;
    page.click("#scopes-all").await;
    page.expire_session().await;
    page.click("#create-submit").await;
    page.wait_for("#sign-in-dialog [data-provider=factory]")
        .await;
    fits("session-ended").await;
    page.press(&[key::ESCAPE]).await;
    page.wait_for("#create-session").await;
    fits("form-session").await;
}

/// Visits the states that need no list.
async fn visit_pages(page: &Page<'_>, language: &str) {
    let fits = async |state: &str| fits(page, language, state).await;
    page.sign_in("ada", "/").await;
    fits("home").await;
    page.click("#user").await;
    page.wait_for("#account").await;
    fits("profile").await;
    let patterns = json!({ "patterns": [{ "urlPattern": "*/api/v1/tokens*" }] });
    page.devtools("Fetch.enable", patterns).await;
    page.click(".tabs a:not([aria-current])").await;
    page.wait_for("#token-list[aria-busy=true]").await;
    page.eval("scrollTo(0, 1e6)").await;
    fits("list-loading").await;
    page.devtools("Fetch.disable", json!({})).await;
    page.wait_for_list().await;
    page.block(Some("*/api/v1/tokens*")).await;
    page.reload().await;
    page.wait_for("#retry").await;
    page.eval("scrollTo(0, 1e6)").await;
    fits("list-error").await;
    page.block(Some("*/api/v1/me*")).await;
    page.reload().await;
    page.wait_for(".message").await;
    fits("failed").await;
    page.block(None).await;
    page.expect_status(404);
    page.goto("/profile/nowhere").await;
    page.wait_for(".message").await;
    fits("not-found").await;
}

#[tokio::test]
async fn every_state_fits_on_320_pixels() {
    let providers = Providers::start(1);
    let system = start("page-narrow", &providers).await;
    let dark = Appearance {
        dark: true,
        ..NARROW
    };
    for (language, appearance) in [("en", NARROW), ("de", dark)] {
        visit(&system, appearance, async |page| {
            visit_empty_list(page, providers.get(0).url, language).await;
            visit_form(page, language).await;
            visit_list(page, language).await;
            visit_pages(page, language).await;
        })
        .await;
    }
}
