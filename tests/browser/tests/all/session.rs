//! Sessions that expire while the user works, and signing out.

use patrol_browser::{
    Appearance, Page,
    page::key,
    systems::{sample_system, shared_system},
    visit,
};
use patrol_support::{Response, User, api_request, wait_until};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn expired_session_keeps_the_users_entries() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.open_form().await;
        page.paste("#token-name", "Still there").await;
        page.choose("#token-expiry", "30").await;
        page.click("input[name=organization][value=globex]").await;
        page.click(".group[data-group=Models] .group-head label")
            .await;
        page.expire_session().await;
        page.click("#create-submit").await;
        page.wait_for("#sign-in-dialog").await;
        page.audit("session-ended").await;
        // The user closes the dialog: the form keeps the entries and says what to do.
        page.press(&[key::ESCAPE]).await;
        page.wait_for_text("#create-session", "Sign in and try again")
            .await;
        assert_eq!(page.property("#token-name", "value").await, "Still there");
        page.click("#create-submit").await;
        page.click("#sign-in-dialog [data-user=ada]").await;
        page.wait_until_gone("#sign-in-dialog").await;
        page.wait_for_text("#create-session", "nothing was lost")
            .await;
        page.audit("session-renewed").await;
        assert_eq!(page.property("#token-name", "value").await, "Still there");
        assert_eq!(page.property("#token-expiry", "value").await, "30");
        assert_eq!(page.text("#scopes-counter").await, "1 of 8 selected");
        page.wait_for_focus("#create-submit").await;
        page.press(&[key::ENTER]).await;
        page.wait_for("#created-token").await;
    })
    .await;
}

#[tokio::test]
async fn failed_request_after_signing_in_again_keeps_the_form() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.open_form().await;
        page.paste("#token-name", "Not lost").await;
        page.click("#scopes-all").await;
        page.expire_session().await;
        page.click("#create-submit").await;
        page.wait_for("#sign-in-dialog").await;
        page.block(Some("*/api/v1/me")).await;
        page.click("#sign-in-dialog [data-user=ada]").await;
        page.wait_for_text("#create-session", "The server did not respond")
            .await;
        page.block(None).await;
        page.click("#create-submit").await;
        page.wait_for("#created-token").await;
    })
    .await;
}

/// The page reloads its list after each creation, and then learns that the session has ended.
#[tokio::test]
async fn value_of_a_created_token_outlives_the_session() {
    visit(shared_system(), Appearance::default(), async |page| {
        for next in [None, Some("ada"), Some("otto")] {
            page.open_tokens("ada").await;
            let cookie = page.session_cookie().await.expect("a session");
            let name = format!("Outlives, {next:?}");
            page.open_form().await;
            page.paste("#token-name", &name).await;
            page.click("input[name=scope][value='models:read']").await;
            page.hold_reads().await;
            page.click("#create-submit").await;
            page.wait_for("#created-token").await;
            let token = page.property("#created-token", "value").await;
            let session = User::with_header(&page.system().url, "Cookie", &cookie);
            let ended = session.post("/.patrol/auth/sign-out", &json!({})).await;
            assert_eq!(ended.status, 200);
            page.release_reads().await;
            page.wait_for("#sign-in-dialog").await;
            if next.is_none() {
                page.audit("created-session-ended").await;
            }
            if let Some(user) = next {
                let choice = format!("#sign-in-dialog [data-user={user}]");
                page.click(&choice).await;
            } else {
                page.press(&[key::ESCAPE]).await;
            }
            page.wait_until_gone("#sign-in-dialog").await;
            if next == Some("otto") {
                page.wait_for_text("#session", "otto@example.com").await;
            }
            let shown = page.property("#created-token", "value").await;
            assert!(shown == token, "{next:?}: the value is still shown");
            assert!(page.text("#example").await.contains(&token), "{next:?}");
            page.click("#copy-token").await;
            page.wait_for_text("#copy-token", "Copied").await;
            let used = api_request(&page.system().url, Method::GET, "/api/v1/models", &token);
            assert_eq!(Response::to(used).await.status, 200);
            page.click("#created-done").await;
            page.wait_until_gone("#create-dialog").await;
            assert_eq!(page.count("#created-token").await, 0);
            assert!(page.clipboard().await == token, "{next:?}: it is copied");
            page.expire_session().await;
        }
    })
    .await;
}

#[tokio::test]
async fn revocation_with_an_expired_session_asks_to_sign_in() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        let token = page
            .create_and_copy("Revoked after signing in", &["models:read"])
            .await;
        page.expire_session().await;
        page.open_revoke_dialog("Revoked after signing in").await;
        page.click("#revoke-confirm").await;
        page.click("#sign-in-dialog [data-user=ada]").await;
        page.wait_for("#revoke-done").await;
        let used = Response::to(api_request(
            &page.system().url,
            Method::GET,
            "/api/v1/models",
            &token,
        ))
        .await;
        assert_eq!(used.outcome(), (401, "token-revoked"));
    })
    .await;
}

