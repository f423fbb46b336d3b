//! The few pieces of the runtime that the edge touches, as thin as they can be.
//!
//! Requests and responses stay objects of the runtime: their bodies stream past this Worker
//! without passing through it.

use crate::settings::Settings;
use web_sys::{Response, ResponseInit};
use worker::{Context, Env, Result};

/// What a request can use of its surroundings.
#[derive(Clone, Copy)]
pub(crate) struct Event<'a> {
    pub(crate) env: &'a Env,
    /// For work behind the answer.
    pub(crate) context: &'a Context,
    pub(crate) settings: &'static Settings,
}

/// An answer without a body.
pub(crate) fn empty(status: u16) -> Result<Response> {
    let init = ResponseInit::new();
    init.set_status(status);
    Ok(Response::new_with_opt_str_and_init(None, &init)?)
}
