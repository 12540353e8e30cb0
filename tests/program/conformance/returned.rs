//! The results of modules: they must conform to their result schemas, because `check` judges playbooks by these.

use std::collections::BTreeMap;

use cutover_engine::event::{Event, EventKind, StepKind};
use cutover_engine::module::result_schemas;
use cutover_engine::path::Path;
use cutover_engine::playbook::{self, Playbook, Step};
use cutover_modules::REGISTRY;
use serde_json::{Value, json};

/// The results of each module.
pub(crate) type Returned = BTreeMap<String, Vec<Value>>;

/// Lets every step register its result.
pub(crate) fn register_everything(playbook: &mut Playbook) {
    let mut number = 0;
    playbook.phases.iter_mut().for_each(|phase| phase.steps.iter_mut().for_each(|step| register(step, &mut number)));
}

fn register(step: &mut Step, number: &mut usize) {
    match &mut step.kind {
        playbook::StepKind::Module { .. } => {
            *number += 1;
            step.register.get_or_insert_with(|| format!("returned_{number}"));
        }
        playbook::StepKind::Block { block, rescue, always } => {
            [block, rescue, always].into_iter().flatten().for_each(|step| register(step, number));
        }
        playbook::StepKind::Gate(_) => {}
    }
}

/// Adds what the tasks of these events returned.
pub(crate) fn add(returned: &mut Returned, events: &[Event]) {
    let mut modules: BTreeMap<&Path, &str> = BTreeMap::new();
    for event in events {
        match &event.kind {
            EventKind::StepStarted { path, step: StepKind::Module(module), .. } => drop(modules.insert(path, module)),
            EventKind::TaskFinished { task, result: Some(result), .. } => {
                let module = modules[&task.path.step()];
                returned.entry(module.to_owned()).or_default().push(result.clone());
            }
            _ => {}
        }
    }
}

/// The results that do not conform to a module's schema, and the modules that returned nothing.
pub(crate) fn wrong(returned: &Returned) -> Vec<String> {
    let mut wrong = Vec::new();
    for module in REGISTRY.0 {
        let name = module.name();
        let Some(results) = returned.get(name) else {
            wrong.push(format!("`{name}` has returned nothing"));
            continue;
        };
        let mut generator = result_schemas();
        let mut schema = module.result_schema(&mut generator).to_value();
        schema["definitions"] = json!(generator.take_definitions(true));
        let judge = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("`{name}`: {error}"));
        for result in results {
            let faults = judge.iter_errors(result);
            wrong.extend(faults.map(|fault| format!("`{name}`: {} {fault}", fault.instance_path())));
        }
    }
    wrong.dedup();
    wrong
}
