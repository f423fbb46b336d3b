//! The page at its several addresses.

use patrol_browser::{Appearance, Page, systems::shared_system, visit};
use patrol_support::System;
use std::sync::OnceLock;

/// A system with another prefix, below a path, that shows the page at its root too.
fn system_below_a_path() -> &'static System {
    static SYSTEM: OnceLock<System> = OnceLock::new();
    SYSTEM.get_or_init(|| {
        let vars = [
            "--var=PUBLIC_URL={url}/our/platform",
            "--var=PATROL_PREFIX=/x/tokens/",
            "--var=ROOT_PATHS=page",
        ];
        System::start("page-below-a-path", &vars)
    })
}

/// Signs in, opens every view by a link, creates a token, reloads, and signs out. All addresses must
/// be below the folder that was opened.
async fn assert_whole_visit(page: &Page<'_>, folder: &str) {
    page.sign_in("ada", &format!("{folder}/")).await;
    assert_eq!(page.path().await, format!("{folder}/"));
    page.click(".steps .button").await;
    page.wait_for_list().await;
    assert_eq!(page.path().await, format!("{folder}/profile/security"));
    let name = format!("At {folder}");
    page.create_and_copy(&name, &["models:read"]).await;
    page.reload().await;
    page.wait_for_list().await;
    page.cell(&name, "status").await;
    page.revoke(&name).await;
    page.reload().await;
    page.wait_for_list().await;
    page.click("#user").await;
    page.wait_for("#account").await;
    assert_eq!(page.path().await, format!("{folder}/profile"));
    page.click(".brand").await;
    page.wait_for(".steps").await;
    assert_eq!(page.path().await, format!("{folder}/"));
    page.expect_status(404);
    page.goto(&format!("{folder}/profile/other")).await;
    page.wait_for_text("h1", "Page not found").await;
    page.click("#content .button").await;
    page.wait_for(".steps").await;
    assert_eq!(page.path().await, format!("{folder}/"));
    page.click(".steps .button").await;
    page.click("#sign-out").await;
    page.wait_for(".sign-in").await;
    assert_eq!(page.path().await, format!("{folder}/sign-in"));
}

#[tokio::test]
async fn page_works_below_the_prefix() {
    visit(shared_system(), Appearance::default(), async |page| {
        assert_whole_visit(page, "/.patrol/ui").await;
    })
    .await;
}

#[tokio::test]
async fn page_works_below_another_prefix_and_the_path_of_the_public_url() {
    visit(system_below_a_path(), Appearance::default(), async |page| {
        assert_whole_visit(page, "/our/platform/x/tokens/ui").await;
    })
    .await;
}

#[tokio::test]
async fn page_works_at_the_root_of_a_public_url_with_a_path() {
    visit(system_below_a_path(), Appearance::default(), async |page| {
        assert_whole_visit(page, "/our/platform").await;
        // Without the slash, and at the page's own folder without it.
        for path in ["/our/platform", "/our/platform/x/tokens/ui"] {
            page.sign_in("ada", path).await;
            page.wait_for(".steps").await;
            page.click("#user").await;
            page.wait_for("#account").await;
            assert_eq!(page.path().await, format!("{path}/profile"));
            page.click(".tabs a:not([aria-current])").await;
            page.click("#sign-out").await;
            page.wait_for(".sign-in").await;
        }
    })
    .await;
}

#[tokio::test]
async fn new_token_comes_with_a_command_for_the_public_address() {
    visit(system_below_a_path(), Appearance::default(), async |page| {
        page.sign_in("otto", "/our/platform/profile/security").await;
        page.create("Example", &["pipelines:run"]).await;
        let own = "/our/platform/x/tokens/api/v1/tokens/current";
        page.wait_for_text("#example", &format!("{}{own}", page.system().url))
            .await;
    })
    .await;
}

#[tokio::test]
async fn page_at_localhost_moves_to_the_public_url() {
    visit(shared_system(), Appearance::default(), async |page| {
        let url = &page.system().url;
        let elsewhere = url.replace("127.0.0.1", "localhost");
        page.goto_elsewhere(&elsewhere, "/profile/security").await;
        page.click(".sign-in [data-user=otto]").await;
        page.wait_for_list().await;
        assert_eq!(page.address().await, format!("{url}/profile/security"));
    })
    .await;
}

#[tokio::test]
async fn page_at_another_address_than_the_public_url_names_the_right_one() {
    // As behind a forwarded port.
    let vars = ["--var=PUBLIC_URL=http://127.0.0.1:1"];
    let system = System::start("page-elsewhere", &vars);
    let narrow = Appearance {
        width: 320,
        ..Appearance::default()
    };
    visit(&system, narrow, async |page| {
        page.expect_status(403);
        page.goto("/profile/security?a=b").await;
        page.wait_for_text("#elsewhere", "works only at another address")
            .await;
        let link = page.attributes("#elsewhere a", "href").await;
        assert_eq!(link, ["http://127.0.0.1:1/sign-in?next=profile%2Fsecurity"]);
        page.audit("elsewhere").await;
        page.expect_to_fit("elsewhere").await;
        page.click(".sign-in [data-user=ada]").await;
        page.wait_for_text(".error", "only from pages on http://127.0.0.1:1.")
            .await;
        assert!(!page.text(".error").await.contains("connection"));
        page.click("[data-language=de]").await;
        page.click(".sign-in [data-user=ada]").await;
        page.wait_for_text(".error", "Öffnen Sie diese Seite unter http://127.0.0.1:1.")
            .await;
    })
    .await;
}
