//! Checks that the outage of a playbook begins and ends once, in this order, and that what is looked at before it is before it.

use crate::playbook::{BeforeOutage, Outage, Playbook, Step, StepKind};
use crate::source::Fault;

/// Every fault around the outage.
pub(super) fn faults(playbook: &Playbook) -> Vec<Fault> {
    let mut seen = Seen::default();
    playbook.phases.iter().flat_map(|phase| &phase.steps).for_each(|step| seen.step(step, Around::default()));
    let Seen { began, ended, marked, mut faults } = seen;
    if let (None, Some(end)) = (began, ended) {
        faults.push(Fault::at(&end.at, "the outage ends here, and no step before says `outage: begins`"));
    }
    if began.is_none() {
        let needs =
            |step: &&Step| Fault::at(&step.at, NOTHING_AFTER).help("put `outage: begins` on the gate that opens it");
        faults.extend(marked.iter().map(needs));
    }
    faults
}

const NOTHING_AFTER: &str = "`before_outage` needs a step after it that says `outage: begins`";

/// What is around a step.
#[derive(Clone, Copy, Default)]
struct Around {
    is_looped: bool,
    undoes: bool,
}

#[derive(Default)]
struct Seen<'a> {
    began: Option<&'a Step>,
    ended: Option<&'a Step>,
    /// Steps with `before_outage`, as long as no outage has begun.
    marked: Vec<&'a Step>,
    faults: Vec<Fault>,
}

impl<'a> Seen<'a> {
    fn step(&mut self, step: &'a Step, around: Around) {
        let around = Around { is_looped: around.is_looped || step.loop_over.is_some(), ..around };
        if let Some(outage) = step.outage {
            self.outage(step, outage, around);
        }
        if let Some(mark) = step.before_outage {
            self.before(step, mark, around);
        }
        if let StepKind::Block { block, rescue, always } = &step.kind {
            [block, rescue, always].into_iter().flatten().for_each(|inner| self.step(inner, around));
        }
        step.undo.iter().flatten().for_each(|inner| self.step(inner, Around { undoes: true, ..around }));
    }

    fn fault(&mut self, step: &Step, words: &str, help: &str) {
        self.faults.push(Fault::at(&step.at, words).help(help));
    }

    fn outage(&mut self, step: &'a Step, outage: Outage, around: Around) {
        if around.undoes {
            let help = "leave it out: an undo ends the outage once nothing stands that was changed in it";
            return self.fault(step, "`outage` has no meaning in the steps of an `undo`", help);
        }
        if around.is_looped {
            let help = "put it on a step before or after the loop";
            return self.fault(step, "`outage` has no meaning in a loop, which would pass it again and again", help);
        }
        let before = match outage {
            Outage::Begins => self.began.replace(step),
            Outage::Ends => self.ended.replace(step),
        };
        if let Some(before) = before {
            let words = match outage {
                Outage::Begins => "the outage begins a second time here",
                Outage::Ends => "the outage ends a second time here",
            };
            self.fault(step, words, &format!("a playbook has one outage; see {}", before.at));
        }
        if outage == Outage::Begins
            && let Some(end) = self.ended
        {
            let help = format!("it ends before it begins; see {}", end.at);
            self.fault(step, "the outage begins here, after its end", &help);
        }
    }

    fn before(&mut self, step: &'a Step, mark: BeforeOutage, around: Around) {
        if around.undoes || self.began.is_some() {
            return self.faults.push(Fault::at(&step.at, NOTHING_AFTER).help("leave it out here"));
        }
        if step.allow_failure {
            let help = "leave one of them out";
            self.fault(step, "with `allow_failure` the outage would begin whatever `before_outage` finds", help);
        }
        if mark == BeforeOutage::Same && matches!(step.kind, StepKind::Module { .. }) {
            if step.register.is_none() {
                let help = "add `register`, or write `before_outage: true`";
                self.fault(
                    step,
                    "`before_outage: same` compares the registered result, and this step registers none",
                    help,
                );
            }
            if step.secret {
                let help = "write `before_outage: true`";
                self.fault(step, "`before_outage: same` compares the result, and a secret one is not recorded", help);
            }
        }
        self.marked.push(step);
    }
}
