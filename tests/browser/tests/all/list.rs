//! The section *Token List* of the product page, and how to get there: one test for each sentence.

use patrol::time::{DAY, Timestamp};
use patrol_browser::{
    Appearance, Page,
    page::key,
    systems::{SAMPLE_TOKENS, SampleToken, sample_system, shared_system},
    visit,
};
use patrol_policy::example;
use patrol_support::{Response, User, api_request, now, wait_until};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;

/// Opens the list of the sample tokens.
async fn list(test: impl AsyncFnOnce(&Page<'_>)) {
    visit(sample_system().await, Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        test(page).await;
    })
    .await;
}

#[tokio::test]
async fn the_user_name_at_the_bottom_of_the_left_sidebar_opens_profile_settings() {
    visit(sample_system().await, Appearance::default(), async |page| {
        page.sign_in("ada", "/").await;
        assert!(page.text("#user").await.contains("Ada Lovelace"));
        let corner = "(({left, bottom}) => left < 240 && bottom > innerHeight - 40)(\
                      $('#user').getBoundingClientRect())";
        page.wait_until("the name is at the bottom left", corner)
            .await;
        page.click("#user").await;
        page.wait_for_text("h1", "Profile Settings").await;
        assert_eq!(page.path().await, "/profile");
    })
    .await;
}

#[tokio::test]
async fn the_bottom_section_of_the_security_tab_displays_the_list_and_a_create_token_button() {
    visit(sample_system().await, Appearance::default(), async |page| {
        page.sign_in("ada", "/profile").await;
        page.click(".tabs a[href='/profile/security']").await;
        page.wait_for_list().await;
        assert_eq!(page.path().await, "/profile/security");
        let last = "$('main .view').lastElementChild.matches('patrol-tokens')";
        page.wait_until("the section is the last one", last).await;
        assert_eq!(page.text("#tokens-title").await, "Personal Access Tokens");
        assert_eq!(page.text("#create-token").await, "Create Token");
        page.back().await;
        page.wait_for("#account").await;
    })
    .await;
}

#[tokio::test]
async fn the_table_shows_all_tokens_including_active_expired_and_revoked_ones() {
    list(async |page| {
        let names = page.texts("#tokens tbody th span:first-child").await;
        let expected: Vec<_> = SAMPLE_TOKENS.iter().map(|token| token.name).collect();
        assert_eq!(names, expected);
        assert_eq!(page.text("#active-count").await, "3 of 50 active");
    })
    .await;
}

