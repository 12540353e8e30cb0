//! A shared resource that takes time to make and may fail: a connection, a client. Concurrent callers wait for the same attempt;
//! when the resource is no longer good, the next caller starts another attempt. An unreachable machine is remembered for as long
//! as it took to find out, so that at most half of the time is spent on a dead machine. A refusal is not remembered: its cause
//! may just have been fixed. What nobody waits for any more is given up, and whatever it has started with it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cutover_engine::world::TransportFault;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::Instant;

/// The longest time for which a failure is remembered.
const REMEMBERED: Duration = Duration::from_secs(5);

type Pending<T> = Shared<BoxFuture<'static, Result<T, Failed>>>;

/// A failure, and until when it is remembered.
#[derive(Clone)]
struct Failed(TransportFault, Instant);

/// The attempt under way, or the result of the last one.
pub(crate) struct Attempt<T: Clone + Send + Sync + 'static>(Mutex<Option<Begun<T>>>);

/// An attempt, and what each of those who wait for it holds a share of.
type Begun<T> = (Pending<T>, Arc<()>);

impl<T: Clone + Send + Sync + 'static> Default for Attempt<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone + Send + Sync + 'static> Attempt<T> {
    /// Returns the existing resource while it is `good`, else the one under way, else a new one.
    pub(crate) async fn get(
        &self,
        good: impl Fn(&T) -> bool,
        make: impl FnOnce() -> BoxFuture<'static, Result<T, TransportFault>>,
    ) -> Result<T, TransportFault> {
        let (pending, share) = {
            let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match slot.as_ref().map(|begun| (begun, begun.0.peek())) {
                Some((begun, None)) => begun.clone(),
                Some((begun, Some(Ok(thing)))) if good(thing) => begun.clone(),
                Some((begun, Some(Err(Failed(_, until))))) if Instant::now() < *until => begun.clone(),
                _ => slot.insert((timed(make()).boxed().shared(), Arc::default())).clone(),
            }
        };
        // Dropped before `pending`, so that the last one to go leaves nothing behind.
        let _waiting = Waiting { attempt: self, share };
        pending.clone().await.map_err(|Failed(fault, _)| fault)
    }
}

/// One who waits for an attempt.
struct Waiting<'a, T: Clone + Send + Sync + 'static> {
    attempt: &'a Attempt<T>,
    share: Arc<()>,
}

impl<T: Clone + Send + Sync + 'static> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        let mut slot = self.attempt.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The slot's share and this one.
        let is_last = Arc::strong_count(&self.share) == 2;
        let is_this = |begun: &Begun<T>| Arc::ptr_eq(&begun.1, &self.share) && begun.0.peek().is_none();
        if is_last && slot.as_ref().is_some_and(is_this) {
            let abandoned = slot.take();
            drop(slot);
            drop(abandoned);
        }
    }
}

async fn timed<T>(made: BoxFuture<'static, Result<T, TransportFault>>) -> Result<T, Failed> {
    let began = Instant::now();
    made.await.map_err(|fault| {
        let now = Instant::now();
        let remembered = if let TransportFault::Unreachable(_) = fault {
            now.duration_since(began).min(REMEMBERED)
        } else {
            Duration::ZERO
        };
        Failed(fault, now + remembered)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn attempt(
        count: &Arc<AtomicUsize>,
        result: Result<usize, TransportFault>,
    ) -> BoxFuture<'static, Result<usize, TransportFault>> {
        let count = Arc::clone(count);
        Box::pin(async move {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            result
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_remembered_for_as_long_as_it_took_but_not_for_long() {
        for (took, remembered) in [(0, 0), (2, 2), (60, 5)] {
            let (slot, count) = (Attempt::default(), Arc::new(AtomicUsize::new(0)));
            let ask = || {
                slot.get(
                    |_| true,
                    || {
                        let counted = attempt(&count, Err(TransportFault::Unreachable("no answer".to_owned())));
                        let slow = tokio::time::sleep(Duration::from_secs(took));
                        Box::pin(async move {
                            slow.await;
                            counted.await
                        })
                    },
                )
            };
            ask().await.unwrap_err();
            if remembered > 0 {
                tokio::time::advance(Duration::from_millis(remembered * 1000 - 10)).await;
                ask().await.unwrap_err();
                assert_eq!(count.load(Ordering::SeqCst), 1, "{took} s");
                tokio::time::advance(Duration::from_millis(20)).await;
            }
            ask().await.unwrap_err();
            assert_eq!(count.load(Ordering::SeqCst), 2, "{took} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_waits_for_is_given_up() {
        let (slot, count) = (Attempt::default(), Arc::new(AtomicUsize::new(0)));
        let (held, lasting) = (Arc::new(()), Arc::new(()));
        let ask = |held: Arc<()>| {
            let counted = attempt(&count, Ok(7));
            slot.get(
                |_| true,
                move || {
                    Box::pin(async move {
                        tokio::time::sleep(Duration::from_secs(60)).await;
                        drop(held);
                        counted.await
                    })
                },
            )
        };
        let brief = Duration::from_secs(1);
        assert!(tokio::time::timeout(brief, ask(Arc::clone(&held))).await.is_err());
        assert_eq!(Arc::strong_count(&held), 1, "what it held is free");
        // Another one who still waits keeps it.
        let (_, waited) =
            tokio::join!(tokio::time::timeout(brief, ask(Arc::clone(&lasting))), ask(Arc::clone(&lasting)));
        assert_eq!((waited, count.load(Ordering::SeqCst)), (Ok(7), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_ask_together_share_one_attempt_and_its_failure() {
        let (slot, count) = (Attempt::default(), Arc::new(AtomicUsize::new(0)));
        let fault = TransportFault::Unreachable("no route".to_owned());
        let ask = || slot.get(|_| true, || attempt(&count, Err(fault.clone())));
        let (first, second) = tokio::join!(ask(), ask());
        assert_eq!((first, second), (Err(fault.clone()), Err(fault.clone())));
        assert_eq!(count.load(Ordering::SeqCst), 1);

        assert_eq!(slot.get(|_| true, || attempt(&count, Ok(7))).await, Ok(7), "a quick failure is not remembered");
        assert_eq!(slot.get(|_| true, || attempt(&count, Ok(8))).await, Ok(7), "a good resource is reused");
        assert_eq!(slot.get(|thing| *thing != 7, || attempt(&count, Ok(8))).await, Ok(8), "what is not is replaced");
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }
}
