//! A test stand: several edges before one origin, on the bare runtime.
//!
//! The Workers are the built ones, unchanged. Each edge has an isolate of its own, so its own
//! memory, and several processes share them out. Every way between them can fail: a [`link`]
//! lies between the edges and the origin's process, the KV namespace is a server of this
//! program ([`kv`]), and any process can be killed at any moment.
//!
//! `wrangler dev` has none of this: it runs everything in one process. What the bare runtime
//! lacks is a binding to Durable Objects of another process; two small scripts in `workers/`
//! stand for it.

pub mod check;
pub mod config;
pub mod kv;
pub mod link;
pub mod runtime;
pub mod stand;

pub use kv::{Kv, Mood};
pub use link::{Link, Weather};
pub use stand::{Plan, Stand};
