//! The constructs that a playbook uses, by which a generator proves its coverage.

use std::collections::BTreeSet;

use serde_json::Value;

use super::context::plural;
use super::{Inner, Playbook, Step};

/// A construct, by name.
pub type Construct = &'static str;

/// Every construct that generated playbooks have to use.
pub const CONSTRUCTS: &[Construct] = &[
    "block",
    "loop on a block",
    "loop on a step",
    "loop over a result",
    "several targets",
    "serial",
    "include",
    "when on a phase",
    "when on a block",
    "when on a step",
    "register",
    "result used",
    "rescue",
    "always",
    "tags",
    "tags selected",
    "retry",
    "until",
    "allow_failure",
    "check_all",
    "gate",
    "undo",
    "undo in a looped block",
    "undo on a looped step",
    "at most once",
    "secret parameter",
    "secret of the inventory",
    "secret in a title",
    "secret step",
    "vars of a phase",
    "vars of a block",
    "vars of a step",
    "run_once",
    "delegate_to",
    "failing step",
];

fn has(step: &Step, key: &str) -> bool {
    step.options.contains_key(key)
}

/// The constructs of a step itself; not of the steps in it.
pub(super) fn of_step(step: &Step) -> BTreeSet<Construct> {
    let mut found = BTreeSet::new();
    let leaf = matches!(step.inner, Inner::None);
    let mut note = |yes: bool, construct: Construct| {
        if yes {
            found.insert(construct);
        }
    };
    note(!leaf && !matches!(step.inner, Inner::Include(_)), "block");
    note(matches!(step.inner, Inner::Include(_)), "include");
    note(has(step, "loop"), if leaf { "loop on a step" } else { "loop on a block" });
    note(step.options.get("loop").is_some_and(|list| list.to_string().contains("(list")), "loop over a result");
    note(plural(step.options.get("target")), "several targets");
    note(has(step, "when"), if leaf { "when on a step" } else { "when on a block" });
    note(has(step, "vars"), if leaf { "vars of a step" } else { "vars of a block" });
    for key in ["serial", "register", "tags", "retry", "until", "allow_failure", "gate", "run_once", "delegate_to"] {
        note(has(step, key), key);
    }
    note(has(step, "secret"), "secret step");
    note(step.undo.is_some(), "undo");
    note(step.undo.is_some() && has(step, "loop"), "undo on a looped step");
    if let Inner::Block { rescue, always, .. } = &step.inner {
        note(!rescue.is_empty(), "rescue");
        note(!always.is_empty(), "always");
    }
    let text = Value::Object(step.options.clone()).to_string();
    note(text.contains("(r") || text.contains("(list"), "result used");
    note(["{{ pw", "{{ creds", "{{ pin"].iter().any(|secret| text.contains(secret)), "secret parameter");
    note(text.contains("{{ password"), "secret of the inventory");
    note(text.contains("fail-unless") || text.contains("false"), "failing step");
    let command = step.options.get("command");
    let harmless = |command: &Value| command.get("idempotent").is_some() || command.get("read_only").is_some();
    note(command.is_some_and(|command| !harmless(command)) || has(step, "once") || has(step, "unseen"), "at most once");
    found
}

/// The constructs of a playbook.
pub fn used(playbook: &Playbook) -> BTreeSet<Construct> {
    let mut found = BTreeSet::new();
    for phase in &playbook.phases {
        for (key, construct) in PHASE {
            if phase.options.contains_key(*key) {
                found.insert(*construct);
            }
        }
        phase.steps.iter().for_each(|step| walk(step, false, &mut found));
    }
    if !playbook.only.is_empty() || !playbook.skip.is_empty() {
        found.insert("tags selected");
    }
    let secrets: Vec<&str> =
        playbook.provided.get("pw").and_then(Value::as_str).into_iter().chain([playbook.password.as_str()]).collect();
    let titles = playbook.case().text;
    let in_title = |line: &str| line.contains("name: ") && secrets.iter().any(|secret| line.contains(secret));
    if titles.lines().any(in_title) {
        found.insert("secret in a title");
    }
    found
}

pub(super) const PHASE: &[(&str, Construct)] =
    &[("when", "when on a phase"), ("check_all", "check_all"), ("vars", "vars of a phase"), ("tags", "tags")];

fn walk(step: &Step, looped: bool, found: &mut BTreeSet<Construct>) {
    found.extend(of_step(step));
    if looped && step.undo.is_some() {
        found.insert("undo in a looped block");
    }
    let looped = looped || has(step, "loop") && !matches!(step.inner, Inner::None);
    for (_, section) in step.sections() {
        section.iter().for_each(|step| walk(step, looped, found));
    }
}
