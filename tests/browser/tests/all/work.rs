//! Working with the page: by keyboard alone, over the end of a session, and embedded.

use patrol_browser::{
    Look, Page,
    page::key,
    stage::{gallery, workshop},
    visit, visit_at,
};
use patrol_support::{Response, User, api_request, root};
use reqwest::Method;

#[tokio::test]
async fn a_token_is_created_and_revoked_with_the_keyboard_alone() {
    visit(workshop(), Look::default(), async |page| {
        page.goto("/profile/security").await;
        page.see(".sign-in").await;
        page.tab_to(".user-choice[data-user=otto]").await;
        page.press(&[key::ENTER]).await;
        page.loaded().await;

        page.tab_to("#create-token").await;
        page.press(&[key::ENTER]).await;
        page.focuses("#token-name").await;
        page.type_text("Keys only").await;
        page.tab_to("#token-expiry").await;
        page.press(&['3']).await;
        page.tab_to("input[name=group][value=Models]").await;
        page.press(&[key::SPACE]).await;
        page.says("#scopes-counter", "1 of 11").await;
        page.tab_to("#create-submit").await;
        page.press(&[key::ENTER]).await;
        page.see("#created-token").await;
        assert!(page.has_focus("#copy-token").await);
        page.press(&[key::SPACE]).await;
        page.says("#copy-token", "Copied").await;
        page.press(&[key::ESCAPE]).await;
        page.gone("#create-dialog").await;
        page.focuses("#create-token").await;
        assert!(
            page.cell("Keys only", "expires")
                .await
                .contains("in 30 days")
        );

        let revoke = page.in_row("Keys only", ".revoke").await;
        page.tab_to(&revoke).await;
        page.press(&[key::ENTER]).await;
        page.focuses("#revoke-keep").await;
        page.tab_to("#revoke-confirm").await;
        page.press(&[key::ENTER]).await;
        page.see("#revoke-done").await;
        page.focuses("#revoke-done").await;
        page.press(&[key::ENTER]).await;
        page.gone("#revoke-dialog").await;
        // The button is gone; the row it was in takes the focus.
        let head = page.in_row("Keys only", "th").await;
        page.focuses(&head).await;
    })
    .await;
}

#[tokio::test]
async fn the_focus_stays_in_a_dialog_and_returns_where_it_was() {
    visit(gallery().await, Look::default(), async |page| {
        page.tokens_of("ada").await;
        page.open_form().await;
        for _ in 0..50 {
            page.press(&[key::TAB]).await;
            let inside = "focused() === document.body || focused()?.closest('dialog') !== null";
            assert_eq!(page.js(inside).await, true, "{}", page.focus().await);
        }
        page.press(&[key::ESCAPE]).await;
        page.gone("#create-dialog").await;
        page.focuses("#create-token").await;
        let revoke = page.in_row("Grafana", ".revoke").await;
        page.click(&revoke).await;
        page.press(&[key::ESCAPE]).await;
        page.focuses(&revoke).await;
    })
    .await;
}

#[tokio::test]
async fn the_focus_is_always_to_be_seen() {
    visit(gallery().await, Look::default(), async |page| {
        page.tokens_of("ada").await;
        for _ in 0..20 {
            page.press(&[key::TAB]).await;
            let ring = "((one) => one === document.body || [one, one.parentElement, \
                        one.nextElementSibling].some((shown) => shown && \
                        (getComputedStyle(shown).outlineStyle !== 'none' || \
                        getComputedStyle(shown).boxShadow !== 'none')))(focused())";
            assert_eq!(page.js(ring).await, true, "{}", page.focus().await);
        }
    })
    .await;
}

