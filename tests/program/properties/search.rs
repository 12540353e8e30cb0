//! Looks for playbooks that break a law, on all processors, and makes the first of each law small.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cutover_testkit::Random;
use cutover_testkit::driver::Bench;
use cutover_testkit::playbook::{Playbook, generate, smaller};

use super::laws::{self, LAWS, Law, Tried};

/// How often a smaller playbook is tried with other points to stop at.
const TRIES: u64 = 25;
/// How long one playbook is made smaller.
const PATIENCE: Duration = Duration::from_secs(15);

/// A law that a playbook breaks.
pub(super) struct Broken {
    pub(super) seed: u64,
    pub(super) law: &'static str,
    pub(super) words: String,
}

/// The seeds of a run.
pub(super) fn seeds(seed: u64, many: u64) -> impl Iterator<Item = u64> {
    (0..many).map(move |index| Random::new(seed.wrapping_mul(1_000_003).wrapping_add(index)).bits() >> 16)
}

/// Does something with each seed, on all processors.
pub(super) fn each<T: Send>(seed: u64, many: u64, work: impl Fn(u64) -> Option<T> + Sync) -> Vec<T> {
    let (next, found) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let seeds: Vec<u64> = seeds(seed, many).collect();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(seed) =
                    seeds.get(usize::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap_or(usize::MAX))
                {
                    if let Some(one) = work(*seed) {
                        found.lock().unwrap_or_else(PoisonError::into_inner).push(one);
                    }
                }
            });
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs work on a clock that does not wait.
pub(super) fn paused<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(work)
}

/// Tries all laws on many playbooks.
pub(super) fn all_laws(seed: u64, many: u64) -> Vec<Broken> {
    each(seed, many, |seed| Some(one(seed))).into_iter().flatten().collect()
}

/// Tries all laws on one playbook.
pub(super) fn one(seed: u64) -> Vec<Broken> {
    let playbook = generate(seed);
    let bench = match Bench::new(&playbook.case()) {
        Ok(bench) => bench,
        Err(faults) => return vec![Broken { seed, law: "check", words: faults }],
    };
    let whole = paused(laws::whole(&bench));
    let tried = Tried { playbook: &playbook, bench: &bench, whole: &whole };
    let broken = LAWS.iter().filter_map(|law| {
        let words = try_law(law, &tried, seed).err()?;
        Some(Broken { seed, law: law.name, words })
    });
    broken.collect()
}

fn try_law(law: &Law, tried: &Tried<'_>, seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed ^ 0x5eed);
    paused((law.holds)(tried, &mut random))
}

/// Fails with the smallest playbook of each law that is broken.
pub(super) fn report(mut broken: Vec<Broken>) {
    broken.sort_by_key(|one| (one.law, one.seed));
    let mut by_law: BTreeMap<&str, Vec<Broken>> = BTreeMap::new();
    broken.into_iter().for_each(|one| by_law.entry(one.law).or_default().push(one));
    let mut text = String::new();
    for (name, cases) in &by_law {
        println!("{name}: broken by {}", cases.len());
        let Some(first) = cases.first() else { continue };
        text += &format!("\n== {name}: broken by {} playbooks ==\n", cases.len());
        let law = LAWS.iter().find(|law| law.name == *name);
        let (playbook, words) = match law {
            Some(law) => smallest(law, first),
            None => (generate(first.seed), first.words.clone()),
        };
        text += &format!(
            "{words}\n{playbook}try it again: CASE={} cargo test --test program properties::random\n",
            first.seed
        );
    }
    assert!(by_law.is_empty(), "{text}");
}

fn smallest(law: &Law, broken: &Broken) -> (Playbook, String) {
    let (mut playbook, mut words, began) = (generate(broken.seed), broken.words.clone(), Instant::now());
    'again: loop {
        for less in smaller(&playbook) {
            if began.elapsed() > PATIENCE {
                return (playbook, words);
            }
            let Ok(bench) = Bench::new(&less.case()) else { continue };
            let whole = paused(laws::whole(&bench));
            let tried = Tried { playbook: &less, bench: &bench, whole: &whole };
            // The point to stop at moved with what was cut off.
            let found = (0..TRIES).find_map(|turn| {
                let seed = if turn == 0 { broken.seed } else { turn };
                try_law(law, &tried, seed).err()
            });
            if let Some(found) = found {
                (playbook, words) = (less, found);
                continue 'again;
            }
        }
        return (playbook, words);
    }
}
