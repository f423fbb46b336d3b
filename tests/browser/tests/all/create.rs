//! The section *Creating a Token* of the product page: one test for each sentence.

use patrol::time::DAY;
use patrol_browser::{
    Appearance, Page,
    page::key,
    systems::{sample_system, shared_system},
    visit,
};
use patrol_policy::example;
use patrol_support::{Response, User, api_request, now, wait_until};
use reqwest::Method;
use std::{
    io::Write as _,
    process::{Command, Stdio},
};

const PIPELINES: &str = "/api/v1/engine/pipelines";

/// Opens an empty form as `ada`.
async fn form(test: impl AsyncFnOnce(&Page<'_>)) {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.open_form().await;
        test(page).await;
    })
    .await;
}

#[tokio::test]
async fn the_create_token_button_is_in_the_section() {
    visit(sample_system().await, Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.click("section.tokens #create-token").await;
        page.wait_for_text("#create-title", "Create Personal Access Token")
            .await;
    })
    .await;
}

#[tokio::test]
async fn a_token_name_has_at_most_255_characters() {
    form(async |page| {
        // Each is one character, but 4 bytes and 2 UTF-16 code units.
        let longest = "🔑".repeat(255);
        page.click("#scopes-all").await;
        page.paste("#token-name", &format!("{longest}!")).await;
        assert_eq!(page.text("#token-name-count").await, "256 / 255");
        page.click("#create-submit").await;
        page.wait_for("#token-name[aria-invalid=true]").await;
        assert!(
            page.has_focus("#token-name").await,
            "the field with the error has the focus"
        );
        page.wait_for_text("#token-name-line", "255").await;
        page.paste("#token-name", &longest).await;
        assert_eq!(page.text("#token-name-count").await, "255 / 255");
        page.click("#create-submit").await;
        page.wait_for("#created-token").await;
    })
    .await;
}

