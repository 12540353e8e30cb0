//! The constructs inside constructs: every possible pair has to occur.

use std::collections::BTreeSet;

use super::constructs::{Construct, PHASE, of_step};
use super::{Inner, Playbook, Step};

/// The constructs around steps.
const OUTER: &[Construct] = &[
    "block",
    "loop on a block",
    "include",
    "rescue",
    "always",
    "undo",
    "check_all",
    "when on a phase",
    "when on a block",
    "several targets",
    "tags",
    "vars of a block",
    "vars of a phase",
];

/// The constructs inside others.
const INNER: &[Construct] = &[
    "block",
    "loop on a block",
    "loop on a step",
    "loop over a result",
    "several targets",
    "serial",
    "include",
    "when on a block",
    "when on a step",
    "register",
    "result used",
    "rescue",
    "always",
    "tags",
    "retry",
    "until",
    "allow_failure",
    "gate",
    "undo",
    "at most once",
    "secret parameter",
    "secret of the inventory",
    "secret step",
    "vars of a block",
    "vars of a step",
    "run_once",
    "delegate_to",
    "failing step",
];

/// The constructs of `undo:` steps: they restore a value, whatever else is going on.
const IN_UNDO: &[Construct] = &[
    "block",
    "loop on a block",
    "loop on a step",
    "when on a block",
    "when on a step",
    "vars of a step",
    "tags",
    "delegate_to",
];

/// Every pair of constructs, the first around the second, that has to occur.
pub fn possible_nestings() -> BTreeSet<(Construct, Construct)> {
    let mut pairs = BTreeSet::new();
    for outer in OUTER {
        let inner = if *outer == "undo" { IN_UNDO } else { INNER };
        pairs.extend(inner.iter().map(|inner| (*outer, *inner)));
    }
    pairs
}

/// The pairs of constructs of a playbook, the first around the second.
pub fn nestings(playbook: &Playbook) -> BTreeSet<(Construct, Construct)> {
    let mut found = BTreeSet::new();
    for phase in &playbook.phases {
        let around: BTreeSet<Construct> =
            PHASE.iter().filter(|(key, _)| phase.options.contains_key(*key)).map(|(_, construct)| *construct).collect();
        phase.steps.iter().for_each(|step| walk(step, &around, &mut found));
    }
    found.retain(|(outer, _)| OUTER.contains(outer));
    found
}

fn walk(step: &Step, around: &BTreeSet<Construct>, found: &mut BTreeSet<(Construct, Construct)>) {
    let own = of_step(step);
    found.extend(around.iter().flat_map(|outer| own.iter().map(|inner| (*outer, *inner))));
    for (name, section) in step.sections() {
        let mut around = around.clone();
        if name == "undo" {
            around.insert("undo");
        } else {
            around.extend(own.iter().filter(|construct| !["rescue", "always", "undo"].contains(*construct)));
            if matches!(name, "rescue" | "always") {
                around.insert(name);
            }
        }
        if matches!(step.inner, Inner::None) && name != "undo" {
            continue;
        }
        section.iter().for_each(|step| walk(step, &around, found));
    }
}
