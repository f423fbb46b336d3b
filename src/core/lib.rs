//! Patrol: personal access tokens that stop working the moment they are revoked.
//!
//! A personal access token (PAT) lets a program call a platform's API in its owner's name without a
//! password. This crate contains every rule, format and decision. It does no I/O, reads no clock and
//! knows no JavaScript: its functions map values to values, so every decision can be tested at any
//! second of any day. The Workers and the form are thin adapters around it.
//!
//! The life of a token:
//!
//! 1. A user fills in the form. [`issue::rules`] checks it in the browser and again at the origin,
//!    against the user's [`policy::account`] and the platform's [`policy`].
//! 2. A [`registry`] stores the record and assigns the token an index in a [`jose::status_list`].
//! 3. [`token::claims`] are signed as a [`jose::jws`].
//! 4. A program sends the token with every request, and [`authorize`] decides. Usually the edge has
//!    everything cached.
//! 5. The owner revokes it. The registry answers once no edge accepts the token any longer;
//!    [`revocation`] explains how.
//!
//! The modules at the bottom are [`time`], [`ids`], [`json`], [`text`], [`mode`], [`routes`] (which Worker
//! serves a path), [`placement`] (which registry a user lives in) and [`quota`]. [`http`] is the
//! JSON of the HTTP surface, [`session`] how the origin knows its user, [`sign_in`] how others tell it
//! who that is, [`account`] what a registry keeps of the user, [`audit`] what it records,
//! [`listing`] how it lists tokens. Imports point
//! one way: a folder never imports one that is listed after it in docs/ARCHITECTURE.md.

pub mod account;
pub mod audit;
pub mod authorize;
pub mod http;
pub mod ids;
pub mod issue;
pub mod jose;
pub mod json;
pub mod listing;
pub mod mode;
pub mod placement;
pub mod policy;
pub mod quota;
pub mod registry;
pub mod revocation;
pub mod routes;
pub mod session;
pub mod sign_in;
pub mod text;
pub mod time;
pub mod token;
