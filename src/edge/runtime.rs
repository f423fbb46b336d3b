//! The few pieces of the runtime that the edge touches, as thin as they can be.
//!
//! Requests and responses stay objects of the runtime: their bodies stream past this Worker
//! without passing through it.

use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response, ResponseInit};
use worker::{Env, Error, Result};

#[wasm_bindgen]
extern "C" {
    /// Anything with a method `fetch`: a service binding, or the global object.
    pub(crate) type Fetcher;

    #[wasm_bindgen(method, catch)]
    fn fetch(this: &Fetcher, request: &Request) -> std::result::Result<js_sys::Promise, JsValue>;
}

impl Fetcher {
    /// A service binding.
    pub(crate) fn binding(env: &Env, name: &str) -> Result<Self> {
        env.service(name).map(worker::Fetcher::into_rpc)
    }

    /// The network.
    pub(crate) fn network() -> Self {
        js_sys::global().unchecked_into()
    }

    /// Sends the request and waits for the head of the answer.
    pub(crate) async fn send(&self, request: &Request) -> Result<Response> {
        let response = JsFuture::from(self.fetch(request)?).await?;
        response
            .dyn_into()
            .map_err(|_| Error::RustError("fetch gave no response".to_owned()))
    }
}

/// An answer without a body.
pub(crate) fn empty(status: u16) -> Result<Response> {
    let init = ResponseInit::new();
    init.set_status(status);
    Ok(Response::new_with_opt_str_and_init(None, &init)?)
}
