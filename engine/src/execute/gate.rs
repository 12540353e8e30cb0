//! Gates: a person is asked, and what was answered is recorded. Who asks, and how, is the caller's.

use futures_util::future::BoxFuture;

use super::{End, Executor, made_to_fail};
use crate::event::{EventKind, Outcome};
use crate::failure::Failure;
use crate::playbook::{Gate, Step};
use crate::run::{Environment, Names, gate_texts};

/// What is typed to approve a gate that asks for no phrase of its own.
const YES: &str = "yes";

/// What a gate asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The step's id.
    pub step: String,
    /// The question.
    pub question: String,
    /// What has to be typed to go on.
    pub confirm: String,
    /// Whether the playbook asks for a phrase of its own, as it does before something destructive.
    pub phrase: bool,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What was typed. Anything but the phrase asked for is a refusal.
    pub typed: String,
    /// Who answered.
    pub by: String,
}

/// Asks people.
pub trait Approver: Send + Sync {
    /// Asks a question. An error says why nobody can be asked.
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, String>>;
}

impl Executor<'_> {
    pub(super) async fn gate(&self, step: &Step, gate: &Gate, environment: &Environment<'_>, names: &Names) -> End {
        let (question, confirm) = match gate_texts(self.run, step, gate, environment, names) {
            Ok(Some(texts)) => texts,
            Ok(None) => return End::new(),
            Err(unrendered) => return End::failed(unrendered.into()),
        };
        if self.made_to_fail(step) {
            return self.refuse(&step.id, made_to_fail());
        }
        let phrase = confirm.is_some();
        let question =
            Question { step: step.id.clone(), question, confirm: confirm.unwrap_or_else(|| YES.to_owned()), phrase };
        self.recorder().emit(EventKind::GateOpened {
            step: step.id.clone(),
            question: question.question.clone(),
            confirm: question.confirm.clone(),
        });
        let asked = self.ports.stop.reading(super::attempt::far_future(), self.ports.approver.ask(&question)).await;
        let (approved, by, reason, refusal) = match asked {
            Err(failure) => return End::failed(failure),
            Ok(Ok(answer)) => {
                let approved = answer.typed == question.confirm;
                let refusal = format!("refused at the gate: {}", question.question);
                (approved, answer.by, answer.typed, refusal)
            }
            Ok(Err(why)) => (false, "nobody".to_owned(), why.clone(), format!("nobody can approve the gate: {why}")),
        };
        let step = step.id.clone();
        let answered = EventKind::GateAnswered { step: step.clone(), approved, by, reason };
        if let Err(failure) = self.recorder().durably(answered) {
            return End::failed(failure);
        }
        if approved {
            return End { outcome: Outcome::InSync, failure: None };
        }
        let help =
            format!("to approve it, type `{}`, or give --approve '{step}={}'", question.confirm, question.confirm);
        self.recorder().emit(EventKind::Notice { message: help.clone() });
        End::failed(Failure::blocked(refusal).help(help))
    }
}
