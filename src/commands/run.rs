//! `cutover run`: executes a playbook.

use std::sync::Arc;

use cutover_engine::event::Verb;
use cutover_engine::execute::{Settings, Stop, execute};
use cutover_files::{Job, known_tags};
use cutover_runs::{Begun, Naming, RunStore};
use cutover_session::{Approvals, Show, StopMessages, close, known_approvals, listen, operator, ports};
use jiff::Timestamp;

use crate::args::RunArgs;
use crate::ending::{end, next};
use crate::exit::Exit;

/// Runs; ends as the playbook ends.
pub(crate) fn run(args: RunArgs) -> anyhow::Result<Exit> {
    let job = Job::load(&args.playbook, args.common.on.inventory.as_deref(), &args.common.extra)?;
    let session = &args.common.session;
    known_tags(&args.common.tags(), &job.playbook)?;
    let first = job.bind("first-look", Timestamp::now())?;
    known_approvals(&session.approve, &first, &args.common.tags())?;
    let world = crate::real::world(&job.inventory);
    let runtime = tokio::runtime::Runtime::new()?;
    if !args.look.skip_first_look
        && let Some(exit) = runtime.block_on(crate::real::unreachable(&first, &world, &args.common.tags()))?
    {
        close(runtime, world.as_ref());
        return Ok(exit);
    }
    let store = RunStore::new(&session.records.run_dir);
    let Begun { run, stored, journal } = store.begin(&job, &args.common.tags(), Naming::Real, Timestamp::now())?;
    let show = Show::new(session.output.map(Into::into));
    let stop = Stop::default();
    let (mut audience, reader) = show.reporter(&stored.journal, &stop)?;
    let ending = runtime.block_on(async {
        let screen = audience.screen();
        let (provided, shown) = (session.approve.clone(), show.for_people());
        let approver = Arc::new(Approvals { provided, screen, shown, stop: stop.clone() });
        listen(stop.clone(), show.beside(StopMessages::RUN));
        let ports = ports(&run, Arc::clone(&world), approver, journal, reader, stop)?;
        let mut settings = Settings::new(Verb::Run, args.common.tags());
        settings.operator = Some(operator());
        settings.record_reads = session.record_reads;
        anyhow::Ok(execute(&run, &ports, &settings).await)
    })?;
    show.wait(&mut audience);
    close(runtime, world.as_ref());
    let exit = end(&ending);
    show.say(&format!("journal: {}\n{}", stored.journal.display(), next(exit, &ending, &stored)));
    Ok(exit)
}
