//! One logged-in connection to a host, and the channels on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cutover_engine::world::TransportFault;
use russh::Channel;
use russh::client::Msg;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinError;

use super::session::Session;

/// Commands at a time on one connection: sshd allows ten sessions (MaxSessions, sshd_config(5)), two are reserved for stopping.
const COMMANDS: usize = 8;
const STOPS: usize = 2;

/// How long opening a channel may take.
const OPEN: Duration = Duration::from_secs(10);

/// A connection.
pub(super) struct Link {
    pub(super) session: Session,
    commands: Arc<Semaphore>,
    stops: Arc<Semaphore>,
    /// Takes no new commands.
    retired: AtomicBool,
    /// The runtime that only this connection runs on.
    runtime: Option<OwnRuntime>,
    /// The jump host's connection that this one runs through, held for as long.
    _through: Option<Arc<Link>>,
}

/// A runtime for one connection. It shuts down without blocking when dropped: a failed login and a cancelled one drop it on
/// another runtime, where tokio panics on blocking.
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

/// The purpose of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A command.
    Run,
    /// Stopping a command; never queues behind commands.
    Stop,
}

impl Link {
    /// Wraps a session.
    pub(super) fn new(session: Session, through: Option<Arc<Link>>) -> Self {
        Self {
            session,
            commands: Arc::new(Semaphore::new(COMMANDS)),
            stops: Arc::new(Semaphore::new(STOPS)),
            retired: AtomicBool::new(false),
            runtime: None,
            _through: through,
        }
    }

    /// Ties a runtime to the connection, which ends it whatever is in progress.
    pub(super) fn on(mut self, runtime: OwnRuntime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Whether the connection is usable, as far as is known.
    pub(super) fn stands(&self) -> bool {
        !self.session.is_closed() && !self.retired.load(Ordering::Relaxed)
    }

    /// Takes no new commands; running ones finish. Unread input of a finished command may block the connection.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Opens a channel, queueing for a free one first. If this fails, nothing was sent to the host.
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
            // The host may allow fewer sessions than usual, or may not have noticed yet that one has ended: so it is asked again.
            if !self.stands() || tokio::time::Instant::now() + pause > until {
                if !self.stands() {
                    return Err(closed(format!("the host opens no channel: {refused}")));
                }
                let hint = "is MaxSessions in its sshd_config very low?";
                let why = format!("the host opens no channel: {refused}; {hint}");
                return Err(TransportFault::Busy { why, after: Duration::ZERO });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// Requests a channel in a separate task: if the caller goes away before the answer, the channel is closed when it arrives,
    /// not left open on the host.
    async fn request(&self) -> Result<Channel<Msg>, String> {
        let (sender, receiver) = oneshot::channel();
        let session = self.session.clone();
        tokio::spawn(async move {
            if let Err(Ok(unwanted)) = sender.send(session.open().await) {
                drop(unwanted.close().await);
            }
        });
        receiver.await.map_err(|error| error.to_string())?
    }

    /// Runs a short shell line and waits for its end, to stop other commands.
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
            // Dropping the runtime closes the socket. A polite disconnect would queue behind input that the host does not read.
            return;
        }
        let session = self.session.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { session.disconnect().await });
        }
    }
}
