//! The cost of a simulated world: a fork of a running one, the first change in a fork, and a command. Figures for people:
//! `cargo bench --bench world`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cutover_engine::world::{Command, Place, World, collect};
use cutover_sandbox::{Sandbox, WorldSpec};
use cutover_testkit::inventory::two_sites;

/// How often each thing is done.
const TIMES: usize = 2_000;

/// A bare command on a machine.
async fn command(world: &Sandbox, argv: &[&str]) {
    let transport = world.transport(&Place::node("primary", "worker01")).await.expect("the machine is up");
    let output = collect(transport.as_ref(), &Command::new(argv.iter().copied())).await.expect("an answer");
    assert!(output.success(), "{output:?}");
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    micros(times[times.len() / 2])
}

async fn measure(workers: u8, pairs: u8) {
    let inventory = Arc::new(two_sites("/dev/sdc", workers, pairs));
    let spec = WorldSpec::default();
    let began = Instant::now();
    let world = Sandbox::new(inventory, spec, 1).expect("a world");
    let built = began.elapsed();
    world.keep_no_calls();
    let (mut forks, mut firsts) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let began = Instant::now();
        let fork = world.snapshot().world();
        forks.push(began.elapsed());
        let began = Instant::now();
        command(&fork, &["mkdir", "-p", "/root/mark"]).await;
        firsts.push(began.elapsed());
    }
    let began = Instant::now();
    for _ in 0..TIMES {
        command(&world, &["true"]).await;
    }
    let each = began.elapsed() / u32::try_from(TIMES).expect("a small number");
    println!(
        "{:>5} {pairs:>5} {:>12.0} {:>8.1} {:>20.1} {:>10.1}",
        u32::from(workers) * 2,
        micros(built),
        median(forks),
        median(firsts),
        micros(each)
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    println!("nodes pairs  built in µs  fork µs  first change in it µs  command µs");
    for (workers, pairs) in [(6, 3), (54, 27), (250, 100)] {
        runtime.block_on(measure(workers, pairs));
    }
}
