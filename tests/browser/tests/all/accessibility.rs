//! Checks every state of the page with axe-core, and leaves screenshots in target/screenshots.

use patrol_browser::{
    Appearance, Page,
    systems::{SAMPLE_TOKENS, sample_system, shared_system},
    visit,
};

const LIGHT: Appearance = Appearance {
    width: 1280,
    height: 900,
    dark: false,
    forced_colors: false,
};
const DARK: Appearance = Appearance {
    dark: true,
    ..LIGHT
};
/// A small phone, or a 1440 px window at 400 % zoom.
const NARROW: Appearance = Appearance {
    width: 360,
    height: 780,
    ..LIGHT
};

/// Opens the form and fills it in.
async fn fill_in_form(page: &Page<'_>) {
    page.open_form().await;
    page.paste("#token-name", "ERP Data Sync").await;
    for scope in ["pipelines:read", "pipelines:results", "models:read"] {
        page.click(&format!("input[name=scope][value='{scope}']"))
            .await;
    }
    page.click(".group[data-group=UNS] .group-head label").await;
    page.move_pointer_away().await;
    page.eval("$$('.dialog-body').forEach((one) => one.scrollTo(0, 0))")
        .await;
}

/// Audits all states that do not need a new token. Screenshots get the prefix.
async fn audit_main_states(prefix: &str, appearance: Appearance) {
    visit(sample_system().await, appearance, async |page| {
        page.goto("/profile/security").await;
        page.wait_for(".sign-in").await;
        page.audit(&format!("{prefix}-sign-in")).await;
        page.open_tokens("ada").await;
        page.cell(SAMPLE_TOKENS[0].name, "status").await;
        page.audit(&format!("{prefix}-list")).await;
        assert_eq!(
            page.eval("document.documentElement.scrollWidth > innerWidth")
                .await,
            false,
            "the page does not scroll sideways"
        );
        page.eval("scrollTo(0, 1e6)").await;
        page.audit(&format!("{prefix}-list-end")).await;
        page.eval("scrollTo(0, 0)").await;
        page.click("#create-token").await;
        page.wait_for("#token-name").await;
        page.audit(&format!("{prefix}-empty-form")).await;
        page.click("#create-submit").await;
        page.wait_for("#token-name[aria-invalid=true]").await;
        page.audit(&format!("{prefix}-field-error")).await;
        page.click("#create-form .dialog-foot .button:not(.primary)")
            .await;
        page.wait_until_gone("#create-dialog").await;
        fill_in_form(page).await;
        page.audit(&format!("{prefix}-create")).await;
        page.eval("$('.dialog-body').scrollTo(0, 1e6)").await;
        page.audit(&format!("{prefix}-create-end")).await;
        page.discard_form().await;
        page.open_revoke_dialog("Grafana").await;
        page.wait_for("#revoke-dialog").await;
        page.audit(&format!("{prefix}-revoke")).await;
    })
    .await;
}

#[tokio::test]
async fn main_states_are_accessible() {
    audit_main_states("light", LIGHT).await;
}

#[tokio::test]
async fn main_states_are_accessible_in_dark_mode() {
    audit_main_states("dark", DARK).await;
}

#[tokio::test]
async fn main_states_are_accessible_on_360_pixels() {
    audit_main_states("narrow", NARROW).await;
}

/// Audits the states of a new token and of its revocation.
async fn audit_created_and_revoked(prefix: &str, appearance: Appearance) {
    visit(shared_system(), appearance, async |page| {
        page.open_tokens("otto").await;
        let name = format!("ERP Data Sync {prefix}");
        page.create(&name, &["pipelines:read", "uns:publish"]).await;
        page.audit(&format!("{prefix}-created")).await;
        page.click("#copy-token").await;
        page.wait_for_text("#copy-token", "Copied").await;
        page.audit(&format!("{prefix}-copied")).await;
        page.click("#created-done").await;
        page.wait_until_gone("#create-dialog").await;
        page.revoke(&name).await;
        page.audit(&format!("{prefix}-revoked")).await;
    })
    .await;
}

#[tokio::test]
async fn created_and_revoked_views_are_accessible() {
    audit_created_and_revoked("light", LIGHT).await;
}

#[tokio::test]
async fn created_and_revoked_views_are_accessible_in_dark_mode() {
    audit_created_and_revoked("dark", DARK).await;
}

#[tokio::test]
async fn created_and_revoked_views_are_accessible_on_360_pixels() {
    audit_created_and_revoked("narrow", NARROW).await;
}

#[tokio::test]
async fn empty_list_profile_and_home_are_accessible() {
    visit(sample_system().await, LIGHT, async |page| {
        page.open_tokens("otto").await;
        page.wait_for_text("#token-list", "No tokens yet").await;
        page.audit("light-no-tokens").await;
        page.click(".tabs a[href='/profile']").await;
        page.wait_for("#account").await;
        page.audit("light-profile").await;
        page.click(".brand").await;
        page.wait_for_text("h1", "Welcome").await;
        page.audit("light-home").await;
    })
    .await;
}

