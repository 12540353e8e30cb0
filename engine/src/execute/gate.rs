//! Gates: a person is asked, and the answer is recorded. Who asks, and how, is up to the caller.

use futures_util::future::BoxFuture;

use super::stop::stopped;
use super::{Executor, made_to_fail};
use crate::event::{EventKind, Outcome};
use crate::failure::Failure;
use crate::path::Path;
use crate::playbook::Gate;
use crate::text;
use crate::walk::{End, Names, StepVisit, gate_texts};

/// The phrase that approves a gate without a `confirm` of its own.
pub(crate) const YES: &str = "yes";
/// The word that refuses a gate, in any case.
pub(crate) const NO: &str = "no";

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

impl Question {
    /// Judges a text that was typed.
    pub fn judge(&self, typed: &str) -> Judgement {
        match typed.trim() {
            "" => Judgement::Unclear,
            typed if typed == self.confirm.trim() => Judgement::Approved,
            typed if typed.eq_ignore_ascii_case(NO) => Judgement::Refused,
            _ => Judgement::Unclear,
        }
    }
}

/// The meaning of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It is the gate's phrase.
    Approved,
    /// It is a no.
    Refused,
    /// It is neither, so the question is still open.
    Unclear,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The text that was typed. Only the gate's phrase approves.
    pub typed: String,
    /// Who answered.
    pub by: String,
}

/// Why a question was not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// Nobody can be asked: why.
    Nobody(String),
    /// Who was asked has stopped the run instead.
    Stopped,
}

/// Asks people.
pub trait Approver: Send + Sync {
    /// Asks a question, again until the answer is clear. If it is dropped while it waits, no later answer counts.
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unanswered>>;
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
        let begins = self.is_before_outage(visit);
        if begins && let Err(failure) = self.look_again(visit, names, false).await {
            return End::failed(failure);
        }
        if self.settings.past.is_approved(&visit.path) {
            if begins {
                self.outage_begins(&visit.path);
            }
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
            Ok(Err(Unanswered::Stopped)) => return End::failed(stopped()),
            Ok(Ok(answer)) => {
                let (asked, judgement) = (&question.question, question.judge(&answer.typed));
                let refusal = match judgement {
                    Judgement::Unclear => text!(
                        "engine.gate-unclear",
                        "not approved at the gate, because `{typed}` was answered: {question}",
                        typed = &answer.typed,
                        question = asked
                    ),
                    _ => text!("engine.gate-refused", "refused at the gate: {question}", question = asked),
                };
                (judgement == Judgement::Approved, answer.by, answer.typed, refusal)
            }
            Ok(Err(Unanswered::Nobody(why))) => {
                let refusal = text!("engine.gate-unanswered", "nobody can approve the gate: {why}", why);
                (false, "nobody".to_owned(), why, refusal)
            }
        };
        let answered = EventKind::GateAnswered { path: path.clone(), approved, by, reason };
        if let Err(failure) = self.recorder().durably(answered).await {
            return End::failed(failure);
        }
        if approved {
            if begins {
                if let Err(failure) = self.look_again(visit, names, true).await {
                    return End::failed(failure);
                }
                self.outage_begins(&path);
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_phrase_approves_and_only_a_no_refuses() {
        let asks = |confirm: &str| Question {
            path: Path::of("p/approve"),
            question: "Really?".to_owned(),
            confirm: confirm.to_owned(),
            phrase: confirm != YES,
        };
        for (confirm, typed, meant) in [
            ("yes", "yes", Judgement::Approved),
            ("yes", " yes ", Judgement::Approved),
            ("yes", "Yes", Judgement::Unclear),
            ("yes", "y", Judgement::Unclear),
            ("yes", "", Judgement::Unclear),
            ("common-etcd", "yes", Judgement::Unclear),
            ("common-etcd", "no", Judgement::Refused),
            ("common-etcd", "NO", Judgement::Refused),
            ("yes", "n", Judgement::Unclear),
            ("yes", "nope", Judgement::Unclear),
            // No playbook gets this far with it.
            ("", "", Judgement::Unclear),
        ] {
            assert_eq!(asks(confirm).judge(typed), meant, "`{typed}` for `{confirm}`");
        }
    }
}