#[tokio::test]
async fn the_end_of_a_session_loses_nothing_that_was_typed() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("ada").await;
        page.open_form().await;
        page.paste("#token-name", "Over the end").await;
        page.choose("#token-expiry", "30").await;
        page.click("input[name=organization][value=globex]").await;
        page.click(".group[data-group=Models] .group-head label")
            .await;
        page.end_session().await;
        page.click("#create-submit").await;
        page.see("#sign-in-dialog").await;
        page.state("session-ended").await;
        // Not now: the form is still there, and says what is missing.
        page.press(&[key::ESCAPE]).await;
        page.says("#create-session", "Sign in again").await;
        assert_eq!(page.property("#token-name", "value").await, "Over the end");
        page.click("#create-submit").await;
        page.click("#sign-in-dialog [data-user=ada]").await;
        page.gone("#sign-in-dialog").await;
        page.says("#create-session", "nothing was lost").await;
        page.state("session-renewed").await;
        assert_eq!(page.property("#token-name", "value").await, "Over the end");
        assert_eq!(page.property("#token-expiry", "value").await, "30");
        assert_eq!(page.text("#scopes-counter").await, "1 of 8 selected");
        page.focuses("#create-submit").await;
        page.press(&[key::ENTER]).await;
        page.see("#created-token").await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_fails_after_signing_in_again_is_told_and_keeps_the_form() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("ada").await;
        page.open_form().await;
        page.paste("#token-name", "Kept all the same").await;
        page.click("#scopes-all").await;
        page.end_session().await;
        page.click("#create-submit").await;
        page.see("#sign-in-dialog").await;
        page.block(Some("*/api/v1/me")).await;
        page.click("#sign-in-dialog [data-user=ada]").await;
        page.says("#create-session", "There was no answer").await;
        page.block(None).await;
        page.click("#create-submit").await;
        page.see("#created-token").await;
    })
    .await;
}

