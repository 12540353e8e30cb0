//! Commands on the machine `cutover` runs on: a process in its own group, under the same limit as on a host.

use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use cutover_engine::world::{Command, Exit, Io, Transport, TransportFault};
use futures_util::future::BoxFuture;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin};

use crate::endings::Endings;
use crate::wrapper;

/// How long output may still arrive after the end: only a process left running can hold the pipe open.
const LINGER: Duration = Duration::from_secs(2);

/// What of this machine's environment would lead helm to another API server, or past its certificate or user, than those of the context
/// that it is given.
const LEADING_ASTRAY: [&str; 7] = [
    "HELM_KUBEAPISERVER",
    "HELM_KUBETOKEN",
    "HELM_KUBECAFILE",
    "HELM_KUBEASUSER",
    "HELM_KUBEASGROUPS",
    "HELM_KUBEINSECURE_SKIP_TLS_VERIFY",
    "HELM_KUBETLS_SERVER_NAME",
];

/// How long a stopped group has between TERM and KILL.
const GRACE: Duration = Duration::from_secs(2);

/// Runs processes here.
pub(crate) struct Local {
    limit: Duration,
    endings: Endings,
    withheld: Vec<String>,
}

impl Local {
    /// Runs processes for at most `limit`; `endings` ends abandoned ones.
    pub(crate) fn new(limit: Duration, endings: Endings) -> Self {
        Self { limit, endings, withheld: Vec::new() }
    }

    /// Takes variables out of the environment of what it runs.
    pub(crate) fn without(self, variables: &[String]) -> Self {
        Self { withheld: variables.to_vec(), ..self }
    }
}

impl Transport for Local {
    fn exec<'a>(&'a self, command: &'a Command, io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        Box::pin(async move {
            wrapper::check(command)?;
            if let Some(cwd) = command.cwd.as_ref().filter(|cwd| !std::path::Path::new(cwd).is_dir()) {
                return say(io, &format!("cannot enter {cwd}: no such directory\n")).await;
            }
            // `timeout` also reports a program that does not exist: with exit code 127, as a shell does.
            let limit = self.limit.as_secs().to_string();
            let mut process = tokio::process::Command::new("timeout");
            process.args(["-k", "5", &limit]).args(&command.argv);
            for name in self.withheld.iter().map(String::as_str).chain(LEADING_ASTRAY) {
                process.env_remove(name);
            }
            process.envs(&command.env);
            if let Some(cwd) = &command.cwd {
                process.current_dir(cwd);
            }
            run(process, command, io, self.limit, &self.endings).await
        })
    }
}

/// Reports why a command does not run, as the shell of a host would.
async fn say(mut io: Io<'_>, why: &str) -> Result<Exit, TransportFault> {
    let _ = io.stderr.write_all(why.as_bytes()).await;
    Ok(Exit::Code(126))
}

/// Runs a process to its end. Dropping the future ends its whole group.
pub(crate) async fn run(
    mut process: tokio::process::Command,
    command: &Command,
    mut io: Io<'_>,
    limit: Duration,
    endings: &Endings,
) -> Result<Exit, TransportFault> {
    let started = Instant::now();
    process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let program = process.as_std().get_program().to_string_lossy().into_owned();
    let mut child = process
        .spawn()
        .map_err(|error| TransportFault::Unreachable(format!("cannot start `{program}` on this machine: {error}")))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut group = Group { child: Some(child), endings };
    let input = io.stdin.take();
    let ended = async {
        let output = async { tokio::join!(forward(stdout, &mut io.stdout), forward(stderr, &mut io.stderr)).0 };
        tokio::pin!(output);
        tokio::select! {
            forwarded = &mut output => match forwarded {
                Ok(()) => group.wait().await.map(Some),
                Err(()) => Ok(None),
            },
            status = group.wait() => match tokio::time::timeout(LINGER, &mut output).await {
                Ok(Err(())) => Ok(None),
                Ok(Ok(())) | Err(_) => status.map(Some),
            },
        }
    };
    let status = tokio::select! {
        broken = feed(stdin, command, input) => {
            return Err(TransportFault::Lost(format!("the input of `{command}` broke off: {broken}")));
        }
        status = ended => status.map_err(|error| TransportFault::Lost(format!("`{program}`: {error}")))?,
    };
    let _ = io.stdout.shutdown().await;
    let _ = io.stderr.shutdown().await;
    // No status means that the caller stopped reading: dropping `group` ends the rest of the group.
    let Some(status) = status else { return Ok(Exit::Signal("PIPE".to_owned())) };
    group.child = None;
    if matches!(status.code(), Some(124 | 137) | None) && started.elapsed() >= limit {
        return Err(TransportFault::TimedOut(format!("`{command}` ran for {limit:?} and was ended")));
    }
    Ok(exit(status))
}

/// Feeds standard input and closes it; then waits for ever. Returns only if the source failed.
async fn feed(
    stdin: Option<ChildStdin>,
    command: &Command,
    stream: Option<Box<dyn AsyncRead + Send + Unpin + '_>>,
) -> std::io::Error {
    if let Some(mut stdin) = stdin {
        match (stream, &command.stdin) {
            (Some(mut stream), _) => {
                let mut piece = vec![0; 64 * 1024];
                loop {
                    match stream.read(&mut piece).await {
                        Ok(0) => break,
                        // A command may end before it has read everything: `head` does.
                        Ok(length) if stdin.write_all(&piece[..length]).await.is_err() => break,
                        Ok(_) => {}
                        Err(error) => return error,
                    }
                }
            }
            (None, Some(text)) => drop(stdin.write_all(text.as_bytes()).await),
            (None, None) => {}
        }
        drop(stdin);
    }
    std::future::pending().await
}

/// Copies a stream to its end; an error when nobody reads it any more.
async fn forward(
    source: Option<impl AsyncRead + Unpin>,
    sink: &mut Box<dyn AsyncWrite + Send + Unpin + '_>,
) -> Result<(), ()> {
    let Some(mut source) = source else { return Ok(()) };
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = source.read(&mut piece).await {
        sink.write_all(&piece[..length]).await.map_err(drop)?;
    }
    Ok(())
}

/// A process and its group, which is ended on drop.
struct Group<'a> {
    child: Option<Child>,
    endings: &'a Endings,
}

impl Group<'_> {
    async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        match &mut self.child {
            Some(child) => child.wait().await,
            None => Err(std::io::Error::other("no process")),
        }
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) else { return };
        let _ = kill_process_group(group, Signal::TERM);
        self.endings.begin(async move {
            let _ = tokio::time::timeout(GRACE, child.wait()).await;
            if test_kill_process_group(group).is_ok() {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = child.wait().await;
        });
    }
}

fn exit(status: ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(number)) => Exit::Signal(signal(number)),
        (None, None) => Exit::Code(-1),
    }
}

/// A signal's name without `SIG`, or its number.
pub(crate) fn signal(number: i32) -> String {
    let known = [
        (Signal::HUP, "HUP"),
        (Signal::INT, "INT"),
        (Signal::QUIT, "QUIT"),
        (Signal::ILL, "ILL"),
        (Signal::ABORT, "ABRT"),
        (Signal::BUS, "BUS"),
        (Signal::FPE, "FPE"),
        (Signal::KILL, "KILL"),
        (Signal::SEGV, "SEGV"),
        (Signal::PIPE, "PIPE"),
        (Signal::ALARM, "ALRM"),
        (Signal::TERM, "TERM"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
    ];
    let found = known.iter().find(|(signal, _)| signal.as_raw() == number);
    found.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests;
