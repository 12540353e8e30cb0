//! One command on one channel: fed, listened to, and ended when its caller goes away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use cutover_engine::world::{Command, Exit, Io, TransportFault, quote};
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::OwnedSemaphorePermit;

use super::host::Host;
use super::link::{Link, Slot};
use crate::marker::Marked;
use crate::wrapper::{LINE, Scripted, kill};

/// How long output may still arrive after the exit status before the host is asked whether that was all. The stream ends at
/// once, unless a process left running by the command holds it open.
const LINGER: Duration = Duration::from_secs(2);

/// The extended data type of standard error (RFC 4254, 5.2).
const STDERR: u32 = 1;

/// A command and the connection it runs on.
pub(super) struct Call<'a> {
    pub(super) host: &'a Arc<Host>,
    pub(super) link: Arc<Link>,
    pub(super) scripted: Scripted,
    /// Whether standard error arrives at all.
    pub(super) has_stderr: bool,
    pub(super) sudo: bool,
    pub(super) limit: Duration,
}

/// Runs a command to its end.
pub(super) async fn run(call: Call<'_>, slot: Slot, command: &Command, mut io: Io<'_>) -> Result<Exit, TransportFault> {
    let started = Instant::now();
    let (read, write) = slot.channel.split();
    let write = Arc::new(write);
    write.exec(true, LINE).await.map_err(|error| TransportFault::Unreachable(error.to_string()))?;
    let mut running = Running {
        host: Arc::clone(call.host),
        link: Arc::clone(&call.link),
        receiver: Some(Receiver::new(read, &call.scripted)),
        write: Arc::clone(&write),
        permit: Some(slot.permit),
        sudo: call.sudo,
    };
    let mut fed = false;
    let end = tokio::select! {
        broken = feed(&write, &call.scripted.prelude, command, io.stdin.take(), &mut fed) => Err(broken),
        end = running.listen(&mut io) => end,
    };
    // Input that the command left unread would fill the connection's window and stall every other channel.
    if !fed {
        call.link.retire();
    }
    let end = end?;
    if let Some(receiver) = &mut running.receiver {
        let _ = io.stdout.write_all(&receiver.stdout.remainder()).await;
        let _ = io.stderr.write_all(&receiver.stderr.remainder()).await;
    }
    if !call.has_stderr && !matches!(end, ChannelEnd::Exit(Exit::Code(0))) {
        let user = &call.host.login.user;
        let lost =
            format!("(the login shell of {user} sends standard error away: what the command printed there is lost)\n");
        let _ = io.stderr.write_all(lost.as_bytes()).await;
    }
    let _ = io.stdout.shutdown().await;
    let _ = io.stderr.shutdown().await;
    let received = match &end {
        ChannelEnd::Exit(_) | ChannelEnd::Lost => running.disarm(),
        // Dropping `running` ends the rest of the command's group.
        ChannelEnd::Unwanted => return Ok(Exit::Signal("PIPE".to_owned())),
    };
    let ChannelEnd::Exit(exit) = end else {
        return Err(TransportFault::Lost(format!("the connection broke while `{command}` ran")));
    };
    let ended_by_limit = matches!(exit, Exit::Code(124 | 137)) || exit == Exit::Signal("KILL".to_owned());
    // The marker line is the first thing that the wrapper prints: without it the command never ran.
    if let Some(received) = received.as_ref().filter(|received| received.group().is_none()) {
        return Err(not_started(&call.host.login.user, &exit, &received.rest()));
    }
    // What a login shell does after the command changes the exit code as well.
    let exit = received.and_then(|received| received.stdout.code().or(received.stderr.code())).map_or(exit, coded);
    // A command may end with 124 or 137 by itself: only after the limit was it `timeout`.
    if ended_by_limit && started.elapsed() >= call.limit {
        return Err(TransportFault::TimedOut(format!("`{command}` ran for {:?} and was ended", call.limit)));
    }
    Ok(exit)
}

/// Feeds standard input and half-closes it; then waits for ever. Returns only if the source failed.
async fn feed(
    write: &ChannelWriteHalf<Msg>,
    prelude: &str,
    command: &Command,
    stream: Option<Box<dyn tokio::io::AsyncRead + Send + Unpin + '_>>,
    done: &mut bool,
) -> TransportFault {
    // A command may end before it has read everything (`head` does): the rest is dropped.
    let fed = async {
        write.data_bytes(Bytes::copy_from_slice(prelude.as_bytes())).await.ok()?;
        if let Some(mut stream) = stream {
            let mut piece = BytesMut::with_capacity(64 * 1024);
            loop {
                piece.reserve(64 * 1024);
                match stream.read_buf(&mut piece).await {
                    Ok(0) => break,
                    Ok(_) => write.data_bytes(piece.split().freeze()).await.ok()?,
                    Err(error) => return Some(error),
                }
            }
        } else if let Some(text) = &command.stdin {
            write.data_bytes(Bytes::copy_from_slice(text.as_bytes())).await.ok()?;
        }
        write.eof().await.ok()?;
        *done = true;
        None
    };
    match fed.await {
        Some(error) => TransportFault::Lost(format!("the input of `{command}` broke off: {error}")),
        None => std::future::pending().await,
    }
}

/// How a command ended, as seen on its channel.
enum ChannelEnd {
    /// With an exit.
    Exit(Exit),
    /// The caller stopped reading its output.
    Unwanted,
    /// The channel closed without an exit status.
    Lost,
}

/// A running command. Dropped before it was disarmed, it ends the command's process group.
struct Running {
    host: Arc<Host>,
    link: Arc<Link>,
    receiver: Option<Receiver>,
    write: Arc<ChannelWriteHalf<Msg>>,
    permit: Option<OwnedSemaphorePermit>,
    sudo: bool,
}

