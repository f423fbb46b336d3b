//! Tests of the page in a browser.

mod accessibility;
mod clients;
mod clipboard;
mod clock;
mod create;
mod embedding;
mod form_module;
mod fronts;
mod keyboard;
mod limits;
mod list;
mod names;
mod narrow;
mod navigation;
mod paths;
mod revoke;
mod scopes;
mod security;
mod session;
mod sign_in;
mod sign_in_access;
mod translation;
