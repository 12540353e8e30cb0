//! `cutover resume`: goes on with a run that was stopped or failed. Finished steps are not done again; the one it stopped
//! in is looked at first.

use std::sync::Arc;

use cutover_engine::execute::{Past, Stop, execute};
use cutover_engine::playbook::Playbook;
use cutover_engine::source::{Fault, nearest};

use crate::args::ResumeArgs;
use crate::exit::Exit;
use crate::faults::no_such_step;
use crate::session::{Approvals, Earlier, Said, Show, close, end, listen, next, operator, ports, settings};

/// Resumes; ends as the playbook ends.
pub(crate) fn run(args: ResumeArgs) -> anyhow::Result<Exit> {
    let session = &args.session;
    let Some(earlier) = Earlier::load(&session.records.run_dir, &args.run, &args.extra, args.accept_changed)? else {
        return Ok(Exit::Locked);
    };
    known_steps(&earlier.job.playbook, &args.repeat)?;
    let show = Show::new(session);
    if earlier.is_finished() {
        show.say(&format!("run {} has ended well: there is nothing to go on with\n", args.run))?;
        return Ok(Exit::Done);
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let Earlier { job, run, events, journal, tags, directory } = earlier;
    let world = crate::real::world(&job)?;
    let ending = runtime.block_on(async {
        let (reader, screen) = show.reporter();
        let approver = Arc::new(Approvals { given: session.approve.clone(), screen, told: show.for_people() });
        let stop = Stop::default();
        listen(stop.clone(), Said::RUN);
        let mut ports = ports(&run, Arc::clone(&world), approver, Box::new(journal), reader, stop);
        ports.recorder = ports.recorder.after(events.last().map_or(0, |event| event.seq));
        let mut settings = settings("resume", tags);
        settings.operator = Some(operator());
        settings.past = Past::of(&events);
        settings.repeat = args.repeat.clone();
        anyhow::Ok(execute(&run, &ports, &settings).await)
    })?;
    close(runtime, world.as_ref())?;
    let exit = end(&ending)?;
    show.say(&format!("journal: {}\n{}", directory.journal().display(), next(exit, &args.run, session)))?;
    Ok(exit)
}

/// A step whose change is made again has to exist, and is named in full.
fn known_steps(playbook: &Playbook, wanted: &[String]) -> anyhow::Result<()> {
    let ids: Vec<&str> = playbook.steps().into_iter().map(|step| step.id.as_str()).collect();
    let Some(unknown) = wanted.iter().find(|wanted| !ids.contains(&wanted.as_str())) else { return Ok(()) };
    let fault = Fault::bare(format!("--repeat: no step has the id `{unknown}`"));
    let meant = ids.iter().copied().find(|id| id.rsplit('/').next() == Some(unknown));
    Err(no_such_step(fault, meant.or_else(|| nearest(unknown, ids.iter().copied())), &ids).into())
}
