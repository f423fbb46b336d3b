//! The edge Worker: every request to the platform's API passes here and needs a valid token.
//!
//! The edge holds public keys only, so it can allow and refuse requests but never issue tokens. It
//! gathers the facts that [`patrol::authorize`] decides on, and carries the decision out. What it
//! cannot know, it refuses. Nothing here may panic: a panic would take the isolate down with every
//! request in it.
//!
//! A request enters by [`handler::handle`].

#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod authenticate;
mod client_address;
mod forward;
pub mod handler;
mod header_names;
mod identity;
pub mod incoming;
mod isolate;
mod keys;
mod lists;
mod ready;
mod refresh;
mod refuse;
mod runtime;
mod settings;
mod signature;
mod streams;
