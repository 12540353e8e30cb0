//! How an operator stops a run: first at the next safe point, then at once.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::failure::{Failure, FailureClass};
use crate::text;

/// The two ways to stop.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// No new task, no new change, no more waiting; an action that was sent is completed.
    pub soft: CancellationToken,
    /// Nothing is awaited any longer.
    pub hard: CancellationToken,
}

impl Stop {
    /// Fails once the run is being stopped.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.soft.is_cancelled() || self.hard.is_cancelled() { Err(stopped()) } else { Ok(()) }
    }

    /// Waits, at most until a deadline or until the run is being stopped.
    pub(crate) async fn sleep(&self, delay: Duration, deadline: Instant) -> Result<(), Failure> {
        self.check()?;
        // The deadline only cuts the wait short: the caller probes a last time and then reports that time ran out.
        let until = (Instant::now() + delay).min(deadline);
        tokio::select! {
            biased;
            () = self.hard.cancelled() => Err(stopped()),
            () = self.soft.cancelled() => Err(stopped()),
            () = tokio::time::sleep_until(until) => Ok(()),
        }
    }

    /// Completes something that only reads, unless the run is being stopped or a deadline passes.
    pub(crate) async fn reading<T>(&self, deadline: Instant, work: impl Future<Output = T>) -> Result<T, Failure> {
        self.check()?;
        tokio::select! {
            biased;
            () = self.hard.cancelled() => Err(stopped()),
            () = self.soft.cancelled() => Err(stopped()),
            done = tokio::time::timeout_at(deadline, work) => done.map_err(|_| timed_out()),
        }
    }

    /// Completes something that changes the world, unless it is stopped at once or a deadline passes.
    pub(crate) async fn changing<T>(&self, deadline: Instant, work: impl Future<Output = T>) -> Result<T, Failure> {
        // The soft stop is left out: dropping an action that was sent would leave its outcome unknown.
        tokio::select! {
            biased;
            () = self.hard.cancelled() => Err(stopped()),
            done = tokio::time::timeout_at(deadline, work) => done.map_err(|_| timed_out()),
        }
    }
}

fn stopped() -> Failure {
    Failure::new(FailureClass::Stopped, text!("engine.stopped", "stopped by the operator"))
}

fn timed_out() -> Failure {
    Failure::new(FailureClass::TimedOut, text!("engine.timed-out", "the time ran out"))
}
