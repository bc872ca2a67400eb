//! Waiting for a condition instead of sleeping for a time.

use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(50);

/// Asks `condition` until it answers `Ok`, and returns that; `Err` says what is still missing.
///
/// # Panics
/// After `timeout`, with `what` and the last thing that was missing.
pub async fn wait_for<T>(what: &str, timeout: Duration, mut condition: impl AsyncFnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        let missing = match condition().await {
            Ok(value) => return value,
            Err(missing) => missing,
        };
        if start.elapsed() > timeout {
            panic!(
                "waited {:.1} s for {what}; last seen: {missing}",
                start.elapsed().as_secs_f64()
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// [`wait_for`] a condition that is only true or false.
pub async fn wait_until(what: &str, timeout: Duration, mut condition: impl AsyncFnMut() -> bool) {
    wait_for(what, timeout, async || {
        if condition().await {
            Ok(())
        } else {
            Err("not yet".to_owned())
        }
    })
    .await;
}
