//! One connection to a host that is logged in, and the channels on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_ssh2_tokio::Client;
use cutover_engine::world::TransportFault;
use russh::Channel;
use russh::client::Msg;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinError;

/// Commands at a time on one connection: sshd allows ten sessions (MaxSessions, sshd_config(5)), two are kept for stopping.
const COMMANDS: usize = 8;
const STOPS: usize = 2;

/// How long opening a channel may take.
const OPEN: Duration = Duration::from_secs(10);

/// A connection.
pub(super) struct Link {
    pub(super) client: Client,
    commands: Arc<Semaphore>,
    stops: Arc<Semaphore>,
    /// Not to be used for anything new.
    retired: AtomicBool,
    /// The runtime that only this connection runs on.
    runtime: Option<OwnRuntime>,
    /// The connection to the jump host that this one runs through; it lives as long.
    _through: Option<Arc<Link>>,
}

/// A runtime for one connection. It ends without waiting, wherever it is dropped: a failed login and a cancelled one drop it on
/// another runtime, where tokio allows no waiting and panics.
pub(super) struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    /// Starts one, with a thread of its own.
    pub(super) fn start() -> std::io::Result<Self> {
        let mut runtime = Builder::new_multi_thread();
        Ok(Self(Some(runtime.worker_threads(1).thread_name("ssh-stream").enable_all().build()?)))
    }

    /// Runs work on it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        let runtime = self.0.as_ref().expect("it is there until it is dropped");
        runtime.spawn(work).await
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A channel that counts against the limit until it is dropped.
pub(super) struct Slot {
    pub(super) channel: Channel<Msg>,
    pub(super) permit: OwnedSemaphorePermit,
}

/// What a channel is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A command.
    Run,
    /// Stopping a command; never waits behind commands.
    Stop,
}

impl Link {
    /// Wraps a client that is logged in.
    pub(super) fn new(client: Client, through: Option<Arc<Link>>) -> Self {
        Self {
            client,
            commands: Arc::new(Semaphore::new(COMMANDS)),
            stops: Arc::new(Semaphore::new(STOPS)),
            retired: AtomicBool::new(false),
            runtime: None,
            _through: through,
        }
    }

    /// Ends the runtime with the connection, whatever the connection is in the middle of.
    pub(super) fn on(mut self, runtime: OwnRuntime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Whether the connection still stands, as far as is known.
    pub(super) fn stands(&self) -> bool {
        !self.client.is_closed() && !self.retired.load(Ordering::Relaxed)
    }

    /// Lets what runs on it end, and nothing new begin: a command ended without its input, which may stand in the way of all
    /// others.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Opens a channel; waits for its turn first. Nothing has been sent to the host when this fails.
    pub(super) async fn open(&self, purpose: Purpose) -> Result<Slot, TransportFault> {
        let turns = if purpose == Purpose::Run { &self.commands } else { &self.stops };
        let closed = |why: String| TransportFault::Unreachable(why);
        let permit = Arc::clone(turns).acquire_owned().await.map_err(|error| closed(error.to_string()))?;
        let until = tokio::time::Instant::now() + OPEN;
        let mut pause = Duration::from_millis(20);
        loop {
            let refused = match tokio::time::timeout_at(until, self.request()).await {
                Ok(Ok(channel)) => return Ok(Slot { channel, permit }),
                Ok(Err(error)) => error,
                Err(_) => return Err(closed(format!("no channel within {} s", OPEN.as_secs()))),
            };
            // A host may allow fewer sessions than is usual, or not have noticed yet that one has ended.
            if !self.stands() || tokio::time::Instant::now() + pause > until {
                let hint = if self.stands() { "; is MaxSessions in its sshd_config very low?" } else { "" };
                return Err(closed(format!("the host opens no channel: {refused}{hint}")));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// Asks for a channel in a task of its own: when the caller goes away before the answer, the channel that comes is closed,
    /// not left open on the host.
    async fn request(&self) -> Result<Channel<Msg>, String> {
        let (sender, receiver) = oneshot::channel();
        let client = self.client.clone();
        tokio::spawn(async move {
            if let Err(Ok(unwanted)) = sender.send(client.get_channel().await) {
                drop(unwanted.close().await);
            }
        });
        receiver.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// Runs a short line and waits for its end, for stopping others.
    pub(super) async fn brief(&self, line: String) -> Result<(), TransportFault> {
        let Slot { mut channel, permit } = self.open(Purpose::Stop).await?;
        let sent = channel.exec(true, line).await;
        let ended = async { while channel.wait().await.is_some() {} };
        let _ = tokio::time::timeout(OPEN, ended).await;
        drop(permit);
        sent.map_err(|error| TransportFault::Lost(error.to_string()))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.runtime.is_some() {
            // Its runtime ends at once, and not by asking: the request would wait behind input that nobody takes.
            return;
        }
        let client = self.client.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { drop(client.disconnect().await) });
        }
    }
}
