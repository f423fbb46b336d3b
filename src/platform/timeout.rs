//! Waiting: with a limit, and without depending on a client.

use crate::clock;
use futures_util::future::{Either, FutureExt, LocalBoxFuture, select};
use js_sys::Promise;
use patrol::revocation::single_flight::{FETCH_TIMEOUT, poll_intervals};
use std::time::Duration;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use worker::{Context, Delay, Error, Result};

/// How long a request may wait in Rust. The platform stops work under `waitUntil` 30 seconds after
/// the client has gone away, and what it stops is never freed.
pub const LONGEST_WAIT: Duration = Duration::from_secs(25);

#[wasm_bindgen(module = "/wait.js")]
extern "C" {
    type Wait;

    #[wasm_bindgen(constructor)]
    fn new(promise: &Promise) -> Wait;

    #[wasm_bindgen(method, getter)]
    fn settled(this: &Wait) -> Promise;

    #[wasm_bindgen(method)]
    fn abandon(this: &Wait);
}

/// Abandons the wait when it is dropped.
struct Waiting(Wait);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Awaits a promise. Unlike with [`JsFuture`], nothing of a wait remains that ends before the promise
/// settles ([`in_time`]).
///
/// # Errors
/// The value that the promise was rejected with.
pub(crate) async fn settled(promise: &Promise) -> std::result::Result<JsValue, JsValue> {
    let waiting = Waiting(Wait::new(promise));
    JsFuture::from(waiting.0.settled()).await
}

/// Awaits `work` for at most `limit`. It is boxed, because the code would otherwise be compiled for
/// each future, with that future inside.
///
/// # Errors
/// The error of `work`, or a timeout.
pub async fn in_time<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    boxed_in_time(limit, work.boxed_local()).await
}

async fn boxed_in_time<T>(limit: Duration, work: LocalBoxFuture<'_, Result<T>>) -> Result<T> {
    match select(work, Delay::from(limit)).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(Error::RustError(format!(
            "no answer within {} ms",
            limit.as_millis()
        ))),
    }
}

/// Polls until the condition holds or [`FETCH_TIMEOUT`] has passed. Timers can be late and the clock
/// can be set back, so the time is measured by both.
pub async fn poll_until(holds: impl Fn() -> bool) {
    let (began, mut waited) = (clock(), 0);
    for interval in poll_intervals() {
        if holds() || waited >= FETCH_TIMEOUT || began.until(clock()) >= FETCH_TIMEOUT {
            return;
        }
        Delay::from(Duration::from_millis(interval)).await;
        waited += interval;
    }
}

/// Awaits work that continues if the client disconnects. Otherwise the runtime would stop it in the
/// middle of an await, and what it holds would never be freed.
pub async fn complete(context: &Context, work: impl Future<Output = ()> + 'static) {
    let work = work.boxed_local().shared();
    continue_in_background(context, work.clone());
    work.await;
}

/// Runs work that continues after the response, and if the client disconnects. It is boxed, because
/// the code that turns a future into a promise would otherwise be compiled for each future.
pub fn continue_in_background(context: &Context, work: impl Future<Output = ()> + 'static) {
    context.wait_until(work.boxed_local());
}
