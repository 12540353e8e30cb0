//! Gates: a person is asked, and the answer is recorded. Who asks, and how, is up to the caller.

use futures_util::future::BoxFuture;

use super::{Executor, made_to_fail};
use crate::event::{EventKind, Outcome};
use crate::failure::Failure;
use crate::path::Path;
use crate::playbook::Gate;
use crate::text;
use crate::walk::{End, Names, StepVisit, gate_texts};

/// The phrase that approves a gate without a `confirm` of its own.
const YES: &str = "yes";

/// A gate's question and the phrase that approves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The gate's path.
    pub path: Path,
    /// The question.
    pub question: String,
    /// The phrase that has to be typed to go on.
    pub confirm: String,
    /// Whether the phrase is the playbook's own, as before something destructive.
    pub phrase: bool,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The text that was typed. Anything but the gate's phrase is a refusal.
    pub typed: String,
    /// Who answered.
    pub by: String,
}

/// Asks people.
pub trait Approver: Send + Sync {
    /// Asks a question. The error is the reason why nobody can be asked.
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, String>>;
}

impl Executor<'_> {
    pub(super) async fn gate(&self, visit: &StepVisit<'_>, gate: &Gate, names: &Names) -> End {
        let (question, confirm) = match gate_texts(self.run, visit.step, gate, &visit.environment, names) {
            Ok(Some(texts)) => texts,
            Ok(None) => return End::new(),
            Err(unrendered) => return End::failed(unrendered.into()),
        };
        if self.made_to_fail(visit.step, &visit.path) {
            return End::failed(made_to_fail());
        }
        if self.settings.past.is_approved(&visit.path) {
            return End::well(Outcome::InSync);
        }
        let phrase = confirm.is_some();
        let (path, confirm) = (visit.path.clone(), confirm.unwrap_or_else(|| YES.to_owned()));
        let (asked, confirmed) = (question.clone(), confirm.clone());
        self.recorder().emit(EventKind::GateOpened { path: path.clone(), question: asked, confirm: confirmed });
        let question =
            Question { path: path.clone(), question: self.recorder().shown_text(&question), confirm, phrase };
        let asked = self.ports.stop.reading(super::attempt::far_future(), self.ports.approver.ask(&question)).await;
        let (approved, by, reason, refusal) = match asked {
            Err(failure) => return End::failed(failure),
            Ok(Ok(answer)) => {
                let approved = answer.typed == question.confirm;
                let refusal =
                    text!("engine.gate-refused", "refused at the gate: {question}", question = &question.question);
                (approved, answer.by, answer.typed, refusal)
            }
            Ok(Err(why)) => {
                let refusal = text!("engine.gate-unanswered", "nobody can approve the gate: {why}", why);
                (false, "nobody".to_owned(), why, refusal)
            }
        };
        let answered = EventKind::GateAnswered { path: path.clone(), approved, by, reason };
        if let Err(failure) = self.recorder().durably(answered).await {
            return End::failed(failure);
        }
        if approved {
            return End::well(Outcome::InSync);
        }
        let help = text!(
            "engine.gate-help",
            "to approve it, type `{confirm}`, or use --approve '{path}={confirm}'",
            confirm = &question.confirm,
            path
        );
        End::failed(Failure::blocked(refusal).help(help))
    }
}
