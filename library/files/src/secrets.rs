//! Fetches the values of secrets from the environment, files and commands. A value is never part of a message.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use cutover_engine::inventory::{SecretSource, Secrets};

use super::{read, resolve};

/// How long a command may take: a password manager may ask a person.
const PATIENCE: Duration = Duration::from_secs(300);

/// The longest secret, in bytes.
const LONGEST: usize = 1 << 20;

/// Fetches secrets for a run.
pub struct Resolver<'a> {
    /// The inventory that names them; relative paths are beside it.
    pub inventory: &'a Path,
}

impl Secrets for Resolver<'_> {
    fn resolve(&self, source: &SecretSource) -> Result<String, String> {
        let value = match source {
            SecretSource::Env(name) => {
                std::env::var(name).map_err(|_| format!("the environment variable `{name}` is not set"))?
            }
            SecretSource::File(path) => {
                let path = resolve(self.inventory, path);
                let text = read(&path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
                without_newline(text)
            }
            SecretSource::Command(argv) => without_newline(output(argv, PATIENCE)?),
        };
        // An empty text would be "hidden" between any two characters of the output, and protects nothing.
        if value.is_empty() { Err("its value is empty".to_owned()) } else { Ok(value) }
    }
}

/// Runs a command, which is ended when it takes too long or prints too much; its standard error goes to the terminal, where a password
/// manager may ask.
fn output(argv: &[String], patience: Duration) -> Result<String, String> {
    let Some((program, arguments)) = argv.split_first() else { return Err("the command is empty".to_owned()) };
    let began = Instant::now();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot run `{program}`: {error}"))?;
    let (sender, printed) = channel();
    if let Some(stdout) = child.stdout.take() {
        // The thread stays behind with what the command has started and left running, if that holds its output open.
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = stdout.take(LONGEST as u64 + 1).read_to_end(&mut bytes);
            sender.send(read.map(|_| bytes))
        });
    }
    let printed = printed.recv_timeout(patience);
    let late = || format!("`{program}` did not end within {} s", patience.as_secs());
    let why = match printed {
        Ok(Ok(bytes)) if bytes.len() > LONGEST => format!("`{program}` printed more than {LONGEST} bytes"),
        Ok(Ok(bytes)) => match ended(&mut child, patience.saturating_sub(began.elapsed())) {
            Some(status) if status.success() => {
                return String::from_utf8(bytes).map_err(|_| format!("the output of `{program}` is not UTF-8"));
            }
            Some(status) => return Err(format!("`{program}` ended with {status}")),
            None => late(),
        },
        Ok(Err(error)) => format!("cannot read the output of `{program}`: {error}"),
        Err(_) => late(),
    };
    // It may have ended meanwhile.
    let _ = child.kill();
    let _ = child.wait();
    Err(why)
}

/// How a command ended, if it does in time.
fn ended(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(None) if began.elapsed() < patience => std::thread::sleep(Duration::from_millis(5)),
            Ok(status) => return status,
            Err(_) => return None,
        }
    }
}

fn without_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

/// Resolves every secret to `***` without fetching it: checks and rehearsals need only the names, and have to work where the
/// values are not available.
pub struct Named;

impl Secrets for Named {
    fn resolve(&self, source: &SecretSource) -> Result<String, String> {
        match source {
            SecretSource::Command(argv) if argv.is_empty() => Err("the command is empty".to_owned()),
            _ => Ok("***".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_from_a_file_or_a_command_without_its_last_newline() {
        let dir = tempfile::tempdir().expect("a directory");
        let inventory = dir.path().join("inv.yml");
        std::fs::write(dir.path().join("token"), "hunter2\n\n").expect("a file");
        std::fs::write(dir.path().join("empty"), "\n").expect("a file");
        let fetch = |source: SecretSource| Resolver { inventory: &inventory }.resolve(&source);
        let command = |argv: &[&str]| SecretSource::Command(argv.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(fetch(SecretSource::File("token".to_owned())), Ok("hunter2\n".to_owned()));
        assert_eq!(fetch(SecretSource::File("empty".to_owned())), Err("its value is empty".to_owned()));
        assert_eq!(fetch(command(&["printf", "a b\\r\\n"])), Ok("a b".to_owned()));
        assert_eq!(fetch(command(&["false"])), Err("`false` ended with exit status: 1".to_owned()));
        let impatient = |argv: &[&str]| {
            let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
            output(&argv, Duration::from_secs(2))
        };
        assert_eq!(impatient(&["sleep", "100"]), Err("`sleep` did not end within 2 s".to_owned()));
        assert_eq!(impatient(&["sh", "-c", "exec >&-; sleep 100"]), Err("`sh` did not end within 2 s".to_owned()));
        assert_eq!(impatient(&["cat", "/dev/zero"]), Err("`cat` printed more than 1048576 bytes".to_owned()));
        let missing = fetch(command(&["/no/such/program"])).expect_err("a fault");
        assert!(missing.starts_with("cannot run `/no/such/program`: "), "{missing}");
        let unset = fetch(SecretSource::Env("CUTOVER_NO_SUCH_VARIABLE".to_owned()));
        assert_eq!(unset, Err("the environment variable `CUTOVER_NO_SUCH_VARIABLE` is not set".to_owned()));
    }
}
