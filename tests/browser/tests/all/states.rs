//! Every state of the page, for axe-core and for people: each leaves a picture in
//! target/screenshots.

use patrol_browser::{
    Look, Page,
    stage::{EXHIBITS, gallery, workshop},
    visit,
};

const LIGHT: Look = Look {
    width: 1280,
    height: 900,
    dark: false,
    forced_colors: false,
};
const DARK: Look = Look {
    dark: true,
    ..LIGHT
};
/// A small phone; also what is left of a window of 1440 at 400 %.
const NARROW: Look = Look {
    width: 360,
    height: 780,
    ..LIGHT
};

/// Shows the form as somebody has filled it in.
async fn filled_in(page: &Page<'_>) {
    page.open_form().await;
    page.paste("#token-name", "ERP Data Sync").await;
    for scope in ["pipelines:read", "pipelines:results", "models:read"] {
        page.click(&format!("input[name=scope][value='{scope}']"))
            .await;
    }
    page.click(".group[data-group=UNS] .group-head label").await;
    top(page).await;
}

/// Scrolls dialogs up, and moves the pointer's mark away.
async fn top(page: &Page<'_>) {
    page.rest_pointer().await;
    page.js("$$('.dialog-body').forEach((one) => one.scrollTo(0, 0))")
        .await;
}

/// All states that need no token of their own, with a prefix for their names.
async fn tour(prefix: &str, look: Look) {
    visit(gallery().await, look, async |page| {
        page.goto("/profile/security").await;
        page.see(".sign-in").await;
        page.state(&format!("{prefix}-sign-in")).await;
        page.tokens_of("ada").await;
        page.cell(EXHIBITS[0].name, "status").await;
        page.state(&format!("{prefix}-list")).await;
        assert_eq!(
            page.js("document.documentElement.scrollWidth > innerWidth")
                .await,
            false,
            "nothing is wider than the window"
        );
        page.js("scrollTo(0, 1e6)").await;
        page.state(&format!("{prefix}-list-end")).await;
        page.js("scrollTo(0, 0)").await;
        page.click("#create-token").await;
        page.see("#token-name").await;
        page.state(&format!("{prefix}-empty-form")).await;
        page.click("#create-submit").await;
        page.see("#token-name[aria-invalid=true]").await;
        page.state(&format!("{prefix}-field-error")).await;
        page.click("#create-form .dialog-foot .button:not(.primary)")
            .await;
        page.gone("#create-dialog").await;
        filled_in(page).await;
        page.state(&format!("{prefix}-create")).await;
        page.js("$('.dialog-body').scrollTo(0, 1e6)").await;
        page.state(&format!("{prefix}-create-end")).await;
        page.discard_form().await;
        page.ask_to_revoke("Grafana").await;
        page.see("#revoke-dialog").await;
        page.state(&format!("{prefix}-revoke")).await;
    })
    .await;
}

#[tokio::test]
async fn axe_finds_nothing_in_the_light() {
    tour("light", LIGHT).await;
}

#[tokio::test]
async fn axe_finds_nothing_in_the_dark() {
    tour("dark", DARK).await;
}

#[tokio::test]
async fn axe_finds_nothing_on_360_pixels() {
    tour("narrow", NARROW).await;
}

/// What can only be seen with tokens that change.
async fn changes(prefix: &str, look: Look) {
    visit(workshop(), look, async |page| {
        page.tokens_of("otto").await;
        let name = format!("ERP Data Sync {prefix}");
        page.create(&name, &["pipelines:read", "uns:publish"]).await;
        page.state(&format!("{prefix}-created")).await;
        page.click("#copy-token").await;
        page.says("#copy-token", "Copied").await;
        page.state(&format!("{prefix}-copied")).await;
        page.click("#created-done").await;
        page.gone("#create-dialog").await;
        page.revoke(&name).await;
        page.state(&format!("{prefix}-revoked")).await;
    })
    .await;
}

#[tokio::test]
async fn axe_finds_nothing_on_a_new_and_on_a_revoked_token() {
    changes("light", LIGHT).await;
}

#[tokio::test]
async fn axe_finds_nothing_on_a_new_and_on_a_revoked_token_in_the_dark() {
    changes("dark", DARK).await;
}

#[tokio::test]
async fn axe_finds_nothing_on_a_new_and_on_a_revoked_token_on_360_pixels() {
    changes("narrow", NARROW).await;
}

