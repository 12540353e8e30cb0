//! A command as an argv, never as a shell line. How it is started on a host belongs to the transport.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A command to run at some place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Command {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Text fed to its standard input. Never an argument, so that secrets and file contents stay out of argv.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// Variables added to its environment.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Its working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Exit codes that mean success; only 0 if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<i32>,
    /// Words on standard error by which the program reports that it no longer waits for what it has begun. Its outcome is then
    /// not known, as after a lost connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gives_up: Option<String>,
    /// Exit codes by which the program says that it has refused and has done nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refuses: Vec<i32>,
}

impl Command {
    /// A program and its arguments.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self { argv: argv.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// A named shell script with positional parameters: `sh -c SCRIPT NAME ARG...`. The few fixed scripts of the modules
    /// use this; the name is what `ps` shows on the host and what the sandbox knows the script by.
    pub fn script<S: Into<String>>(name: &str, script: &str, args: impl IntoIterator<Item = S>) -> Self {
        let head = ["sh", "-c", script, name].map(str::to_owned);
        Self::new(head.into_iter().chain(args.into_iter().map(Into::into)))
    }

    /// Feeds text to standard input.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<String>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// Counts these exit codes as success as well.
    #[must_use]
    pub fn accept(mut self, codes: impl IntoIterator<Item = i32>) -> Self {
        self.accept = codes.into_iter().collect();
        self
    }

    /// Sets the words on standard error by which the program reports that it no longer waits for what it has begun.
    #[must_use]
    pub fn gives_up(mut self, words: impl Into<String>) -> Self {
        self.gives_up = Some(words.into());
        self
    }

    /// Sets the exit codes by which the program says that it has refused and has done nothing.
    #[must_use]
    pub fn refuses(mut self, codes: impl IntoIterator<Item = i32>) -> Self {
        self.refuses = codes.into_iter().collect();
        self
    }

    /// The name of the script, for a command made by [`Command::script`].
    pub fn script_name(&self) -> Option<&str> {
        match self.argv.as_slice() {
            [sh, flag, _, name, ..] if sh == "sh" && flag == "-c" => Some(name),
            _ => None,
        }
    }
}

/// Quotes one word for a POSIX shell; plain words stay as they are.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

impl fmt::Display for Command {
    /// The command as a person would type it. A named script shows as its name and arguments.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            write!(f, "{name}={} ", quote(value))?;
        }
        let words = match self.script_name() {
            Some(_) => &self.argv[3..],
            None => &self.argv[..],
        };
        f.write_str(&words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" "))?;
        match &self.stdin {
            Some(text) => write!(f, " <<< ({} bytes)", text.len()),
            None => Ok(()),
        }
    }
}
