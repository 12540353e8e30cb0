//! Interference: while a shipped playbook runs, somebody else does something, at any call. After exit code 0 every write that
//! was acknowledged is served; after any other one the original volumes hold them all, and `undo` brings the service back.
//!
//! `CASE=SEED cargo test --test program properties::interference -- --nocapture` tries one case again.

mod cluster;
mod hand;
mod kinds;
mod laws;
mod machines;
mod subject;
mod trial;
mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Instant;

use kinds::KINDS;
use subject::Subject;
use trial::{Case, Trial, live};

use super::search;
use crate::support::stage::paused;

/// The seed of the seeds.
const SEED: u64 = 17;
/// How many seeds are tried.
const MANY: u64 = 1000;

/// What is disturbed.
static SUBJECTS: LazyLock<Vec<Subject>> = LazyLock::new(|| vec![Subject::prepare(), Subject::cutover()]);

fn tried(case: Case) -> Trial {
    paused().block_on(live(&SUBJECTS[case.subject], case))
}

/// The same case made as small as it can be: what is done is done at once, if the law is broken then as well.
fn smallest(case: Case) -> (Case, Trial) {
    let at_once = Case { after: None, ..case };
    let trial = tried(at_once);
    if trial.broken.is_some() { (at_once, trial) } else { (case, tried(case)) }
}

#[derive(Default)]
struct Count {
    tried: usize,
    fired: usize,
    mattered: usize,
    exits: BTreeMap<u8, usize>,
    stuck: usize,
}

#[test]
fn whatever_somebody_else_does_no_acknowledged_write_is_lost() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    if let Some(seed) = number("CASE") {
        let case = Case::of(seed, &SUBJECTS);
        let trial = tried(case);
        println!("{case:?}\n{trial}");
        assert!(trial.broken.is_none(), "{trial}");
        return;
    }
    let (seed, many) = (number("SEED").unwrap_or(SEED), number("MANY").unwrap_or(MANY));
    LazyLock::force(&SUBJECTS);
    let began = Instant::now();
    let all = search::each(seed, many, |seed| {
        let case = Case::of(seed, &SUBJECTS);
        Some((case, tried(case)))
    });
    let (mut counts, mut broken) = (BTreeMap::<usize, Count>::new(), Vec::new());
    for (case, trial) in all {
        let count = counts.entry(case.kind).or_default();
        count.tried += 1;
        count.fired += usize::from(trial.fired);
        count.mattered += usize::from(trial.mattered);
        if trial.fired {
            *count.exits.entry(trial.exit).or_default() += 1;
            if trial.undone.last().is_some_and(|exit| *exit != 7) {
                count.stuck += 1;
                let words = trial.course.last().and_then(|words| words.lines().next()).unwrap_or_default();
                println!("CASE={}, not undone: {words}", case.seed);
            }
        }
        if trial.broken.is_some() {
            broken.push((case, trial));
        }
    }
    println!("{many} interventions in {:.1} s", began.elapsed().as_secs_f64());
    let mut idle = Vec::new();
    for (index, kind) in KINDS.iter().enumerate() {
        let count = counts.remove(&index).unwrap_or_default();
        println!(
            "{:40} tried {:3}, fired {:3}, mattered {:3}, exits {:?}, not undone {}",
            kind.name, count.tried, count.fired, count.mattered, count.exits, count.stuck
        );
        if count.fired == 0 || count.mattered == 0 {
            idle.push(kind.name);
        }
    }
    broken.sort_by_key(|(case, _)| (case.kind, case.seed));
    let mut text = String::new();
    let mut last = None;
    for (case, trial) in &broken {
        println!("CASE={} {}: {}", case.seed, KINDS[case.kind].name, trial.broken.as_deref().unwrap_or_default());
        if last.replace(case.kind) != Some(case.kind) {
            let (case, trial) = smallest(*case);
            let _ = writeln!(text, "CASE={} cargo test --test program properties::interference\n{trial}\n", case.seed);
        }
    }
    assert!(broken.is_empty(), "{} of {many} broke a law:\n{text}", broken.len());
    assert!(idle.is_empty() || many < MANY, "never fired or never mattered: {idle:?}");
}
