//! Waiting: with a limit, and without depending on a client.

use crate::clock;
use futures_util::future::{Either, FutureExt, LocalBoxFuture, select};
use patrol::revocation::single_flight::{FETCH_TIMEOUT, poll_intervals};
use std::time::Duration;
use worker::{Context, Delay, Error, Result};

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
