//! The section *Token List* of the product's page, and the way there: one test for each sentence.

use patrol::{
    policy::POLICY,
    time::{DAY, Timestamp},
};
use patrol_browser::{
    Look, Page,
    page::key,
    stage::{EXHIBITS, Exhibit, gallery, workshop},
    visit,
};
use patrol_support::{Response, User, api_request, now, wait_until};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;

/// The gallery's list, as `ada` sees it.
async fn list(test: impl AsyncFnOnce(&Page<'_>)) {
    visit(gallery().await, Look::default(), async |page| {
        page.tokens_of("ada").await;
        test(page).await;
    })
    .await;
}

#[tokio::test]
async fn the_user_name_at_the_bottom_of_the_left_sidebar_opens_profile_settings() {
    visit(gallery().await, Look::default(), async |page| {
        page.sign_in("ada", "/").await;
        assert!(page.text("#user").await.contains("Ada Lovelace"));
        let corner = "(({left, bottom}) => left < 240 && bottom > innerHeight - 40)(\
                      $('#user').getBoundingClientRect())";
        page.holds("the name is at the bottom left", corner).await;
        page.click("#user").await;
        page.says("h1", "Profile Settings").await;
        assert_eq!(page.path().await, "/profile");
    })
    .await;
}

#[tokio::test]
async fn the_bottom_section_of_the_security_tab_displays_the_list_and_a_create_token_button() {
    visit(gallery().await, Look::default(), async |page| {
        page.sign_in("ada", "/profile").await;
        page.click(".tabs a[href='/profile/security']").await;
        page.loaded().await;
        assert_eq!(page.path().await, "/profile/security");
        let last = "$('main .view').lastElementChild.matches('patrol-tokens')";
        page.holds("the section is the last one", last).await;
        assert_eq!(page.text("#tokens-title").await, "Personal Access Tokens");
        assert_eq!(page.text("#create-token").await, "Create Token");
        page.back().await;
        page.see("#account").await;
    })
    .await;
}

#[tokio::test]
async fn the_table_shows_all_tokens_including_active_expired_and_revoked_ones() {
    list(async |page| {
        let names = page.texts("#tokens tbody th span:first-child").await;
        let expected: Vec<_> = EXHIBITS.iter().map(|exhibit| exhibit.name).collect();
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
        for exhibit in EXHIBITS {
            let more = page.in_row(exhibit.name, ".more").await;
            if page.count(&more).await > 0 {
                page.click(&more).await;
            }
            let badges = page.in_row(exhibit.name, ".badge:not(.more)").await;
            assert_eq!(page.texts(&badges).await, exhibit.scopes);
            let colors = page.attributes(&badges, "data-color").await;
            let groups = page.attributes(&badges, "data-group").await;
            for ((scope, color), group) in exhibit.scopes.iter().zip(colors).zip(groups) {
                let (of, _) = POLICY
                    .offered(POLICY.parse_scopes(scope))
                    .next()
                    .expect("the policy has the scope");
                assert_eq!(
                    (of.color, of.name),
                    (color.as_str(), group.as_str()),
                    "{scope}"
                );
            }
        }
        // Each group has a color that is to be seen, and no other group has it.
        let seen = page
            .js("[...new Set($$('.badge[data-group]').map((one) => \
                 one.dataset.group + getComputedStyle(one).backgroundColor))].length")
            .await;
        let groups = page.attributes(".badge[data-group]", "data-group").await;
        let groups: BTreeSet<_> = groups.into_iter().collect();
        assert_eq!(groups.len(), 6, "all groups are in the list");
        assert_eq!(seen, 6);
    })
    .await;
}

/// As the page writes the day that was so many days ago, in the browser's language and zone.
async fn day(page: &Page<'_>, seconds: u64) -> String {
    let date = format!(
        "new Intl.DateTimeFormat('en-US', {{ dateStyle: 'medium' }}).format(new Date({seconds}000))"
    );
    page.js_text(&date).await
}

/// When the token was made, give or take the time that the tests take.
fn created(exhibit: &Exhibit) -> u64 {
    now() - exhibit.age * DAY
}

#[tokio::test]
async fn created_is_the_date_the_token_was_created() {
    list(async |page| {
        for exhibit in EXHIBITS {
            let made = time_in(page, exhibit.name, "created").await;
            assert!(
                created(exhibit).abs_diff(made.seconds()) < DAY / 24,
                "{exhibit:?}"
            );
            let shown = page.cell(exhibit.name, "created").await;
            assert_eq!(shown, day(page, made.seconds()).await);
        }
    })
    .await;
}

#[tokio::test]
async fn last_used_is_never_if_the_token_has_not_been_used() {
    list(async |page| {
        for exhibit in EXHIBITS {
            assert_eq!(page.cell(exhibit.name, "last_used").await, "Never");
        }
    })
    .await;
}

#[tokio::test]
async fn last_used_is_the_date_when_the_token_was_last_used() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("ada").await;
        let token = page.create_and_take("In use", &["models:read"]).await;
        assert_eq!(page.cell("In use", "last_used").await, "Never");
        let before = now();
        let used = api_request(&page.system().url, Method::GET, "/api/v1/models", &token);
        assert_eq!(Response::to(used).await.status, 200);
        // The edge tells it behind the answer.
        let shown = wait_until("the use is in the list", || async {
            page.reload().await;
            page.loaded().await;
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
        for exhibit in EXHIBITS {
            let made = time_in(page, exhibit.name, "created").await;
            let ends = time_in(page, exhibit.name, "expires").await;
            assert_eq!(ends.since(made), exhibit.days * DAY, "{exhibit:?}");
            let shown = page.cell(exhibit.name, "expires").await;
            assert!(
                shown.starts_with(&day(page, ends.seconds()).await),
                "{shown}"
            );
        }
        // A look ahead: this one has less than a week left.
        let soon = page
            .in_row("Grafana", "[data-column=expires] .second")
            .await;
        assert_eq!(page.text(&soon).await, "in 4 days");
        let warned = page.attributes("#tokens tr[data-warning]", "data-id").await;
        assert_eq!(warned.len(), 1);
    })
    .await;
}