#[tokio::test]
async fn form_reloads_the_account_after_signing_in_as_another_user() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.open_form().await;
        page.paste("#token-name", "By another user").await;
        page.click("#scopes-all").await;
        page.expire_session().await;
        page.click("#create-submit").await;
        page.click("#sign-in-dialog [data-user=otto]").await;
        page.wait_until_gone("#sign-in-dialog").await;
        page.wait_for_text("#scopes-counter", "11 of 11 selected")
            .await;
        // Nothing of the first account is left.
        assert_eq!(page.count("input[name=organization]").await, 0);
        assert_eq!(
            page.text("#token-organizations").await,
            "Acme Manufacturing"
        );
        page.wait_for_text("#session", "otto@example.com").await;
        page.wait_for_text("#user", "Otto Operator").await;
        page.click("#create-submit").await;
        page.wait_for("#created-token").await;
        belongs_to(page, "otto", "By another user").await;
    })
    .await;
}

async fn belongs_to(page: &Page<'_>, user: &str, name: &str) {
    let user = User::sign_in(&page.system().url, user).await;
    let list = user.get("/api/v1/tokens").await.body;
    let tokens = list["tokens"].as_array().expect("a list");
    assert!(tokens.iter().any(|token| token["name"] == name));
}

#[tokio::test]
async fn another_user_in_a_second_tab_gets_no_token_by_mistake() {
    visit(sample_system().await, Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.open_form().await;
        page.paste("#token-name", "Not for otto").await;
        page.click("#scopes-all").await;
        sign_in_in_another_tab(page, "otto").await;
        page.expect_status(409);
        page.click("#create-submit").await;
        page.wait_for_text("#create-session", "otto@example.com")
            .await;
        page.audit("user-changed").await;
        assert_eq!(page.property("#token-name", "value").await, "Not for otto");
        page.wait_for_text("#session", "otto@example.com").await;
        page.wait_for_text("#user", "Otto Operator").await;
        let otto = User::sign_in(&page.system().url, "otto").await;
        let list = otto.get("/api/v1/tokens").await.body;
        let tokens = list["tokens"].as_array().expect("a list");
        assert!(tokens.iter().all(|token| token["name"] != "Not for otto"));
        page.click("#create-submit").await;
        page.wait_for("#created-token").await;
        belongs_to(page, "otto", "Not for otto").await;
    })
    .await;
}

/// The form belongs to the user who opened it, also if the list has been reloaded since.
#[tokio::test]
async fn reloaded_list_of_another_user_changes_no_open_form() {
    visit(sample_system().await, Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        sign_in_in_another_tab(page, "otto").await;
        // Opening the form reloads the list.
        page.open_form().await;
        page.wait_for_text("#user", "Otto Operator").await;
        page.paste("#token-name", "By a form of ada").await;
        page.click("#scopes-all").await;
        page.expect_status(409);
        page.click("#create-submit").await;
        page.wait_for_text("#create-session", "otto@example.com")
            .await;
        let otto = User::sign_in(&page.system().url, "otto").await;
        let list = otto.get("/api/v1/tokens").await.body;
        let tokens = list["tokens"].as_array().expect("a list");
        assert!(
            tokens
                .iter()
                .all(|token| token["name"] != "By a form of ada")
        );
    })
    .await;
}

/// The tabs of a browser share its cookies.
async fn sign_in_in_another_tab(page: &Page<'_>, user: &str) {
    let script = format!(
        "const done = arguments[arguments.length - 1];
        fetch('/.patrol/auth/dev', {{
            method: 'POST',
            headers: {{ 'Content-Type': 'application/json' }},
            body: '{{\"user\":\"{user}\"}}',
        }}).then(({{ status }}) => done(status));"
    );
    assert_eq!(page.eval_async(&script).await, 200);
}

#[tokio::test]
async fn user_sees_and_ends_sessions_and_reads_the_activity() {
    let narrow = Appearance {
        width: 320,
        ..Appearance::default()
    };
    for (name, appearance) in [("wide", Appearance::default()), ("narrow", narrow)] {
        visit(sample_system().await, appearance, async |page| {
            page.open_tokens("vic").await;
            let other = User::sign_in(&page.system().url, "vic").await;
            page.click("#sessions summary").await;
            page.wait_for("#sessions .current").await;
            let before = page.count("#sessions li").await;
            assert!(before >= 2);
            page.audit(&format!("sessions-{name}")).await;
            page.click("#sessions li:nth-child(1) button").await;
            wait_until("the session is gone", async || {
                (page.count("#sessions li").await == before - 1).then_some(())
            })
            .await;
            assert_eq!(other.get("/api/v1/me").await.status, 401);
            page.click("#activity summary").await;
            page.wait_for_text("#activity li:nth-child(1)", "You ended a session")
                .await;
            page.audit(&format!("activity-{name}")).await;
            for card in ["sessions", "activity"] {
                let fits = format!("$('#{card}').getBoundingClientRect().right <= innerWidth");
                assert_eq!(page.eval(&fits).await, true, "{card}, {name}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn back_button_shows_no_tokens_after_signing_out() {
    visit(sample_system().await, Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.click("#sign-out").await;
        page.wait_for(".sign-in").await;
        page.back().await;
        page.wait_for(".sign-in").await;
        assert_eq!(page.count("patrol-tokens").await, 0);
    })
    .await;
}