#[tokio::test]
async fn a_token_has_a_name() {
    form(async |page| {
        page.click("#scopes-all").await;
        page.type_into("#token-name", "   ").await;
        page.click("#create-submit").await;
        page.wait_for("#token-name[aria-invalid=true]").await;
        assert!(page.has_focus("#token-name").await);
        let described = page
            .property("#token-name", "ariaDescribedByElements")
            .await;
        assert!(!described.is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_expiration_is_30_days_90_days_180_days_or_1_year_and_90_by_default() {
    form(async |page| {
        let choices = page
            .eval("[...$('#token-expiry').options].map((one) => one.textContent.split(' (')[0])")
            .await;
        assert_eq!(
            choices,
            serde_json::json!(["30 days", "90 days", "180 days", "1 year"])
        );
        assert_eq!(page.property("#token-expiry", "value").await, "90");
    })
    .await;
}

#[tokio::test]
async fn each_expiration_says_which_date_it_gives() {
    form(async |page| {
        for days in [30, 90, 180, 365] {
            page.choose("#token-expiry", &days.to_string()).await;
            let date = page
                .eval_text(&format!(
                    "new Intl.DateTimeFormat('en-US', {{ dateStyle: 'medium' }})\
                     .format(new Date({}000))",
                    now() + days * DAY
                ))
                .await;
            page.wait_for_text("#token-expiry-line", &date).await;
            // In Berlin, the local time always differs from UTC.
            page.wait_for_text("#token-expiry-line", "UTC").await;
        }
    })
    .await;
}

#[tokio::test]
async fn scopes_are_organized_by_group() {
    form(async |page| {
        let groups = page.attributes(".group", "data-group").await;
        assert_eq!(
            groups,
            [
                "Pipelines",
                "Models",
                "Connectors",
                "UNS",
                "Dashboards",
                "Organizations"
            ]
        );
        for (group, scopes) in example().offered(all()) {
            let inside = format!(".group[data-group='{}'] input[name=scope]", group.name);
            let names: Vec<_> = scopes
                .iter()
                .map(|(_, scope)| scope.name.as_str())
                .collect();
            assert_eq!(page.attributes(&inside, "value").await, names);
        }
    })
    .await;
}

#[tokio::test]
async fn individual_permissions_can_be_toggled() {
    form(async |page| {
        let scope = "input[name=scope][value='uns:read']";
        for expected in [true, false, true] {
            page.click(scope).await;
            assert_eq!(page.property(scope, "checked").await, expected.to_string());
        }
        let group = ".group[data-group=UNS]";
        assert_eq!(page.attributes(group, "data-state").await, ["some"]);
        assert_eq!(
            page.property(&format!("{group} input[name=group]"), "indeterminate")
                .await,
            "true"
        );
    })
    .await;
}

#[tokio::test]
async fn a_click_on_a_group_name_selects_all_scopes_in_that_group() {
    form(async |page| {
        let group = ".group[data-group=Connectors]";
        let name = format!("{group} .group-head label");
        let selected = format!("{group} input[name=scope]:checked");
        page.click("input[name=scope][value='connectors:read']")
            .await;
        page.click(&name).await;
        assert_eq!(
            page.count(&selected).await,
            4,
            "the first click selects all"
        );
        assert_eq!(
            page.count("input[name=scope]:checked").await,
            4,
            "and no scope of other groups"
        );
        page.click(&name).await;
        assert_eq!(
            page.count(&selected).await,
            0,
            "the second click clears all"
        );
    })
    .await;
}

#[tokio::test]
async fn a_counter_in_the_top_right_corner_shows_how_many_permissions_are_selected() {
    form(async |page| {
        assert_eq!(page.text("#scopes-counter").await, "0 of 23 selected");
        page.click("input[name=scope][value='uns:read']").await;
        assert_eq!(page.text("#scopes-counter").await, "1 of 23 selected");
        page.click("#scopes-all").await;
        assert_eq!(page.text("#scopes-counter").await, "23 of 23 selected");
        page.click("#scopes-none").await;
        assert_eq!(page.text("#scopes-counter").await, "0 of 23 selected");
        let corner = "((box, counter) => box.right - counter.right < 32 && \
                      counter.top - box.top < 32)($('#permissions').getBoundingClientRect(), \
                      $('#scopes-counter').getBoundingClientRect())";
        page.wait_until("the counter is in the corner", corner)
            .await;
    })
    .await;
}

#[tokio::test]
async fn search_hides_scopes_and_keeps_the_selection() {
    form(async |page| {
        page.click("input[name=scope][value='uns:read']").await;
        page.type_into("#scopes-search", "dash").await;
        page.wait_until_gone("input[name=scope][value='uns:read']")
            .await;
        assert_eq!(page.texts(".group-head label").await, ["Dashboards"]);
        page.press(&[key::ENTER]).await;
        assert_eq!(page.text("#scopes-counter").await, "1 of 23 selected");
        page.type_into("#scopes-search", "xyz").await;
        page.wait_for_text("#permissions", "No matching permissions")
            .await;
        // Esc clears the search and does not close the form.
        page.press(&[key::ESCAPE]).await;
        page.wait_for("input[name=scope][value='uns:read']").await;
        assert_eq!(page.property("#scopes-search", "value").await, "");
        page.wait_for("#token-name").await;
        assert_eq!(page.count("#leave-dialog").await, 0);
    })
    .await;
}

#[tokio::test]
async fn select_all_only_selects_scopes_that_match_the_search() {
    form(async |page| {
        assert_eq!(page.text("#scopes-all").await, "Select all");
        page.click("input[name=scope][value='uns:read']").await;
        page.type_into("#scopes-search", "dash").await;
        assert_eq!(page.text("#scopes-all").await, "Select shown");
        page.click("#scopes-all").await;
        page.wait_for_text("#scopes-counter", "5 of 23").await;
        assert_eq!(page.text("#scopes-none").await, "Clear shown");
        page.click("#scopes-none").await;
        page.wait_for_text("#scopes-counter", "1 of 23").await;
        assert_eq!(
            page.attributes("input[name=scope]:checked", "value").await,
            ["uns:read"]
        );
    })
    .await;
}

#[tokio::test]
async fn form_with_entries_asks_before_it_closes() {
    form(async |page| {
        page.type_into("#token-name", "Half done").await;
        page.press(&[key::ESCAPE]).await;
        page.wait_for_text("#leave-dialog", "will be lost").await;
        page.audit("discard").await;
        page.wait_for_focus("#leave-back").await;
        page.press(&[key::ENTER]).await;
        page.wait_until_gone("#leave-dialog").await;
        assert_eq!(page.property("#token-name", "value").await, "Half done");
        page.paste("#token-name", "").await;
        page.eval("document.execCommand('delete')").await;
        page.wait_for_text("#token-name-count", "0 / 255").await;
        page.press(&[key::ESCAPE]).await;
        page.wait_until_gone("#create-dialog").await;
    })
    .await;
}

#[tokio::test]
async fn form_without_permissions_shows_an_error() {
    form(async |page| {
        page.type_into("#token-name", "Nothing allowed").await;
        page.click("#create-submit").await;
        page.wait_for("#scopes-error").await;
        page.wait_for_focus("#permissions input").await;
    })
    .await;
}

#[tokio::test]
async fn a_click_on_create_token_creates_it() {
    form(async |page| {
        page.paste("#token-name", "Created by a click").await;
        page.choose("#token-expiry", "180").await;
        page.click("input[name=scope][value='pipelines:read']")
            .await;
        assert_eq!(page.text("#create-submit").await, "Create Token");
        page.click("#create-submit").await;
        page.wait_for("#created-token").await;
        let ada = User::sign_in(&page.system().url, "ada").await;
        let list = ada.get("/api/v1/tokens").await.body;
        let tokens = list["tokens"].as_array().expect("a list");
        let created = tokens
            .iter()
            .find(|token| token["name"] == "Created by a click")
            .expect("the origin lists it");
        assert_eq!(created["scopes"], serde_json::json!(["pipelines:read"]));
        assert_eq!(created["organizations"], serde_json::json!(["acme"]));
        page.cell("Created by a click", "status").await;
    })
    .await;
}

#[tokio::test]
async fn the_generated_token_is_displayed_in_a_copyable_text_field() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.create("Copied", &["pipelines:read"]).await;
        let token = page.property("#created-token", "value").await;
        assert_eq!(page.property("#created-token", "readOnly").await, "true");
        let answer = Response::to(api_request(
            &page.system().url,
            Method::GET,
            PIPELINES,
            &token,
        ))
        .await;
        assert_eq!(answer.status, 200, "the displayed token works");
        assert!(page.has_focus("#copy-token").await, "Enter copies it");
        page.press(&[key::ENTER]).await;
        page.wait_for_text("#copy-token", "Copied").await;
        page.click("#created-done").await;
        page.wait_until_gone("#create-dialog").await;
        assert!(page.clipboard().await == token, "it is in the clipboard");
        // A search is in the address of a request, so it must not contain a token.
        page.click("#token-search").await;
        page.chord(&[key::CONTROL, 'v']).await;
        wait_until("the clipboard is pasted", || async {
            (page.property("#token-search", "value").await == token).then_some(())
        })
        .await;
        page.wait_for("#clear-filter").await;
        let sent = "performance.getEntriesByType('resource').map((one) => one.name).join()";
        let sent = page.eval_text(sent).await;
        assert!(
            sent.contains("search=eyJ%E2%80%A6") && !sent.contains("eyJh"),
            "{sent}"
        );
    })
    .await;
}

#[tokio::test]
async fn example_command_runs_as_shown() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.create("Tried", &["models:read"]).await;
        let command = page.text("#example").await;
        // Over stdin, because other users of the machine can read arguments.
        let quiet = command.replacen("curl", "curl -s -o /dev/null -w '%{http_code}'", 1);
        let mut shell = Command::new("sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut input = shell.stdin.take().expect("a pipe");
        input.write_all(quiet.as_bytes()).expect("it reads");
        drop(input);
        let output = shell.wait_with_output().expect("it ends");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "200", "with curl");
        assert!(command.contains("X-Organization-ID: acme"));
        assert!(command.ends_with("/api/v1/models"));
    })
    .await;
}