#[tokio::test]
async fn the_columns_are_name_scopes_created_last_used_expires_and_status() {
    list(async |page| {
        let heads = page.texts("#tokens thead th .sort").await;
        assert_eq!(
            heads,
            [
                "Name",
                "Scopes",
                "Created",
                "Last Used",
                "Expires",
                "Status"
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn scopes_are_color_coded_badges_grouped_by_feature_area() {
    list(async |page| {
        for token in SAMPLE_TOKENS {
            let more = page.row_selector(token.name, ".more").await;
            if page.count(&more).await > 0 {
                page.click(&more).await;
            }
            let badges = page.row_selector(token.name, ".badge:not(.more)").await;
            assert_eq!(page.texts(&badges).await, token.scopes);
            let colors = page.attributes(&badges, "data-color").await;
            let groups = page.attributes(&badges, "data-group").await;
            for ((scope, color), group) in token.scopes.iter().zip(colors).zip(groups) {
                let (of, _) = example()
                    .offered(example().parse_scopes(scope))
                    .next()
                    .expect("the policy has the scope");
                assert_eq!((&of.color, &of.name), (&color, &group), "{scope}");
            }
        }
        // Each group has a color of its own on the screen.
        let colors = page
            .eval(
                "[...new Set($$('.badge[data-group]').map((one) => \
                 one.dataset.group + getComputedStyle(one).backgroundColor))].length",
            )
            .await;
        let groups = page.attributes(".badge[data-group]", "data-group").await;
        let groups: BTreeSet<_> = groups.into_iter().collect();
        assert_eq!(groups.len(), 6, "all groups are in the list");
        assert_eq!(colors, 6);
    })
    .await;
}

/// A date as the page formats it, in the browser's language and time zone.
async fn day(page: &Page<'_>, seconds: u64) -> String {
    let date = format!(
        "new Intl.DateTimeFormat('en-US', {{ dateStyle: 'medium' }}).format(new Date({seconds}000))"
    );
    page.eval_text(&date).await
}

/// When the token was created, give or take the duration of the tests.
fn created(token: &SampleToken) -> u64 {
    now() - token.age * DAY
}

#[tokio::test]
async fn created_is_the_date_the_token_was_created() {
    list(async |page| {
        for token in SAMPLE_TOKENS {
            let created_at = time_in(page, token.name, "created").await;
            assert!(
                created(token).abs_diff(created_at.seconds()) < DAY / 24,
                "{token:?}"
            );
            let shown = page.cell(token.name, "created").await;
            assert_eq!(shown, day(page, created_at.seconds()).await);
        }
    })
    .await;
}

#[tokio::test]
async fn last_used_is_never_if_the_token_has_not_been_used() {
    list(async |page| {
        for token in SAMPLE_TOKENS {
            assert_eq!(page.cell(token.name, "last_used").await, "Never");
        }
    })
    .await;
}

#[tokio::test]
async fn last_used_is_the_date_when_the_token_was_last_used() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        let token = page.create_and_copy("In use", &["models:read"]).await;
        assert_eq!(page.cell("In use", "last_used").await, "Never");
        let before = now();
        let used = api_request(&page.system().url, Method::GET, "/api/v1/models", &token);
        assert_eq!(Response::to(used).await.status, 200);
        // The edge reports uses after it has responded.
        let shown = wait_until("the use is in the list", || async {
            page.reload().await;
            page.wait_for_list().await;
            let shown = page.cell("In use", "last_used").await;
            (shown != "Never").then_some(shown)
        })
        .await;
        let used_at = time_in(page, "In use", "last_used").await;
        assert!(
            (before - 60..=now()).contains(&used_at.seconds()),
            "{shown}"
        );
        assert!(shown.contains("From "), "{shown}");
        page.revoke("In use").await;
    })
    .await;
}

#[tokio::test]
async fn expires_is_the_expiration_date_of_the_token() {
    list(async |page| {
        for token in SAMPLE_TOKENS {
            let created_at = time_in(page, token.name, "created").await;
            let ends = time_in(page, token.name, "expires").await;
            assert_eq!(ends.since(created_at), token.days * DAY, "{token:?}");
            let shown = page.cell(token.name, "expires").await;
            assert!(
                shown.starts_with(&day(page, ends.seconds()).await),
                "{shown}"
            );
        }
        // One token has less than a week left.
        let soon = page
            .row_selector("Grafana", "[data-column=expires] .second")
            .await;
        assert_eq!(page.text(&soon).await, "in 4 days");
        let warned = page.attributes("#tokens tr[data-warning]", "data-id").await;
        assert_eq!(warned.len(), 1);
    })
    .await;
}

async fn time_in(page: &Page<'_>, name: &str, column: &str) -> Timestamp {
    let time = page
        .row_selector(name, &format!("[data-column={column}] time"))
        .await;
    let times = page.attributes(&time, "datetime").await;
    times[0].parse().expect("a time in RFC 3339")
}

#[tokio::test]
async fn status_is_the_current_state_active_expired_or_revoked() {
    list(async |page| {
        for token in SAMPLE_TOKENS {
            let expected = match token {
                SampleToken { revoked: true, .. } => "Revoked",
                SampleToken { age, days, .. } if age >= days => "Expired",
                _ => "Active",
            };
            let status = page.row_selector(token.name, ".status").await;
            assert_eq!(page.text(&status).await, expected, "{}", token.name);
            let revoke = page.row_selector(token.name, ".revoke:not([hidden])").await;
            let can_be_revoked = page.count(&revoke).await == 1;
            assert_eq!(can_be_revoked, expected == "Active", "{}", token.name);
        }
    })
    .await;
}

/// The names of all tokens that are shown.
async fn names(page: &Page<'_>) -> Vec<String> {
    page.texts("#tokens tbody th span:first-child").await
}

/// Waits until the list begins with a token.
async fn wait_for_first(page: &Page<'_>, name: &str) {
    page.wait_for_text("#tokens tbody tr:first-child th span:first-child", name)
        .await;
}

#[tokio::test]
async fn filter_search_and_sort_order_find_a_token() {
    list(async |page| {
        page.click("input[name=filter][value=expired] + span").await;
        page.wait_for_text("#shown-count", "1 of 6 tokens").await;
        assert_eq!(names(page).await, ["SCADA bridge, line 4"]);
        page.click("input[name=filter][value=all] + span").await;

        page.type_into("#token-search", "UNS:read").await;
        page.wait_for_text("#shown-count", "2 of 6 tokens").await;
        assert_eq!(names(page).await, ["UNS Topic Publisher", "Grafana"]);
        page.type_into("#token-search", " nowhere").await;
        page.wait_for("#clear-filter").await;
        page.audit("no-match").await;
        page.click("#clear-filter").await;
        page.wait_for_text("#shown-count", "6 tokens").await;

        page.click("th[data-column=name] .sort").await;
        wait_for_first(page, "ERP Data Sync").await;
        page.click("th[data-column=name] .sort").await;
        wait_for_first(page, "UNS Topic Publisher").await;
        let order = page.attributes("th[data-column=name]", "aria-sort").await;
        assert_eq!(order, ["descending"]);
    })
    .await;
}

#[tokio::test]
async fn names_are_not_cut_off() {
    list(async |page| {
        for token in SAMPLE_TOKENS {
            let name = page.row_selector(token.name, "th span").await;
            let cut = "((one) => one.scrollWidth > one.clientWidth || \
                       one.scrollHeight > one.clientHeight)($(args[0]))";
            assert_eq!(page.eval_with(cut, &[&name]).await, false, "{token:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn cards_label_each_value_with_its_column() {
    let narrow = Appearance {
        width: 360,
        ..Appearance::default()
    };
    visit(sample_system().await, narrow, async |page| {
        page.open_tokens("ada").await;
        page.cell(SAMPLE_TOKENS[0].name, "status").await;
        let names = page.texts("#tokens tbody tr:first-child .label").await;
        let expected = ["Scopes", "Created", "Last Used", "Expires", "Status"];
        assert_eq!(names, expected);
        assert_eq!(page.count("#tokens [aria-hidden] .label").await, 0);
        assert_eq!(page.count("#tokens .label[aria-hidden]").await, 0);
    })
    .await;
}

#[tokio::test]
async fn search_finds_the_names_of_organizations() {
    list(async |page| {
        page.type_into("#token-search", "chemicals").await;
        page.wait_for_text("#shown-count", "1 of 6 tokens").await;
        assert_eq!(names(page).await, ["Grafana"]);
    })
    .await;
}

#[tokio::test]
async fn list_reloads_when_the_user_returns_to_the_page() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        // Even after a dialog was open.
        page.open_form().await;
        page.press(&[key::ESCAPE]).await;
        page.wait_until_gone("#create-dialog").await;
        let ada = User::sign_in(&page.system().url, "ada").await;
        let request = json!({
            "name": "Created elsewhere", "organizations": ["acme"], "scopes": ["uns:read"],
        });
        assert_eq!(ada.create(&request).await.status, 201);
        page.return_after_a_minute().await;
        page.cell("Created elsewhere", "status").await;
    })
    .await;
}

#[tokio::test]
async fn list_ignores_a_response_from_before_a_change() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.create_and_copy("Not undone", &["models:read"]).await;
        // Hold back the responses of all further requests for the list.
        page.eval(
            "((real, held) => { window.fetch = async (url, init) => { \
                   const response = await real(url, init); \
                   if (init.method !== 'GET' || !/\\/tokens(\\?|$)/.test(url)) return response; \
                   await new Promise((release) => held.push(release)); return response; }; \
                 window.held = held; })(fetch.bind(window), [])",
        )
        .await;
        page.return_after_a_minute().await;
        page.wait_until("the first response is held", "window.held.length === 1")
            .await;
        page.revoke("Not undone").await;
        page.wait_until("the second response is held", "window.held.length === 2")
            .await;
        page.eval("window.held[0]()").await;
        page.click("#revoke-done").await;
        page.wait_until_gone("#revoke-dialog").await;
        assert!(
            page.cell("Not undone", "status")
                .await
                .starts_with("Revoked")
        );
        page.eval("window.held[1]()").await;
    })
    .await;
}

