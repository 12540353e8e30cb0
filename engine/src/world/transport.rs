//! One way to run commands at a place: feed standard input, stream standard output and error, return the exit.

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::bounded::{Bound, Retained};
use super::{Command, Exit, Output, TransportFault};

/// The streams of a running command.
pub struct Io<'a> {
    /// Where standard input comes from; `None` uses [`Command::stdin`] or nothing.
    pub stdin: Option<Box<dyn AsyncRead + Send + Unpin + 'a>>,
    /// Where standard output goes.
    pub stdout: Box<dyn AsyncWrite + Send + Unpin + 'a>,
    /// Where standard error goes.
    pub stderr: Box<dyn AsyncWrite + Send + Unpin + 'a>,
}

/// Runs commands at one place. Dropping the future stops the command there.
pub trait Transport: Send + Sync {
    /// Runs a command to its end.
    fn exec<'a>(&'a self, command: &'a Command, io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>>;
}

/// Runs a command and collects its output, as far as a program reads it ([`Bound::READ`]).
pub async fn collect(transport: &dyn Transport, command: &Command) -> Result<Output, TransportFault> {
    collect_within(Bound::READ, transport, command).await
}

/// Runs a command and collects its output within a bound. The command runs to its end, however much it prints.
pub async fn collect_within(
    bound: Bound,
    transport: &dyn Transport,
    command: &Command,
) -> Result<Output, TransportFault> {
    let (mut stdout, mut stderr) = (Retained::within(bound), Retained::within(Bound::SHOWN));
    let io = Io { stdin: None, stdout: Box::new(&mut stdout), stderr: Box::new(&mut stderr) };
    let exit = transport.exec(command, io).await?;
    Ok(Output { exit, stdout: stdout.text(), stderr: stderr.text() })
}

/// Runs two commands with the first one's standard output streamed into the second one's standard input. Nothing is
/// buffered beyond 256 KiB. Returns both outputs; the first one's standard output is empty.
pub async fn pipe(
    from: (&dyn Transport, &Command),
    to: (&dyn Transport, &Command),
) -> Result<(Output, Output), TransportFault> {
    let (writer, reader) = tokio::io::duplex(256 * 1024);
    let retained = || Retained::within(Bound::SHOWN);
    let (mut sender_stderr, mut receiver_stderr, mut receiver_stdout) = (retained(), retained(), retained());
    let sender =
        from.0.exec(from.1, Io { stdin: None, stdout: Box::new(writer), stderr: Box::new(&mut sender_stderr) });
    let receiver = to.0.exec(
        to.1,
        Io {
            stdin: Some(Box::new(reader.take(u64::MAX))),
            stdout: Box::new(&mut receiver_stdout),
            stderr: Box::new(&mut receiver_stderr),
        },
    );
    let (sent, received) = futures_util::future::try_join(sender, receiver).await?;
    Ok((
        Output { exit: sent, stdout: String::new(), stderr: sender_stderr.text() },
        Output { exit: received, stdout: receiver_stdout.text(), stderr: receiver_stderr.text() },
    ))
}
