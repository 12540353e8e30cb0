//! `cutover rehearse`: executes a playbook in a simulated world, after the playbooks that must have run before it, and then the
//! resume or undo that is to be rehearsed.

use cutover_engine::clock::Clock as _;
use cutover_engine::event::{Event, EventKind, Verb};
use cutover_engine::execute::{Ending, Past, Settings, Stop};
use cutover_engine::journal::FileJournal;
use cutover_engine::record::Reader;
use cutover_engine::redact::filled;
use cutover_engine::run::Run;
use cutover_engine::source::Fault;
use cutover_engine::world::quote;
use cutover_files::{Chosen, INVENTORY, Job, PLAYBOOK, known_tags, parameters};
use cutover_rehearsal::{Failures, MadeToFail, Rehearsal, Watch};
use cutover_runs::{Begun, Naming, RunStore, StoredRun};
use cutover_sandbox::Sandbox;
use cutover_session::terminal;
use cutover_session::{Show, StopMessages, known_approvals, listen};
use jiff::Timestamp;

use crate::args::{RehearseArgs, Then};
use crate::ending::end;
use crate::exit::Exit;

/// Rehearses; ends as the playbook ends, or as the resume or undo after it.
pub(crate) fn run(args: RehearseArgs) -> anyhow::Result<Exit> {
    let playbook = Chosen::or_shipped(args.playbook.as_deref(), PLAYBOOK);
    let inventory = Chosen::or_shipped(args.common.on.inventory.as_deref(), INVENTORY);
    let rehearsal =
        Rehearsal::load(&playbook, &inventory, &parameters(&args.common.extra), args.world.as_deref(), args.seed)?;
    terminal::complain(&format!(
        "rehearsing {} on {}, seed {}: everything is simulated\n",
        playbook.description(),
        inventory.description(),
        args.seed
    ))?;
    if args.faults.is_some() || !args.fault.is_empty() {
        return super::faults::run(&args, rehearsal);
    }
    let failures = Failures::of(&args.fail, &rehearsal)?;
    if let Some(job) = rehearsal.jobs.last() {
        known_tags(&args.common.tags(), &job.playbook)?;
        let run = job.bind("rehearsal", Timestamp::now())?;
        known_approvals(&args.common.session.approve, &run, &args.common.tags())?;
    }
    Rehearsal::runtime()?.block_on(async {
        let world = rehearsal.world()?;
        world.keep_no_calls();
        failures.strikes.iter().for_each(|strike| world.inject(strike.clone()));
        let stop = Stop::default();
        let (show, made_to_fail) = (Show::new(args.common.session.output.map(Into::into)), MadeToFail::default());
        listen(stop.clone(), show.beside(StopMessages::REHEARSAL));
        let mut stage = Stage { args: &args, rehearsal: &rehearsal, world, show, stop, made_to_fail, reported: 0 };
        let mut ended = None;
        for index in 0..rehearsal.jobs.len() {
            let last = index + 1 == rehearsal.jobs.len();
            let job = rehearsal.enter(index, &stage.world).await?;
            if last {
                stage.world.begin_run();
            }
            let (exit, run, stored) = stage.play(&job, last, &failures).await?;
            let good = exit == Exit::Done;
            ended = Some((exit, job, run, stored));
            if !good {
                break;
            }
        }
        let Some((mut exit, job, run, stored)) = ended else { return Ok(Exit::Done) };
        let good = exit == Exit::Done;
        if let Some(then) = args.then.filter(|_| exit != Exit::Stopped) {
            exit = stage.then(then, &job, &run, &stored).await?;
        }
        // The resume or undo may be struck as well.
        match failures.unmet(&stage.world, &stage.made_to_fail) {
            Some(fault) if good => return Err(fault.into()),
            Some(fault) => stage.show.say(&format!("note: {}\n", fault.message)),
            None => {}
        }
        let report = format!("cutover report {} --format html -o report.html{}", quote(&stored.id), stored.option());
        stage.show.say(&format!("a page to keep: {report}\n"));
        Ok(exit)
    })
}

/// A rehearsal in progress.
struct Stage<'a> {
    args: &'a RehearseArgs,
    rehearsal: &'a Rehearsal,
    world: Sandbox,
    show: Show,
    stop: Stop,
    made_to_fail: MadeToFail,
    /// How many strikes were reported.
    reported: usize,
}

