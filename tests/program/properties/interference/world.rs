//! A world in which something happens at a chosen call of a run: right before it, or a while after it was sent.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use cutover_engine::clock::Clock;
use cutover_engine::world::{Answer, Caller, Command, Exit, Gap, Io, Place, Request, Transport, TransportFault, World};
use futures_util::future::BoxFuture;

/// What happens; whether it did.
pub(super) type Deed = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// How many calls are let through until something that could not happen is tried again.
const AGAIN: u64 = 17;

/// What is to happen at a call.
#[derive(Clone)]
struct Coming {
    /// How many calls are let through first.
    skip: u64,
    /// How long after the call; the call waits for it if there is nothing here.
    after: Option<Duration>,
    deed: Deed,
}

/// Counts the calls of a run until something happens.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Option<Coming>>>);

impl Watch {
    async fn call(&self) {
        let due = {
            let mut coming = self.0.lock().unwrap();
            match coming.as_mut() {
                Some(Coming { skip: 0, .. }) => coming.take(),
                Some(Coming { skip, .. }) => {
                    *skip -= 1;
                    None
                }
                None => None,
            }
        };
        match due {
            Some(coming @ Coming { after: None, .. }) => self.happens(coming).await,
            Some(coming) => {
                let watch = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(coming.after.unwrap_or_default()).await;
                    watch.happens(coming).await;
                });
            }
            None => {}
        }
    }

    async fn happens(&self, coming: Coming) {
        if !(coming.deed)().await {
            *self.0.lock().unwrap() = Some(Coming { skip: AGAIN, ..coming });
        }
    }
}

/// A world with somebody else in it.
pub(super) struct Disturbed {
    inner: Arc<dyn World>,
    watch: Watch,
}

impl Disturbed {
    /// Lets something happen once so many calls were let through.
    pub(super) fn new(inner: impl World + 'static, skip: u64, after: Option<Duration>, deed: Deed) -> Self {
        Self { inner: Arc::new(inner), watch: Watch(Arc::new(Mutex::new(Some(Coming { skip, after, deed })))) }
    }
}

impl Clock for Disturbed {
    fn now(&self) -> jiff::Timestamp {
        self.inner.now()
    }
}

impl World for Disturbed {
    fn transport(&self, place: &Place) -> BoxFuture<'_, Result<Arc<dyn Transport>, TransportFault>> {
        let place = place.clone();
        Box::pin(async move {
            let inner = self.inner.transport(&place).await?;
            Ok(Arc::new(Way { inner, watch: self.watch.clone() }) as Arc<dyn Transport>)
        })
    }

    fn request<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, TransportFault>> {
        Box::pin(async move {
            self.watch.call().await;
            self.inner.request(request).await
        })
    }

    fn gaps(&self) -> Vec<Gap> {
        self.inner.gaps()
    }

    fn called_by(&self, caller: Caller) -> Option<Arc<dyn World>> {
        let inner = self.inner.called_by(caller)?;
        Some(Arc::new(Self { inner, watch: self.watch.clone() }))
    }
}

/// A transport whose commands are counted.
struct Way {
    inner: Arc<dyn Transport>,
    watch: Watch,
}

impl Transport for Way {
    fn exec<'a>(&'a self, command: &'a Command, io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        Box::pin(async move {
            self.watch.call().await;
            self.inner.exec(command, io).await
        })
    }
}
