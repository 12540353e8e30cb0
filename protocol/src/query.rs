//! What a probe may send: read-only by type. A command that only reads is made from the table in [`crate::reads`], from a
//! script that is declared read-only where it is defined, or because an author declares it; a request is a `GET`, an access
//! review or a dry run of a write. Nothing here can be deserialised: data does not become read-only by claiming to be.

use std::fmt;
use std::ops::Deref;

use serde::Serialize;
use serde_json::{Value, json};

use crate::command::Command;
use crate::place::Place;
use crate::reads::{Options, Reads};
use crate::request::Request;

/// One query of a probe.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Query {
    /// Runs a command that only reads.
    Command {
        /// Where.
        place: Place,
        /// What.
        command: ReadOnly,
    },
    /// Asks an API server.
    Request(Ask),
}

impl Query {
    /// Checks that it can be sent; if not, returns the operand that would be taken for an option, or the path.
    pub fn wrong(&self) -> Option<Wrong<'_>> {
        match self {
            Self::Command { command, .. } => command.dashed.as_deref().map(Wrong::Operand),
            Self::Request(ask) if !ask.has_valid_path() => Some(Wrong::Path(&ask.path)),
            Self::Request(_) => None,
        }
    }
}

/// Why a query is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong<'a> {
    /// An operand begins with a dash: the program would take it for an option, and options are what decides whether it reads.
    Operand(&'a str),
    /// The path of a request cannot be sent.
    Path(&'a str),
}

impl fmt::Display for Query {
    /// As a plan prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { place, command } => write!(f, "{place}$ {command}"),
            Self::Request(ask) => ask.fmt(f),
        }
    }
}

/// A command that only reads. It dereferences to its [`Command`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadOnly {
    #[serde(flatten)]
    command: Command,
    /// An operand that a program would take for an option.
    #[serde(skip)]
    dashed: Option<String>,
}

impl ReadOnly {
    /// Trusts the author: the command of a step with `read_only: true`. `None` without it.
    pub fn declared(command: Command, read_only: bool) -> Option<Self> {
        read_only.then_some(Self { command, dashed: None })
    }

    /// Adds a subcommand or options that only read.
    #[must_use]
    pub fn and<const N: usize>(mut self, options: &Options<N>, operands: [&str; N]) -> Self {
        self.extend(options.words(), operands);
        self
    }

    /// The same if there is an operand for it.
    #[must_use]
    pub fn and_if(self, options: &Options<1>, operand: Option<&str>) -> Self {
        match operand {
            Some(operand) => self.and(options, [operand]),
            None => self,
        }
    }

    /// Counts these exit codes as success as well.
    #[must_use]
    pub fn accept(mut self, codes: impl IntoIterator<Item = i32>) -> Self {
        self.command = self.command.accept(codes);
        self
    }

    /// Feeds text to standard input.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<String>) -> Self {
        self.command = self.command.stdin(text);
        self
    }

    /// Sets its working directory.
    #[must_use]
    pub fn chdir(mut self, directory: Option<&str>) -> Self {
        self.command.cwd = directory.map(str::to_owned);
        self
    }

    /// Sets the C locale, so that its messages are in English.
    #[must_use]
    pub fn untranslated(mut self) -> Self {
        self.command.env.insert("LC_ALL".to_owned(), "C".to_owned());
        self
    }

    /// The command, for an action that records the state before a change.
    pub fn into_command(self) -> Command {
        self.command
    }

    pub(crate) fn of<const N: usize>(reads: &Reads<N>, operands: [&str; N]) -> Self {
        let mut only = Self { command: Command::default(), dashed: None };
        only.extend(reads.words(), operands);
        only
    }

    pub(crate) fn called<const N: usize>(call: &[String], options: &Options<N>, operands: [&str; N]) -> Self {
        Self { command: Command::new(call.iter().cloned()), dashed: None }.and(options, operands)
    }

    /// Adds words, with operands in place of the blanks.
    fn extend<const N: usize>(&mut self, words: &[&str], operands: [&str; N]) {
        let mut operands = operands.into_iter();
        let mut literal = false;
        for word in words {
            let operand = if *word == crate::reads::HOLE { operands.next() } else { None };
            literal |= *word == "--";
            if let Some(operand) = operand.filter(|operand| operand.starts_with('-') && !literal) {
                self.dashed.get_or_insert_with(|| operand.to_owned());
            }
            self.command.argv.push(operand.unwrap_or(word).to_owned());
        }
    }
}

