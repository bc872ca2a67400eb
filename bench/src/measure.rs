//! Wall time, processor time and memory of a piece of work.

use std::time::{Duration, Instant};

/// What a piece of work took.
pub(crate) struct Measured {
    pub(crate) wall: Duration,
    /// User and system time of the process that did it.
    pub(crate) cpu: Duration,
    /// Largest resident size; 0 where it was not asked for.
    pub(crate) peak_bytes: u64,
}

/// Measures a future by the processor time of this very process.
pub(crate) async fn own<T>(work: impl Future<Output = T>) -> (T, Measured) {
    let (cpu, start) = (own_cpu(), Instant::now());
    let result = work.await;
    let measured = Measured {
        wall: start.elapsed(),
        cpu: own_cpu().saturating_sub(cpu),
        peak_bytes: 0,
    };
    (result, measured)
}

/// User and system time of this process, in ticks of 10 ms.
fn own_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let field = |index: usize| {
        after_name
            .split_whitespace()
            .nth(index)
            .and_then(|text| text.parse::<u64>().ok())
    };
    let ticks = field(11).unwrap_or(0) + field(12).unwrap_or(0);
    Duration::from_millis(ticks * 10)
}