/// The streams of a running command.
struct Receiver {
    read: ChannelReadHalf,
    stdout: Marked,
    stderr: Marked,
}

impl Receiver {
    fn new(read: ChannelReadHalf, scripted: &Scripted) -> Self {
        let marked = || Marked::new(scripted.marker.clone()).alone().until(scripted.end.clone());
        Self { read, stdout: marked(), stderr: marked() }
    }

    /// The process group, once either stream has named it.
    fn group(&self) -> Option<u32> {
        self.stdout.group().or(self.stderr.group())
    }

    /// The output of a command that was not started.
    fn rest(&self) -> String {
        let texts = [self.stderr.rest(), self.stdout.rest()];
        texts.iter().filter(|text| !text.is_empty()).map(String::as_str).collect::<Vec<_>>().join("; ")
    }
}

impl Running {
    async fn listen(&mut self, io: &mut Io<'_>) -> Result<ChannelEnd, TransportFault> {
        let Some(Receiver { read, stdout, stderr }) = &mut self.receiver else { return Ok(ChannelEnd::Lost) };
        let mut exit = None;
        loop {
            let message = match &exit {
                None => read.wait().await,
                Some(_) => match tokio::time::timeout(LINGER, read.wait()).await {
                    Ok(message) => message,
                    // The host answers this after all output that it has sent: then nothing more is on its way.
                    Err(_) => {
                        return Ok(self
                            .link
                            .brief(":".to_owned())
                            .await
                            .ok()
                            .and(exit)
                            .map_or(ChannelEnd::Lost, ChannelEnd::Exit));
                    }
                },
            };
            match message {
                Some(ChannelMsg::Data { data }) => {
                    if let Some(seen) = stdout.feed(&data)
                        && io.stdout.write_all(&seen).await.is_err()
                    {
                        return Ok(ChannelEnd::Unwanted);
                    }
                }
                Some(ChannelMsg::ExtendedData { data, ext: STDERR }) => {
                    if let Some(seen) = stderr.feed(&data) {
                        // A caller that ignores standard error still wants the command to go on.
                        let _ = io.stderr.write_all(&seen).await;
                    }
                }
                Some(ChannelMsg::ExitStatus { exit_status }) => {
                    exit = Some(Exit::Code(i32::try_from(exit_status).unwrap_or(i32::MAX)));
                }
                Some(ChannelMsg::ExitSignal { signal_name, .. }) => exit = Some(Exit::Signal(name(&signal_name))),
                Some(ChannelMsg::Failure) => {
                    self.disarm();
                    return Err(TransportFault::Unreachable("the host refuses to run commands".to_owned()));
                }
                Some(_) => {}
                None => return Ok(exit.map_or(ChannelEnd::Lost, ChannelEnd::Exit)),
            }
        }
    }

    /// Marks the command as ended, so that dropping this kills nothing.
    fn disarm(&mut self) -> Option<Receiver> {
        self.receiver.take()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let (host, link) = (Arc::clone(&self.host), Arc::clone(&self.link));
        let (write, permit, sudo) = (Arc::clone(&self.write), self.permit.take(), self.sudo);
        let receiver = self.receiver.take();
        self.host.endings.begin(async move {
            if let Some(mut receiver) = receiver {
                // Dropped so early that the group is not known yet: its marker line arrives in a moment.
                let learn = async {
                    while receiver.group().is_none() {
                        match receiver.read.wait().await {
                            Some(ChannelMsg::Data { data }) => drop(receiver.stdout.feed(&data)),
                            Some(ChannelMsg::ExtendedData { data, ext: STDERR }) => drop(receiver.stderr.feed(&data)),
                            Some(_) => {}
                            None => break,
                        }
                    }
                };
                let _ = tokio::time::timeout(Duration::from_secs(10), learn).await;
                // Unread output would stall the connection, and with it the `kill` that follows.
                let group = receiver.group();
                drop(receiver);
                if let Some(group) = group {
                    let words: Vec<String> = kill(group, sudo).iter().map(|word| quote(word)).collect();
                    // Over the shared connection: the command's own one may be stalled by its input.
                    if let Ok(shared) = host.link().await {
                        let _ = shared.brief(words.join(" ")).await;
                    }
                }
            }
            let _ = tokio::time::timeout(Duration::from_secs(1), write.close()).await;
            // Only now may another command use the session: the host still counts this one until the channel is closed.
            drop((permit, link));
        });
    }
}

/// Reports why a command was not started, from the output in place of its marker.
fn not_started(user: &str, exit: &Exit, stderr: &str) -> TransportFault {
    if *exit == Exit::Code(127) && stderr.contains("sudo") {
        return TransportFault::Unreachable(format!("the host has no sudo, which `ssh.become` needs: {stderr}"));
    }
    if stderr.contains("sudo:") || stderr.contains("sudoers") {
        return TransportFault::Auth(format!(
            "{user} may not use sudo without a password there: {stderr}; add `{user} ALL=(root) NOPASSWD: ALL` with visudo"
        ));
    }
    if *exit == Exit::Code(127) && stderr.contains("timeout") {
        return TransportFault::Unreachable(format!("the host has no timeout(1), install coreutils there: {stderr}"));
    }
    TransportFault::Unreachable(format!("the login shell of {user} did not start the command ({exit}): {stderr}"))
}

/// The exit that a shell's `$?` stands for.
fn coded(code: i32) -> Exit {
    let name = crate::local::signal(code - 128);
    if code > 128 && name.parse::<i32>().is_err() { Exit::Signal(name) } else { Exit::Code(code) }
}

/// A signal's name without `SIG`.
fn name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}
