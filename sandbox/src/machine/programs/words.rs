//! What many programs do with the words they are called with: names and paths.

use crate::machine::program::Call;

/// The name a program was called by, without its directory; a named script's name.
pub(crate) fn program_name(call: &Call<'_>) -> String {
    let name = call.command.script_name().or_else(|| call.command.argv.first().map(String::as_str)).unwrap_or_default();
    name.rsplit('/').next().unwrap_or(name).to_owned()
}

/// A path as the kernel gets it: relative ones are taken from the working directory.
pub(crate) fn absolute(cwd: &str, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", cwd.trim_end_matches('/')) }
}

/// Whether a path is another one or lies beneath it.
pub(crate) fn inside(path: &str, above: &str) -> bool {
    path.strip_prefix(above.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
