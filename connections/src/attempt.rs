//! Something that is made by an attempt which takes time and may fail, and is then shared: a connection, a client. Everyone
//! who asks meanwhile waits for the same attempt; after a failure, or when the thing is no longer good, the next one who
//! asks starts another.

use std::sync::{Mutex, PoisonError};

use cutover_engine::world::TransportFault;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};

type Pending<T> = Shared<BoxFuture<'static, Result<T, TransportFault>>>;

/// The attempt under way, or the last one and what came of it.
pub(crate) struct Attempt<T: Clone + Send + Sync + 'static>(Mutex<Option<Pending<T>>>);

impl<T: Clone + Send + Sync + 'static> Default for Attempt<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone + Send + Sync + 'static> Attempt<T> {
    /// Gives the thing: the one there is while it is `good`, the one under way, or a new one.
    pub(crate) async fn get(
        &self,
        good: impl Fn(&T) -> bool,
        make: impl FnOnce() -> BoxFuture<'static, Result<T, TransportFault>>,
    ) -> Result<T, TransportFault> {
        let pending = {
            let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match slot.as_ref().map(|pending| (pending, pending.peek())) {
                Some((pending, None)) => pending.clone(),
                Some((pending, Some(Ok(thing)))) if good(thing) => pending.clone(),
                _ => slot.insert(make().shared()).clone(),
            }
        };
        pending.await
    }
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

    #[tokio::test]
    async fn those_who_ask_together_share_one_attempt_and_its_failure() {
        let (slot, count) = (Attempt::default(), Arc::new(AtomicUsize::new(0)));
        let fault = TransportFault::Unreachable("no route".to_owned());
        let ask = || slot.get(|_| true, || attempt(&count, Err(fault.clone())));
        let (first, second) = tokio::join!(ask(), ask());
        assert_eq!((first, second), (Err(fault.clone()), Err(fault.clone())));
        assert_eq!(count.load(Ordering::SeqCst), 1);

        assert_eq!(slot.get(|_| true, || attempt(&count, Ok(7))).await, Ok(7), "a failure is not kept");
        assert_eq!(slot.get(|_| true, || attempt(&count, Ok(8))).await, Ok(7), "what is good is kept");
        assert_eq!(slot.get(|thing| *thing != 7, || attempt(&count, Ok(8))).await, Ok(8), "what is not is replaced");
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }
}
