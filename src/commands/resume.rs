//! `cutover resume`: goes on with a run that was stopped or failed. Finished steps are not done again; the one it stopped
//! in is looked at first.

use std::sync::Arc;

use cutover_engine::event::{EventKind, Verb};
use cutover_engine::execute::{Stop, execute};

use crate::args::ResumeArgs;
use crate::exit::Exit;
use crate::selection::{known_gates, known_repeat};
use crate::session::{Approvals, Earlier, Said, Show, close, end, listen, next, operator, ports, settings};

/// Resumes; ends as the playbook ends.
pub(crate) fn run(args: ResumeArgs) -> anyhow::Result<Exit> {
    let session = &args.session;
    let Some(earlier) = Earlier::load(&session.records.run_dir, &args.run, &args.extra, args.accept_changed)? else {
        return Ok(Exit::Locked);
    };
    for wanted in &args.repeat {
        let begun = earlier.events.iter().filter_map(|event| match &event.kind {
            EventKind::TaskStarted { task, .. } => Some(task),
            _ => None,
        });
        known_repeat(wanted, &earlier.job.playbook, begun)?;
    }
    known_gates(&session.approve, &earlier.job.playbook)?;
    let show = Show::new(session);
    if earlier.is_finished() {
        show.say(&format!("run {} has ended well: there is nothing to go on with\n", args.run));
        return Ok(Exit::Done);
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let Earlier { job, run, events, past, journal, tags, directory } = earlier;
    let world = crate::real::world(&job)?;
    let stop = Stop::default();
    let (mut audience, reader) = show.reporter(&directory.journal(), &stop)?;
    let ending = runtime.block_on(async {
        let screen = audience.screen();
        let approver = Arc::new(Approvals { given: session.approve.clone(), screen, told: show.for_people() });
        listen(stop.clone(), Said::RUN);
        let mut ports = ports(&run, Arc::clone(&world), approver, journal, reader, stop)?;
        ports.recorder = ports.recorder.after(events.last().map_or(0, |event| event.seq));
        let mut settings = settings(Verb::Resume, tags);
        settings.operator = Some(operator());
        settings.past = past;
        settings.repeat = args.repeat.clone();
        anyhow::Ok(execute(&run, &ports, &settings).await)
    })?;
    show.wait(&mut audience);
    close(runtime, world.as_ref());
    let exit = end(&ending);
    show.say(&format!("journal: {}\n{}", directory.journal().display(), next(exit, &args.run, session)));
    Ok(exit)
}
