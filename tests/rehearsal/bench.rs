//! A shipped playbook, a simulated world, and executions of the one in the other with everything recorded.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;

use cutover_engine::clock::Clock as _;
use cutover_engine::event::{Event, EventKind, Outcome};
use cutover_engine::execute::{
    Answer, Approver, Ending, Past, Ports, Question, Settings, Stop, Tags, execute, made, undo,
};
use cutover_engine::inventory::{self, Inventory, SecretSource, Secrets};
use cutover_engine::playbook::{self, Playbook};
use cutover_engine::record::{Journal, Reader, Recorder};
use cutover_engine::redact::Redactor;
use cutover_engine::run::Run;
use cutover_engine::world::{Command, Output, Place, World as _, collect};
use cutover_modules::REGISTRY;
use cutover_sandbox::{Sandbox, Snapshot, WorldSpec};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

pub(crate) const PREPARE: &str = "etcd-prepare.yml";
pub(crate) const CUTOVER: &str = "etcd-cutover.yml";

/// The world after the preparation, made once.
static PREPARED: LazyLock<Snapshot> = LazyLock::new(|| prepared(&Play::prepare(), WorldSpec::default(), 1));

/// Prepares a world and keeps it. Works inside and outside of runtimes.
pub(crate) fn prepared(play: &Play, spec: WorldSpec, seed: u64) -> Snapshot {
    let work = async {
        let stage = Stage::new(play, spec, seed);
        stage.run(play).await.well();
        stage.world.snapshot()
    };
    thread::scope(|scope| scope.spawn(|| paused().block_on(work)).join()).expect("the preparation ends")
}

/// A runtime whose clock stands still until everybody waits.
pub(crate) fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime")
}

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn resolve(&self, _: &SecretSource) -> Result<String, String> {
        Err("there are none".to_owned())
    }
}

/// The inventory of the manual's environment.
pub(crate) fn example() -> String {
    std::fs::read_to_string(root().join("inventories/example.yml")).expect("the example inventory")
}

/// A playbook with the inventory and the parameters it is executed with.
#[derive(Clone)]
pub(crate) struct Play {
    pub(crate) playbook: Arc<Playbook>,
    pub(crate) inventory: Arc<Inventory>,
    pub(crate) given: Map<String, Value>,
}

impl Play {
    /// The preparation, as shipped.
    pub(crate) fn prepare() -> Self {
        Self::load(PREPARE, &|text| text, &example())
    }

    /// The cutover, as shipped.
    pub(crate) fn cutover() -> Self {
        Self::load(CUTOVER, &|text| text, &example())
    }

    /// A shipped playbook whose text was changed, on an inventory.
    pub(crate) fn load(name: &str, edit: &dyn Fn(String) -> String, inventory: &str) -> Self {
        let path = root().join("playbooks").join(name);
        let read = |wanted: &Path| {
            let text = std::fs::read_to_string(wanted)?;
            Ok(if wanted == path { edit(text) } else { text })
        };
        let playbook = playbook::load(&path, &REGISTRY, &read).unwrap_or_else(|faults| panic!("{faults}"));
        let read = |_: &Path| Ok(inventory.to_owned());
        let inventory = inventory::load(&PathBuf::from("inventory.yml"), &read, &NoSecrets);
        let inventory = inventory.unwrap_or_else(|faults| panic!("{faults}"));
        Self { playbook: Arc::new(playbook), inventory: Arc::new(inventory), given: Map::new() }
    }

    /// With parameters.
    pub(crate) fn given(mut self, given: Value) -> Self {
        self.given = given.as_object().expect("parameters").clone();
        self
    }

    /// The steps that are no blocks, by id.
    pub(crate) fn steps(&self) -> Vec<String> {
        let blocks = |step: &&playbook::Step| !matches!(step.kind, playbook::StepKind::Block { .. });
        self.playbook.steps().into_iter().filter(blocks).map(|step| step.id.clone()).collect()
    }

    fn bind(&self, started: jiff::Timestamp) -> Run {
        let (playbook, inventory) = (Arc::clone(&self.playbook), Arc::clone(&self.inventory));
        let run = Run::bind("r1", playbook, inventory, &REGISTRY, &self.given, started);
        run.unwrap_or_else(|faults| panic!("{faults}"))
    }
}

/// Approves every gate.
struct Yes;

