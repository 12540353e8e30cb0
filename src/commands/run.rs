//! `cutover run`: executes a playbook.

use std::sync::Arc;

use cutover_engine::event::Verb;
use cutover_engine::execute::{Stop, execute};
use jiff::Timestamp;

use crate::args::RunArgs;
use crate::exit::Exit;
use crate::files::Job;
use crate::runs::{Begun, Naming, RunStore};
use crate::selection::{known_gates, known_tags};
use crate::session::{Approvals, Said, Show, close, end, listen, next, operator, ports, settings, tags};

/// Runs; ends as the playbook ends.
pub(crate) fn run(args: RunArgs) -> anyhow::Result<Exit> {
    let job = Job::load(&args.playbook, &args.common)?;
    let session = &args.common.session;
    known_gates(&session.approve, &job.playbook)?;
    known_tags(&tags(&args.common), &job.playbook)?;
    let store = RunStore::new(&session.records.run_dir);
    let Begun { run, stored, journal } = store.begin(&job, &args.common, Naming::Real, Timestamp::now())?;
    let show = Show::new(session);
    let world = crate::real::world(&job)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let stop = Stop::default();
    let (mut audience, reader) = show.reporter(&stored.journal, &stop)?;
    let ending = runtime.block_on(async {
        let screen = audience.screen();
        let approver = Arc::new(Approvals { given: session.approve.clone(), screen, told: show.for_people() });
        listen(stop.clone(), Said::RUN);
        let ports = ports(&run, Arc::clone(&world), approver, journal, reader, stop)?;
        let mut settings = settings(Verb::Run, tags(&args.common));
        settings.operator = Some(operator());
        settings.record_reads = session.record_reads;
        anyhow::Ok(execute(&run, &ports, &settings).await)
    })?;
    show.wait(&mut audience);
    close(runtime, world.as_ref());
    let exit = end(&ending);
    show.say(&format!("journal: {}\n{}", stored.journal.display(), next(exit, &stored)));
    Ok(exit)
}