#[tokio::test]
async fn the_warning_says_that_the_token_is_displayed_only_once() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.create("Seen once", &["models:read"]).await;
        page.wait_for_text("#created-once", "displayed only once")
            .await;
        page.wait_for_text("#created-once", "secure location").await;
        page.wait_for_text("#created-once", "create a new one")
            .await;
    })
    .await;
}

#[tokio::test]
async fn created_view_asks_before_it_closes_without_a_copy() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.create("Nearly lost", &["models:read"]).await;
        page.press(&[key::ESCAPE]).await;
        page.wait_for("#leave-dialog").await;
        page.audit("leave").await;
        page.wait_for_focus("#leave-back").await;
        // On a second Esc, browsers close a dialog without asking.
        page.press(&[key::ESCAPE]).await;
        page.wait_until_gone("#leave-dialog").await;
        page.wait_for("#created-token").await;
        page.press(&[key::ESCAPE]).await;
        page.click("#leave-anyway").await;
        page.wait_until_gone("#create-dialog").await;
        page.wait_for_focus("#create-token").await;
    })
    .await;
}

#[tokio::test]
async fn copying_a_part_of_the_token_does_not_count() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        let selections = [
            (
                "$('#created-token').focus(), $('#created-token').setSelectionRange(0, 9)",
                false,
            ),
            (
                "$('#example').focus(), getSelection().setBaseAndExtent(\
              $('#example code').firstChild, 0, $('#example code').firstChild, 30)",
                false,
            ),
            (
                "$('#example').focus(), getSelection().selectAllChildren($('#example code'))",
                true,
            ),
            (
                "$('#created-token').focus(), $('#created-token').select()",
                true,
            ),
        ];
        for (number, (select, is_whole)) in selections.into_iter().enumerate() {
            page.create(&format!("Selected {number}"), &["models:read"])
                .await;
            page.eval(&format!("({select})")).await;
            page.chord(&[key::CONTROL, 'c']).await;
            page.press(&[key::ESCAPE]).await;
            if !is_whole {
                page.click("#leave-anyway").await;
            }
            page.wait_until_gone("#create-dialog").await;
        }
    })
    .await;
}

