//! The edge's interface to the runtime.
//!
//! Requests and responses stay objects of the runtime, so bodies stream past this Worker.

use crate::settings::EdgeSettings;
use web_sys::{Headers, Response, ResponseInit};
use worker::{Context, Env, Result, console_error};

/// What a handler needs besides its request.
#[derive(Clone, Copy)]
pub(crate) struct EdgeContext<'a> {
    pub(crate) env: &'a Env,
    /// For background work.
    pub(crate) context: &'a Context,
    pub(crate) settings: &'static EdgeSettings,
}

pub(crate) fn empty_response(status: u16) -> Result<Response> {
    let init = ResponseInit::new();
    init.set_status(status);
    Ok(Response::new_with_opt_str_and_init(None, &init)?)
}

/// A private response.
pub(crate) fn json_response(json: &str) -> Result<Response> {
    let headers = Headers::new()?;
    headers.set("Content-Type", "application/json")?;
    headers.set("Cache-Control", "no-store")?;
    let init = ResponseInit::new();
    init.set_headers(&headers);
    Ok(Response::new_with_opt_str_and_init(Some(json), &init)?)
}

/// Logs an error. Returns whether there was none.
pub(crate) fn succeeded<T>(what: &str, result: &Result<T>) -> bool {
    if let Err(error) = result {
        console_error!("edge: {what}: {error}");
    }
    result.is_ok()
}
