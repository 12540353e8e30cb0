//! A door into a world through which a judge looks after every call.

use std::sync::Arc;

use cutover_engine::clock::Clock;
use cutover_engine::world::{Answer, Caller, Command, Exit, Gap, Io, Place, Request, Transport, TransportFault, World};
use cutover_sandbox::Sandbox;
use futures_util::future::BoxFuture;

use super::judge::Judge;

/// The door.
pub(super) struct Witness {
    inner: Arc<dyn World>,
    world: Sandbox,
    judge: Judge,
    /// Whether what comes through only reads.
    reads: bool,
}

impl Witness {
    /// A door into a world.
    pub(super) fn new(world: &Sandbox, judge: &Judge) -> Self {
        Self { inner: Arc::new(world.clone()), world: world.clone(), judge: judge.clone(), reads: false }
    }
}

impl Clock for Witness {
    fn now(&self) -> jiff::Timestamp {
        self.inner.now()
    }
}

impl World for Witness {
    fn transport(&self, place: &Place) -> BoxFuture<'_, Result<Arc<dyn Transport>, TransportFault>> {
        let place = place.clone();
        Box::pin(async move {
            let inner = self.inner.transport(&place).await?;
            let (world, judge, reads) = (self.world.clone(), self.judge.clone(), self.reads);
            Ok(Arc::new(Watched { inner, world, judge, reads }) as Arc<dyn Transport>)
        })
    }

    fn request<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, TransportFault>> {
        Box::pin(async move {
            let answer = self.inner.request(request).await;
            self.judge.look(&self.world, !self.reads);
            answer
        })
    }

    fn called_by(&self, caller: Caller) -> Option<Arc<dyn World>> {
        let reads = caller.only_looks();
        let inner = self.inner.called_by(caller)?;
        Some(Arc::new(Self { inner, world: self.world.clone(), judge: self.judge.clone(), reads }))
    }

    fn gaps(&self) -> Vec<Gap> {
        self.inner.gaps()
    }

    fn settle(&self) -> BoxFuture<'_, ()> {
        self.inner.settle()
    }
}

/// A transport after whose commands the judge looks.
struct Watched {
    inner: Arc<dyn Transport>,
    world: Sandbox,
    judge: Judge,
    reads: bool,
}

impl Transport for Watched {
    fn exec<'a>(&'a self, command: &'a Command, io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        Box::pin(async move {
            let exit = self.inner.exec(command, io).await;
            self.judge.look(&self.world, !self.reads);
            exit
        })
    }
}
