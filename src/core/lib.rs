//! Patrol: personal access tokens that die when you say so.
//!
//! A personal access token (PAT) lets a program call a platform's API in its owner's name,
//! without a password. This crate is everything about one that is a rule, a format or a
//! decision. It does no I/O, reads no clock and knows no JavaScript: every function goes from
//! values to values, so every decision can be tested at any second of any day. The Workers
//! and the form are thin adapters around it.
//!
//! The life of a token, and where each step is decided:
//!
//! 1. A user fills in the form; [`rules`] judge it in the browser and again at the origin,
//!    against the user's [`account`] and the platform's [`policy`].
//! 2. A [`registry`] keeps the record and gives the token a place in a [`status_list`].
//! 3. [`token::claims`] signs it with the first of the [`keys`], by way of [`jws`].
//! 4. A program sends it with every request; [`bearer`] takes it out of the header,
//!    [`token::verify`] checks it, and [`verdict`] decides whether the request may go on;
//!    [`memory`] is how an edge does all of that without asking anyone. [`forwarding`] says what
//!    the API behind it gets of an allowed request, [`refusal_log`] which refusals are logged.
//! 5. The owner revokes it; the registry answers when no edge accepts it any more. [`lease`] says
//!    when that is, [`revocation`] what an edge knows meanwhile, [`flights`] when it asks, and
//!    [`usage`] what it tells when it does.
//!
//! [`quota`] says how often somebody may do what costs others something.
//! [`api`] and [`problem`] are what all of this looks like in JSON; [`session`] is how the
//! origin knows its user; [`surface`] says which Worker answers what, and [`page`] which file of
//! the page; [`json`] is how what others send is read; [`identity`], [`scope`] and [`time`] are the words
//! used throughout.

pub mod authorize;
pub mod http;
pub mod ids;
pub mod issue;
pub mod jose;
pub mod json;
pub mod mode;
pub mod placement;
pub mod policy;
pub mod quota;
pub mod registry;
pub mod revocation;
pub mod routes;
pub mod session;
pub mod time;
pub mod token;
