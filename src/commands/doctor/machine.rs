//! This machine itself: programs, and the directory that runs are recorded in.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::finding::Finding;

/// Helm: the module `helm` starts it.
pub(super) fn helm() -> Finding {
    let why = "only playbooks that use the module `helm` need it";
    program("helm", &["version", "--short"], why, |output| Some(output.trim().to_owned()))
}

/// Kubectl: `cutover` talks to API servers itself.
pub(super) fn kubectl() -> Finding {
    let why = "cutover does not need it; people do when they look for themselves";
    program("kubectl", &["version", "--client", "--output", "json"], why, |output| {
        let json: Value = serde_json::from_str(output).ok()?;
        Some(json.pointer("/clientVersion/gitVersion")?.as_str()?.to_owned())
    })
}

fn program(name: &str, arguments: &[&str], why: &str, version: impl Fn(&str) -> Option<String>) -> Finding {
    let output = match Command::new(name).args(arguments).stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Finding::doubtful(name, "not found on the PATH", why);
        }
        Err(error) => return Finding::doubtful(name, format!("cannot be started: {error}"), why),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    match version(&text).filter(|version| output.status.success() && !version.is_empty()) {
        Some(version) => Finding::good(name, version),
        None => {
            let line = format!("`{name} {}` ended with {}", arguments.join(" "), output.status);
            Finding::doubtful(name, line, why)
        }
    }
}

/// Whether runs can be recorded there.
pub(super) fn run_dir(path: &Path) -> Finding {
    let what = format!("run directory {}", path.display());
    // The first run creates a missing directory, so its nearest existing ancestor is checked.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let existing =
        absolute.ancestors().find(|path| path.exists()).map_or_else(|| PathBuf::from("/"), Path::to_path_buf);
    match write_in(&existing) {
        Ok(()) if existing == absolute => Finding::good(what, "can be written"),
        Ok(()) => Finding::good(what, format!("will be made in {}", existing.display())),
        Err(error) => Finding::wrong(
            what,
            format!("cannot write in {}: {error}", existing.display()),
            "name another one with --run-dir or CUTOVER_RUN_DIR",
        ),
    }
}

/// Creates a file and removes it: only that is conclusive (quota, read-only mounts, access lists).
fn write_in(directory: &Path) -> std::io::Result<()> {
    let file = directory.join(format!(".cutover-doctor-{}", std::process::id()));
    std::fs::OpenOptions::new().write(true).create_new(true).open(&file)?;
    std::fs::remove_file(file)
}
