//! The approver of gates in a rehearsal.

use cutover_engine::execute::{Answer, Approver, Question, Unanswered};
use futures_util::future::BoxFuture;

/// Approves everything, as a rehearsal does.
pub(crate) struct Granted;

impl Approver for Granted {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unanswered>> {
        let typed = question.confirm.clone();
        Box::pin(async move { Ok(Answer { typed, by: "rehearsal".to_owned() }) })
    }
}
