//! A bench for one playbook: its world, its journal, and the operations on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cutover_engine::check;
use cutover_engine::event::{Event, Verb};
use cutover_engine::execute::{
    Answer, Approver, Ending, Past, Ports, Question, Settings, Stop, Tags, Unanswered, execute, undo,
};
use cutover_engine::failure::Failure;
use cutover_engine::plan::{Plan, Verdict, plan};
use cutover_engine::record::Recorder;
use cutover_engine::redact::{Redactor, filled};
use cutover_engine::run::Run;
use cutover_engine::selector::Selector;
use futures_util::future::BoxFuture;

use super::case::Case;
use super::fold::{self, Folded, Standing};
use super::modules::registry;
use super::tape::{Tape, Writer};
use super::world::Small;
use crate::Trip;
use crate::model::{Effect, Model};
use crate::trip::Controller;

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// The exit code; `None` if the controller was killed.
    pub exit_code: Option<u8>,
    /// What went wrong first.
    pub failure: Option<Failure>,
    /// Whether it was asked to stop.
    pub stopped: bool,
}

impl End {
    /// The exit code of a controller that was not killed.
    ///
    /// # Panics
    /// It was killed.
    pub fn code(&self) -> u8 {
        self.exit_code.expect("the controller was not killed")
    }

    /// The failure.
    ///
    /// # Panics
    /// Nothing failed.
    pub fn failed(self) -> Failure {
        self.failure.expect("a failure")
    }
}

/// A plan's prediction for a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It will be skipped.
    Skip,
    /// It will not be skipped.
    Take,
    /// The plan does not know.
    Unknown,
}

/// Answers each gate with its phrase, or always with the same text.
struct Person(Option<String>);

impl Approver for Person {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unanswered>> {
        let typed = self.0.clone().unwrap_or_else(|| question.confirm.clone());
        Box::pin(async move { Ok(Answer { typed, by: "tester".to_owned() }) })
    }
}

/// A bench for one playbook. A new one has an empty world and an empty journal.
pub struct Bench {
    run: Run,
    /// Knows the secrets of `run`.
    redactor: Redactor,
    tags: Tags,
    model: Arc<Mutex<Model>>,
    tape: Arc<Mutex<Tape>>,
    /// The answer at gates; their phrases by default.
    pub answer: Option<String>,
    /// A step that is made to fail.
    pub fail: Option<String>,
    /// Paths whose at-most-once change in doubt may be made, because somebody has looked.
    pub repeat: Vec<String>,
    /// Paths whose change in doubt was made, because somebody has looked.
    pub done: Vec<String>,
    /// Whether readings are recorded.
    pub record_reads: bool,
    /// Whether a resume or undo does not have the secrets that were hidden in the journal.
    pub forgets_secrets: bool,
}

impl Bench {
    /// Loads, checks and binds a playbook.
    ///
    /// # Errors
    /// All faults that the engine finds, as text.
    pub fn new(case: &Case) -> Result<Self, String> {
        let run = case.bind().map_err(|faults| faults.to_string())?;
        Ok(Self {
            redactor: Redactor::new(&run.secrets),
            run,
            tags: Tags { only: case.only.clone(), skip: case.skip.clone() },
            model: Arc::default(),
            tape: Arc::default(),
            answer: None,
            fail: None,
            repeat: Vec::new(),
            done: Vec::new(),
            record_reads: false,
            forgets_secrets: false,
        })
    }

    /// A bench for a playbook of one phase with these steps (YAML, indented by two).
    ///
    /// # Panics
    /// It has faults.
    pub fn steps(steps: &str) -> Self {
        Self::of(&Case::steps(steps))
    }

    /// A bench for a playbook.
    ///
    /// # Panics
    /// It has faults.
    pub fn of(case: &Case) -> Self {
        Self::new(case).unwrap_or_else(|faults| panic!("{faults}"))
    }

    /// Replaces the playbook, as if its file had been edited; world and journal stay.
    ///
    /// # Panics
    /// It has faults.
    pub fn edit(&mut self, case: &Case) {
        self.run = case.bind().unwrap_or_else(|faults| panic!("{faults}"));
        self.redactor = Redactor::new(&self.run.secrets);
    }

    /// The playbook, bound.
    pub fn bound(&self) -> &Run {
        &self.run
    }

