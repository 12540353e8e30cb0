//! Whether another attempt follows a failed one, and after which delay.

use std::time::Duration;

use crate::failure::FailureClass;
use crate::playbook::Retry;
use crate::task::TaskId;

/// Whether a failure of a class may be followed by another attempt.
pub(super) fn worth_it(class: FailureClass) -> bool {
    match class {
        FailureClass::Failed | FailureClass::Blocked | FailureClass::Unreachable | FailureClass::TimedOut => true,
        FailureClass::Invalid | FailureClass::OutcomeUnknown | FailureClass::Stopped | FailureClass::Unsimulated => {
            false
        }
    }
}

/// The delay after a failed attempt, from 1. `luck`, between 0 and 1, determines the jitter.
pub(super) fn delay(retry: &Retry, attempt: u32, luck: f64) -> Duration {
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let grown = retry.delay.0.as_secs_f64() * retry.backoff.max(1.0).powi(exponent);
    let most = retry.max_delay.map_or(24.0 * 3600.0, |most| most.0.as_secs_f64());
    let jittered = grown.min(most) * (1.0 + retry.jitter * (luck - 0.5));
    Duration::from_secs_f64(jittered.clamp(0.0, 24.0 * 3600.0))
}

/// A number between 0 and 1 that depends on the seed, the task and the attempt only.
pub(super) fn luck(seed: u64, task: &TaskId, attempt: u32) -> f64 {
    let text = format!("{seed}/{task}/{attempt}");
    let digest = crate::digest::digest([text.as_str()]);
    let number = u32::from_str_radix(digest.get(..8).unwrap_or_default(), 16).unwrap_or_default();
    f64::from(number) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duration::HumanDuration;

    #[test]
    fn delays_grow_up_to_the_longest() {
        let retry = Retry {
            delay: HumanDuration(Duration::from_secs(5)),
            max_delay: Some(HumanDuration(Duration::from_secs(30))),
            ..Retry::default()
        };
        let delays: Vec<u64> = (1..6).map(|attempt| delay(&retry, attempt, 0.3).as_secs()).collect();
        assert_eq!(delays, [5, 10, 20, 30, 30]);
        assert!(delay(&retry, u32::MAX, 0.0) <= Duration::from_secs(30), "no overflow");
    }

    #[test]
    fn jitter_stays_around_the_delay() {
        let retry = Retry { jitter: 0.5, ..Retry::default() };
        assert_eq!(delay(&retry, 1, 0.0), Duration::from_millis(3750));
        assert_eq!(delay(&retry, 1, 1.0), Duration::from_millis(6250));
    }
}
