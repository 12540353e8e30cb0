//! `cutover rehearse`: executes a playbook in a simulated world, after those that have to have run before it.

use cutover_engine::clock::Clock as _;
use cutover_engine::event::Verb;
use cutover_engine::execute::Stop;
use cutover_engine::source::Fault;
use cutover_engine::world::quote;

use crate::args::RehearseArgs;
use crate::exit::Exit;
use crate::files::{Chosen, INVENTORY, PLAYBOOK, given};
use crate::rehearsal::Rehearsal;
use crate::runs::{Begun, Naming, RunStore};
use crate::selection::{known_failure, known_tags};
use crate::session::{Said, Show, end, listen, settings, tags};
use crate::terminal;

/// Rehearses; ends as the playbook ends.
pub(crate) fn run(args: RehearseArgs) -> anyhow::Result<Exit> {
    let playbook = Chosen::or_shipped(args.playbook.as_deref(), PLAYBOOK);
    let inventory = Chosen::or_shipped(args.common.on.inventory.as_deref(), INVENTORY);
    let rehearsal =
        Rehearsal::load(&playbook, &inventory, &given(&args.common.extra), args.world.as_deref(), args.seed)?;
    terminal::complain(&format!(
        "rehearsing {} on {}, seed {}: everything is simulated\n",
        playbook.said(),
        inventory.said(),
        args.seed
    ))?;
    if let Some(step) = &args.fail {
        let steps: Vec<_> = rehearsal.jobs.iter().flat_map(|job| job.playbook.steps()).collect();
        known_failure(step, &steps)?;
    }
    if let Some(job) = rehearsal.jobs.last() {
        known_tags(&tags(&args.common), &job.playbook)?;
    }
    let show = Show::new(&args.common.session);
    Rehearsal::runtime()?.block_on(async {
        let world = rehearsal.world()?;
        let mut exit = Exit::Done;
        let mut report = String::new();
        let stop = Stop::default();
        listen(stop.clone(), Said::REHEARSAL);
        for (index, job) in rehearsal.jobs.iter().enumerate() {
            let last = index + 1 == rehearsal.jobs.len();
            let store = RunStore::new(&args.common.session.records.run_dir);
            let naming = Naming::Rehearsal(args.seed);
            let Begun { run, stored, journal } = store.begin(job, &args.common, naming, world.now())?;
            let (audience, reader) = show.reporter(&stored.journal, &stop)?;
            let mut settings = settings(Verb::Rehearse, if last { tags(&args.common) } else { Default::default() });
            settings.fail = args.fail.iter().cloned().collect();
            settings.record_reads = args.common.session.record_reads;
            let ending = rehearsal.execute(&run, &world, settings, stop.clone(), Box::new(journal), reader).await;
            show.wait_beside(audience).await?;
            exit = end(&ending);
            show.say(&format!("journal: {}\n", stored.journal.display()));
            report = format!("cutover report {} --format html -o report.html{}", quote(&stored.id), stored.option());
            if exit != Exit::Done {
                break;
            }
        }
        show.say(&format!("a page to keep: {report}\n"));
        if let Some(step) = args.fail.as_ref().filter(|_| exit == Exit::Done) {
            let fault = Fault::bare(format!("`{step}` was left out, so nothing failed"));
            return Err(fault.help("give the parameters or tags with which it runs").into());
        }
        Ok(exit)
    })
}