    /// The same playbook with an empty world and an empty journal.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self {
            run: self.run.clone(),
            redactor: self.redactor.clone(),
            tags: self.tags.clone(),
            model: Arc::default(),
            tape: Arc::default(),
            answer: self.answer.clone(),
            fail: None,
            repeat: Vec::new(),
            done: Vec::new(),
            record_reads: self.record_reads,
            forgets_secrets: self.forgets_secrets,
        }
    }

    /// The world.
    pub fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The effects that arrived in the world, as lines.
    pub fn sent(&self) -> Vec<String> {
        self.model().effects.iter().map(Effect::line).collect()
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the journal break after this many events, or repairs it.
    pub fn full_after(&self, events: Option<usize>) {
        self.tape().full_after = events;
    }

    /// The journal, as the engine's events.
    pub fn events(&self) -> Vec<Event> {
        self.tape().events.clone()
    }

    /// Empties the journal; the world stays as it is.
    pub fn clear_journal(&self) {
        *self.tape() = Tape::default();
    }

    /// The journal, as a resume reads it.
    fn known_events(&self) -> Vec<Event> {
        if self.forgets_secrets { self.events() } else { self.whole_events() }
    }

    /// The journal with its secrets put back.
    fn whole_events(&self) -> Vec<Event> {
        filled(&self.tape().events, &self.run.secrets).0
    }

    /// Runs the playbook from its beginning.
    pub async fn run(&self, trip: Option<Trip>) -> End {
        self.go(Verb::Run, Past::default(), 0, trip).await
    }

    /// Resumes a run that was stopped.
    pub async fn resume(&self, trip: Option<Trip>) -> End {
        let events = self.known_events();
        let last = events.last().map_or(0, |event| event.seq);
        self.go(Verb::Resume, Past::of(&events), last, trip).await
    }

    /// Undoes the run.
    pub async fn undo(&self, trip: Option<Trip>) -> End {
        let events = self.known_events();
        let last = events.last().map_or(0, |event| event.seq);
        let (ports, mut settings, controller) = self.ports(Verb::Undo, Past::of(&events), last, trip);
        settings.tags = Tags::default();
        self.watch(undo(&self.run, &ports, &settings, &events), &controller).await
    }

    async fn go(&self, verb: Verb, past: Past, last: u64, trip: Option<Trip>) -> End {
        let (ports, settings, controller) = self.ports(verb, past, last, trip);
        self.watch(execute(&self.run, &ports, &settings), &controller).await
    }

    /// Waits for an execution, unless its controller is killed: then it is dropped where it stands.
    async fn watch(&self, work: impl Future<Output = Ending>, controller: &Controller) -> End {
        let ended = tokio::select! {
            biased;
            () = controller.dead.cancelled() => None,
            ending = work => Some(ending),
        };
        match ended {
            // It was killed by the very last thing it did.
            Some(_) if controller.is_dead() => self.killed(controller),
            Some(ending) => {
                let Ending { exit_code, failure, .. } = ending;
                End { exit_code: Some(exit_code), failure, stopped: controller.soft.is_cancelled() }
            }
            None => self.killed(controller),
        }
    }

    fn killed(&self, controller: &Controller) -> End {
        self.tape().lose(controller.lost());
        End { exit_code: None, failure: None, stopped: false }
    }

    fn ports(&self, verb: Verb, mut past: Past, last: u64, trip: Option<Trip>) -> (Ports, Settings, Arc<Controller>) {
        let controller = Arc::new(Controller::new(trip));
        let done: Vec<Selector> = self.done.iter().map(|text| text.parse().expect("a selector")).collect();
        let declared_done = past.declare_done(&done);
        let world = Arc::new(Small { model: Arc::clone(&self.model), controller: Arc::clone(&controller) });
        let writer = Writer { tape: Arc::clone(&self.tape), controller: Arc::clone(&controller) };
        let redactor = self.redactor.clone();
        let recorder = Recorder::new("r1", world.clone(), redactor, Box::new(writer), Vec::new()).after(last);
        let stop = Stop { soft: controller.soft.clone(), hard: controller.hard.clone() };
        let approver = Arc::new(Person(self.answer.clone()));
        let ports = Ports { registry: registry(), world, approver, recorder, stop };
        let settings = Settings {
            verb,
            version: "0".to_owned(),
            operator: None,
            seed: 1,
            tags: self.tags.clone(),
            fail: self.fail.iter().map(|text| text.parse().expect("a selector")).collect(),
            past,
            record_reads: self.record_reads,
            window_from: None,
            declared_done,
            accepted_gaps: Vec::new(),
            repeat: self.repeat.iter().map(|text| text.parse().expect("a selector")).collect(),
        };
        (ports, settings, controller)
    }

    /// The journal, folded.
    pub fn folded(&self) -> Folded {
        fold::fold(&self.whole_events())
    }

    /// The changes that stand, in the order they were made.
    pub fn standing(&self) -> Vec<Standing> {
        fold::standing(&self.whole_events())
    }

    /// Whether the last execution refused something because of a change in doubt.
    pub fn refused_in_doubt(&self) -> bool {
        fold::refused_in_doubt(&self.tape().events)
    }

    /// How many events the journal has.
    pub fn length(&self) -> usize {
        self.tape().events.len()
    }

    /// The journal's lines that hold a text, plain or encoded.
    pub fn lines_with(&self, text: &str) -> Vec<String> {
        fold::lines_with(&self.tape().events, text)
    }

    /// The structure of each line of the journal.
    pub fn shapes(&self) -> Vec<String> {
        fold::shapes(&self.tape().events)
    }

    /// The journal in lines.
    pub fn lines(&self) -> Vec<String> {
        fold::lines(&self.tape().events)
    }

    /// Every path that was executed or undone, without the positions of loops.
    pub fn paths(&self) -> BTreeSet<String> {
        fold::paths(&self.tape().events)
    }

    /// Every path that `check` lists, without the positions of loops, which it does not know.
    pub fn listed(&self) -> BTreeSet<String> {
        check::paths(&self.run.playbook, &registry()).iter().map(|path| path.id()).collect()
    }

    /// A plan, made in the world as it is.
    pub async fn plan(&self) -> Plan {
        let controller = Arc::new(Controller::new(None));
        let world = Arc::new(Small { model: Arc::clone(&self.model), controller });
        plan(&self.run, registry(), world, &self.tags).await
    }

    /// A plan's prediction for each path.
    pub async fn decisions(&self) -> BTreeMap<String, Decision> {
        let plan = self.plan().await;
        let mut decisions = BTreeMap::new();
        for step in plan.steps() {
            let decision = match &step.verdict {
                Verdict::Skipped => Decision::Skip,
                Verdict::Depends { .. } => Decision::Unknown,
                _ => Decision::Take,
            };
            let known = decisions.entry(step.path.to_string()).or_insert(decision);
            if *known != decision {
                *known = Decision::Unknown;
            }
        }
        decisions
    }
}
