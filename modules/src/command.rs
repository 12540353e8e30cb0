//! `command`: an arbitrary program. What it does cannot be seen by a probe, so it runs once each time, unless it only
//! reads, or `creates` says what it leaves behind.

use std::collections::BTreeMap;

use cutover_engine::action::{Action, Done};
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Context, Diff, Facts, Module};
use cutover_engine::query::ReadOnly;
use cutover_engine::reads;
use cutover_engine::world::{Command as Argv, Exit, Output, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct Command;

/// Parameters of `command`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The program and its arguments, one item each. There is no shell.
    pub(crate) argv: Vec<String>,
    /// Text for its standard input.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) stdin: Option<String>,
    /// Variables added to its environment.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// Its working directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) chdir: Option<String>,
    /// A path that exists once the command was carried out: it is not run again then, and must be there afterwards.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) creates: Option<String>,
    /// Whether it changes nothing. Such a command is also run by `plan`.
    #[serde(default)]
    pub(crate) read_only: bool,
    /// The exit codes that mean success.
    #[serde(default = "zero")]
    pub(crate) expect_rc: Vec<i32>,
    /// Whether repeating it is harmless. If not, it is never run again when the connection is lost while it runs.
    #[serde(default)]
    pub(crate) idempotent: bool,
    /// Where it runs: `controller`, or a node of the target's site; the task's own place if not given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) on: Option<String>,
}

fn zero() -> Vec<i32> {
    vec![0]
}

/// What `command` saw.
#[derive(Debug, Serialize)]
pub(crate) struct State {
    place: Place,
    /// What a read-only command said.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Output>,
    /// Whether the path of `creates` exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    exists: Option<bool>,
}

impl Module for Command {
    const NAME: &'static str = "command";
    const SUMMARY: &'static str = "Runs a program at the task's place";
    const EXAMPLE: &'static str = r#"
name: Which role has the resource
target: active.pairs
command: {argv: [drbdadm, role, "{{ pair.resource }}"], read_only: true}
register: roles
"#;

    type Params = Params;
    type State = State;

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        if params.argv.first().is_none_or(String::is_empty) {
            return Err(Failure::invalid("`argv` names no program").pointer("/argv"));
        }
        if params.read_only && params.creates.is_some() {
            return Err(Failure::invalid("a command that changes nothing creates nothing").pointer("/creates"));
        }
        let place = place(cx, params)?;
        let output = match ReadOnly::declared(argv(params), params.read_only) {
            Some(command) => Some(cx.read_at(&place, &command).await?),
            None => None,
        };
        let exists = match &params.creates {
            Some(path) => Some(cx.read_at(&place, &reads::TEST_EXISTS.of([path])).await?.success()),
            None => None,
        };
        Ok(State { place, output, exists })
    }

    fn diff(&self, _facts: &Facts, params: &Params, state: &State) -> Diff {
        if let Some(output) = &state.output {
            return match output.exit {
                Exit::Code(code) if params.expect_rc.contains(&code) => Diff::InSync,
                _ => Diff::refused(complaint(&argv(params), output)),
            };
        }
        let actions = [Action::Exec { place: state.place.clone(), command: argv(params) }];
        let summary = format!("run {}", argv(params));
        let change = match params.idempotent {
            true => Change::idempotent(summary, actions),
            false => Change::at_most_once(summary, actions),
        };
        match state.exists {
            Some(true) => Diff::InSync,
            Some(false) => Diff::Change(vec![change]),
            None => Diff::Run(vec![change]),
        }
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, done: &[Done]) -> Value {
        let ran = done.iter().rev().find_map(|done| match done {
            Done::Output(output) => Some(output),
            Done::Response(_) => None,
        });
        match ran.or(state.output.as_ref()) {
            Some(output) => said(output),
            None => json!({"rc": null, "stdout": "", "stderr": "", "stdout_lines": []}),
        }
    }
}

/// A finished command as playbooks see it: `rc`, `stdout`, `stderr`, `stdout_lines`, and `json` if its output is JSON.
pub(crate) fn said(output: &Output) -> Value {
    let rc = match &output.exit {
        Exit::Code(code) => json!(code),
        Exit::Signal(name) => json!(name),
    };
    let lines: Vec<&str> = output.stdout.lines().collect();
    let mut said = json!({
        "rc": rc,
        "stdout": output.stdout.trim_end_matches('\n'),
        "stderr": output.stderr.trim_end_matches('\n'),
        "stdout_lines": lines,
    });
    if let Ok(json) = serde_json::from_str::<Value>(&output.stdout) {
        said["json"] = json;
    }
    said
}

fn argv(params: &Params) -> Argv {
    let mut command = Argv::new(params.argv.iter().cloned()).accept(params.expect_rc.iter().copied());
    command.stdin.clone_from(&params.stdin);
    command.env.clone_from(&params.env);
    command.cwd.clone_from(&params.chdir);
    command
}

fn place(cx: &Context, params: &Params) -> Result<Place, Failure> {
    let Some(on) = &params.on else { return Ok(cx.place()) };
    if on == "controller" {
        return Ok(Place::Controller);
    }
    let site = cx.site()?;
    let known = cx.inventory().sites.get(site).is_some_and(|site| site.nodes.contains_key(on));
    if !known {
        let words = format!("site `{site}` has no node `{on}`");
        return Err(Failure::invalid(words).help("name one of its nodes, or `controller`").pointer("/on"));
    }
    Ok(Place::node(site, on))
}

/// Why a command is no success: how it ended, and its last words.
pub(crate) fn complaint(command: &Argv, output: &Output) -> Vec<String> {
    let mut reasons = vec![format!("{command} ended with {}", output.exit)];
    let said = output.stderr.lines().chain(output.stdout.lines()).map(str::to_owned).collect::<Vec<_>>();
    reasons.extend(said.into_iter().take(20));
    reasons
}

#[cfg(test)]
mod tests;