impl Approver for Yes {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, String>> {
        Box::pin(async { Ok(Answer { typed: question.confirm.clone(), by: "tester".to_owned() }) })
    }
}

/// A journal in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<Event>>>);

impl Journal for Memory {
    fn append(&mut self, event: &Event, _: bool) -> std::io::Result<()> {
        self.0.lock().unwrap().push(event.clone());
        Ok(())
    }
}

/// A world and what runs in it.
pub(crate) struct Stage {
    pub(crate) world: Sandbox,
}

impl Stage {
    /// A world of its own. Inside a paused runtime only.
    pub(crate) fn new(play: &Play, spec: WorldSpec, seed: u64) -> Self {
        Self { world: Sandbox::new(Arc::clone(&play.inventory), spec, seed).expect("the world can be built") }
    }

    /// The world after the preparation. Inside a paused runtime only.
    pub(crate) fn prepared() -> Self {
        Self::from(&PREPARED)
    }

    /// A world that goes on from a snapshot. Inside a paused runtime only.
    pub(crate) fn from(snapshot: &Snapshot) -> Self {
        Self { world: snapshot.world() }
    }

    /// Executes a playbook.
    pub(crate) async fn run(&self, play: &Play) -> Ran {
        self.execution(play).go().await
    }

    /// An execution of a playbook, to be varied.
    pub(crate) fn execution<'a>(&'a self, play: &'a Play) -> Execution<'a> {
        Execution { stage: self, play, past: Vec::new(), fail: None, readers: Vec::new(), seed: 1 }
    }

    /// Runs a line (words split at spaces) on a node.
    pub(crate) async fn line(&self, site: &str, node: &str, line: &str) -> Output {
        self.exec(&Place::node(site, node), &Command::new(line.split(' '))).await
    }

    /// Runs a line on a node that must succeed; gives its output.
    pub(crate) async fn must(&self, site: &str, node: &str, line: &str) -> String {
        let output = self.line(site, node, line).await;
        assert!(output.success(), "{site}/{node}$ {line}: {output:?}");
        output.stdout
    }

    /// Runs a command.
    pub(crate) async fn exec(&self, place: &Place, command: &Command) -> Output {
        collect(self.world.transport(place).await.expect("a way there").as_ref(), command).await.expect("an end")
    }

    /// Sends a request to a site's API server.
    pub(crate) async fn api(&self, site: &str, method: &str, path: &str, body: Option<Value>) -> Value {
        let client = self.world.kubernetes(site).await.expect("an API server");
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let request = http::Request::builder().method(method).uri(path).header("content-type", media).body(body);
        client.request(request.unwrap()).await.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }
}

/// An execution of a playbook.
pub(crate) struct Execution<'a> {
    stage: &'a Stage,
    play: &'a Play,
    past: Vec<Event>,
    fail: Option<String>,
    readers: Vec<Box<dyn Reader>>,
    seed: u64,
}

