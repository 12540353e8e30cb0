//! `cutover resume`: resumes a run that was stopped or failed. Finished steps are not done again; the one it stopped in is
//! probed first.

use std::sync::Arc;

use cutover_engine::event::{EventKind, Verb};
use cutover_engine::execute::{Settings, Stop, execute};
use cutover_files::{in_doubt, known_repeat};
use cutover_runs::{LATEST, RunStore, StoredRun};
use cutover_session::{Approvals, Earlier, Show, StopMessages, close, known_approvals, listen, operator, ports};
use jiff::Timestamp;

use super::runs;
use crate::args::{ResumeArgs, WindowFrom};
use crate::ending::{end, next};
use crate::exit::Exit;

/// Resumes; ends as the playbook ends.
pub(crate) fn run(args: ResumeArgs) -> anyhow::Result<Exit> {
    let session = &args.session;
    let store = RunStore::new(&session.records.run_dir);
    let Some(earlier) = Earlier::load(&store, &args.run, &args.extra, args.accept_changed)? else {
        return Ok(Exit::Locked);
    };
    for wanted in &args.repeat {
        let begun = earlier.events.iter().filter_map(|event| match &event.kind {
            EventKind::TaskStarted { task, .. } => Some(task),
            _ => None,
        });
        known_repeat(wanted, &earlier.job.playbook, begun)?;
    }
    known_approvals(&session.approve, &earlier.run, &earlier.tags)?;
    let show = Show::new(session.output.map(Into::into));
    if earlier.is_finished() {
        show.say(&format!("run {} has ended well: there is nothing to go on with\n", earlier.stored.id));
        if args.run == LATEST {
            show.say(&others(&store, &earlier.stored)?);
        }
        return Ok(Exit::Done);
    }
    if args.run != earlier.stored.id {
        show.say(&format!("resuming {}\n", earlier.introduction()));
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let Earlier { job, run, events, mut past, journal, tags, stored } = earlier;
    in_doubt(&args.done, &past)?;
    let declared_done = past.declare_done(&args.done);
    let world = crate::real::world(&job.inventory);
    let stop = Stop::default();
    let (mut audience, reader) = show.reporter_after(&events, &stored.journal, &stop)?;
    let ending = runtime.block_on(async {
        let screen = audience.screen();
        let (provided, shown) = (session.approve.clone(), show.for_people());
        let approver = Arc::new(Approvals { provided, screen, shown, stop: stop.clone() });
        listen(stop.clone(), show.beside(StopMessages::RUN));
        let mut ports = ports(&run, Arc::clone(&world), approver, journal, reader, stop)?;
        ports.recorder = ports.recorder.after(events.last().map_or(0, |event| event.seq));
        let mut settings = Settings::new(Verb::Resume, tags);
        settings.operator = Some(operator());
        settings.record_reads = session.record_reads;
        settings.past = past;
        settings.window_from = args.window_from.map(|WindowFrom::Now| Timestamp::now());
        settings.repeat = args.repeat.clone();
        settings.declared_done = declared_done;
        anyhow::Ok(execute(&run, &ports, &settings).await)
    })?;
    show.wait(&mut audience);
    close(runtime, world.as_ref());
    let exit = end(&ending);
    show.say(&format!("journal: {}\n{}", stored.journal.display(), next(exit, &ending, &stored)));
    Ok(exit)
}

/// The run before this one that can be resumed. It is named, but not resumed without being asked for, because it may have been
/// abandoned long ago.
fn others(store: &RunStore, latest: &StoredRun) -> anyhow::Result<String> {
    let earlier = runs::list(store)?.into_iter().filter(|run| run.resumable() && run.stored != *latest);
    let Some(run) = earlier.max_by_key(|run| run.started) else { return Ok(String::new()) };
    Ok(format!("an earlier one can be resumed: cutover resume {}\n", run.stored.named()))
}
