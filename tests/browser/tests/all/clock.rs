//! A browser whose clock is wrong: the server's time counts.

use patrol::time::DAY;
use patrol_browser::{Appearance, Page, systems::sample_system, visit};
use patrol_support::now;

/// Moves the browser's clock by some days, and opens the list.
async fn with_wrong_clock(days: i64, test: impl AsyncFnOnce(&Page<'_>)) {
    visit(sample_system().await, Appearance::default(), async |page| {
        page.before_scripts(&format!(
            "{{ const ahead = {days} * 86400e3; const Real = Date; \
             window.Date = class extends Real {{ \
               constructor(...parts) {{ super(...(parts.length ? parts : [Date.now()])); }} \
               static now() {{ return Real.now() + ahead; }} }}; }}"
        ))
        .await;
        page.open_tokens("ada").await;
        let days_ahead = format!("Math.round((Date.now() - {}000) / 86400e3)", now());
        assert_eq!(page.eval(&days_ahead).await, days, "the clock is wrong");
        test(page).await;
    })
    .await;
}

async fn assert_right_times(page: &Page<'_>) {
    for (name, status, expires, used) in [
        ("ERP Data Sync", "Active", "in 90 days", "Never"),
        ("Grafana", "Active", "in 4 days", "Never"),
        ("SCADA bridge, line 4", "Expired", "4 days ago", "Never"),
    ] {
        assert_eq!(page.cell(name, "status").await, status, "{name}");
        let found = page.cell(name, "expires").await;
        assert!(found.ends_with(expires), "{name}: {found}");
        assert_eq!(page.cell(name, "last_used").await, used, "{name}");
    }
    assert_eq!(page.text("#active-count").await, "3 of 50 active");
    assert_eq!(page.count("#tokens tr[data-warning]").await, 1);
    page.open_form().await;
    for days in [30, 365] {
        let date = page
            .eval_text(&format!(
                "new Intl.DateTimeFormat('en-US', {{ dateStyle: 'medium' }}).format(new Date({}000))",
                now() + days * DAY
            ))
            .await;
        page.choose("#token-expiry", &days.to_string()).await;
        page.wait_for_text("#token-expiry-line", &date).await;
        page.wait_for_text("#token-summary", &date).await;
        let option =
            format!("$('#token-expiry').selectedOptions[0].textContent.includes('{date}')");
        assert_eq!(page.eval(&option).await, true, "{date}");
    }
}

#[tokio::test]
async fn dates_are_right_though_the_browsers_clock_is_fast() {
    with_wrong_clock(100, async |page| assert_right_times(page).await).await;
}

#[tokio::test]
async fn dates_are_right_though_the_browsers_clock_is_slow() {
    with_wrong_clock(-400, async |page| assert_right_times(page).await).await;
}
