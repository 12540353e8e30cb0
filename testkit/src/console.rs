//! The program as its users call it: a directory, arguments, and what comes back.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("the kit is in the repository").to_owned()
}

/// `cutover` in a directory, with nothing in its environment that could change its output.
pub fn cutover(directory: &Path, arguments: &[&str]) -> Command {
    // Cargo puts it beside the directory of the tests.
    let test = std::env::current_exe().expect("the test has a path");
    let program = test.ancestors().nth(2).expect("the test is in target/debug/deps").join("cutover");
    let mut command = Command::new(program);
    command.current_dir(directory).args(arguments).env_clear().stdin(Stdio::null());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", directory);
    command
}

/// Runs it to its end.
pub fn run(directory: &Path, arguments: &[&str]) -> Output {
    cutover(directory, arguments).output().expect("cutover")
}

/// Everything a user sees, and the exit code.
pub fn seen(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let err = if err.is_empty() { String::new() } else { format!("--- standard error\n{err}") };
    format!("{out}{err}--- exit code {}\n", output.status.code().expect("an exit code"))
}
