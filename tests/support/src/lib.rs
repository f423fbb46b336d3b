//! Drives the whole system from outside: `cargo xtask dev`, started as a user starts it, and
//! HTTP. Nothing of the system is replaced.
//!
//! Every system has a state folder and ports of its own. It ends with the test process, however
//! that ends: `xtask keep` watches a pipe that closes then. No failure message holds a token.

pub mod client;
pub mod cluster;
pub mod config;
pub mod kv;
pub mod link;
pub mod runtime;
pub mod system;
pub mod wire;

pub use client::{Answer, Made, User, call, client, now, read_claims};
pub use system::{System, empty_folder, in_time, root, shared, until, xtask};
