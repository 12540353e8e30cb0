//! Fetches the values of secrets from the environment, files and commands. A value is never part of a message.

use std::path::Path;
use std::process::{Command, Stdio};

use cutover_engine::inventory::{SecretSource, Secrets};

use super::{read, resolve};

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
            SecretSource::Command(argv) => without_newline(output(argv)?),
        };
        // An empty text would be "hidden" between any two characters of the output, and protects nothing.
        if value.is_empty() { Err("its value is empty".to_owned()) } else { Ok(value) }
    }
}

/// Runs a command; its standard error goes to the terminal, where a password manager may ask.
fn output(argv: &[String]) -> Result<String, String> {
    let Some((program, arguments)) = argv.split_first() else { return Err("the command is empty".to_owned()) };
    let output = Command::new(program)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run `{program}`: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{program}` ended with {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("the output of `{program}` is not UTF-8"))
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
        let missing = fetch(command(&["/no/such/program"])).expect_err("a fault");
        assert!(missing.starts_with("cannot run `/no/such/program`: "), "{missing}");
        let unset = fetch(SecretSource::Env("CUTOVER_NO_SUCH_VARIABLE".to_owned()));
        assert_eq!(unset, Err("the environment variable `CUTOVER_NO_SUCH_VARIABLE` is not set".to_owned()));
    }
}
