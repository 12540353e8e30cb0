//! The failures that `--fail` asks for in a rehearsal: refused if no playbook has the step, and reported if they did not happen.

use cutover_engine::path::Path;
use cutover_engine::selector::Selector;
use cutover_engine::slug::slug;
use cutover_engine::source::Fault;
use cutover_files::known_failure;
use cutover_sandbox::{At, Sandbox, Strike};

use crate::{Failing, MadeToFail, Rehearsal};

/// The failures of a rehearsal.
#[derive(Debug)]
pub struct Failures {
    /// Steps that fail, whatever they would do.
    pub steps: Vec<Selector>,
    /// Calls that are struck.
    pub strikes: Vec<Strike>,
}

impl Failures {
    /// Checks the arguments.
    ///
    /// # Errors
    /// Names the step that was probably meant.
    pub fn of(arguments: &[Failing], rehearsal: &Rehearsal) -> Result<Self, Fault> {
        let steps: Vec<_> = rehearsal.jobs.iter().flat_map(|job| job.playbook.steps()).collect();
        let mut failures = Self { steps: Vec::new(), strikes: Vec::new() };
        for failing in arguments {
            if let Some(step) = failing.step() {
                known_failure(step, &steps)?;
            }
            match failing {
                Failing::Step(step) => failures.steps.push(step.clone()),
                Failing::Call(call, kind) => {
                    // The name of a call begins with its step's path, but a person may have typed the step's title.
                    let titled = |wanted: &Selector| {
                        let known = steps.iter().any(|step| wanted.selects(&Path::of(&step.id)));
                        let title = slug(&wanted.to_string());
                        steps.iter().find(|step| !known && slug(&step.name) == title)?.id.parse().ok()
                    };
                    let call = call.task().and_then(titled).map_or_else(|| call.clone(), |step| call.of(step));
                    failures.strikes.push(Strike::new(At::Name(call), kind.clone()));
                }
            }
        }
        Ok(failures)
    }

    /// The failures that did not happen.
    pub fn unmet(&self, world: &Sandbox, made_to_fail: &MadeToFail) -> Option<Fault> {
        if let Some(step) = self.steps.first().filter(|_| !made_to_fail.get()) {
            let fault = Fault::bare(format!("`{step}` was left out, so nothing failed"));
            return Some(fault.help("pass the parameters or tags with which it runs"));
        }
        let planned = world.planned();
        let strike = planned.first()?;
        let missed = match &strike.at {
            At::Name(call) if self.strikes.contains(strike) => format!("`{call}={}`", strike.kind),
            At::Ordinal(ordinal) => format!("the strike at call {ordinal}"),
            At::Name(call) => format!("the strike at `{call}`"),
            At::Text(fragments) => format!("the strike at `{}`", fragments.join("` and `")),
        };
        let fault = Fault::bare(format!("{missed} has hit nothing"));
        Some(fault.help(
            "by default the changes of a step are struck, and `STEP:look` strikes its queries; or pass the parameters or tags \
             with which it runs",
        ))
    }
}
