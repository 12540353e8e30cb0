//! A rehearsal: a playbook, and those that have to have run before it, in one simulated world on a paused clock.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cutover_engine::change::Change;
use cutover_engine::clock::Clock as _;
use cutover_engine::event::{Event, EventKind, Verb};
use cutover_engine::execute::{Ending, Ports, Settings, Stop, execute, undo};
use cutover_engine::record::{Journal, Reader, Recorder};
use cutover_engine::redact::Redactor;
use cutover_engine::run::Run;
use cutover_engine::source::{Fault, Faults, SourceFile, decode, parse};
use cutover_engine::task::TaskId;
use cutover_engine::world::World;
use cutover_files::{Chosen, Job, Named, read};
use cutover_modules::REGISTRY;
use cutover_sandbox::{Mortal, Sandbox, WorldSpec};
use serde_json::{Map, Value};

use crate::chain;
use crate::chart;
use crate::granted::Granted;
use crate::not_simulated::NotSimulated;
use crate::turn::Turn;

/// The exit code of an execution that has met something that is not simulated.
const UNSIMULATED: u8 = 9;
/// How long after a loss, or a return, the next playbook begins: everybody has noticed by then.
const NOTICED: Duration = Duration::from_secs(60);

/// A rehearsal, loaded.
pub struct Rehearsal {
    /// The playbooks in their order; the last one is the one that was asked for.
    pub jobs: Vec<Job>,
    /// What happens to the world before each of them.
    events: Vec<Vec<Turn>>,
    /// Where the playbook that was asked for comes from.
    pub playbook: Chosen,
    /// The simulated world.
    pub spec: WorldSpec,
    /// The seed of all randomness.
    pub seed: u64,
}

impl Rehearsal {
    /// Loads everything.
    ///
    /// # Errors
    /// All faults of all files.
    pub fn load(
        playbook: &Chosen,
        inventory: &Chosen,
        provided: &Result<Map<String, Value>, Faults>,
        world: Option<&Path>,
        seed: u64,
    ) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let spec = faults.take(world_spec(world)).unwrap_or_default();
        let job = faults.take(Job::with(playbook, inventory, provided.clone(), &Named));
        let Some(job) = job.filter(|_| faults.0.is_empty()) else { return Err(faults) };
        let (jobs, events) = chain::load(job, playbook.shipped, inventory, provided)?.into_iter().unzip();
        Ok(Self { jobs, events, playbook: playbook.clone(), spec, seed })
    }

    /// The clock that rehearsals run on.
    ///
    /// # Errors
    /// The runtime cannot be started.
    pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()
    }

    /// The world as it is before any of the playbooks. Must be called inside the runtime.
    ///
    /// # Errors
    /// The world file asks for something impossible.
    pub fn world(&self) -> anyhow::Result<Sandbox> {
        let inventory = Arc::clone(&self.jobs[0].inventory);
        let world = Sandbox::new(inventory, self.spec.clone(), self.seed).map_err(|why| {
            let fault = Fault::bare(format!("this world cannot be simulated: {why}"));
            fault.help("--world FILE sets what it begins with; `cutover schema world` lists what can be set")
        })?;
        let playbook = self.playbook.clone();
        world.look_for_charts(Arc::new(move |cwd, reference| chart::look(&playbook, cwd, reference)));
        Ok(world)
    }

    /// The world as it is after all playbooks but the last. Must be called inside the runtime.
    ///
    /// # Errors
    /// The world cannot be simulated, or one of the playbooks does not come to a good end in it.
    pub async fn prepared(&self) -> anyhow::Result<Sandbox> {
        let world = self.world()?;
        for index in 0..self.jobs.len() - 1 {
            let job = self.enter(index, &world).await?;
            let ending = self.unseen(&job, &world, Box::new(Unread)).await?;
            let path = job.playbook.source.path.display();
            if ending.exit_code == UNSIMULATED {
                return Err(NotSimulated { playbook: path.to_string() }.into());
            }
            anyhow::ensure!(ending.exit_code == 0, "the rehearsal of {path}, which comes before, does not end well");
        }
        Ok(world)
    }

    /// One of the playbooks as the world calls for it: what is lost or comes back before it has happened, and the sites are in the roles
    /// that the playbooks before it have left them in.
    ///
    /// # Errors
    /// What is to be lost is not in the inventory, or the roles file of the world is not one.
    pub async fn enter(&self, index: usize, world: &Sandbox) -> anyhow::Result<Job> {
        let job = self.jobs[index].clone();
        let inventory = (*job.inventory).clone();
        let read = |path: &Path| world.controllers_file(&path.display().to_string()).ok_or(ErrorKind::NotFound.into());
        let inventory = inventory.with_roles(&read)?;
        for turn in &self.events[index] {
            turn.happen(world, &inventory)?;
        }
        if !self.events[index].is_empty() {
            tokio::time::sleep(NOTICED).await;
        }
        Ok(job.on(inventory))
    }

    /// The last playbook, as [`Rehearsal::enter`] returns it.
    ///
    /// # Errors
    /// As there.
    pub async fn enter_last(&self, world: &Sandbox) -> anyhow::Result<Job> {
        self.enter(self.jobs.len() - 1, world).await
    }

    /// Executes a playbook without showing it.
    async fn unseen(&self, job: &Job, world: &Sandbox, reader: Box<dyn Reader>) -> anyhow::Result<Ending> {
        let run = job.bind("rehearsal", world.now())?;
        let settings = Settings::new(Verb::Rehearse, Default::default());
        let watch = Watch { journal: Box::new(Nowhere), reader, stop: Stop::default() };
        let ending = self.execute(&run, world, settings, watch, &[]).await;
        ending.ok_or_else(|| anyhow::anyhow!("the controller was killed"))
    }

    /// Executes one of the playbooks, resumes it after these events, or undoes them, depending on the verb. `None` if the
    /// controller was killed: the world goes on, and nothing more of the run is recorded.
    pub async fn execute(
        &self,
        run: &Run,
        world: &Sandbox,
        settings: Settings,
        watch: Watch,
        before: &[Event],
    ) -> Option<Ending> {
        self.execute_through(Arc::new(world.clone()), run, world, settings, watch, before).await
    }

    /// The same through a door of the caller's own, which leads into the world.
    pub(crate) async fn execute_through(
        &self,
        door: Arc<dyn World>,
        run: &Run,
        world: &Sandbox,
        settings: Settings,
        watch: Watch,
        before: &[Event],
    ) -> Option<Ending> {
        let settings = Settings { seed: self.seed, ..settings };
        let Watch { journal, reader, stop } = watch;
        let (journal, reader) = (Box::new(Mortal::new(world, journal)), Box::new(Mortal::new(world, reader)));
        let mut ports = simulated(run, door, journal, reader, stop);
        ports.recorder = ports.recorder.after(before.last().map_or(0, |event| event.seq));
        let work = async {
            match settings.verb {
                Verb::Undo => undo(run, &ports, &settings, before).await,
                _ => execute(run, &ports, &settings).await,
            }
        };
        world.until_killed(work).await
    }

    /// Executes everything without showing it; returns the changes that the last playbook made, by step.
    ///
    /// # Errors
    /// The world cannot be simulated, or a playbook does not fit it.
    pub fn changes(&self) -> anyhow::Result<Changes> {
        let made = Made::default();
        let ending = Self::runtime()?.block_on(async {
            let world = self.prepared().await?;
            let job = self.enter_last(&world).await?;
            self.unseen(&job, &world, Box::new(made.clone())).await
        })?;
        let made = std::mem::take(&mut *made.0.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Changes { made, is_simulated: ending.exit_code != UNSIMULATED })
    }
}

