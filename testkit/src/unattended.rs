//! Replaces people and files for an execution in a test: a yes to every gate, a journal in memory, no secrets.

use std::sync::{Arc, Mutex};

use cutover_engine::event::Event;
use cutover_engine::execute::{Answer, Approver, Question, Unanswered};
use cutover_engine::inventory::{SecretSource, Secrets};
use cutover_engine::record::Journal;
use futures_util::future::BoxFuture;

/// Approves every gate.
pub struct Yes;

impl Approver for Yes {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unanswered>> {
        Box::pin(async { Ok(Answer { typed: question.confirm.clone(), by: "tester".to_owned() }) })
    }
}

/// A journal in memory.
#[derive(Clone, Default)]
pub struct Memory(pub Arc<Mutex<Vec<Event>>>);

impl Journal for Memory {
    fn append(&mut self, event: &Event, _: bool) -> std::io::Result<()> {
        self.0.lock().unwrap().push(event.clone());
        Ok(())
    }
}

/// Resolves no secret.
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn resolve(&self, _: &SecretSource) -> Result<String, String> {
        Err("this test has no secrets".to_owned())
    }
}
