//! The cost of trying a future of the shipped cutover from a snapshot in its middle: the rest of it, a resume, an undo. Figures for
//! people, in milliseconds of CPU: `cargo bench --bench futures`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cutover_engine::clock::Clock as _;
use cutover_engine::event::{Event, EventKind, Verb};
use cutover_engine::execute::{Past, Settings, Stop, Tags};
use cutover_engine::record::Reader;
use cutover_files::{Chosen, INVENTORY, PLAYBOOK};
use cutover_rehearsal::{Rehearsal, Watch};
use cutover_sandbox::{Sandbox, Snapshot};
use cutover_testkit::unattended::Memory;
use rustix::time::{ClockId, clock_gettime};
use serde_json::Map;

/// How often each future is tried.
const TIMES: usize = 30;

/// Executes, resumes or undoes the last playbook of a rehearsal; returns its exit code.
async fn go(rehearsal: &Rehearsal, world: &Sandbox, verb: Verb, before: &[Event], reader: Box<dyn Reader>) -> u8 {
    let started = before.first().map_or_else(|| world.now(), |event| event.at);
    let job = rehearsal.jobs.last().expect("the playbook that was asked for");
    let run = job.bind("r1", started).unwrap_or_else(|faults| panic!("{faults}"));
    let settings = Settings { past: Past::of(before), ..Settings::new(verb, Tags::default()) };
    let watch = Watch { journal: Box::new(Memory::default()), reader, stop: Stop::default() };
    let ending = rehearsal.execute(&run, world, settings, watch, before).await;
    ending.expect("nobody has killed the controller").exit_code
}

/// Watches nothing.
struct Nobody;

impl Reader for Nobody {
    fn event(&mut self, _: &Event) {}
}

/// A world before a step, and the events until then.
type Moment = (Snapshot, Vec<Event>);

/// Takes a snapshot of the world before each step.
struct Camera {
    world: Sandbox,
    seen: Vec<Event>,
    moments: Arc<Mutex<Vec<Moment>>>,
}

impl Reader for Camera {
    fn event(&mut self, event: &Event) {
        if matches!(event.kind, EventKind::StepStarted { .. }) {
            self.moments.lock().expect("nobody has panicked").push((self.world.snapshot(), self.seen.clone()));
        }
        self.seen.push(event.clone());
    }
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().expect("a positive time"), time.tv_nsec.try_into().expect("below a second"))
}

/// The median cost of a future, in milliseconds of CPU.
async fn tried(cutover: &Rehearsal, (snapshot, before): &Moment, verb: Verb, exit_code: u8) -> f64 {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let began = cpu();
        let world = snapshot.world();
        world.keep_no_calls();
        let code = go(cutover, &world, verb, before, Box::new(Nobody)).await;
        times.push(cpu() - began);
        assert_eq!(code, exit_code, "{verb:?}");
    }
    times.sort_unstable();
    times[TIMES / 2].as_secs_f64() * 1e3
}

async fn measure() {
    let [playbook, inventory] = [PLAYBOOK, INVENTORY].map(|shipped| Chosen::or_shipped(None, shipped));
    let rehearsal = Rehearsal::load(&playbook, &inventory, &Ok(Map::new()), None, 1);
    let cutover = rehearsal.unwrap_or_else(|faults| panic!("{faults}"));
    let world = cutover.prepared().await.expect("a world");
    let moments = Arc::<Mutex<Vec<Moment>>>::default();
    let camera = Camera { world: world.clone(), seen: Vec::new(), moments: Arc::clone(&moments) };
    assert_eq!(go(&cutover, &world, Verb::Run, &[], Box::new(camera)).await, 0);
    let moments = std::mem::take(&mut *moments.lock().expect("nobody has panicked"));
    let (middle, later) = (&moments[moments.len() / 2], &moments[moments.len() * 3 / 4]);
    let rest = tried(&cutover, middle, Verb::Resume, 0).await;
    let resume = tried(&cutover, later, Verb::Resume, 0).await;
    let undo = tried(&cutover, middle, Verb::Undo, 7).await;
    println!("from step {} of {}   at three quarters   from the middle", moments.len() / 2 + 1, moments.len());
    println!("rest ms               resume ms           undo ms            all ms");
    println!("{rest:<21.1} {resume:<19.1} {undo:<18.1} {:.1}", rest + resume + undo);
}

fn main() {
    Rehearsal::runtime().expect("a runtime").block_on(measure());
}
