//! The HTTP surface: its JSON, its problems, and the files of the page.

pub mod api;
pub mod page;
pub mod problem;
