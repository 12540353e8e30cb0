//! A campaign: all cases of a playbook, tried in parallel from snapshots of its undisturbed run.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cutover_engine::clock::Clock as _;
use cutover_engine::execute::Tags;
use cutover_sandbox::Inspector;

use super::case::{Back, Bench, Tried};
use super::fault::{self, Blow, Fault};
use super::judge::Eye;
use super::law::Breach;
use super::ledger;
use super::leg::Scene;
use super::undisturbed::Undisturbed;
use crate::rehearsal::Rehearsal;

/// What is tried.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// How many strikes a case has: 1 for every single one, more for samples.
    pub depth: usize,
    /// How many cases are sampled, if a case has more than one strike.
    pub samples: usize,
    /// Every how many-th case is tried: 1 for all of them.
    pub every: usize,
    /// The time that trying may take.
    pub budget: Option<Duration>,
    /// The only case, if one is to be tried again.
    pub only: Vec<Blow>,
    /// Which steps run.
    pub tags: Tags,
    /// What need not be simulated.
    pub accepted_gaps: Vec<String>,
    /// How many threads try.
    pub threads: usize,
}

/// What came of a campaign.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// The playbook's title.
    pub playbook: String,
    /// The steps of the undisturbed run that send something, in their order.
    pub steps: Vec<String>,
    /// Every case, in the order of faults.
    pub cases: Vec<Tried>,
    /// The laws that the run breaks without any fault.
    pub undisturbed: Vec<Breach>,
    /// The undo of the undisturbed run from each of its steps.
    pub undos: Vec<UndoTried>,
    /// How many calls the undisturbed run makes.
    pub calls: usize,
    /// How long it took.
    pub took: Duration,
}

/// The undo of an undisturbed run, begun before a step.
#[derive(Debug, Clone)]
pub struct UndoTried {
    /// The step.
    pub step: String,
    /// How it ended, in words.
    pub words: String,
    /// Whether everything was undone.
    pub whole: bool,
    /// What it leaves otherwise than it was before the run.
    pub leaves: Vec<String>,
    /// The laws that it breaks.
    pub breaches: Vec<Breach>,
}

impl Campaign {
    /// Whether a law was broken.
    pub fn is_unsafe(&self) -> bool {
        !self.undisturbed.is_empty()
            || self.cases.iter().any(|case| !case.breaches.is_empty())
            || self.undos.iter().any(|undo| !undo.breaches.is_empty())
    }

    /// Tries.
    ///
    /// # Errors
    /// The playbook does not come to a good end without any fault, or its world cannot be simulated.
    pub fn of(
        rehearsal: Arc<Rehearsal>,
        order: &Order,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut bench = bench(rehearsal, order)?;
        let calls = &bench.undisturbed.calls;
        let step_of = |ordinal| bench.undisturbed.step_of(ordinal);
        let faults = match (order.only.as_slice(), order.depth) {
            ([], 0 | 1) => fault::single(calls, step_of).into_iter().step_by(order.every.max(1)).collect(),
            ([], depth) => fault::sampled(calls, step_of, (depth, order.samples, bench.scene.rehearsal.seed)),
            (only, _) => vec![replayed(&bench.undisturbed, only)?],
        };
        let left = || order.budget.is_none_or(|budget| began.elapsed() < budget);
        let all: Vec<usize> = if order.only.is_empty() {
            (0..bench.undisturbed.moments.len()).collect()
        } else {
            let near = faults.first().map_or(0, |fault| bench.undisturbed.before(fault.ordinal));
            (near..=faults.first().map_or(near, |fault| bench.undisturbed.after(fault.ordinal))).collect()
        };
        // Steps that change nothing have the undo of the step before.
        let like_before = |moment: &usize| {
            let known = &bench.undisturbed.moments[*moment];
            *moment > all[0] && bench.undisturbed.goes_back_like(moment - 1, &known.account, &known.portrait)
        };
        let apart: Vec<usize> = all.iter().copied().filter(|moment| !like_before(moment)).collect();
        let (undos, cases) = (apart.len(), faults.len());
        let backs =
            parallel(order.threads, &apart, &|_| true, &|done| progress(done, undos + cases), async |moment, eye| {
                bench.undo_from(*moment, eye).await
            })?;
        let mut undos_tried = Vec::new();
        let nothing = Arc::new(Back::default());
        let mut backs_of = vec![nothing; bench.undisturbed.moments.len()];
        for (moment, tried) in apart.iter().zip(backs) {
            let Some((back, breaches)) = tried else { continue };
            let step = bench.undisturbed.moments[*moment].step.clone();
            let (words, whole, leaves) = (back.words.clone(), back.whole, back.leaves.iter().cloned().collect());
            undos_tried.push(UndoTried { step, words, whole, leaves, breaches });
            let (back, next) = (Arc::new(back), apart.iter().find(|next| *next > moment));
            let until = next.copied().unwrap_or(all.last().map_or(0, |last| last + 1));
            backs_of[*moment..until].fill(back);
        }
        bench.backs = backs_of;
        let progress = |done: usize| progress(undos + done, undos + cases);
        let tried = parallel(order.threads, &faults, &|_| left(), &progress, async |fault, eye| {
            bench.try_case(fault.clone(), eye).await
        })?;
        let cases: Vec<Tried> =
            faults.iter().zip(tried).map(|(fault, tried)| tried.unwrap_or_else(|| Tried::not(fault.clone()))).collect();
        let mut steps: Vec<String> = bench.undisturbed.moments.iter().map(|moment| moment.step.clone()).collect();
        steps.retain(|step| cases.iter().any(|case| case.fault.step == *step));
        Ok(Self {
            playbook: bench.scene.run.playbook.name.clone(),
            steps,
            cases,
            undisturbed: bench.breaches.clone(),
            undos: undos_tried,
            calls: bench.undisturbed.calls.len(),
            took: began.elapsed(),
        })
    }
}