impl Deref for ReadOnly {
    type Target = Command;

    fn deref(&self) -> &Command {
        &self.command
    }
}

impl fmt::Display for ReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.command.fmt(f)
    }
}

/// A named script that only reads. Its author is responsible for that.
#[derive(Debug, Clone, Copy)]
pub struct ReadScript {
    name: &'static str,
    text: &'static str,
}

impl ReadScript {
    /// Declares that a script only reads: it writes no file, starts and ends nothing.
    pub const fn declare(name: &'static str, text: &'static str) -> Self {
        Self { name, text }
    }

    /// The script as a command, with its positional parameters.
    pub fn of<S: Into<String>>(&self, args: impl IntoIterator<Item = S>) -> ReadOnly {
        ReadOnly { command: Command::script(self.name, self.text, args), dashed: None }
    }
}

/// A request that only reads. It dereferences to its [`Request`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Ask(Request);

impl Ask {
    /// A `GET`.
    pub fn get(site: impl Into<String>, path: impl Into<String>) -> Self {
        Self(Request::get(site, path))
    }

    /// Asks whether the kubeconfig's user may do something. The attributes are those of a `SelfSubjectAccessReview`:
    /// `{"verb": "patch", "resource": "statefulsets", ...}`.
    pub fn access_review(site: impl Into<String>, attributes: &Value) -> Self {
        let body = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        Self(Request { method: "POST".to_owned(), body: Some(body), ..Request::get(site, path) })
    }

    /// A write that the API server validates and does not persist (`dryRun=All`). `None` for the paths that lead beyond the API
    /// server (exec, proxy...), where dry runs are unknown.
    pub fn dry_run(mut request: Request) -> Option<Self> {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let beyond = ["exec", "attach", "portforward", "proxy"];
        if path.split('/').any(|segment| beyond.contains(&segment)) {
            return None;
        }
        let others = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("dryRun="));
        let query: Vec<&str> = others.chain(["dryRun=All"]).collect();
        request.path = format!("{path}?{}", query.join("&"));
        Some(Self(request))
    }
}

impl Deref for Ask {
    type Target = Request;

    fn deref(&self) -> &Request {
        &self.0
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reads;

    fn wrong(command: ReadOnly) -> bool {
        Query::Command { place: Place::Controller, command }.wrong().is_some()
    }

    #[test]
    fn operands_stand_in_the_holes_and_are_never_options() {
        let command = reads::FIND_ITSELF.of(["/data"]).untranslated();
        assert_eq!(command.to_string(), r"LC_ALL=C find /data -maxdepth 0 -printf '%y %m %U %u %G %g %s\n'");
        assert!(!wrong(command));
        assert!(wrong(reads::FIND_ITSELF.of(["-delete"])));
        assert!(!wrong(reads::CAT_OPERAND.of(["-e"])), "after -- it is an operand");
        assert!(wrong(reads::ETCDCTL_REVISION.called(&["etcdctl".to_owned()], ["--x"])));
    }

    #[test]
    fn only_an_author_declares_a_command_read_only() {
        let command = Command::new(["rm", "-rf", "/"]);
        assert_eq!(ReadOnly::declared(command.clone(), false), None);
        assert_eq!(ReadOnly::declared(command.clone(), true).map(ReadOnly::into_command), Some(command));
    }

    #[test]
    fn a_dry_run_replaces_the_paths_own_setting() {
        let write = |path: &str| Request { method: "PATCH".to_owned(), ..Request::get("primary", path) };
        let path = |from: &str| Ask::dry_run(write(from)).map(|ask| ask.path.clone());
        assert_eq!(path("/a/b").as_deref(), Some("/a/b?dryRun=All"));
        assert_eq!(path("/a/b?dryRun=&fieldManager=x").as_deref(), Some("/a/b?fieldManager=x&dryRun=All"));
        assert_eq!(path("/api/v1/namespaces/a/pods/b/exec?command=rm"), None);
    }
}
