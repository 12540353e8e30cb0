//! How a command is started at a place that accepts only a shell line or an argv, so that it can be stopped again and
//! never outlives its limit: `timeout -k 5 LIMIT sh -c 'echo MARKER $PPID >&2; exec "$@"' sh ARGV...`.
//!
//! A login shell is given one fixed line, `exec /bin/sh -c 'IFS= read -r l && eval "$l"'`, which every shell understands (fish and csh quote in
//! ways of their own), and sh reads the rest from the first line of standard input. On standard output there is a marker line as well: what comes
//! before it is the login shell's own. If that prints at its end too, a second marker with the exit code ends each stream.
//!
//! `timeout` leads a process group of its own (setpgid, timeout(1)), so its pid, the shell's `$PPID`, is the group to kill;
//! the marker line on standard error reports it, and [`crate::marker`] takes the line out again. When the controller dies, `timeout`
//! remains and ends the group at its limit.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use cutover_engine::world::{Command, TransportFault, quote};

/// How long a command may run at most. A change window is shorter; this ends what a lost controller left behind.
pub(crate) const LIMIT: Duration = Duration::from_secs(6 * 60 * 60);

/// How long after TERM the limit's KILL comes, in seconds.
const GRACE: &str = "5";

/// A command, wrapped and ready to start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrapped {
    /// The whole argv.
    pub(crate) argv: Vec<String>,
    /// The beginning of the marker line.
    pub(crate) marker: String,
}

/// A command for a login shell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scripted {
    /// The beginning of the marker lines.
    pub(crate) marker: String,
    /// The marker after the command's output, if it has one.
    pub(crate) end: Option<String>,
    /// What standard input has to begin with: the script, and a line that sets the environment. That is never in an argv, where `ps` shows it to
    /// every user of the host.
    pub(crate) prelude: String,
}

/// The line for a login shell: it starts sh, which takes a line of standard input as its script.
pub(crate) const LINE: &str = "exec /bin/sh -c 'IFS= read -r l && eval \"$l\"'";

impl Scripted {
    /// Scripts a command; `sudo` runs it as root. With `ended` a marker with the exit code follows the output, at the price that exit codes
    /// beyond 128 and signals look alike.
    ///
    /// # Errors
    /// As [`Wrapped::new`].
    pub(crate) fn new(command: &Command, sudo: bool, limit: Duration, ended: bool) -> Result<Self, TransportFault> {
        check(command)?;
        let marker = marker();
        let end = ended.then(|| format!("{marker}-end "));
        let mut script = format!("echo \"{marker} $PPID\"; echo \"{marker} $PPID\" >&2; ");
        let environment = (!command.env.is_empty()).then(|| {
            script.push_str(ENVIRONMENT);
            environment(command)
        });
        let enter = |or: &str| {
            command.cwd.as_ref().map(|cwd| format!("cd -- {} || {or} 126; ", quote(cwd))).unwrap_or_default()
        };
        match &end {
            None => script.push_str(&format!("{}exec \"$@\"", enter("exit"))),
            Some(end) => script.push_str(&format!(
                "f() {{ {}\"$@\"; }}; f \"$@\"; s=$?; printf '%s;' \"{end}$s\"; printf '%s;' \"{end}$s\" >&2; exit $s",
                enter("return")
            )),
        }
        let argv = argv(command, &script, sudo, limit);
        let words: Vec<String> = argv.iter().map(|word| quoted_lines(word)).collect();
        let prelude =
            format!("n=$(printf '\\nx'); n=${{n%x}}; exec {}\n{}", words.join(" "), environment.unwrap_or_default());
        Ok(Self { marker, end, prelude })
    }
}

/// Reads the environment from a line of standard input. `$n` stands for a newline in it.
const ENVIRONMENT: &str = "n=$(printf '\\nx'); n=${n%x}; IFS= read -r e; eval \"$e\"; ";

/// A marker of its own for each command.
pub(crate) fn marker() -> String {
    format!("cutover-{:016x}", RandomState::new().build_hasher().finish())
}

