//! An execution of a playbook in a world, with everything it records in memory.

use std::sync::{Arc, Mutex};

use cutover_engine::clock::Clock as _;
use cutover_engine::event::{Event, Verb};
use cutover_engine::execute::{Approver, Past, Ports, Settings, Stop, Tags, execute, undo};
use cutover_engine::record::{Journal, Reader, Recorder};
use cutover_engine::redact::Redactor;
use cutover_engine::run::Run;
use cutover_engine::selector::Selector;
use cutover_engine::world::World;
use cutover_modules::REGISTRY;
use cutover_sandbox::{Mortal, Sandbox, Snapshot};

use crate::support::play::Play;
use crate::support::ran::Ran;
use crate::support::stage::Stage;
use cutover_testkit::unattended::{Memory, Yes};

/// An execution of a playbook.
pub(crate) struct Execution<'a> {
    stage: &'a Stage,
    play: &'a Play,
    id: &'a str,
    past: Vec<Event>,
    fail: Option<Selector>,
    readers: Vec<Box<dyn Reader>>,
    repeat: Vec<Selector>,
    approver: Arc<dyn Approver>,
    world: Option<Arc<dyn World>>,
}

impl<'a> Execution<'a> {
    /// An ordinary one.
    pub(crate) fn new(stage: &'a Stage, play: &'a Play) -> Self {
        let (past, readers, repeat) = (Vec::new(), Vec::new(), Vec::new());
        Self { stage, play, id: "r1", past, fail: None, readers, repeat, approver: Arc::new(Yes), world: None }
    }

    /// Goes on after these events.
    pub(crate) fn after(mut self, past: &[Event]) -> Self {
        self.past = past.to_vec();
        self
    }

    /// Under another id.
    pub(crate) fn named(mut self, id: &'a str) -> Self {
        self.id = id;
        self
    }

    /// Makes a step fail.
    pub(crate) fn fail(mut self, step: &str) -> Self {
        self.fail = Some(step.parse().expect("a step"));
        self
    }

    /// Lets a step make again what was begun before.
    pub(crate) fn repeat(mut self, step: &str) -> Self {
        self.repeat.push(step.parse().expect("a step"));
        self
    }

    /// Somebody else answers at gates.
    pub(crate) fn answered_by(mut self, approver: impl Approver + 'static) -> Self {
        self.approver = Arc::new(approver);
        self
    }

    /// Through another door of the stage's world.
    pub(crate) fn through(mut self, world: impl World + 'static) -> Self {
        self.world = Some(Arc::new(world));
        self
    }

    /// Shows every event to somebody.
    pub(crate) fn watched(mut self, reader: impl Reader + 'static) -> Self {
        self.readers.push(Box::new(reader));
        self
    }

    fn begin(self, verb: Verb) -> (Run, Ports, Settings, Memory, Vec<Event>) {
        let world: Arc<Sandbox> = Arc::new(self.stage.world.clone());
        let started = self.past.first().map_or_else(|| world.now(), |event| event.at);
        let run = self.play.bind(self.id, started);
        let journal = Memory::default();
        let redactor = Redactor::new(run.secrets.clone());
        let mortal: Box<dyn Journal> =
            Box::new(Mortal::new(&self.stage.world, Box::new(journal.clone()) as Box<dyn Journal>));
        let recorder = Recorder::new(self.id, world.clone(), redactor, mortal, self.readers)
            .after(self.past.last().map_or(0, |event| event.seq));
        let world = self.world.unwrap_or(world);
        let ports = Ports { registry: REGISTRY, world, approver: self.approver, recorder, stop: Stop::default() };
        let settings = Settings {
            verb,
            version: "0".to_owned(),
            operator: None,
            seed: 1,
            tags: Tags::default(),
            fail: self.fail.into_iter().collect(),
            past: Past::of(&self.past),
            repeat: self.repeat,
            declared_done: Vec::new(),
            record_reads: false,
            window_from: None,
            accepted_gaps: Vec::new(),
        };
        (run, ports, settings, journal, self.past)
    }

    /// Executes to the end.
    pub(crate) async fn go(self) -> Ran {
        self.go_until_killed().await.unwrap_or_else(|_| panic!("the controller was killed"))
    }

    /// Executes until the controller is killed, if it is: then what was recorded is all that is left.
    pub(crate) async fn go_until_killed(self) -> Result<Ran, Vec<Event>> {
        let (verb, world) = (if self.past.is_empty() { Verb::Run } else { Verb::Resume }, self.stage.world.clone());
        let (run, ports, settings, journal, mut events) = self.begin(verb);
        let ending = world.until_killed(execute(&run, &ports, &settings)).await;
        let before = events.len();
        events.append(&mut journal.0.lock().unwrap());
        match ending {
            Some(ending) => Ok(Ran { ending, events, before }),
            None => Err(events),
        }
    }

    /// Undoes what the events before it have done.
    pub(crate) async fn undo(self) -> Ran {
        let (run, ports, settings, journal, mut events) = self.begin(Verb::Undo);
        let ending = undo(&run, &ports, &settings, &events).await;
        let before = events.len();
        events.append(&mut journal.0.lock().unwrap());
        Ran { ending, events, before }
    }

    /// Executes to the end, and takes snapshots of the world and the events just before some events are recorded.
    pub(crate) async fn moments(self, pick: impl FnMut(&Event) -> bool + Send + 'static) -> Vec<Moment> {
        let moments = Arc::new(Mutex::new(Vec::new()));
        let camera = Camera {
            world: self.stage.world.clone(),
            pick: Box::new(pick),
            seen: Vec::new(),
            moments: moments.clone(),
        };
        self.watched(camera).go().await.well();
        std::mem::take(&mut *moments.lock().unwrap())
    }
}

/// A world in the middle of an execution.
pub(crate) struct Moment {
    /// The world.
    pub(crate) snapshot: Snapshot,
    /// What was recorded until then.
    pub(crate) events: Vec<Event>,
    /// The event that came next.
    pub(crate) next: Event,
}

/// Takes snapshots at moments.
struct Camera {
    world: Sandbox,
    pick: Box<dyn FnMut(&Event) -> bool + Send>,
    seen: Vec<Event>,
    moments: Arc<Mutex<Vec<Moment>>>,
}

impl Reader for Camera {
    fn event(&mut self, event: &Event) {
        if (self.pick)(event) {
            let (snapshot, events) = (self.world.snapshot(), self.seen.clone());
            self.moments.lock().unwrap().push(Moment { snapshot, events, next: event.clone() });
        }
        self.seen.push(event.clone());
    }
}
