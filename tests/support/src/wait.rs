//! Waiting for conditions and events, never for a fixed time.

use std::time::{Duration, Instant};

/// The longest wait for anything that a working system does at once.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// The time between two checks of a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Polls a condition until it returns a value.
///
/// # Panics
/// If there is no value after [`TIMEOUT`].
pub async fn wait_until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "timed out waiting until {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// [`wait_until`] for code that is not async.
pub(crate) fn wait_until_blocking(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !condition() {
        assert!(Instant::now() < deadline, "timed out waiting until {what}");
        std::thread::park_timeout(POLL_INTERVAL);
    }
}

/// Awaits an event that may never happen in a broken system.
///
/// # Panics
/// If it has not happened after [`TIMEOUT`].
pub async fn with_timeout<T>(what: &str, event: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT, event)
        .await
        .unwrap_or_else(|_| panic!("timed out waiting for {what}"))
}
