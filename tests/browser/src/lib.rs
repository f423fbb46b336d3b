//! Drives the page as its users do: in Chromium, over `WebDriver`, on the whole system.
//!
//! Each test gets a browser with an empty profile. Every test fails if the page violates its own
//! security policy, writes an error to the console, or sends a request to another origin. A failed
//! test leaves a screenshot in target/screenshots/failed/. No failure message contains a token.
//!
//! Other browsers are not tested. The page uses no feature that only Chromium has.

pub mod axe;
pub mod driver;
pub mod page;
pub mod systems;

pub use page::{Appearance, Page, visit, visit_at};
pub use patrol_support::wait_until;