#[tokio::test]
async fn list_that_cannot_be_loaded_is_accessible() {
    visit(sample_system().await, LIGHT, async |page| {
        page.sign_in("ada", "/").await;
        // The connection is lost after the page has loaded, but before the list has.
        let offline = |offline: bool| {
            serde_json::json!({
                "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
            })
        };
        page.devtools("Network.enable", serde_json::json!({})).await;
        page.devtools("Network.emulateNetworkConditions", offline(true))
            .await;
        page.expect_failed_requests();
        page.click("#user").await;
        page.click(".tabs a[href='/profile/security']").await;
        page.wait_for("#retry").await;
        page.audit("light-unreachable").await;
        page.devtools("Network.emulateNetworkConditions", offline(false))
            .await;
        page.click("#retry").await;
        page.wait_for_list().await;
        page.wait_until_gone("#retry").await;
    })
    .await;
}

#[tokio::test]
async fn list_is_accessible_while_it_loads() {
    visit(sample_system().await, LIGHT, async |page| {
        page.sign_in("ada", "/profile").await;
        // While this is enabled, the browser holds the request for the list.
        let patterns = serde_json::json!({ "patterns": [{ "urlPattern": "*/api/v1/tokens*" }] });
        page.devtools("Fetch.enable", patterns).await;
        page.click(".tabs a[href='/profile/security']").await;
        page.wait_for("#token-list[aria-busy=true]").await;
        page.audit("light-loading").await;
        page.devtools("Fetch.disable", serde_json::json!({})).await;
        page.wait_for_list().await;
        page.cell(SAMPLE_TOKENS[0].name, "status").await;
    })
    .await;
}

#[tokio::test]
async fn page_is_available_in_german() {
    visit(sample_system().await, LIGHT, async |page| {
        page.goto("/profile/security").await;
        page.click("[data-language=de]").await;
        page.wait_for_text("h1", "Anmelden").await;
        page.audit("german-sign-in").await;
        page.click(".sign-in [data-user=ada]").await;
        page.wait_for_list().await;
        assert_eq!(page.eval_text("document.documentElement.lang").await, "de");
        page.cell(SAMPLE_TOKENS[0].name, "status").await;
        page.audit("german-list").await;
        fill_in_form(page).await;
        page.audit("german-create").await;
        page.eval("$('.dialog-body').scrollTo(0, 1e6)").await;
        page.audit("german-create-end").await;
        // The search finds the German texts.
        page.type_into("#scopes-search", "endgültig LÖSCHEN").await;
        page.wait_for_text("#scopes-all", "Angezeigte auswählen")
            .await;
        let found = page.attributes(".scope:not([hidden]) input", "value").await;
        let deleting = ["pipelines", "models", "connectors", "dashboards"];
        assert_eq!(found, deleting.map(|group| format!("{group}:delete")));
        page.discard_form().await;
        page.open_revoke_dialog("Grafana").await;
        page.audit("german-revoke").await;
        page.click("#revoke-keep").await;
        // The browser remembers the language.
        page.reload().await;
        page.wait_for_list().await;
        page.wait_for_text("#create-token", "Token erstellen").await;
    })
    .await;
}

#[tokio::test]
async fn forced_colors_show_what_is_chosen() {
    let forced = Appearance {
        forced_colors: true,
        ..LIGHT
    };
    visit(sample_system().await, forced, async |page| {
        page.open_tokens("ada").await;
        page.cell(SAMPLE_TOKENS[0].name, "status").await;
        page.move_pointer_away().await;
        page.audit("forced-colors-list").await;
        let differ = "((chosen, other) => ['backgroundColor', 'outlineStyle', \
                      'borderBlockEndStyle'].some((one) => getComputedStyle(chosen)[one] !== \
                      getComputedStyle(other)[one]))($(args[0]), $(args[1]))";
        for (chosen, other) in [
            (".segment:has(:checked)", ".segment:not(:has(:checked))"),
            (".tabs [aria-current]", ".tabs a:not([aria-current])"),
            ("[data-language=en]", "[data-language=de]"),
            (".user", ".nav-link"),
        ] {
            assert_eq!(
                page.eval_with(differ, &[chosen, other]).await,
                true,
                "{chosen}"
            );
        }
        fill_in_form(page).await;
        page.audit("forced-colors-create").await;
    })
    .await;
}

#[tokio::test]
async fn page_fits_at_200_percent_zoom() {
    // A window of 1280 by 900 at 200 %.
    let half = Appearance {
        width: 640,
        height: 450,
        ..LIGHT
    };
    visit(sample_system().await, half, async |page| {
        page.open_tokens("ada").await;
        page.cell(SAMPLE_TOKENS[0].name, "status").await;
        page.audit("zoomed-list").await;
        fill_in_form(page).await;
        page.audit("zoomed-create").await;
        assert_eq!(
            page.eval("document.documentElement.scrollWidth > innerWidth")
                .await,
            false
        );
    })
    .await;
}
