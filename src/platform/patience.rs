//! Waiting: for so long, and not at the mercy of a client.

use crate::clock;
use futures_util::future::{Either, FutureExt, select};
use patrol::revocation::single_flight::{FETCH_TIMEOUT, poll_intervals};
use std::{pin::pin, time::Duration};
use worker::{Context, Delay, Error, Result};

/// Waits for something for so long.
///
/// # Errors
/// That of the work, or that it took longer.
pub async fn in_time<T>(patience: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    match select(pin!(work), Delay::from(patience)).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(Error::RustError(format!(
            "no answer in {} ms",
            patience.as_millis()
        ))),
    }
}

/// Waits until something is so, for as long as an answer is waited for. Timers can be late, and
/// the clock can be set back: either of the two ends it.
pub async fn look_again_until(holds: impl Fn() -> bool) {
    let (began, mut waited) = (clock(), 0);
    for pause in poll_intervals() {
        if holds() || waited >= FETCH_TIMEOUT || began.until(clock()) >= FETCH_TIMEOUT {
            return;
        }
        Delay::from(Duration::from_millis(pause)).await;
        waited += pause;
    }
}

/// Waits for work that a request needs, and that goes on when its client goes away: the runtime
/// would stop it in the middle of an await, and nobody would ever free what it holds.
pub async fn to_its_end(context: &Context, work: impl Future<Output = ()> + 'static) {
    let work = work.shared();
    context.wait_until(work.clone());
    work.await;
}
