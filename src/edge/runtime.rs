//! The few pieces of the runtime that the edge touches, as thin as they can be.
//!
//! Requests and responses stay objects of the runtime: their bodies stream past this Worker
//! without passing through it.

use crate::settings::Settings;
use futures_util::future::{Either, select};
use patrol::renewal::PATIENCE;
use patrol_platform::clock;
use std::{pin::pin, time::Duration};
use web_sys::{Response, ResponseInit};
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

/// An answer without a body.
pub(crate) fn empty(status: u16) -> Result<Response> {
    let init = ResponseInit::new();
    init.set_status(status);
    Ok(Response::new_with_opt_str_and_init(None, &init)?)
}
