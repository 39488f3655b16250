//! The delay before a message is retried.

use std::time::Duration;

use crate::mail::settings::Retry;

/// The delay after `attempts` attempts. `jitter`, from 0 to 1, spreads messages that failed together over a fifth of
/// the delay, so that a mail server that recovers does not get all of them at once.
pub(crate) fn pause(retry: Retry, attempts: u32, jitter: f64) -> Duration {
    let doublings = attempts.saturating_sub(1).min(30);
    let pause = retry.first.saturating_mul(1 << doublings).min(retry.max);
    pause.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 5.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_is_twice_the_last_up_to_the_longest() {
        let retry = Retry {
            attempts: 30,
            first: Duration::from_secs(10),
            max: Duration::from_secs(3600),
        };
        let pauses: Vec<u64> = (1..=11).map(|attempts| pause(retry, attempts, 0.0).as_secs()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
        assert_eq!(pause(retry, 1, 1.0), Duration::from_secs(8));
        assert_eq!(pause(retry, u32::MAX, 0.0), retry.max);
    }
}
