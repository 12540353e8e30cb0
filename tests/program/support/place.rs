//! Directories with an inventory and playbooks of local commands, and runs in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use cutover_testkit::console::{cutover, run, seen};

/// Every node is this machine.
const INVENTORY: &str = "\
sites:
  here: {connection: local, kubernetes: {kubeconfig: none, context: none}, nodes: {a: {address: 127.0.0.1}}}
  there: {connection: local, kubernetes: {kubeconfig: none, context: none}, nodes: {a: {address: 127.0.0.1}}}
roles: {active: here, passive: there}
";

/// Writes two words into `done`, and fails between them until `go` exists.
const TWO_WORDS: &str = "\
name: Two words
params:
  word: {default: a}
  number: {type: integer, default: 1}
  password: {secret: true}
phases:
  - name: p
    steps:
      - {name: one, command: {argv: [sh, -c, \"echo one {{ word }} {{ number }} >> HERE/done\"]}, undo: []}
      - {name: two, command: {argv: [test, -e, HERE/go], read_only: true}}
      - {name: three, command: {argv: [sh, -c, \"echo three {{ word }} {{ number }} >> HERE/done\"]}, undo: []}
";

/// Where a test works.
pub(crate) struct Place(TempDir);

impl Place {
    /// With the inventory and `words.yml`.
    pub(crate) fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a directory"));
        place.write("inventory.yml", INVENTORY);
        place.write("words.yml", &TWO_WORDS.replace("HERE", &place.path().display().to_string()));
        place
    }

    /// Its directory.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file into it.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("written");
    }

    /// The output of the commands.
    pub(crate) fn done(&self) -> String {
        fs::read_to_string(self.path().join("done")).unwrap_or_default()
    }

    /// Runs `cutover` in it.
    pub(crate) fn cutover(&self, words: &[&str]) -> Output {
        run(self.path(), words)
    }

    /// Begins `words.yml`, which fails in the middle; returns the run's id.
    pub(crate) fn begin(&self, more: &[&str]) -> String {
        let before = self.runs();
        let words = [&["run", "words.yml", "-i", "inventory.yml"], more].concat();
        let output = self.cutover(&words);
        assert_ne!(output.status.code(), Some(0), "{}", seen(&output));
        let mut new = self.runs().into_iter().filter(|run| !before.contains(run));
        new.next().unwrap_or_else(|| panic!("{}", seen(&output)))
    }

    /// Lets runs that failed in the middle go on to their end.
    pub(crate) fn mend(&self) {
        self.write("go", "");
    }

    /// Rehearses a playbook that only lets time pass.
    pub(crate) fn rehearse(&self) -> Output {
        self.write("pause.yml", "name: Pause\nphases: [{name: p, steps: [{name: wait, pause: {for: 1s}}]}]\n");
        let inventory = cutover_testkit::console::root().join("inventories/example.yml");
        let output = self.cutover(&["rehearse", "pause.yml", "-i", &inventory.display().to_string()]);
        assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
        output
    }

    /// The names in the directory of runs.
    pub(crate) fn runs(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.directory("")) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The directory of a run.
    pub(crate) fn directory(&self, run: &str) -> PathBuf {
        self.path().join(".cutover/runs").join(run)
    }

    /// The lines of a run's journal.
    pub(crate) fn journal(&self, run: &str) -> Vec<String> {
        let text = fs::read_to_string(self.directory(run).join("events.jsonl")).expect("a journal");
        text.lines().map(str::to_owned).collect()
    }

    /// The first event of a run, and what it was started with.
    pub(crate) fn beginning(&self, run: &str) -> (Value, Value) {
        let manifest = fs::read_to_string(self.directory(run).join("run.json")).expect("a manifest");
        let first = self.journal(run).first().cloned().unwrap_or_default();
        (serde_json::from_str(&first).expect("an event"), serde_json::from_str(&manifest).expect("JSON"))
    }
}

/// Starts a program for each list of words, all at once, and waits for them.
pub(crate) fn at_once(directory: &Path, all: &[Vec<&str>]) -> Vec<Output> {
    let start = |words: &Vec<&str>| {
        let mut command = cutover(directory, words);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.spawn().expect("cutover")
    };
    let running: Vec<_> = all.iter().map(start).collect();
    running.into_iter().map(|child| child.wait_with_output().expect("its end")).collect()
}

/// Asserts an exit code and words.
pub(crate) fn assert_output(output: &Output, code: i32, wanted: &[&str]) {
    let printed = seen(output);
    assert_eq!(output.status.code(), Some(code), "{printed}");
    for words in wanted {
        assert!(printed.contains(words), "`{words}` is missing in\n{printed}");
    }
}
