//! A host that commands run on by SSH: its shared connection, made when it is first needed and made again when it was lost.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cutover_engine::world::{Command, Exit, Io, Transport, TransportFault};
use futures_util::TryFutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

use super::connect::connect;
use super::host_key::KnownHost;
use super::link::{Link, OwnRuntime, Purpose, Slot};
use super::login::Login;
use super::login_shell::{self, LoginShell};
use super::run::{self, Call};
use crate::attempt::Attempt;
use crate::endings::Endings;
use crate::hearing::Hearing;
use crate::wrapper::Scripted;

/// The largest standard input, in bytes, sent over the shared connection: half of what sshd accepts before the command reads
/// anything (a session's window, 64 packets of 32 KiB, in OpenSSH's channels.h).
const SHARED_INPUT: usize = 1024 * 1024;

/// A host.
pub(crate) struct Host {
    pub(super) known: KnownHost,
    pub(super) login: Arc<Login>,
    pub(super) jump: Option<Arc<Host>>,
    pub(super) deadline: Duration,
    pub(super) hearing: Hearing,
    sudo: bool,
    limit: Duration,
    /// The clean-up of abandoned commands.
    pub(super) endings: Endings,
    link: Attempt<Arc<Link>>,
    shell: OnceCell<LoginShell>,
}

impl Host {
    /// A host, not yet connected.
    pub(crate) fn new(address: String, port: u16, known_hosts: Vec<PathBuf>, login: Arc<Login>) -> Self {
        Self {
            known: KnownHost { address, port, alias: None, files: known_hosts },
            login,
            jump: None,
            deadline: Duration::from_secs(10),
            hearing: Hearing::default(),
            sudo: false,
            limit: crate::wrapper::LIMIT,
            endings: Endings::default(),
            link: Attempt::default(),
            shell: OnceCell::new(),
        }
    }

    /// Looks for its keys under another name.
    pub(crate) fn alias(mut self, alias: Option<String>) -> Self {
        self.known.alias = alias;
        self
    }

    /// Reaches it through another host.
    pub(crate) fn through(mut self, jump: Option<Arc<Host>>) -> Self {
        self.jump = jump;
        self
    }

    /// Runs commands as root with sudo.
    pub(crate) fn sudo(mut self, sudo: bool) -> Self {
        self.sudo = sudo;
        self
    }

    /// Sets how long connecting may take, and how long a command.
    pub(crate) fn limits(mut self, deadline: Duration, limit: Duration) -> Self {
        (self.deadline, self.limit) = (deadline, limit);
        self
    }

    /// Sets where abandoned commands are ended.
    pub(crate) fn endings(mut self, endings: Endings) -> Self {
        self.endings = endings;
        self
    }

    /// The shared connection.
    pub(super) async fn link(self: &Arc<Self>) -> Result<Arc<Link>, TransportFault> {
        let host = Arc::clone(self);
        self.link.get(|link| link.stands(), || Box::pin(connect(host, false).map_ok(Arc::new))).await
    }

    /// How the login shell treats the streams of a command; found out once.
    async fn shell(self: &Arc<Self>) -> Result<LoginShell, TransportFault> {
        let look = || async { login_shell::look(&*self.link().await?, &self.login.user).await };
        self.shell.get_or_try_init(look).await.copied()
    }

    /// A connection for one command alone, on a runtime of its own.
    async fn dial(self: &Arc<Self>) -> Result<Arc<Link>, TransportFault> {
        let own = |error: &dyn std::fmt::Display| TransportFault::Unreachable(format!("cannot connect: {error}"));
        let runtime = OwnRuntime::start().map_err(|error| own(&error))?;
        let link = runtime.run(connect(Arc::clone(self), true)).await.map_err(|error| own(&error))??;
        Ok(Arc::new(link.on(runtime)))
    }
}

/// The transport to a host.
pub(crate) struct Shell(Arc<Host>);

impl Shell {
    /// Connects to a host, unless that is done.
    pub(crate) async fn to(host: Arc<Host>) -> Result<Self, TransportFault> {
        host.link().await?;
        host.shell().await?;
        Ok(Self(host))
    }

    /// A channel for a command. A command with much input gets a connection of its own, because russh 0.62 stops a whole
    /// connection for one channel: it sends nothing on any while one has data that its window does not allow, and reads
    /// nothing while a channel's reader does not keep up. A stream from a host to itself would wait for itself.
    async fn channel(&self, alone: bool) -> Result<(Arc<Link>, Slot), TransportFault> {
        if alone {
            let link = self.0.dial().await?;
            let slot = link.open(Purpose::Run).await?;
            return Ok((link, slot));
        }
        let link = self.0.link().await?;
        match link.open(Purpose::Run).await {
            Ok(slot) => Ok((link, slot)),
            // The connection was lost while it was idle. Nothing has been sent on it, so a new one is safe to use.
            Err(_) if !link.stands() => {
                let link = self.0.link().await?;
                let slot = link.open(Purpose::Run).await?;
                Ok((link, slot))
            }
            Err(fault) => Err(fault),
        }
    }
}

impl Transport for Shell {
    fn exec<'a>(&'a self, command: &'a Command, io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        Box::pin(async move {
            let Host { sudo, limit, .. } = *self.0;
            let shell = self.0.shell().await?;
            let scripted = Scripted::new(command, sudo, limit, shell.prints_at_end)?;
            let text = command.stdin.as_ref().map_or(0, String::len) + scripted.prelude.len();
            let (link, slot) = self.channel(io.stdin.is_some() || text > SHARED_INPUT).await?;
            run::run(
                Call { host: &self.0, link, scripted, has_stderr: shell.has_stderr, sudo, limit },
                slot,
                command,
                io,
            )
            .await
        })
    }
}
