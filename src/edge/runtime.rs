//! The few pieces of the runtime that the edge touches, as thin as they can be.
//!
//! Requests and responses stay objects of the runtime: their bodies stream past this Worker
//! without passing through it.

use crate::settings::Settings;
use futures_util::future::{Either, select};
use patrol::renewal::PATIENCE;
use patrol_platform::clock;
use std::{pin::pin, time::Duration};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response, ResponseInit};
use worker::{Context, Delay, Env, Error, Result};

/// What a request can use of its surroundings.
#[derive(Clone, Copy)]
pub(crate) struct Event<'a> {
    pub(crate) env: &'a Env,
    /// For work behind the answer.
    pub(crate) context: &'a Context,
    pub(crate) settings: &'static Settings,
}

/// Waits for something for so long.
pub(crate) async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    match select(pin!(work), Delay::from(patience)).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(Error::RustError(format!(
            "no answer in {} ms",
            patience.as_millis()
        ))),
    }
}

/// How soon a waiting request looks again: at first, and at last. Each time it waits twice as long.
const LOOKS_AGAIN: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(32));

/// Waits until something is so, for as long as an answer is waited for. Timers can be late, and
/// the clock can be set back: either of the two ends it.
pub(crate) async fn look_again_until(holds: impl Fn() -> bool) {
    let (mut pause, longest) = LOOKS_AGAIN;
    let (began, mut waited) = (clock(), Duration::ZERO);
    let patience = Duration::from_millis(PATIENCE);
    while !holds() && waited < patience && began.until(clock()) < PATIENCE {
        Delay::from(pause).await;
        waited += pause;
        pause = longest.min(pause * 2);
    }
}

/// The binding of the platform's API, where it is a Worker.
pub(crate) const UPSTREAM: &str = "UPSTREAM";

#[wasm_bindgen]
extern "C" {
    /// Anything with a method `fetch`: a service binding, or the global object.
    pub type Fetcher;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn fetch(
        this: &Fetcher,
        request: &Request,
    ) -> std::result::Result<js_sys::Promise, JsValue>;
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
