//! Checks that the steps, tasks, tags and gates that options name exist, before anything begins.

use cutover_engine::event::{Event, EventKind};
use cutover_engine::execute::{Past, Tags};
use cutover_engine::path::Path;
use cutover_engine::playbook::{Playbook, Step, StepKind};
use cutover_engine::selector::Selector;
use cutover_engine::slug::slug;
use cutover_engine::source::{Fault, nearest};
use cutover_engine::task::TaskId;

/// Refuses to let a step fail that none of the playbooks has. A step may be named by its title as well.
///
/// # Errors
/// Names the step that was probably meant.
pub fn known_failure(wanted: &Selector, steps: &[&Step]) -> Result<(), Fault> {
    let title = slug(&wanted.to_string());
    match steps.iter().any(|step| slug(&step.name) == title) {
        true => Ok(()),
        false => known("--fail", "step", wanted, steps),
    }
}

/// Refuses to repeat a step that the playbook does not have, or a task of it that the run has not begun.
///
/// # Errors
/// Names the step or the target that was probably meant.
pub fn known_repeat<'a>(
    wanted: &Selector,
    playbook: &Playbook,
    tasks: impl Iterator<Item = &'a TaskId>,
) -> Result<(), Fault> {
    known("--repeat", "step", wanted, &playbook.steps())?;
    let of_step: Vec<&TaskId> = tasks.filter(|task| wanted.selects(&task.path)).collect();
    let Some(target) = wanted.target().filter(|_| !of_step.iter().any(|task| wanted.selects_task(task))) else {
        return Ok(());
    };
    let fault = Fault::bare(format!("--repeat: the step has not run on the target `{target}`"));
    let mut targets: Vec<String> = of_step.iter().map(|task| task.target.to_string()).collect();
    targets.sort();
    targets.dedup();
    let meant = nearest(target, targets.iter().map(String::as_str));
    Err(match (meant, targets.is_empty()) {
        (Some(meant), _) => fault.help(format!("did you mean `{meant}`?")),
        (None, true) => fault.help("it has not run on any target"),
        (None, false) => fault.help(format!("it has run on {}", targets.join(", "))),
    })
}

/// Refuses to repeat a task that the run has not begun. For `undo:` steps this is the only check, since no list has them.
///
/// # Errors
/// Names the paths that were begun.
pub fn begun(wanted: &Selector, events: &[Event]) -> Result<(), Fault> {
    let task = |event: &'_ Event| match &event.kind {
        EventKind::TaskStarted { task, .. } => Some(task.clone()),
        _ => None,
    };
    let tasks: Vec<TaskId> = events.iter().filter_map(task).collect();
    if tasks.iter().any(|task| wanted.selects_task(task)) {
        return Ok(());
    }
    let mut paths: Vec<String> = tasks.iter().map(|task| task.path.to_string()).collect();
    paths.dedup();
    let fault = Fault::bare(format!("--repeat: the run has begun nothing that is called `{wanted}`"));
    Err(match nearest(&names(wanted), paths.iter().map(String::as_str)) {
        Some(meant) => fault.help(format!("did you mean `{meant}`?")),
        None => fault.help(format!("it has begun\n    {}", paths.join("\n    "))),
    })
}

/// Refuses to take as done what is not in doubt: only of that a person can know more than the run.
///
/// # Errors
/// Names the tasks that are in doubt.
pub fn in_doubt(declared: &[Selector], past: &Past) -> Result<(), Fault> {
    let is_in_doubt = |wanted: &&Selector| past.in_doubt().any(|task| wanted.selects_task(task));
    let Some(wanted) = declared.iter().find(|wanted| !is_in_doubt(wanted)) else { return Ok(()) };
    let tasks: Vec<String> = past.in_doubt().map(TaskId::to_string).collect();
    let fault = Fault::bare(format!("--done: no change of `{wanted}` is in doubt"));
    Err(match tasks.as_slice() {
        [] => fault.help("the outcome of every change of the run is known"),
        tasks => fault.help(format!("it is not known whether these were done:\n    {}", tasks.join("\n    "))),
    })
}