#[tokio::test]
async fn axe_finds_nothing_where_there_is_no_token_yet() {
    visit(gallery().await, LIGHT, async |page| {
        page.tokens_of("otto").await;
        page.says("#token-list", "No tokens yet").await;
        page.state("light-no-tokens").await;
        page.click(".tabs a[href='/profile']").await;
        page.see("#account").await;
        page.state("light-profile").await;
        page.click(".brand").await;
        page.says("h1", "Welcome").await;
        page.state("light-home").await;
    })
    .await;
}

#[tokio::test]
async fn axe_finds_nothing_when_the_list_cannot_be_loaded() {
    visit(gallery().await, LIGHT, async |page| {
        page.sign_in("ada", "/").await;
        // The network is gone between the page and its list.
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
        page.see("#retry").await;
        page.state("light-unreachable").await;
        page.devtools("Network.emulateNetworkConditions", offline(false))
            .await;
        page.click("#retry").await;
        page.loaded().await;
        page.gone("#retry").await;
    })
    .await;
}

#[tokio::test]
async fn axe_finds_nothing_while_the_list_is_being_loaded() {
    visit(gallery().await, LIGHT, async |page| {
        page.sign_in("ada", "/profile").await;
        // The list's request is held, for as long as this is switched on.
        let held = serde_json::json!({ "patterns": [{ "urlPattern": "*/api/v1/tokens*" }] });
        page.devtools("Fetch.enable", held).await;
        page.click(".tabs a[href='/profile/security']").await;
        page.see("#token-list[aria-busy=true]").await;
        page.state("light-loading").await;
        page.devtools("Fetch.disable", serde_json::json!({})).await;
        page.loaded().await;
        page.cell(EXHIBITS[0].name, "status").await;
    })
    .await;
}

#[tokio::test]
async fn the_page_speaks_german() {
    visit(gallery().await, LIGHT, async |page| {
        page.goto("/profile/security").await;
        page.click("[data-language=de]").await;
        page.says("h1", "Anmelden").await;
        page.state("german-sign-in").await;
        page.click(".sign-in [data-user=ada]").await;
        page.loaded().await;
        assert_eq!(page.js_text("document.documentElement.lang").await, "de");
        page.cell(EXHIBITS[0].name, "status").await;
        page.state("german-list").await;
        filled_in(page).await;
        page.state("german-create").await;
        page.js("$('.dialog-body').scrollTo(0, 1e6)").await;
        page.state("german-create-end").await;
        // What is to be seen is what is found.
        page.type_into("#scopes-search", "endgültig LÖSCHEN").await;
        page.says("#scopes-all", "Gezeigte wählen").await;
        let found = page.attributes(".scope:not([hidden]) input", "value").await;
        let deleting = ["pipelines", "models", "connectors", "dashboards"];
        assert_eq!(found, deleting.map(|group| format!("{group}:delete")));
        page.discard_form().await;
        page.ask_to_revoke("Grafana").await;
        page.state("german-revoke").await;
        page.click("#revoke-keep").await;
        // The choice is kept.
        page.reload().await;
        page.loaded().await;
        page.says("#create-token", "Token erstellen").await;
    })
    .await;
}

#[tokio::test]
async fn in_the_users_own_colors_what_is_chosen_is_to_be_seen() {
    let forced = Look {
        forced_colors: true,
        ..LIGHT
    };
    visit(gallery().await, forced, async |page| {
        page.tokens_of("ada").await;
        page.cell(EXHIBITS[0].name, "status").await;
        page.rest_pointer().await;
        page.state("forced-colors-list").await;
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
                page.js_with(differ, &[chosen, other]).await,
                true,
                "{chosen}"
            );
        }
        filled_in(page).await;
        page.state("forced-colors-create").await;
    })
    .await;
}

#[tokio::test]
async fn at_twice_the_size_nothing_is_lost() {
    // What a window of 1280 by 900 has left at 200 %.
    let half = Look {
        width: 640,
        height: 450,
        ..LIGHT
    };
    visit(gallery().await, half, async |page| {
        page.tokens_of("ada").await;
        page.cell(EXHIBITS[0].name, "status").await;
        page.state("zoomed-list").await;
        filled_in(page).await;
        page.state("zoomed-create").await;
        assert_eq!(
            page.js("document.documentElement.scrollWidth > innerWidth")
                .await,
            false
        );
    })
    .await;
}
