//! The edge's interface to the runtime.
//!
//! Requests and responses stay objects of the runtime, so bodies stream past this Worker.

use crate::settings::EdgeSettings;
use futures_util::future::FutureExt;
use patrol::revocation::single_flight::FETCH_TIMEOUT;
use patrol_platform::timeout;
use std::time::Duration;
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use web_sys::{Headers, Response, ResponseInit};
use worker::{
    Env, Result, console_error, wasm_bindgen_futures::future_to_promise, worker_sys::Context,
};

#[wasm_bindgen]
extern "C" {
    /// A response, or a promise of one.
    pub type Answer;
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        response.unchecked_into()
    }
}

/// What a handler needs besides its request.
#[derive(Clone, Copy)]
pub(crate) struct EdgeContext<'a> {
    pub(crate) env: &'a Env,
    pub(crate) event: &'a Context,
    pub(crate) settings: &'static EdgeSettings,
}

impl EdgeContext<'_> {
    /// Runs work that continues after the response, and if the client disconnects.
    pub(crate) fn in_background(self, work: impl Future<Output = ()> + 'static) {
        timeout::continue_in_background(&self.event(), work);
    }

    /// Awaits work that continues if the client disconnects.
    pub(crate) async fn complete(self, work: impl Future<Output = ()> + 'static) {
        timeout::complete(&self.event(), work).await;
    }

    /// Lets a promise continue if the client disconnects. Otherwise what it holds would never be
    /// freed.
    pub(crate) fn lasting(self, promise: Answer) -> Answer {
        // An event that has ended has nobody to answer.
        let _ = self.event.wait_until(promise.unchecked_ref());
        promise
    }

    fn event(self) -> worker::Context {
        worker::Context::new(same_object(self.event))
    }
}

/// Another reference to the same object. A method `clone` may be JavaScript's, which copies.
pub(crate) fn same_object<T: JsCast>(object: &T) -> T {
    let object: &JsValue = object.as_ref();
    object.clone().unchecked_into()
}

/// A promise of what a future returns. It is boxed, because the code that turns a future into a
/// promise would otherwise be compiled for each future.
pub(crate) fn promise(work: impl Future<Output = Result<Answer>> + 'static) -> Answer {
    let work = work.boxed_local();
    let promise = future_to_promise(async { Ok(work.await?.into()) });
    promise.unchecked_into()
}

pub(crate) fn empty_response(status: u16) -> Result<Answer> {
    let init = ResponseInit::new();
    init.set_status(status);
    Ok(Response::new_with_opt_str_and_init(None, &init)?.into())
}

/// A private response.
pub(crate) fn json_response(json: &str) -> Result<Answer> {
    let headers = Headers::new()?;
    headers.set("Content-Type", "application/json")?;
    headers.set("Cache-Control", "no-store")?;
    let init = ResponseInit::new();
    init.set_headers(&headers);
    Ok(Response::new_with_opt_str_and_init(Some(json), &init)?.into())
}

/// Logs an error. Returns whether there was none.
pub(crate) fn succeeded<T>(what: &str, result: &Result<T>) -> bool {
    if let Err(error) = result {
        console_error!("edge: {what}: {error}");
    }
    result.is_ok()
}

/// Awaits a fetch for as long as one may take.
pub(crate) async fn with_timeout<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout::in_time(Duration::from_millis(FETCH_TIMEOUT), work).await
}