async fn time_in(page: &Page<'_>, name: &str, column: &str) -> Timestamp {
    let time = page
        .in_row(name, &format!("[data-column={column}] time"))
        .await;
    let times = page.attributes(&time, "datetime").await;
    times[0].parse().expect("a time in RFC 3339")
}

#[tokio::test]
async fn status_is_the_current_state_active_expired_or_revoked() {
    list(async |page| {
        for exhibit in EXHIBITS {
            let expected = match exhibit {
                Exhibit { revoked: true, .. } => "Revoked",
                Exhibit { age, days, .. } if age >= days => "Expired",
                _ => "Active",
            };
            let status = page.in_row(exhibit.name, ".status").await;
            assert_eq!(page.text(&status).await, expected, "{}", exhibit.name);
            let revoke = page.in_row(exhibit.name, ".revoke:not([hidden])").await;
            let can_be_revoked = page.count(&revoke).await == 1;
            assert_eq!(can_be_revoked, expected == "Active", "{}", exhibit.name);
        }
    })
    .await;
}

#[tokio::test]
async fn filter_search_and_order_find_a_token() {
    list(async |page| {
        let names = async || page.texts("#tokens tbody th span:first-child").await;
        page.click("input[name=filter][value=expired] + span").await;
        assert_eq!(names().await, ["SCADA bridge, line 4"]);
        page.says("#shown-count", "1 of 6 tokens").await;
        page.click("input[name=filter][value=all] + span").await;

        page.type_into("#token-search", "UNS:read").await;
        assert_eq!(names().await, ["UNS Topic Publisher", "Grafana"]);
        page.type_into("#token-search", " nowhere").await;
        page.see("#clear-filter").await;
        page.state("no-match").await;
        page.click("#clear-filter").await;
        assert_eq!(names().await.len(), EXHIBITS.len());

        page.click("th[data-column=name] .sort").await;
        assert_eq!(names().await[0], "ERP Data Sync");
        page.click("th[data-column=name] .sort").await;
        assert_eq!(names().await[0], "UNS Topic Publisher");
        let order = page.attributes("th[data-column=name]", "aria-sort").await;
        assert_eq!(order, ["descending"]);
    })
    .await;
}

#[tokio::test]
async fn a_name_is_read_whole() {
    list(async |page| {
        for exhibit in EXHIBITS {
            let name = page.in_row(exhibit.name, "th span").await;
            let cut = "((one) => one.scrollWidth > one.clientWidth || \
                       one.scrollHeight > one.clientHeight)($(args[0]))";
            assert_eq!(page.js_with(cut, &[&name]).await, false, "{exhibit:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn on_cards_each_value_has_the_name_of_its_column_also_for_screen_readers() {
    let narrow = Look {
        width: 360,
        ..Look::default()
    };
    visit(gallery().await, narrow, async |page| {
        page.tokens_of("ada").await;
        page.cell(EXHIBITS[0].name, "status").await;
        let names = page.texts("#tokens tbody tr:first-child .label").await;
        let expected = ["Scopes", "Created", "Last Used", "Expires", "Status"];
        assert_eq!(names, expected);
        assert_eq!(page.count("#tokens [aria-hidden] .label").await, 0);
        assert_eq!(page.count("#tokens .label[aria-hidden]").await, 0);
    })
    .await;
}

#[tokio::test]
async fn organizations_are_found_by_the_names_that_the_rows_show() {
    list(async |page| {
        page.type_into("#token-search", "chemicals").await;
        let names = page.texts("#tokens tbody th span:first-child").await;
        assert_eq!(names, ["Grafana"]);
    })
    .await;
}

#[tokio::test]
async fn coming_back_to_the_page_shows_what_was_made_elsewhere() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("ada").await;
        // Also after a dialog.
        page.open_form().await;
        page.press(&[key::ESCAPE]).await;
        page.gone("#create-dialog").await;
        let ada = User::sign_in(&page.system().url, "ada").await;
        let wish = json!({
            "name": "Made elsewhere", "organizations": ["acme"], "scopes": ["uns:read"],
        });
        assert_eq!(ada.create(&wish).await.status, 201);
        page.come_back_after_a_minute().await;
        page.cell("Made elsewhere", "status").await;
    })
    .await;
}

#[tokio::test]
async fn a_late_answer_does_not_undo_a_change_that_is_shown() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("ada").await;
        page.create_and_take("Not undone", &["models:read"]).await;
        // Every list that is read from now on arrives only when it is let go.
        page.js("((real, kept) => { window.fetch = async (url, init) => { \
                   const answer = await real(url, init); \
                   if (init.method !== 'GET' || !url.endsWith('/tokens')) return answer; \
                   await new Promise((go) => kept.push(go)); return answer; }; \
                 window.kept = kept; })(fetch.bind(window), [])")
            .await;
        page.come_back_after_a_minute().await;
        page.holds("the list is held", "window.kept.length === 1")
            .await;
        page.revoke("Not undone").await;
        page.holds("it is read anew", "window.kept.length === 2")
            .await;
        page.js("window.kept[0]()").await;
        page.click("#revoke-done").await;
        page.gone("#revoke-dialog").await;
        assert!(
            page.cell("Not undone", "status")
                .await
                .starts_with("Revoked")
        );
        page.js("window.kept[1]()").await;
    })
    .await;
}
