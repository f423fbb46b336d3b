//! The element on a platform's page, and the form module without the page.

use patrol_browser::{
    Appearance,
    page::key,
    systems::{SAMPLE_TOKENS, sample_system, shared_system},
    visit, visit_at,
};
use patrol_support::{Response, System, api_request, root};
use reqwest::Method;

#[tokio::test]
async fn element_ignores_the_pages_text_styles_but_takes_its_colors() {
    visit(sample_system().await, Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.eval("Object.assign(document.body.style, { letterSpacing: '9px', \
                 textTransform: 'uppercase', color: 'rgb(1, 2, 3)', lineHeight: '3' }) && \
                 $('patrol-tokens').style.setProperty('--accent', 'rgb(4, 5, 6)')")
            .await;
        let looks = "((title, create) => [title.letterSpacing, title.textTransform, \
                     title.color === 'rgb(1, 2, 3)', create.backgroundColor].join())(\
                     getComputedStyle($('#tokens-title + p')), getComputedStyle($('#create-token')))";
        assert_eq!(page.eval_text(looks).await, "normal,none,false,rgb(4, 5, 6)");
        // Hiding the page hides the element.
        page.eval("document.body.style.visibility = 'hidden'").await;
        page.wait_until_gone("#create-token").await;
    })
    .await;
}

#[tokio::test]
async fn element_reloads_the_list_when_its_base_changes() {
    visit(sample_system().await, Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        let name = SAMPLE_TOKENS[0].name;
        page.cell(name, "status").await;
        page.open_form().await;
        // There is no API below this path, so every request fails with status 401.
        page.eval("$$('patrol-tokens')[0].setAttribute('base', '/elsewhere')")
            .await;
        page.wait_for("#sign-in-dialog").await;
        assert_eq!(page.count("#create-dialog").await, 0);
        page.press(&[key::ESCAPE]).await;
        page.wait_for("#retry").await;
        page.eval("$$('patrol-tokens')[0].removeAttribute('base')")
            .await;
        page.wait_for_list().await;
        page.cell(name, "status").await;
    })
    .await;
}

#[tokio::test]
async fn element_names_the_address_of_an_api_that_it_cannot_read() {
    visit(sample_system().await, Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.expect_policy_violations();
        page.expect_requests_to("http://localhost:1");
        page.eval("$$('patrol-tokens')[0].setAttribute('base', 'http://localhost:1/.patrol')")
            .await;
        let text = format!(
            "http://localhost:1 does not answer, or not to pages at {}.",
            page.system().url
        );
        page.wait_for_text("#token-list", &text).await;
    })
    .await;
}

#[tokio::test]
async fn element_keeps_a_created_token_when_its_language_changes() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("ada").await;
        page.create("Kept", &["models:read"]).await;
        let token = page.property("#created-token", "value").await;
        page.eval("$$('patrol-tokens')[0].setAttribute('lang', 'de')")
            .await;
        let shown = page.property("#created-token", "value").await;
        assert!(shown == token, "it is still shown");
        page.click("#copy-token").await;
        page.click("#created-done").await;
        page.wait_until_gone("#create-dialog").await;
        page.wait_for_text("#create-token", "Token erstellen").await;
        page.cell("Kept", "status").await;
        assert_eq!(page.count("section.tokens").await, 1);
    })
    .await;
}

/// `localhost` and 127.0.0.1 are different sites, so the browser sends no cookie along.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn element_works_on_a_page_of_another_site() {
    const SECRET: &str = "a secret of at least 32 characters";
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let site = format!("http://localhost:{port}");
    let system = System::start(
        "page-embedded",
        &[
            &format!("--var=EMBED_ORIGINS={site}"),
            "--var=PLATFORM_ISSUER=https://platform.test",
            &format!("--var=PLATFORM_SECRET={SECRET}"),
            "--var=DEV_SIGN_IN=false",
        ],
    );
    let html = include_str!("../../platform.html");
    let html = html
        .replace("PATROL", &system.url)
        .replace("SECRET", SECRET);
    let html = axum::routing::get(async move || ([("Content-Type", "text/html")], html));
    let router = axum::Router::new()
        .route("/", html)
        .route("/favicon.ico", axum::routing::get(async || ()));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    visit(&system, Appearance::default(), async |page| {
        page.goto_elsewhere(&site, "/").await;
        page.wait_for_list().await;
        let token = page.create_and_copy("Embedded", &["pipelines:read"]).await;
        page.audit("embedded").await;
        let narrow = Appearance {
            width: 320,
            ..Appearance::default()
        };
        page.set_appearance(narrow).await;
        page.screenshot("320-embedded").await;
        page.expect_to_fit("320-embedded").await;
        page.set_appearance(Appearance::default()).await;
        let used = api_request(&system.url, Method::GET, "/api/v1/engine/pipelines", &token);
        assert_eq!(Response::to(used).await.status, 200);
        // It can read the server's time.
        let date = format!(
            "fetch('{}/.patrol/auth/fronts').then(({{ headers }}) => arguments[0](headers.get('Date')))",
            system.url
        );
        assert!(page.eval_async(&date).await.is_string());
        page.open_revoke_dialog("Embedded").await;
        page.click("#revoke-confirm").await;
        page.wait_for("#revoke-done").await;
        let used = api_request(&system.url, Method::GET, "/api/v1/engine/pipelines", &token);
        assert_eq!(Response::to(used).await.outcome(), (401, "token-revoked"));
        assert_eq!(page.eval_text("assertions").await, "1", "one session");
        assert_eq!(page.eval_text("document.cookie").await, "");
    })
    .await;
    server.abort();
}

/// Serves the example as a static file, without a system.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn example_page_uses_only_the_form_module() {
    let file = |path: &str, kind: &'static str| {
        let content = std::fs::read(root().join(path)).expect("the file exists");
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
    visit_at(&base, Appearance::default(), async |page| {
        page.goto("/form.html").await;
        page.wait_for_text("[name=counter]", "0 of 4 selected")
            .await;
        page.click("[type=submit], form > button").await;
        page.wait_for_text("#name-error", "Enter a name").await;
        page.type_into("[name=name]", "ERP Data Sync").await;
        page.click("[value='uns:read']").await;
        page.wait_for_text("#summary", "UNS: Read values").await;
        page.click("[type=submit], form > button").await;
        page.wait_for_text("#request", "\"name\": \"ERP Data Sync\"")
            .await;
        page.audit("example").await;
    })
    .await;
    server.abort();
}
