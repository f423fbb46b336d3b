//! The page, in the browser, on the real runtime.

mod create;
mod form;
mod limits;
mod list;
mod revoke;
mod scopes;
mod states;
mod work;
