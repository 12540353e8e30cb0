//! `command`: an arbitrary program. What it does cannot be seen by a probe, so it runs once each time, unless it only
//! reads, or `creates` says what it leaves behind.

use std::collections::BTreeMap;

use cutover_engine::action::{Action, Done};
use cutover_engine::failure::Failure;
use cutover_engine::inventory::Inventory;
use cutover_engine::module::{Change, Class, Context, Diff, Facts, Module};
use cutover_engine::query::ReadOnly;
use cutover_engine::reads;
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::{Bound, Command as Argv, Exit, Output, Place};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::storage::{check_absolute, last_words};

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
    /// Where it runs: `controller`, or a node of the target's site; by default the task's own place.
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
    /// What a read-only command printed.
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

    fn judge(params: &Params) -> Result<(), Failure> {
        let wrong = |words: Text, pointer: &str| Err(Failure::invalid(words).pointer(pointer));
        if params.argv.first().is_none_or(String::is_empty) {
            return wrong(text!("command.no-program", "`argv` names no program"), "/argv");
        }
        if params.read_only && params.creates.is_some() {
            let words = text!("command.creates-nothing", "a command that changes nothing creates nothing");
            return wrong(words, "/creates");
        }
        if params.expect_rc.is_empty() {
            return wrong(text!("command.no-success", "no exit code would mean success"), "/expect_rc");
        }
        if let Some(name) = params.env.keys().find(|name| name.is_empty() || name.contains('=')) {
            return wrong(text!("command.variable", "`{name}` is not the name of a variable", name), "/env");
        }
        if params.chdir.as_ref().is_some_and(String::is_empty) {
            return wrong(text!("command.no-directory", "`chdir` names no directory"), "/chdir");
        }
        if params.on.as_ref().is_some_and(String::is_empty) {
            return wrong(text!("command.nowhere", "`on` names no node: leave it out for the task's own place"), "/on");
        }
        params.creates.iter().try_for_each(|path| check_absolute(path, "/creates"))
    }

    fn judge_on(facts: &Facts, inventory: &Inventory, params: &Params) -> Result<(), Failure> {
        place(facts, inventory, params).map(drop)
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let place = place(cx.facts(), cx.inventory(), params)?;
        let output = match ReadOnly::declared(argv(params), params.read_only) {
            Some(command) => {
                let output = cx.read_at(&place, &command).await?;
                Some(Output { stdout: Bound::SHOWN.shorten(output.stdout), ..output })
            }
            None => None,
        };
        let exists = match &params.creates {
            Some(path) => Some(cx.read_at(&place, &reads::TEST_EXISTS.of([path])).await?.success()),
            None => None,
        };
        Ok(State { place, output, exists })
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let place = match (params.on.as_deref(), facts.target().site()) {
            (None, _) => facts.place(),
            (Some("controller"), _) | (_, None) => Place::Controller,
            (Some(node), Some(site)) => Place::node(site, node),
        };
        Some(vec![Subject::Anything { place }])
    }

    fn diff(&self, _facts: &Facts, params: &Params, state: &State) -> Diff {
        if let Some(output) = &state.output {
            return match output.exit {
                Exit::Code(code) if params.expect_rc.contains(&code) => Diff::InSync,
                _ => Diff::refused(complaint(&argv(params), output)),
            };
        }
        let actions = [Action::Exec { place: state.place.clone(), command: argv(params) }];
        let summary = text!("command.run", "run {command}", command = argv(params));
        let class = if params.idempotent { Class::Idempotent } else { Class::AtMostOnce };
        let change = Change::new(class, "run", summary, actions);
        match state.exists {
            Some(true) => Diff::InSync,
            Some(false) => Diff::Change(vec![change]),
            None => Diff::Run(vec![change]),
        }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Printed>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, done: &[Done]) -> Value {
        let ran = done.iter().rev().find_map(|done| match done {
            Done::Output(output) => Some(output),
            Done::Response(_) => None,
        });
        let printed = ran.or(state.output.as_ref()).map(Printed::of).unwrap_or_default();
        serde_json::to_value(printed).unwrap_or(Value::Null)
    }
}

/// What a command printed, and how it ended.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Printed {
    /// How it ended; null if it did not run, as in a plan or where `creates` is there already.
    rc: Option<Rc>,
    /// Its standard output, without line feeds at the end.
    stdout: String,
    /// Its standard error, without line feeds at the end.
    stderr: String,
    /// Its standard output line by line.
    stdout_lines: Vec<String>,
    /// Its standard output as data, if it is JSON; left out otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
}

/// How a command ended.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Rc {
    /// With an exit code.
    Code(i32),
    /// By a signal: `KILL`, `TERM`.
    Signal(String),
}

impl Printed {
    /// A finished command as playbooks see it.
    pub(crate) fn of(output: &Output) -> Self {
        let rc = match &output.exit {
            Exit::Code(code) => Rc::Code(*code),
            Exit::Signal(name) => Rc::Signal(name.clone()),
        };
        Self {
            rc: Some(rc),
            stdout: output.stdout.trim_end_matches('\n').to_owned(),
            stderr: output.stderr.trim_end_matches('\n').to_owned(),
            stdout_lines: output.stdout.lines().map(str::to_owned).collect(),
            json: serde_json::from_str(&output.stdout).ok(),
        }
    }
}

fn argv(params: &Params) -> Argv {
    let mut command = Argv::new(params.argv.iter().cloned()).accept(params.expect_rc.iter().copied());
    command.stdin.clone_from(&params.stdin);
    command.env.clone_from(&params.env);
    command.cwd.clone_from(&params.chdir);
    command
}

fn place(facts: &Facts, inventory: &Inventory, params: &Params) -> Result<Place, Failure> {
    let Some(on) = &params.on else { return Ok(facts.place()) };
    if on == "controller" {
        return Ok(Place::Controller);
    }
    let site = facts.site().map_err(|failure| failure.pointer("/on"))?;
    let known = inventory.sites.get(site).is_some_and(|site| site.nodes.contains_key(on));
    if !known {
        let words = text!("command.no-such-node", "site `{site}` has no node `{node}`", site, node = on);
        let help = text!("command.no-such-node.help", "name one of its nodes, or `controller`");
        return Err(Failure::invalid(words).help(help).pointer("/on"));
    }
    Ok(Place::node(site, on))
}

/// Why a command did not succeed: how it ended, and its last words.
pub(crate) fn complaint(command: &Argv, output: &Output) -> Vec<Text> {
    let ended = text!("command.ended", "{command} ended with {exit}", command, exit = &output.exit);
    [ended].into_iter().chain(last_words(output)).collect()
}

#[cfg(test)]
mod tests;
