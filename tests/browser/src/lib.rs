//! Drives the page as its users do: in real Chromium, over `WebDriver`, on the whole system.
//!
//! A test gets a browser of its own, with an empty profile. Whatever the test is about, it
//! fails when the page breaks its own security policy, writes an error to the console, or asks
//! anybody but its own origin for anything. A failed test leaves a picture of what was to be
//! seen in target/screenshots/failed/. No failure message holds a token.
//!
//! Left out: other browsers. The page uses nothing that only one of them has, but that is
//! tested by nobody here.

pub mod axe;
pub mod driver;
pub mod page;
pub mod stage;

pub use page::{Look, Page, visit, visit_at};
pub use patrol_support::wait_until;