impl Stage<'_> {
    /// Executes one of the playbooks.
    async fn play(&mut self, job: &Job, last: bool, failures: &Failures) -> anyhow::Result<(Exit, Run, StoredRun)> {
        let store = RunStore::new(&self.args.common.session.records.run_dir);
        let naming = Naming::Rehearsal(self.args.seed);
        let Begun { run, stored, journal } = store.begin(job, &self.args.common.tags(), naming, self.world.now())?;
        let (audience, reader) = self.show.reporter(&stored.journal, &self.stop)?;
        let tags = if last { self.args.common.tags() } else { Default::default() };
        let mut settings = Settings::new(Verb::Rehearse, tags);
        settings.fail.clone_from(&failures.steps);
        settings.accepted_gaps.clone_from(&self.args.accept_unsimulated);
        settings.record_reads = self.args.common.session.record_reads;
        let watch = self.watch(journal, reader);
        let ending = self.rehearsal.execute(&run, &self.world, settings, watch, &[]).await;
        self.show.wait_beside(audience).await?;
        Ok((self.ends(ending.as_ref(), &stored), run, stored))
    }

    /// Resumes or undoes a run in the same world, as another controller would that has only the journal.
    async fn then(&mut self, then: Then, job: &Job, run: &Run, stored: &StoredRun) -> anyhow::Result<Exit> {
        self.world.revive();
        let events = stored.read()?.whole().map_err(|why| Fault::bare(format!("the journal is damaged: {why}")))?;
        let (whole, _) = filled(&events, &run.secrets);
        let nothing = match then {
            Then::Resume if is_finished(&events) => "has ended well: there is nothing to go on with",
            Then::Undo if Past::of(&events).standing().is_empty() => "has changed nothing that still stands",
            _ => "",
        };
        if !nothing.is_empty() {
            self.show.say(&format!("run {} {nothing}\n", stored.id));
            return Ok(Exit::Done);
        }
        let journal = FileJournal::resume(&stored.directory)?;
        let verb = match then {
            Then::Resume => Verb::Resume,
            Then::Undo => Verb::Undo,
        };
        let (audience, reader) = self.show.reporter_after(&events, &stored.journal, &self.stop)?;
        let is_last = self.rehearsal.jobs.last().is_some_and(|last| last.playbook.digest == job.playbook.digest);
        let mut settings = Settings::new(verb, if is_last { self.args.common.tags() } else { Default::default() });
        settings.record_reads = self.args.common.session.record_reads;
        settings.past = Past::of(&whole);
        settings.accepted_gaps.clone_from(&self.args.accept_unsimulated);
        let watch = self.watch(journal, reader);
        let ending = self.rehearsal.execute(run, &self.world, settings, watch, &events).await;
        self.show.wait_beside(audience).await?;
        Ok(self.ends(ending.as_ref(), stored))
    }

    fn watch(&self, journal: FileJournal, reader: Box<dyn Reader>) -> Watch {
        Watch { journal: Box::new(journal), reader: self.made_to_fail.noticed(reader), stop: self.stop.clone() }
    }

    /// Reports how an execution ended and what was struck in it.
    fn ends(&mut self, ending: Option<&Ending>, stored: &StoredRun) -> Exit {
        let struck = self.world.struck();
        for one in &struck[self.reported.min(struck.len())..] {
            let outcome = one.outcome.as_ref().map(|outcome| format!(": {outcome}")).unwrap_or_default();
            self.show.say(&format!("struck: call {}, {}: {}{outcome}\n", one.ordinal, one.name, one.kind));
        }
        self.reported = struck.len();
        let exit = match ending {
            Some(ending) => end(ending),
            None => {
                self.show.say("the controller was killed: nothing more was sent or recorded\n");
                Exit::Failed
            }
        };
        self.show.say(&format!("journal: {}\n", stored.journal.display()));
        exit
    }
}

/// Whether the last execution of a run ended well.
fn is_finished(events: &[Event]) -> bool {
    let last = events.iter().rev().find_map(|event| match &event.kind {
        EventKind::RunFinished { exit_code, .. } => Some(*exit_code),
        _ => None,
    });
    last == Some(0)
}