#[tokio::test]
async fn a_session_that_ends_before_a_revocation_is_renewed_on_the_way() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("ada").await;
        let token = page
            .create_and_take("Ended on the way", &["models:read"])
            .await;
        page.end_session().await;
        page.ask_to_revoke("Ended on the way").await;
        page.click("#revoke-confirm").await;
        page.click("#sign-in-dialog [data-user=ada]").await;
        page.see("#revoke-done").await;
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
async fn signing_out_ends_the_session_and_the_way_back_shows_nothing() {
    visit(gallery().await, Look::default(), async |page| {
        page.tokens_of("ada").await;
        page.click("#sign-out").await;
        page.see(".sign-in").await;
        page.back().await;
        page.see(".sign-in").await;
        assert_eq!(page.count("patrol-tokens").await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_address_that_is_none_of_the_pages_is_told_so() {
    visit(gallery().await, Look::default(), async |page| {
        page.expect_refusal(404);
        page.sign_in("ada", "/profile/security").await;
        page.goto("/profile/other").await;
        page.says("h1", "There is no such page").await;
    })
    .await;
}

#[tokio::test]
async fn leaving_the_view_does_not_lose_a_token_that_nobody_copied() {
    visit(workshop(), Look::default(), async |page| {
        page.sign_in("otto", "/profile").await;
        page.click(".tabs a[href='/profile/security']").await;
        page.loaded().await;
        page.create("Held back", &["models:read"]).await;
        page.back().await;
        page.see("#leave-dialog").await;
        page.click("#leave-back").await;
        page.see("#created-token").await;
        assert_eq!(page.path().await, "/profile/security");
    })
    .await;
}

#[tokio::test]
async fn a_name_is_never_markup() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("otto").await;
        let name = "<img src=x onerror=alert(1)><script>alert(2)</script>";
        page.create_and_take(name, &["models:read"]).await;
        page.cell(name, "status").await;
        page.revoke(name).await;
        page.says("#revoke-dialog", name).await;
        assert_eq!(page.count("img").await, 0);
    })
    .await;
}

#[tokio::test]
async fn the_policy_stops_a_script_that_finds_its_way_in() {
    visit(gallery().await, Look::default(), async |page| {
        page.goto("/sign-in").await;
        page.see(".sign-in").await;
        // Markup as text never becomes markup, not even for a script of the page.
        let refused = |code: &str| {
            format!("(() => {{ try {{ {code}; return 'done'; }} catch (error) {{ return error.name; }} }})()")
        };
        page.expect_violations();
        for code in ["document.body.innerHTML = '<b>x</b>'", "document.createElement('script').text = '1'"] {
            let outcome = page.js_text(&refused(code)).await;
            assert!(["TypeError", "EvalError"].contains(&outcome.as_str()), "{code}: {outcome}");
        }
        // Nor does an element with an inline script or style do anything.
        page.js("(() => { const one = document.createElement('p'); one.id = 'styled'; \
                 one.setAttribute('style', 'color: rgb(1, 2, 3)'); document.body.append(one); })()")
            .await;
        let color = page.js_text("getComputedStyle($$('#styled')[0]).color").await;
        assert_ne!(color, "rgb(1, 2, 3)");
    })
    .await;
}

/// The headers are part of what keeps a token on its page.
#[tokio::test]
async fn the_page_is_served_with_its_policy_and_its_files_for_good() {
    let system = gallery().await;
    let get = async |path: &str| {
        let url = format!("{}{path}", system.url);
        Response::to(patrol_support::client::client().get(url)).await
    };
    let html = get("/profile/security").await;
    assert_eq!(
        html.header("Content-Security-Policy"),
        patrol::http::page::CONTENT_SECURITY_POLICY
    );
    assert_eq!(html.header("X-Content-Type-Options"), "nosniff");
    assert_eq!(html.header("Cache-Control"), "no-store");
    let element = get("/assets/patrol-tokens.js").await;
    assert_eq!(element.header("Cache-Control"), "no-cache");
}

#[tokio::test]
async fn what_the_user_may_is_asked_again_after_signing_in_as_somebody_else() {
    visit(workshop(), Look::default(), async |page| {
        page.tokens_of("ada").await;
        page.open_form().await;
        page.paste("#token-name", "By somebody else").await;
        page.click("#scopes-all").await;
        page.end_session().await;
        page.click("#create-submit").await;
        page.click("#sign-in-dialog [data-user=otto]").await;
        page.gone("#sign-in-dialog").await;
        page.says("#scopes-counter", "11 of 11 selected").await;
        // Nothing of the other account is left.
        assert_eq!(page.count("input[name=organization]").await, 0);
        assert_eq!(
            page.text("#token-organizations").await,
            "Acme Manufacturing"
        );
        page.says("#session", "otto@example.com").await;
        page.says("#user", "Otto Operator").await;
        page.click("#create-submit").await;
        page.see("#created-token").await;
        belongs_to(page, "otto", "By somebody else").await;
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
async fn a_platforms_text_does_not_reach_into_the_element_and_its_colors_do() {
    visit(gallery().await, Look::default(), async |page| {
        page.tokens_of("ada").await;
        page.js("Object.assign(document.body.style, { letterSpacing: '9px', \
                 textTransform: 'uppercase', color: 'rgb(1, 2, 3)', lineHeight: '3' }) && \
                 $('patrol-tokens').style.setProperty('--accent', 'rgb(4, 5, 6)')")
            .await;
        let looks = "((title, create) => [title.letterSpacing, title.textTransform, \
                     title.color === 'rgb(1, 2, 3)', create.backgroundColor].join())(\
                     getComputedStyle($('#tokens-title + p')), getComputedStyle($('#create-token')))";
        assert_eq!(page.js_text(looks).await, "normal,none,false,rgb(4, 5, 6)");
        // What hides the page hides the element.
        page.js("document.body.style.visibility = 'hidden'").await;
        page.gone("#create-token").await;
    })
    .await;
}

/// The example beside the page, which embeds only the form, on a server that knows nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_embeds_only_the_form() {
    let file = |path: &str, kind: &'static str| {
        let content = std::fs::read(root().join(path)).expect("it is in the checkout");
        axum::routing::get(async move || ([("Content-Type", kind)], content))
    };
    let site = axum::Router::new()
        .route("/form.html", file("www/examples/form.html", "text/html"))
        .route("/pkg/form.js", file("www/pkg/form.js", "text/javascript"))
        .route(
            "/pkg/form_bg.wasm",
            file("www/pkg/form_bg.wasm", "application/wasm"),
        )
        .route("/favicon.ico", axum::routing::get(async || ()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let server = tokio::spawn(async move { axum::serve(listener, site).await });
    visit_at(&base, Look::default(), async |page| {
        page.goto("/form.html").await;
        page.says("[name=counter]", "0 of 11 selected").await;
        page.click("[type=submit], form > button").await;
        page.says("#name-error", "Enter a name").await;
        page.type_into("[name=name]", "ERP Data Sync").await;
        page.click("[value='uns:read']").await;
        page.says("#summary", "UNS: Read values").await;
        page.click("[type=submit], form > button").await;
        page.says("#request", "\"name\": \"ERP Data Sync\"").await;
        page.state("example").await;
    })
    .await;
    server.abort();
}