/// Refuses tags that no step has: a mistyped one would leave out everything, or nothing.
///
/// # Errors
/// Names the tag that was probably meant.
pub fn known_tags(tags: &Tags, playbook: &Playbook) -> Result<(), Fault> {
    let mut known: Vec<&str> = playbook.steps().iter().flat_map(|step| &step.tags).map(String::as_str).collect();
    known.sort_unstable();
    known.dedup();
    for (option, named) in [("--tags", &tags.only), ("--skip-tags", &tags.skip)] {
        let Some(tag) = named.iter().find(|tag| !known.contains(&tag.as_str())) else { continue };
        let fault = Fault::bare(format!("{option}: no step has the tag `{tag}`"));
        return Err(match (nearest(tag, known.iter().copied()), known.as_slice()) {
            (Some(meant), _) => fault.help(format!("did you mean `{meant}`?")),
            (None, []) => fault.help("the playbook has no tags"),
            (None, known) => fault.help(format!("its tags are {}", known.join(", "))),
        });
    }
    Ok(())
}

/// Refuses the approval of a gate that the playbook does not have.
///
/// # Errors
/// Names the gate that was probably meant.
pub fn known_gates<'a>(mut approved: impl Iterator<Item = &'a Selector>, playbook: &Playbook) -> Result<(), Fault> {
    let steps = playbook.steps();
    let gates: Vec<&Step> = steps.into_iter().filter(|step| matches!(step.kind, StepKind::Gate(_))).collect();
    approved.try_for_each(|gate| known("--approve", "gate", gate, &gates))
}

/// Refuses the approval of a gate that is neither the question whether to undo nor in the `undo:` steps of the playbook.
///
/// # Errors
/// With the gate that was perhaps meant.
pub fn known_gates_of_undo<'a>(
    mut approved: impl Iterator<Item = &'a Selector>,
    undo: &Path,
    playbook: &Playbook,
) -> Result<(), Fault> {
    let undoing = playbook.steps().into_iter().flat_map(|step| step.undo.iter().flatten());
    let steps: Vec<&Step> = undoing.flat_map(|step| std::iter::once(step).chain(step.inner())).collect();
    let gates: Vec<&Step> = steps.into_iter().filter(|step| matches!(step.kind, StepKind::Gate(_))).collect();
    approved.try_for_each(|gate| {
        if gate.selects(undo) {
            return Ok(());
        }
        known("--approve", "gate", gate, &gates).map_err(|fault| match gates.as_slice() {
            [] => Fault::bare(fault.message).help(format!("an undo asks one question, which is called `{undo}`")),
            _ => fault,
        })
    })
}

fn known(option: &str, what: &str, wanted: &Selector, steps: &[&Step]) -> Result<(), Fault> {
    if steps.iter().any(|step| wanted.selects(&Path::of(&step.id))) {
        return Ok(());
    }
    let ids: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
    // A selector is compared with an equally long end of each path.
    let names = names(wanted);
    let end = |id: &str| id.rmatch_indices('/').nth(names.matches('/').count()).map_or(0, |(at, _)| at + 1);
    let fault = Fault::bare(format!("{option}: no {what} is called `{wanted}`"));
    // The same name at another place is more likely to be meant than a similar spelling.
    let last = |text: &str| text.rsplit('/').next().map(str::to_owned);
    let elsewhere = ids.iter().copied().find(|id| last(id) == last(&names));
    let meant = elsewhere.or_else(|| nearest(&names, ids.iter().map(|id| &id[end(id)..])));
    Err(match (meant, ids.as_slice()) {
        (Some(meant), _) => fault.help(format!("did you mean `{meant}`?")),
        (None, []) => fault.help(format!("the playbook has no {what}")),
        (None, ids) => fault.help(format!("its {what}s are\n    {}", ids.join("\n    "))),
    })
}

/// A selector's names, without passes and target.
fn names(wanted: &Selector) -> String {
    let text = wanted.to_string();
    let path = text.split_once('@').map_or(text.as_str(), |(path, _)| path);
    path.split('/').map(|name| name.split_once('[').map_or(name, |(name, _)| name)).collect::<Vec<_>>().join("/")
}
