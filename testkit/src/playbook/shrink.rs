//! Makes a playbook smaller: every playbook with one thing less.

use super::{Inner, Playbook, Step};

/// Everything that is one step, one option or one wrapping less, the larger cuts first.
pub fn smaller(playbook: &Playbook) -> Vec<Playbook> {
    let mut found = Vec::new();
    let mut with = |change: &dyn Fn(&mut Playbook)| {
        let mut less = playbook.clone();
        change(&mut less);
        if less != *playbook {
            found.push(less);
        }
    };
    for phase in 0..playbook.phases.len() {
        with(&|less| drop(less.phases.remove(phase)));
    }
    let phases: Vec<Vec<Step>> = playbook.phases.iter().map(|phase| phase.steps.clone()).collect();
    for (at, steps) in phases.iter().enumerate() {
        for less in lists(steps) {
            with(&|playbook| playbook.phases[at].steps.clone_from(&less));
        }
        for key in playbook.phases[at].options.keys().filter(|key| *key != "name") {
            with(&|less| drop(less.phases[at].options.shift_remove(key)));
        }
    }
    for key in playbook.params.keys() {
        with(&|less| {
            less.params.shift_remove(key);
            less.provided.shift_remove(key);
        });
    }
    for key in playbook.vars.keys() {
        with(&|less| drop(less.vars.shift_remove(key)));
    }
    with(&|less| less.only.clear());
    with(&|less| less.skip.clear());
    with(&|less| less.password = "hunter2hunter2".to_owned());
    found.retain(|less| !less.phases.is_empty() && less.phases.iter().all(|phase| !phase.steps.is_empty()));
    found
}

/// A list of steps with one thing less.
fn lists(steps: &[Step]) -> Vec<Vec<Step>> {
    let mut found = Vec::new();
    for at in 0..steps.len() {
        let mut less = steps.to_vec();
        less.remove(at);
        found.push(less);
    }
    for (at, step) in steps.iter().enumerate() {
        // The steps inside a step, in its place.
        for (_, section) in step.sections().into_iter().filter(|(name, section)| *name != "undo" && !section.is_empty())
        {
            let mut less = steps.to_vec();
            less.splice(at..=at, section.iter().cloned());
            found.push(less);
        }
        for step in of_step(step) {
            let mut less = steps.to_vec();
            less[at] = step;
            found.push(less);
        }
    }
    found
}

fn of_step(step: &Step) -> Vec<Step> {
    let mut found = Vec::new();
    let modules =
        ["name", "number", "keep", "once", "unseen", "peek", "command", "assert", "set_fact", "pause", "gate"];
    for key in step.options.keys().filter(|key| !modules.contains(&key.as_str())) {
        let mut less = step.clone();
        less.options.shift_remove(key);
        found.push(less);
    }
    if let Some(serde_json::Value::Array(items)) = step.options.get("loop")
        && items.len() > 1
    {
        let mut less = step.clone();
        less.options["loop"] = serde_json::json!(items[1..]);
        found.push(less);
    }
    if step.undo.is_some() {
        found.push(Step { undo: None, ..step.clone() });
    }
    if let Inner::Include(steps) = &step.inner {
        let block = Inner::Block { block: steps.clone(), rescue: Vec::new(), always: Vec::new() };
        found.push(Step { inner: block, ..step.clone() });
    }
    for at in 0..step.sections().len() {
        let (name, section) = (step.sections()[at].0, step.sections()[at].1.clone());
        for less in lists(&section) {
            let needed = matches!(name, "block" | "include");
            if needed && less.is_empty() {
                continue;
            }
            let mut smaller = step.clone();
            *smaller.sections_mut()[at] = less;
            found.push(smaller);
        }
    }
    found
}
