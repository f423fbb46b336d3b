//! The HTTP interface, without HTTP: which endpoint serves a path, and the JSON of requests and
//! responses. `docs/API.md` describes it, and `tests/api_docs.rs` compares the two.

pub mod api;
pub mod body;
pub mod conditional;
pub mod embedding;
pub mod endpoint;
pub mod idempotency;
pub mod page;
pub mod problem;
pub mod problem_page;