/// Rehearses without any fault.
pub(super) fn bench(rehearsal: Arc<Rehearsal>, order: &Order) -> anyhow::Result<Bench> {
    Rehearsal::runtime()?.block_on(async {
        let world = rehearsal.prepared().await?;
        let job = rehearsal.enter_last(&world).await?;
        let run = job.bind("faults", world.now())?;
        let (tags, accepted_gaps) = (order.tags.clone(), order.accepted_gaps.clone());
        let scene = Scene { rehearsal: Arc::clone(&rehearsal), run, tags, accepted_gaps, forgets: |_| false };
        let mut inspector = Inspector::default();
        let start = inspector.portrait(&world);
        let before = (!scene.run.playbook.invariants.is_empty()).then(|| inspector.state(&world));
        let undisturbed = Undisturbed::of(&scene, &world).await;
        let undisturbed = undisturbed.ok_or_else(|| anyhow::anyhow!("the world file kills the controller"))?;
        if undisturbed.ending.exit_code != 0 {
            let why = undisturbed.ending.failure.as_ref().map(ToString::to_string).unwrap_or_default();
            anyhow::bail!("the playbook does not come to a good end without any fault: {why}");
        }
        let once = ledger::made_once(&undisturbed.events, &undisturbed.calls);
        let (undisturbed, breaches) = (Arc::new(undisturbed), Vec::new());
        let mut bench = Bench { scene, undisturbed, once, start, before, backs: Vec::new(), breaches };
        bench.breaches = [bench.undisturbed.breaches.clone(), bench.undisturbed_ends(&world)].concat();
        Ok(bench)
    })
}

/// The case that somebody wants to see again.
fn replayed(undisturbed: &Undisturbed, blows: &[Blow]) -> anyhow::Result<Fault> {
    let call = undisturbed.calls.iter().find(|call| blows.iter().any(|blow| blow.call == call.name));
    let Some(call) = call else {
        let wanted = blows.first().map_or("", |blow| blow.call.as_str());
        anyhow::bail!("the undisturbed run makes no call `{wanted}`");
    };
    let step = undisturbed.step_of(call.ordinal).to_owned();
    Ok(Fault { blows: blows.to_vec(), ordinal: call.ordinal, step, reads: call.reads })
}

/// Works on all items in their order, each on a simulated clock of its thread; `None` for those that were not begun.
fn parallel<T: Sync, R: Send, W: AsyncFn(&T, &Eye) -> R + Sync>(
    threads: usize,
    items: &[T],
    goes_on: &(dyn Fn(usize) -> bool + Sync),
    progress: &(dyn Fn(usize) + Sync),
    work: W,
) -> anyhow::Result<Vec<Option<R>>> {
    let (next, done, stopped) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let results: Mutex<Vec<Option<R>>> = Mutex::new(items.iter().map(|_| None).collect());
    let one = || -> anyhow::Result<()> {
        let eye = Eye::default();
        Rehearsal::runtime()?.block_on(async {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(index) else { break };
                if stopped.load(Ordering::Relaxed) || !goes_on(index) {
                    stopped.store(true, Ordering::Relaxed);
                    break;
                }
                let result = work(item, &eye).await;
                results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(result);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            }
        });
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(one)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner))
}