/// Opens the 1,000 tokens of `vic`. Without an observer, only the button loads more.
async fn many(appearance: Appearance, observes: bool, test: impl AsyncFnOnce(&Page<'_>)) {
    visit(sample_system().await, appearance, async |page| {
        page.sign_in("vic", "/profile").await;
        if !observes {
            page.eval("window.IntersectionObserver = class { observe() {} disconnect() {} }")
                .await;
        }
        page.click(".tabs a[href='/profile/security']").await;
        page.wait_for_text("#shown-count", "50 of 1,000 tokens")
            .await;
        test(page).await;
    })
    .await;
}

#[tokio::test]
async fn list_loads_more_as_one_scrolls() {
    many(Appearance::default(), true, async |page| {
        for count in ["100", "150", "200"] {
            page.eval("scrollTo(0, 1e6)").await;
            page.wait_for_text("#shown-count", &format!("{count} of 1,000 tokens"))
                .await;
        }
        let shown = names(page).await;
        assert_eq!(shown.len(), 200);
        assert_eq!((&*shown[0], &*shown[199]), ("Template", "Seeded 199"));
        // What was loaded stays when a token on the third page is revoked.
        page.revoke("Seeded 120").await;
        page.click("#revoke-done").await;
        page.wait_until_gone("#revoke-dialog").await;
        page.wait_for_text("#active-count", "49 of 50 active").await;
        assert!(
            page.cell("Seeded 120", "status")
                .await
                .starts_with("Revoked")
        );
        assert_eq!(names(page).await, shown);
    })
    .await;
}

#[tokio::test]
async fn button_loads_more_and_the_focus_moves_to_the_first_new_token() {
    let narrow = Appearance {
        width: 320,
        ..Appearance::default()
    };
    for (name, appearance) in [("wide", Appearance::default()), ("narrow", narrow)] {
        many(appearance, false, async |page| {
            page.eval("$('#load-more').focus()").await;
            page.audit(&format!("more-{name}")).await;
            page.press(&[key::ENTER]).await;
            page.wait_for_text("#shown-count", "100 of 1,000 tokens")
                .await;
            let first = page.row_selector("Seeded 50", "th").await;
            page.wait_for_focus(&first).await;
        })
        .await;
    }
}

#[tokio::test]
async fn page_that_does_not_arrive_can_be_loaded_again() {
    many(Appearance::default(), true, async |page| {
        page.block(Some("*/api/v1/tokens?*")).await;
        page.eval("scrollTo(0, 1e6)").await;
        page.wait_for_text("#more-failed", "More tokens could not be loaded")
            .await;
        page.audit("more-failed").await;
        page.block(None).await;
        page.click("#load-more").await;
        page.wait_for_text("#shown-count", "100 of 1,000 tokens")
            .await;
        assert_eq!(page.count("#more-failed:not(:empty)").await, 0);
    })
    .await;
}

#[tokio::test]
async fn order_filter_and_search_are_those_of_all_tokens() {
    many(Appearance::default(), true, async |page| {
        page.click("th[data-column=name] .sort").await;
        wait_for_first(page, "Seeded 1").await;
        page.eval("scrollTo(0, 1e6)").await;
        page.wait_for_text("#shown-count", "100 of 1,000 tokens")
            .await;
        assert_eq!(names(page).await[99], "Seeded 100");
        page.click("th[data-column=name] .sort").await;
        wait_for_first(page, "Template").await;
        assert_eq!(names(page).await[1], "Seeded 999");
        page.click("input[name=filter][value=expired] + span").await;
        page.wait_until_gone("#tokens tr[data-status=revoked]")
            .await;
        wait_for_first(page, "Seeded 999").await;
        assert_eq!(page.text("label:has([value=expired]) .muted").await, "500");
        page.type_into("#token-search", "seeded 777").await;
        page.wait_for_text("#shown-count", "1 of 1,000 tokens")
            .await;
        assert_eq!(names(page).await, ["Seeded 777"]);
    })
    .await;
}

#[tokio::test]
async fn late_answer_to_an_earlier_search_is_ignored() {
    many(Appearance::default(), true, async |page| {
        // The page cannot end these requests, and the first answer is held back.
        page.eval(
            "((real, held) => { window.fetch = async (url, { signal, ...init }) => { \
                   const response = await real(url, init); \
                   if (!url.includes('search=') || held.length > 0) return response; \
                   await new Promise((release) => held.push(release)); \
                   await response.clone().text(); \
                   const drawn = () => { window.isDrawn = true; }; \
                   requestAnimationFrame(() => requestAnimationFrame(drawn)); \
                   return response; }; \
                 window.held = held; })(fetch.bind(window), [])",
        )
        .await;
        page.paste("#token-search", "seeded 77").await;
        page.wait_until("the first answer is held", "window.held.length === 1")
            .await;
        page.paste("#token-search", "seeded 888").await;
        page.wait_for_text("#shown-count", "1 of 1,000 tokens")
            .await;
        page.eval("window.held[0]()").await;
        page.wait_until("the first answer has been drawn", "window.isDrawn === true")
            .await;
        assert_eq!(names(page).await, ["Seeded 888"]);
    })
    .await;
}

#[tokio::test]
async fn new_token_is_on_top_in_any_order() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.click("th[data-column=name] .sort").await;
        page.wait_until_gone("#token-list[aria-busy=true]").await;
        page.create_and_copy("zzz is new", &["models:read"]).await;
        wait_for_first(page, "zzz is new").await;
        page.revoke("zzz is new").await;
        page.click("#revoke-done").await;
        page.wait_until_gone("#revoke-dialog").await;
        assert!(
            page.cell("zzz is new", "status")
                .await
                .starts_with("Revoked")
        );
    })
    .await;
}
