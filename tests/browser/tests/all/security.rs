//! Defenses against cross-site scripting, which could steal a token from the page.

use patrol::http::page::CONTENT_SECURITY_POLICY;
use patrol_browser::{
    Appearance,
    systems::{sample_system, shared_system},
    visit,
};
use patrol_support::Response;

#[tokio::test]
async fn token_name_never_becomes_markup() {
    visit(shared_system(), Appearance::default(), async |page| {
        page.open_tokens("otto").await;
        let name = "<img src=x onerror=alert(1)><script>alert(2)</script>";
        page.create_and_copy(name, &["models:read"]).await;
        page.cell(name, "status").await;
        page.revoke(name).await;
        page.wait_for_text("#revoke-dialog", name).await;
        assert_eq!(page.count("img").await, 0);
    })
    .await;
}

#[tokio::test]
async fn security_policy_blocks_injected_scripts_and_styles() {
    visit(sample_system().await, Appearance::default(), async |page| {
        page.goto("/sign-in").await;
        page.wait_for(".sign-in").await;
        // Trusted Types: not even a script of the page can turn text into markup.
        let refused = |code: &str| {
            format!("(() => {{ try {{ {code}; return 'done'; }} catch (error) {{ return error.name; }} }})()")
        };
        page.expect_policy_violations();
        for code in ["document.body.innerHTML = '<b>x</b>'", "document.createElement('script').text = '1'"] {
            let outcome = page.eval_text(&refused(code)).await;
            assert!(["TypeError", "EvalError"].contains(&outcome.as_str()), "{code}: {outcome}");
        }
        // An inline style has no effect.
        page.eval("(() => { const one = document.createElement('p'); one.id = 'styled'; \
                 one.setAttribute('style', 'color: rgb(1, 2, 3)'); document.body.append(one); })()")
            .await;
        let color = page.eval_text("getComputedStyle($$('#styled')[0]).color").await;
        assert_ne!(color, "rgb(1, 2, 3)");
    })
    .await;
}

#[tokio::test]
async fn page_is_served_with_its_security_headers() {
    let system = sample_system().await;
    let get = async |path: &str| {
        let url = format!("{}{path}", system.url);
        Response::to(patrol_support::client::client().get(url)).await
    };
    let html = get("/profile/security").await;
    assert_eq!(
        html.header("Content-Security-Policy"),
        CONTENT_SECURITY_POLICY
    );
    assert_eq!(html.header("X-Content-Type-Options"), "nosniff");
    assert_eq!(html.header("Cache-Control"), "no-store");
    let element = get("/.patrol/ui/assets/patrol-tokens.js").await;
    assert_eq!(element.header("Cache-Control"), "no-cache");
}
