//! `cutover undo`: undoes what a run has changed, the last change first.

use std::sync::Arc;

use cutover_engine::event::{Event, Verb};
use cutover_engine::execute::{
    Approver as _, Judgement, Made, Past, Question, Settings, Stop, Unanswered, point_of_no_return, undo,
};
use cutover_engine::path::Path;
use cutover_engine::playbook::Playbook;
use cutover_files::{begun, in_doubt, known_gates_of_undo};
use cutover_report::clean;
use cutover_runs::RunStore;
use cutover_session::terminal;
use cutover_session::{Approvals, Earlier, Show, StopMessages, close, known_phrase, listen, operator, ports};

use super::check::count;
use crate::args::UndoArgs;
use crate::ending::end;
use crate::exit::Exit;

/// What an undo would do, newest first: the actions, or the step's own `undo:` steps, or that nothing can.
fn would_undo(run: &str, playbook: &Playbook, events: &[Event], changes: &[Made]) -> String {
    let mut text = match point_of_no_return(playbook, events) {
        Some(phase) => {
            format!(
                "run {run} has passed its point of no return (`{phase}`): undo refuses. These changes stand, newest first:\n"
            )
        }
        None => format!("undo of run {run} would undo these changes, newest first:\n"),
    };
    for made in changes.iter().rev() {
        text += &format!("  {}: {}\n", made.task, made.change.summary);
        let own = playbook.steps().into_iter().find(|step| step.id == made.task.path.id());
        match (own.and_then(|step| step.undo.as_ref()), &made.change.undo) {
            (Some(steps), _) if steps.is_empty() => {
                text += "    (stays: its step declares that there is nothing to undo)\n"
            }
            (Some(steps), _) => {
                let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
                text += &format!("    by its step's `undo`: {}\n", names.join(", "));
            }
            (None, Some(actions)) => actions.iter().for_each(|action| text += &format!("    {action}\n")),
            (None, None) => text += "    (nothing undoes it by itself: the undo would stop here)\n",
        }
    }
    text + "nothing was undone\n"
}

/// Asks, then undoes; ends with 7 if all of it was undone.
pub(crate) fn run(args: UndoArgs) -> anyhow::Result<Exit> {
    let session = &args.session;
    let store = RunStore::new(&session.records.run_dir);
    let Some(earlier) = Earlier::load(&store, &args.run, &args.extra, args.accept_changed)? else {
        return Ok(Exit::Locked);
    };
    for wanted in &args.repeat {
        begun(wanted, &earlier.events)?;
    }
    let undo_path = Path::of("undo");
    known_gates_of_undo(session.approve.iter().map(|approval| &approval.gate), &undo_path, &earlier.job.playbook)?;
    let show = Show::new(session.output.map(Into::into));
    if args.run != earlier.stored.id {
        show.say(&format!("undoing {}\n", earlier.introduction()));
    }
    let Earlier { job, run, events, mut past, journal, tags, stored } = earlier;
    in_doubt(&args.done, &past)?;
    let declared_done = past.declare_done(&args.done);
    // The summaries as recorded, so without secrets.
    let recorded = Past::of(&events);
    let changes = recorded.standing();
    if changes.is_empty() {
        show.say(&format!("run {} has changed nothing that still stands\n", stored.id));
        return Ok(Exit::Done);
    }
    if args.dry_run {
        terminal::print(&would_undo(&stored.id, &job.playbook, &events, changes))?;
        return Ok(Exit::Done);
    }
    let question = Question {
        path: undo_path,
        question: format!("Undo {} of run {}?", count(changes.len(), "change"), stored.id),
        confirm: stored.id.clone(),
        phrase: true,
    };
    known_phrase(&session.approve, &question)?;
    let mut list = format!("run {} has made these changes; they will be undone, newest first:\n", stored.id);
    for made in changes.iter().rev() {
        let way = if made.change.undo.is_some() { "" } else { "  (by its step's `undo`, or by hand)" };
        let made = clean(&format!("{}: {}", made.task.target, made.change.summary));
        list += &format!("  {made}{way}\n");
    }
    terminal::complain(&list)?;
    let world = crate::real::world(&job.inventory);
    let runtime = tokio::runtime::Runtime::new()?;
    let stop = Stop::default();
    let (mut audience, reader) = show.reporter_after(&events, &stored.journal, &stop)?;
    let ending = runtime.block_on(async {
        let screen = audience.screen();
        let provided = session.approve.clone();
        let approver = Arc::new(Approvals { provided, screen, shown: false, stop: stop.clone() });
        listen(stop.clone(), show.beside(StopMessages::RUN));
        match approver.ask(&question).await {
            Ok(answer) if question.judge(&answer.typed) == Judgement::Approved => {}
            Ok(_) => return Ok(Err(Exit::Blocked)),
            Err(Unanswered::Stopped) => return Ok(Err(Exit::Stopped)),
            Err(Unanswered::Nobody(why)) => {
                terminal::complain(&format!("nobody can approve it: {why}; pass --approve 'undo={}'\n", stored.id))?;
                return Ok(Err(Exit::Blocked));
            }
        }
        let mut ports = ports(&run, Arc::clone(&world), approver, journal, reader, stop)?;
        ports.recorder = ports.recorder.after(events.last().map_or(0, |event| event.seq));
        let mut settings = Settings::new(Verb::Undo, tags);
        settings.operator = Some(operator());
        settings.record_reads = session.record_reads;
        settings.past = past;
        settings.repeat = args.repeat.clone();
        settings.declared_done = declared_done;
        anyhow::Ok(Ok(undo(&run, &ports, &settings, &events).await))
    })?;
    show.wait(&mut audience);
    close(runtime, world.as_ref());
    let ending = match ending {
        Ok(ending) => ending,
        Err(exit) => {
            show.say(if exit == Exit::Stopped {
                "stopped: nothing was undone\n"
            } else {
                "not approved: nothing was undone\n"
            });
            return Ok(exit);
        }
    };
    let exit = end(&ending);
    show.say(&format!("journal: {}\n", stored.journal.display()));
    Ok(exit)
}