/// The ports of an execution in a simulated world, whose clock stands still while events are written.
fn simulated(
    run: &Run,
    world: Arc<dyn World>,
    journal: Box<dyn Journal>,
    reader: Box<dyn Reader>,
    stop: Stop,
) -> Ports {
    let (clock, redactor) = (Arc::clone(&world), Redactor::new(&run.secrets));
    let recorder = Recorder::new(&run.id, clock, redactor, journal, vec![reader]);
    Ports { registry: REGISTRY, world, approver: Arc::new(Granted), recorder, stop }
}

/// The reader and the journal of an execution.
pub struct Watch {
    /// The journal.
    pub journal: Box<dyn Journal>,
    /// The reader.
    pub reader: Box<dyn Reader>,
    /// How it is stopped.
    pub stop: Stop,
}

/// What a rehearsal has changed.
#[derive(Debug, Default)]
pub struct Changes {
    /// The changes.
    pub made: Vec<Rehearsed>,
    /// Whether everything that it met is simulated.
    pub is_simulated: bool,
}

/// A change that a rehearsal made.
#[derive(Debug, Clone)]
pub struct Rehearsed {
    /// The task that made it.
    pub task: TaskId,
    /// The change.
    pub change: Change,
}

/// Collects changes.
#[derive(Clone, Default)]
struct Made(Arc<Mutex<Vec<Rehearsed>>>);

impl Reader for Made {
    fn event(&mut self, event: &Event) {
        if let EventKind::Applying { task, change, .. } = &event.kind {
            let made = Rehearsed { task: task.clone(), change: change.clone() };
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(made);
        }
    }
}

/// Reads nothing.
struct Unread;

impl Reader for Unread {
    fn event(&mut self, _: &Event) {}
}

/// Stores nothing.
pub(crate) struct Nowhere;

impl Journal for Nowhere {
    fn append(&mut self, _: &Event, _: bool) -> std::io::Result<()> {
        Ok(())
    }
}

fn world_spec(path: Option<&Path>) -> Result<WorldSpec, Faults> {
    let Some(path) = path else { return Ok(WorldSpec::default()) };
    let text = read(path).map_err(|error| Fault::bare(format!("cannot read `{}`: {error}", path.display())))?;
    decode(&parse(&SourceFile::new(path, text))?, "a world file")
}
