//! Shared by the end-to-end tests, the browser tests, the proof of revocation and the benchmark.
//!
//! There are three ways to run Patrol, from the slowest and most complete to the fastest:
//!
//! - [`System`]: `cargo xtask dev`, started as a user starts it. Nothing is replaced.
//! - [`cluster::Cluster`]: the Workers in several workerd processes, with faults between them.
//! - [`variants::Variants`] and [`sandbox::Sandbox`]: the Workers in one workerd process.
//!
//! Modules import downwards only, in this order: `fronts`, `variants`, `sandbox`, `cluster`, `runtime`,
//! `config`; `identity_provider`, `script`, `browser`; `system`, `raw_http`, `client`; `kv`, `link`,
//! `page`; `registries`; `process`, `workspace`, `wait`.
//!
//! Everything ends with the test process, however that ends: `xtask keep` watches a pipe that then
//! closes. No failure message contains a token.

pub mod browser;
pub mod client;
pub mod cluster;
pub mod config;
pub mod fronts;
pub mod identity_provider;
pub mod kv;
pub mod link;
pub mod page;
pub mod process;
pub mod raw_http;
pub mod registries;
pub mod runtime;
pub mod sandbox;
pub mod script;
pub mod system;
pub mod variants;
pub mod wait;
pub mod workspace;

pub use client::{CreatedToken, Response, User, api_request, client, now, read_claims};
pub use system::{System, shared_system};
pub use wait::{TIMEOUT, wait_until, with_timeout};
pub use workspace::{create_folder, root};