#[tokio::test]
async fn once_the_dialog_is_closed_the_token_cannot_be_retrieved_again() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        let token = page
            .create_and_copy("Gone for good", &["models:read"])
            .await;
        let secret = token.rsplit('.').next().expect("a signature");
        let everywhere = "[...roots().map((root) => root === document ? \
                document.documentElement.outerHTML : root.innerHTML), \
            ...$$('input, textarea').map((one) => one.value + one.defaultValue), \
            ...[localStorage, sessionStorage].map((one) => JSON.stringify({ ...one })), \
            JSON.stringify(history.state), location.href, document.cookie, document.title, \
            window.name].join()";
        let contains_token = async || page.eval_text(everywhere).await.contains(secret);
        assert!(
            !contains_token().await,
            "the document or the storage has the token"
        );
        let databases = page
            .eval_async("indexedDB.databases().then(arguments[0])")
            .await;
        assert_eq!(databases, serde_json::json!([]));
        let caches = page.eval_async("caches.keys().then(arguments[0])").await;
        assert_eq!(caches, serde_json::json!([]));
        // Neither the back button nor reloading shows it.
        page.reload().await;
        page.wait_for_list().await;
        page.back().await;
        page.goto("/profile/security").await;
        page.wait_for_list().await;
        assert!(!contains_token().await, "the history has the token");
        // The origin does not return it.
        let ada = User::sign_in(&page.system().url, "ada").await;
        assert!(
            !ada.get("/api/v1/tokens")
                .await
                .body
                .to_string()
                .contains(secret)
        );
    })
    .await;
}

/// The ids of the tokens with a name, as the origin lists them.
async fn ids_of(page: &Page<'_>, name: &str) -> Vec<String> {
    let ada = User::sign_in(&page.system().url, "ada").await;
    let list = ada.get("/api/v1/tokens").await.body;
    let tokens = list["tokens"].as_array().expect("a list").iter();
    let named = tokens.filter(|token| token["name"] == name);
    named.map(|token| token["id"].to_string()).collect()
}

