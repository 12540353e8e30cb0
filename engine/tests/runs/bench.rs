//! Runs a playbook text in the small world and keeps its events.

use std::path::Path;
use std::sync::{Arc, Mutex};

use cutover_engine::event::{Event, EventKind, Verb};
use cutover_engine::execute::{Answer, Approver, Ending, Past, Ports, Question, Settings, Stop, Tags, execute, undo};
use cutover_engine::inventory::{self, Inventory, SecretSource, Secrets};
use cutover_engine::playbook;
use cutover_engine::record::{Journal, Reader, Recorder};
use cutover_engine::redact::{Redactor, filled};
use cutover_engine::run::Run;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use crate::world::{REGISTRY, Small};

const INVENTORY: &str = "
sites:
  here: {nodes: {a: {address: 10.0.0.1}, b: {address: 10.0.0.2}, c: {address: 10.0.0.3}}}
  there: {nodes: {a: {address: 10.1.0.1}}}
roles: {active: here, passive: there}
pairs:
  - {resource: r0, port: 7790, device: /dev/drbd0, disk: /dev/sdc, members: {here: {node: b, node_id: 1}, there: {node: a, node_id: 2}}}
secrets: {password: {env: PASSWORD}}
";

struct Vault;

impl Secrets for Vault {
    fn resolve(&self, _: &SecretSource) -> Result<String, String> {
        Ok("hunter2hunter2".to_owned())
    }
}

/// Answers gates with a text.
pub(crate) struct Says(pub(crate) &'static str);

impl Approver for Says {
    fn ask<'a>(&'a self, _: &'a Question) -> BoxFuture<'a, Result<Answer, String>> {
        Box::pin(async { Ok(Answer { typed: self.0.to_owned(), by: "tester".to_owned() }) })
    }
}

/// A journal in memory that may break.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    pub(crate) full_after: Option<usize>,
}

impl Journal for Memory {
    fn append(&mut self, event: &Event, _: bool) -> std::io::Result<()> {
        let mut events = self.events.lock().unwrap();
        if self.full_after.is_some_and(|most| events.len() >= most) {
            return Err(std::io::Error::other("no space left on device"));
        }
        events.push(event.clone());
        Ok(())
    }
}

/// Stops a run when an event's text contains a fragment.
pub(crate) struct StopAt(pub(crate) &'static str, pub(crate) Stop);

impl Reader for StopAt {
    fn event(&mut self, event: &Event) {
        if serde_json::to_string(event).unwrap().contains(self.0) {
            self.1.soft.cancel();
        }
    }
}

/// A bench for one playbook.
pub(crate) struct Bench {
    pub(crate) world: Small,
    pub(crate) journal: Memory,
    pub(crate) run: Run,
    pub(crate) says: &'static str,
    pub(crate) stop_at: Option<&'static str>,
    pub(crate) fail: Option<String>,
    pub(crate) past: Past,
    pub(crate) repeat: Vec<String>,
    pub(crate) record_reads: bool,
}

pub(crate) fn inventory() -> Arc<Inventory> {
    let read = |_: &Path| Ok(INVENTORY.to_owned());
    Arc::new(inventory::load(Path::new("inventory.yml"), &read, &Vault).unwrap())
}

impl Bench {
    /// A playbook of one phase with these steps (YAML, indented by four).
    pub(crate) fn steps(steps: &str) -> Self {
        Self::new(&format!("name: Test\nphases:\n- name: Only\n  steps:\n{steps}"))
    }

    pub(crate) fn new(text: &str) -> Self {
        Self::with(text, Map::new())
    }

    pub(crate) fn with(text: &str, given: Map<String, Value>) -> Self {
        let read = |_: &Path| Ok(text.to_owned());
        let playbook = match playbook::load(Path::new("test.yml"), &REGISTRY, &read) {
            Ok(playbook) => Arc::new(playbook),
            Err(faults) => panic!("{faults}"),
        };
        let started = jiff::Timestamp::UNIX_EPOCH;
        let run = Run::bind("r1", playbook, inventory(), &REGISTRY, &given, started);
        let run = run.unwrap_or_else(|faults| panic!("{faults}"));
        let past = Past::default();
        Self {
            world: Small::default(),
            journal: Memory::default(),
            run,
            says: "yes",
            stop_at: None,
            fail: None,
            past,
            repeat: Vec::new(),
            record_reads: false,
        }
    }

    fn ports(&self) -> (Ports, Settings) {
        let stop = Stop::default();
        let world = Arc::new(self.world.clone());
        let readers: Vec<Box<dyn Reader>> = match self.stop_at {
            Some(text) => vec![Box::new(StopAt(text, stop.clone()))],
            None => Vec::new(),
        };
        let redactor = Redactor::new(&self.run.secrets);
        let recorder = Recorder::new("r1", world.clone(), redactor, Box::new(self.journal.clone()), readers);
        let ports = Ports { registry: REGISTRY, world, approver: Arc::new(Says(self.says)), recorder, stop };
        let settings = Settings {
            verb: Verb::Run,
            version: "0".into(),
            operator: None,
            seed: 1,
            tags: Tags::default(),
            fail: self.fail.iter().map(|text| text.parse().unwrap()).collect(),
            past: self.past.clone(),
            repeat: self.repeat.iter().map(|text| text.parse().unwrap()).collect(),
            record_reads: self.record_reads,
        };
        (ports, settings)
    }

    pub(crate) async fn go(&self) -> Ending {
        let (ports, settings) = self.ports();
        execute(&self.run, &ports, &settings).await
    }

    /// Undoes, with the secrets given again.
    pub(crate) async fn undo(&self) -> Ending {
        self.undo_of(&filled(&self.events(), &self.run.secrets).0).await
    }

    /// Undoes what stands in the journal, with the secrets hidden.
    pub(crate) async fn undo_as_recorded(&self) -> Ending {
        self.undo_of(&self.events()).await
    }

    async fn undo_of(&self, events: &[Event]) -> Ending {
        let (ports, mut settings) = self.ports();
        settings.verb = Verb::Undo;
        settings.past = Past::of(events);
        undo(&self.run, &ports, &settings, events).await
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.journal.events.lock().unwrap().clone()
    }

    pub(crate) fn sets(&self) -> Vec<String> {
        self.world.0.lock().unwrap().sets.clone()
    }

    /// The outcome of every finished step.
    pub(crate) fn outcomes(&self) -> Vec<(String, String)> {
        let of = |event: &Event| match &event.kind {
            EventKind::StepFinished { path, outcome, .. } => {
                let path = path.to_string();
                let name = path.rsplit('/').next().unwrap_or_default().to_owned();
                Some((name, serde_json::to_value(outcome).unwrap().as_str().unwrap().to_owned()))
            }
            _ => None,
        };
        self.events().iter().filter_map(of).collect()
    }

    /// The value that a step registered.
    pub(crate) fn registered(&self, wanted: &str) -> Value {
        let of = |event: &Event| match &event.kind {
            EventKind::Registered { name, value, .. } if name == wanted => Some(value.clone()),
            _ => None,
        };
        self.events().iter().rev().find_map(of).unwrap_or_default()
    }
}
