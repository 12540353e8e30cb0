//! The program as its users call it: a directory, arguments, and what comes back.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// `cutover` in a directory, with nothing in its environment that could change what it says.
pub(crate) fn cutover(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    command.current_dir(directory).args(arguments).env_clear().stdin(Stdio::null());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", directory);
    command
}

/// Runs it to its end.
pub(crate) fn run(directory: &Path, arguments: &[&str]) -> Output {
    cutover(directory, arguments).output().expect("cutover")
}

/// All that a user sees, and the exit code.
pub(crate) fn seen(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let err = if err.is_empty() { String::new() } else { format!("--- standard error\n{err}") };
    format!("{out}{err}--- exit code {}\n", output.status.code().expect("an exit code"))
}