/// The argv that runs a script with a command's argv as its arguments.
fn argv(command: &Command, script: &str, sudo: bool, limit: Duration) -> Vec<String> {
    let seconds = limit.as_secs().to_string();
    let head = ["sudo", "-n", "--", "timeout", "-k", GRACE, &seconds, "sh", "-c", script, "sh"];
    let skip = if sudo { 0 } else { 3 };
    head[skip..].iter().map(|word| (*word).to_owned()).chain(command.argv.iter().cloned()).collect()
}

/// A word for sh, on one line.
fn quoted_lines(word: &str) -> String {
    word.split('\n').map(quote).collect::<Vec<_>>().join("\"$n\"")
}

impl Wrapped {
    /// Wraps a command for a place that takes an argv.
    ///
    /// # Errors
    /// A command that cannot be started anywhere: no program, or a NUL byte.
    pub(crate) fn new(command: &Command, limit: Duration) -> Result<Self, TransportFault> {
        check(command)?;
        let marker = marker();
        let mut script = format!("echo \"{marker} $PPID\" >&2; ");
        if let Some(cwd) = &command.cwd {
            script.push_str(&format!("cd -- {} || exit 126; ", quote(cwd)));
        }
        script.push_str("exec \"$@\"");
        Ok(Self { argv: argv(command, &script, false, limit), marker })
    }
}

/// Refuses a command that no place can start.
pub(crate) fn check(command: &Command) -> Result<(), TransportFault> {
    let texts = command.argv.iter().chain(command.env.keys()).chain(command.env.values()).chain(&command.cwd);
    let name = |name: &String| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let why = if command.argv.is_empty() {
        "the command is empty"
    } else if texts.into_iter().any(|text| text.contains('\0')) {
        "a word of the command has a NUL byte, which no argument can hold"
    } else if !command.env.keys().all(name) {
        "the name of an environment variable must be letters, digits and underscores"
    } else {
        return Ok(());
    };
    Err(TransportFault::Unreachable(format!("cannot start `{command}`: {why}")))
}

/// A line of shell that exports the environment; `$n` stands for a newline.
fn environment(command: &Command) -> String {
    let assign = |(name, value): (&String, &String)| format!(" {name}={}", quoted_lines(value));
    format!("export{}\n", command.env.iter().map(assign).collect::<String>())
}

/// The argv that ends a process group (`kill -s`, because dash's own `kill -TERM -- -1` is an error): TERM, and KILL for what is left after two seconds.
pub(crate) fn kill(group: u32, sudo: bool) -> Vec<String> {
    let script = "kill -s TERM -- -$1 || exit 0; i=0; while [ $i -lt 20 ]; do kill -s 0 -- -$1 2>/dev/null || exit 0; \
                  sleep 0.1; i=$((i+1)); done; kill -s KILL -- -$1";
    let group = group.to_string();
    let head = ["sudo", "-n", "--", "sh", "-c", script, "cutover-kill", &group];
    head[if sudo { 0 } else { 3 }..].iter().map(|word| (*word).to_owned()).collect()
}

/// The argv that ends the groups of a command whose marker is known and whose group is not, because it was stopped before it
/// could tell: looks for the marker in the argv of every process, for three seconds.
pub(crate) fn kill_marked(marker: &str) -> Vec<String> {
    let script = "i=0; s=TERM; seen=; while [ $i -lt 30 ]; do hit=; for d in /proc/[0-9]*; do p=${d#/proc/}; \
                  [ $p = $$ ] && continue; grep -qs -e \"$1\" $d/cmdline || continue; hit=1; kill -s $s -- -$p 2>/dev/null; \
                  done; [ -n \"$seen\" ] && [ -z \"$hit\" ] && exit 0; [ -n \"$hit\" ] && seen=1; \
                  [ $i -ge 20 ] && s=KILL; i=$((i+1)); sleep 0.1; done";
    ["sh", "-c", script, "cutover-kill", marker].map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests;
