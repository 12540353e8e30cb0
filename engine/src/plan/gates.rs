//! What the gates of a playbook are going to ask, as far as it is known before anything runs. Looks at nothing in the world.

use serde_json::json;

use super::planner::{leave, left_out, phase_begins};
use crate::execute::{Question, Tags, YES};
use crate::path::Path;
use crate::playbook::StepKind;
use crate::run::Run;
use crate::walk::{Cursor, Decision, End, Mode, Visit, gate_texts};

/// A gate, as far as it is known before a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownGate {
    /// Its path, with the passes of the loops around it as far as these are known.
    pub path: Path,
    /// What it asks; `None` if that depends on a result, or if the gate is left out.
    pub question: Option<Question>,
}

/// The gates of a run, in their order.
pub fn gates(run: &Run, tags: &Tags) -> Vec<KnownGate> {
    let mut cursor = Cursor::new(&run.playbook, Mode::Plan(run), tags);
    let mut gates = Vec::new();
    while let Some(visit) = cursor.next() {
        match visit {
            Visit::PhaseBegins { phase, environment, .. } => {
                phase_begins(run, phase, &environment, &mut cursor);
            }
            Visit::Step(visit) => match &visit.step.kind {
                StepKind::Block { .. } => cursor.enter(),
                StepKind::Module { .. } => {
                    match &visit.decision {
                        Decision::Skip(_) if !visit.leaves_result => {}
                        Decision::Skip(_) => leave(&visit, Ok(json!({"skipped": true})), &mut cursor),
                        _ => leave(&visit, Err(()), &mut cursor),
                    }
                    cursor.ended(End::new());
                }
                StepKind::Gate(gate) => {
                    let texts = match visit.decision {
                        Decision::Run => gate_texts(run, visit.step, gate, &visit.environment, &cursor.names),
                        _ => Ok(None),
                    };
                    // What cannot be evaluated is the run's to tell.
                    let question = texts.ok().flatten().map(|(question, confirm)| Question {
                        path: visit.path.clone(),
                        question,
                        phrase: confirm.is_some(),
                        confirm: confirm.unwrap_or_else(|| YES.to_owned()),
                    });
                    gates.push(KnownGate { path: visit.path.clone(), question });
                    cursor.ended(End::new());
                }
            },
            Visit::BlockEnds { visit, passed_over: true, .. } if visit.leaves_result => {
                left_out(visit.step, &mut cursor)
            }
            Visit::BlockEnds { .. }
            | Visit::PhaseEnds { .. }
            | Visit::SectionBegins { .. }
            | Visit::SectionEnds { .. } => {}
        }
    }
    gates
}