impl Execution<'_> {
    /// Goes on after these events.
    pub(crate) fn after(mut self, past: &[Event]) -> Self {
        self.past = past.to_vec();
        self
    }

    /// Makes a step fail.
    pub(crate) fn fail(mut self, step: &str) -> Self {
        self.fail = Some(step.to_owned());
        self
    }

    /// Shows every event to somebody.
    pub(crate) fn watched(mut self, reader: impl Reader + 'static) -> Self {
        self.readers.push(Box::new(reader));
        self
    }

    fn begin(self, verb: &str) -> (Run, Ports, Settings, Memory, Vec<Event>) {
        let world = Arc::new(self.stage.world.clone());
        let started = self.past.first().map_or_else(|| world.now(), |event| event.at);
        let run = self.play.bind(started);
        let journal = Memory::default();
        let redactor = Redactor::new(run.secrets.clone());
        let recorder = Recorder::new("r1", world.clone(), redactor, Box::new(journal.clone()), self.readers)
            .after(self.past.last().map_or(0, |event| event.seq));
        let ports = Ports { registry: REGISTRY, world, approver: Arc::new(Yes), recorder, stop: Stop::default() };
        let settings = Settings {
            verb: verb.to_owned(),
            version: "0".to_owned(),
            operator: None,
            seed: self.seed,
            tags: Tags::default(),
            fail: self.fail,
            past: Past::of(&self.past),
        };
        (run, ports, settings, journal, self.past)
    }

    /// Executes to the end.
    pub(crate) async fn go(self) -> Ran {
        let verb = if self.past.is_empty() { "run" } else { "resume" };
        let (run, ports, settings, journal, mut events) = self.begin(verb);
        let ending = execute(&run, &ports, &settings).await;
        let before = events.len();
        events.append(&mut journal.0.lock().unwrap());
        Ran { ending, events, before }
    }

    /// Takes back what the events before it have done.
    pub(crate) async fn undo(self) -> Ran {
        let (run, ports, settings, journal, mut events) = self.begin("undo");
        let ending = undo(&run, &ports, &settings, &events).await;
        let before = events.len();
        events.append(&mut journal.0.lock().unwrap());
        Ran { ending, events, before }
    }

    /// Executes, and drops everything where the `n`th event (from 1) is recorded; gives the events up to it. `None` if it
    /// came to its end before that.
    pub(crate) async fn killed_at(self, n: usize) -> Option<Vec<Event>> {
        let (kill, killed) = tokio::sync::oneshot::channel();
        let verb = if self.past.is_empty() { "run" } else { "resume" };
        let trap = Trap { left: n, kill: Some(kill) };
        let (run, ports, settings, journal, mut events) = self.watched(trap).begin(verb);
        tokio::select! {
            biased;
            Ok(()) = killed => {}
            _ = execute(&run, &ports, &settings) => return None,
        }
        events.extend(journal.0.lock().unwrap().iter().take(n).cloned());
        Some(events)
    }
}

/// Fires at the `left`th event.
struct Trap {
    left: usize,
    kill: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Reader for Trap {
    fn event(&mut self, _: &Event) {
        self.left = self.left.saturating_sub(1);
        if let Some(kill) = self.kill.take_if(|_| self.left == 0) {
            let _ = kill.send(());
        }
    }
}

/// How an execution went.
pub(crate) struct Ran {
    pub(crate) ending: Ending,
    /// All events, with those before it.
    pub(crate) events: Vec<Event>,
    before: usize,
}

impl Ran {
    /// The events of this execution alone.
    pub(crate) fn own(&self) -> &[Event] {
        &self.events[self.before..]
    }

    /// It must have ended well.
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.ending.exit_code, 0, "{}", self.told());
        self
    }

    /// The failure, with its details.
    pub(crate) fn words(&self) -> String {
        self.ending.failure.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// How it ended, for a failed assertion.
    pub(crate) fn told(&self) -> String {
        format!("exit {}, at {:?}: {}", self.ending.exit_code, self.failed(), self.words())
    }

    /// The id's last part of the first step that ended badly.
    pub(crate) fn failed(&self) -> Option<&str> {
        self.own().iter().find_map(|event| match &event.kind {
            EventKind::StepFinished { step, outcome, .. } if *outcome > Outcome::FailedAllowed => last(step),
            _ => None,
        })
    }

    /// The summaries of the changes that were begun, with their step.
    pub(crate) fn changes(&self) -> Vec<String> {
        let change = |event: &Event| match &event.kind {
            EventKind::Applying { task, change } => {
                Some(format!("{}: {}: {}", last(&task.step).unwrap_or_default(), task.target, change.summary))
            }
            _ => None,
        };
        self.own().iter().filter_map(change).collect()
    }

    /// What still stands.
    pub(crate) fn standing(&self) -> Vec<String> {
        let standing = |event: &Event| match &event.kind {
            EventKind::RunFinished { standing, .. } => Some(standing.clone()),
            _ => None,
        };
        self.own().iter().rev().find_map(standing).expect("an end")
    }

    /// What could be taken back.
    pub(crate) fn made(&self) -> Vec<String> {
        made(&self.events).iter().map(|made| format!("{}: {}", made.task.target, made.change.summary)).collect()
    }

    /// The value that a step has registered.
    pub(crate) fn registered(&self, wanted: &str) -> Value {
        let value = |event: &Event| match &event.kind {
            EventKind::Registered { name, value } if name == wanted => Some(value.clone()),
            _ => None,
        };
        self.events.iter().rev().find_map(value).unwrap_or_default()
    }
}

/// The last part of a step's id.
pub(crate) fn last(step: &str) -> Option<&str> {
    step.rsplit('/').next()
}
