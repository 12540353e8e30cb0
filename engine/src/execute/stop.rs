//! How an operator stops a run: first at the next safe point, then at once.

use std::future::Future;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::event::EventKind;
use crate::failure::{Failure, FailureClass};
use crate::record::Recorder;
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
    /// Whether the run is being stopped.
    pub fn is_requested(&self) -> bool {
        self.soft.is_cancelled() || self.hard.is_cancelled()
    }

    /// Does the work of an execution. That it is being stopped is recorded before what comes of that.
    pub(super) async fn recorded<T>(&self, recorder: &Recorder, work: impl Future<Output = T>) -> T {
        let level_recorded = AtomicU8::new(0);
        let tell = |at_once: bool| {
            let level = if at_once { 2 } else { 1 };
            if level_recorded.fetch_max(level, Ordering::Relaxed) < level {
                recorder.emit(EventKind::Stopping { at_once });
            }
        };
        let watch = async {
            tokio::select! {
                biased;
                () = self.hard.cancelled() => {}
                () = self.soft.cancelled() => tell(false),
            }
            self.hard.cancelled().await;
            tell(true);
            std::future::pending().await
        };
        let done = tokio::select! {
            biased;
            never = watch => never,
            done = work => done,
        };
        // It came while the work was at its end.
        if self.is_requested() {
            tell(self.hard.is_cancelled());
        }
        done
    }

    /// Fails once the run is being stopped.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.is_requested() { Err(stopped()) } else { Ok(()) }
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

/// The failure of what was stopped.
pub(super) fn stopped() -> Failure {
    Failure::new(FailureClass::Stopped, text!("engine.stopped", "stopped by the operator"))
}

/// The failure of an execution whose work was done when it was stopped.
pub(super) fn stopped_at_its_end() -> Failure {
    let words = text!(
        "engine.stopped-at-end",
        "stopped by the operator; what was running came to its end, and nothing was left"
    );
    Failure::new(FailureClass::Stopped, words)
}

fn timed_out() -> Failure {
    Failure::new(FailureClass::TimedOut, text!("engine.timed-out", "the time ran out"))
}