#[tokio::test]
async fn token_whose_answer_was_lost_is_marked_and_can_be_revoked() {
    form(async |page| {
        let name = "Lost on the way";
        page.paste("#token-name", name).await;
        page.click("input[name=scope][value='uns:read']").await;
        page.lose_answers("POST", "/tokens").await;
        page.click("#create-submit").await;
        page.wait_for_text("#create-lost", name).await;
        page.wait_for_text("#create-lost", "cannot be shown again")
            .await;
        page.wait_for_focus("#create-lost").await;
        page.audit("lost").await;
        // The list behind the dialog has it too.
        let mark = page.row_selector(name, ".unshown").await;
        assert_eq!(page.text(&mark).await, "Value not shown");
        page.deliver_answers().await;
        page.click("#revoke-lost").await;
        page.click("#revoke-confirm").await;
        page.click("#revoke-done").await;
        page.wait_until_gone("#revoke-dialog").await;
        page.wait_for_text("#create-lost", "is revoked").await;
        page.wait_for_focus("#create-submit").await;
        page.wait_until_gone(&mark).await;
        // The same entries now create another token.
        page.press(&[key::ENTER]).await;
        page.wait_for("#created-token").await;
        assert_eq!(ids_of(page, name).await.len(), 2);
        page.click("#copy-token").await;
        page.press(&[key::ESCAPE]).await;
        page.wait_until_gone("#create-dialog").await;
        assert_eq!(page.count("#tokens .unshown:not([hidden])").await, 0);
    })
    .await;
}

#[tokio::test]
async fn repeated_creation_creates_no_second_token() {
    form(async |page| {
        let name = "Sent twice";
        page.paste("#token-name", name).await;
        page.click("input[name=scope][value='uns:read']").await;
        // Neither the answer nor the list arrives.
        page.block(Some("*/api/v1/tokens*")).await;
        page.click("#create-submit").await;
        page.wait_for_text("#create-problem", "It is safe to try again")
            .await;
        page.wait_for_focus("#create-problem").await;
        page.block(None).await;
        page.lose_answers("POST", "/tokens").await;
        page.eval(
            "((real) => { window.fetch = (url, init) => \
                   init.method === 'GET' ? Promise.reject(new TypeError()) : real(url, init); })(\
                   fetch)",
        )
        .await;
        page.click("#create-submit").await;
        page.wait_for("#create-submit:not([aria-disabled])").await;
        assert_eq!(ids_of(page, name).await.len(), 1);
        // The third attempt gets an answer.
        page.deliver_answers().await;
        page.expect_status(409);
        page.click("#create-submit").await;
        page.wait_for_text("#create-lost", name).await;
        assert_eq!(ids_of(page, name).await.len(), 1);
        page.click("#create-submit").await;
        page.wait_for("#created-token").await;
        assert_eq!(ids_of(page, name).await.len(), 2, "the user was told");
    })
    .await;
}

#[tokio::test]
async fn token_is_marked_if_the_page_was_closed_before_it_was_shown() {
    form(async |page| {
        let name = "Closed too early";
        page.paste("#token-name", name).await;
        page.click("input[name=scope][value='uns:read']").await;
        page.eval(
            "((real) => { window.fetch = async (url, init) => { \
                   if (init.method === 'POST') { await real(url, init); window.isSent = true; \
                       await new Promise(() => {}); } \
                   return real(url, init); }; })(fetch.bind(window))",
        )
        .await;
        page.click("#create-submit").await;
        page.wait_until("the creation has been answered", "window.isSent === true")
            .await;
        page.reload().await;
        page.wait_for_list().await;
        let mark = page.row_selector(name, ".unshown:not([hidden])").await;
        page.wait_for(&mark).await;
        page.audit("unshown").await;
        page.revoke(name).await;
        page.click("#revoke-done").await;
        page.wait_until_gone(&mark).await;
    })
    .await;
}

fn all() -> patrol::policy::scope::ScopeSet {
    example().role("admin").expect("a role").scopes
}
