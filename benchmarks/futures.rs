//! What it costs to try a future of the shipped cutover from a snapshot in its middle: the rest of it, a resume, an undo. Figures for
//! people, in milliseconds of CPU: `cargo bench --bench futures`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cutover_engine::clock::Clock as _;
use cutover_engine::event::{Event, EventKind, Verb};
use cutover_engine::execute::{Past, Ports, Settings, Stop, Tags, execute, undo};
use cutover_engine::inventory::{self, Inventory};
use cutover_engine::playbook::{self, Playbook};
use cutover_engine::record::{Journal, Reader, Recorder};
use cutover_engine::redact::Redactor;
use cutover_engine::run::Run;
use cutover_modules::REGISTRY;
use cutover_sandbox::{Mortal, Sandbox, Snapshot, WorldSpec};
use cutover_testkit::unattended::{Memory, NoSecrets, Yes};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Map;

/// How often each future is tried.
const TIMES: usize = 30;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shipped(name: &str) -> Arc<Playbook> {
    let read = |path: &Path| std::fs::read_to_string(path);
    let loaded = playbook::load(&root().join("playbooks").join(name), &REGISTRY, &read);
    Arc::new(loaded.unwrap_or_else(|faults| panic!("{faults}")))
}

/// A playbook and what it is executed on.
struct Play {
    playbook: Arc<Playbook>,
    inventory: Arc<Inventory>,
}

impl Play {
    async fn go(&self, world: &Sandbox, verb: Verb, before: &[Event], readers: Vec<Box<dyn Reader>>) -> u8 {
        let started = before.first().map_or_else(|| world.now(), |event| event.at);
        let (playbook, inventory) = (Arc::clone(&self.playbook), Arc::clone(&self.inventory));
        let run = Run::bind("r1", playbook, inventory, &REGISTRY, &Map::new(), started);
        let run = run.unwrap_or_else(|faults| panic!("{faults}"));
        let journal = Memory::default();
        let mortal: Box<dyn Journal> = Box::new(Mortal::new(world, Box::new(journal) as Box<dyn Journal>));
        let shared = Arc::new(world.clone());
        let recorder = Recorder::new("r1", shared.clone(), Redactor::new(run.secrets.clone()), mortal, readers)
            .after(before.last().map_or(0, |event| event.seq));
        let stop = Stop::default();
        let ports = Ports { registry: REGISTRY, world: shared, approver: Arc::new(Yes), recorder, stop };
        let settings = Settings {
            verb,
            version: "0".to_owned(),
            operator: None,
            seed: 1,
            tags: Tags::default(),
            fail: Vec::new(),
            past: Past::of(before),
            repeat: Vec::new(),
            record_reads: false,
        };
        let ending = match verb {
            Verb::Undo => undo(&run, &ports, &settings, before).await,
            _ => execute(&run, &ports, &settings).await,
        };
        ending.exit_code
    }
}

/// A world before a step, and what was recorded until then.
type Moment = (Snapshot, Vec<Event>);

/// Keeps the world as it is before each step.
struct Camera {
    world: Sandbox,
    seen: Vec<Event>,
    kept: Arc<Mutex<Vec<Moment>>>,
}

impl Reader for Camera {
    fn event(&mut self, event: &Event) {
        if matches!(event.kind, EventKind::StepStarted { .. }) {
            self.kept.lock().expect("nobody has panicked").push((self.world.snapshot(), self.seen.clone()));
        }
        self.seen.push(event.clone());
    }
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().expect("a positive time"), time.tv_nsec.try_into().expect("below a second"))
}

/// The median of what a future costs, in milliseconds of CPU.
async fn tried(play: &Play, (snapshot, before): &Moment, verb: Verb, exit_code: u8) -> f64 {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let began = cpu();
        let world = snapshot.world();
        world.keep_no_calls();
        let code = play.go(&world, verb, before, Vec::new()).await;
        times.push(cpu() - began);
        assert_eq!(code, exit_code, "{verb:?}");
    }
    times.sort_unstable();
    times[TIMES / 2].as_secs_f64() * 1e3
}

async fn measure() {
    let read = |path: &Path| std::fs::read_to_string(root().join("inventories").join(path));
    let inventory = inventory::load(&PathBuf::from("example.yml"), &read, &NoSecrets);
    let inventory = Arc::new(inventory.unwrap_or_else(|faults| panic!("{faults}")));
    let play = |name: &str| Play { playbook: shipped(name), inventory: Arc::clone(&inventory) };
    let (prepare, cutover) = (play("etcd-prepare.yml"), play("etcd-cutover.yml"));
    let world = Sandbox::new(Arc::clone(&inventory), WorldSpec::default(), 1).expect("a world");
    assert_eq!(prepare.go(&world, Verb::Run, &[], Vec::new()).await, 0);
    let kept = Arc::<Mutex<Vec<Moment>>>::default();
    let camera = Camera { world: world.clone(), seen: Vec::new(), kept: Arc::clone(&kept) };
    assert_eq!(cutover.go(&world, Verb::Run, &[], vec![Box::new(camera)]).await, 0);
    let moments = std::mem::take(&mut *kept.lock().expect("nobody has panicked"));
    let (middle, later) = (&moments[moments.len() / 2], &moments[moments.len() * 3 / 4]);
    let rest = tried(&cutover, middle, Verb::Resume, 0).await;
    let resume = tried(&cutover, later, Verb::Resume, 0).await;
    let undo = tried(&cutover, middle, Verb::Undo, 7).await;
    println!("from step {} of {}   at three quarters   from the middle", moments.len() / 2 + 1, moments.len());
    println!("rest ms               resume ms           undo ms            all ms");
    println!("{rest:<21.1} {resume:<19.1} {undo:<18.1} {:.1}", rest + resume + undo);
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(measure());
}
