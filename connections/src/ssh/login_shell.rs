//! What a login shell does with the streams of a command: each command that comes by SSH goes through it, and a profile may print,
//! or move the streams elsewhere. A command that prints a mark at its beginning and end on both streams shows it, before anything is done.

use std::time::Duration;

use bytes::Bytes;
use cutover_engine::world::TransportFault;
use russh::ChannelMsg;

use super::link::{Link, Purpose};
use crate::wrapper::{LINE, marker};

/// How long the look may take.
const LOOK: Duration = Duration::from_secs(20);

/// How much of each stream is read. A profile prints less.
const MOST: usize = 256 * 1024;

/// How a login shell treats the streams of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LoginShell {
    /// Whether it prints something after the command.
    pub(super) prints_at_end: bool,
    /// Whether the command's standard error arrives.
    pub(super) has_stderr: bool,
}

/// Looks at the login shell of a user.
pub(super) async fn look(link: &Link, user: &str) -> Result<LoginShell, TransportFault> {
    let mark = marker();
    let script = format!("echo {mark}-o; echo {mark}-e >&2; echo {mark}-O; echo {mark}-E >&2\n");
    let slot = link.open(Purpose::Run).await?;
    let mut channel = slot.channel;
    let sent = async {
        channel.exec(true, LINE).await?;
        channel.data_bytes(Bytes::from(script)).await?;
        channel.eof().await
    };
    sent.await.map_err(|error| TransportFault::Unreachable(error.to_string()))?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let reading = async {
        while let Some(message) = channel.wait().await {
            match message {
                ChannelMsg::Data { data } if stdout.len() < MOST => stdout.extend_from_slice(&data),
                ChannelMsg::ExtendedData { data, .. } if stderr.len() < MOST => stderr.extend_from_slice(&data),
                ChannelMsg::Failure => break,
                _ => {}
            }
        }
    };
    let ended = tokio::time::timeout(LOOK, reading).await;
    let _ = channel.close().await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let judged = judge(&mark, &text(&stdout), &text(&stderr), user);
    match ended {
        Ok(()) => judged,
        Err(_) => Err(TransportFault::Unreachable(format!(
            "a command of {user} does not end within {} s: its login shell or profile waits for something{}",
            LOOK.as_secs(),
            judged.err().map(|fault| format!(" ({fault})")).unwrap_or_default()
        ))),
    }
}

/// Judges what has arrived.
fn judge(mark: &str, stdout: &str, stderr: &str, user: &str) -> Result<LoginShell, TransportFault> {
    let has = |stream: &str, which: &str| stream.contains(&format!("{mark}-{which}\n"));
    let refused = |why: &str| {
        Err(TransportFault::Unreachable(format!(
            "{why}: what a command prints could not be kept apart; such lines in a profile are for terminals alone (`[ -t 1 ]`)"
        )))
    };
    if has(stdout, "e") {
        return refused(&format!("the login shell of {user} sends standard error to standard output (`exec 2>&1`)"));
    }
    if has(stderr, "o") {
        return refused(&format!("the login shell of {user} sends standard output to standard error (`exec >&2`)"));
    }
    if !has(stdout, "o") && has(stderr, "e") {
        return refused(&format!("the login shell of {user} sends standard output away"));
    }
    if !has(stdout, "o") {
        let printed: Vec<&str> = [stdout.trim(), stderr.trim()].into_iter().filter(|text| !text.is_empty()).collect();
        let printed = if printed.is_empty() { "it prints nothing".to_owned() } else { printed.join("; ") };
        return Err(TransportFault::Unreachable(format!(
            "the login shell of {user} does not start commands: {printed}; it has to run `exec /bin/sh`"
        )));
    }
    let after = |stream: &str, which: &str| {
        stream.split_once(&format!("{mark}-{which}\n")).is_some_and(|(_, after)| !after.is_empty())
    };
    Ok(LoginShell { prints_at_end: after(stdout, "O") || after(stderr, "E"), has_stderr: has(stderr, "e") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrives_shows_what_the_login_shell_does() {
        let (out, err) = ("m-o\nm-O\n", "m-e\nm-E\n");
        let shell = |prints_at_end, has_stderr| Ok(LoginShell { prints_at_end, has_stderr });
        assert_eq!(judge("m", out, err, "op"), shell(false, true));
        assert_eq!(judge("m", &format!("Welcome\n{out}"), &format!("x\n{err}"), "op"), shell(false, true));
        assert_eq!(judge("m", &format!("{out}bye"), err, "op"), shell(true, true));
        assert_eq!(judge("m", out, &format!("{err}bye\n"), "op"), shell(true, true));
        assert_eq!(judge("m", out, "", "op"), shell(false, false));
        let refused = [
            ("m-o\nm-e\nm-O\nm-E\n", "", "2>&1"),
            ("", "m-o\nm-e\nm-O\nm-E\n", ">&2"),
            ("", err, "sends standard output away"),
            ("This account is not available.\n", "", "This account is not available."),
            ("", "", "it prints nothing"),
        ];
        for (stdout, stderr, words) in refused {
            let fault = judge("m", stdout, stderr, "op").unwrap_err();
            assert!(matches!(&fault, TransportFault::Unreachable(why) if why.contains(words)), "{fault}");
        }
    }
}
