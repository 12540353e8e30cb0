//! `cutover plan`: probes the world and shows what a run would change, with the exact commands. A step that depends on another
//! one is shown as a rehearsal carried it out.

use std::sync::Arc;

use cutover_engine::clock::Clock as _;
use cutover_engine::plan::{Plan, Verdict, plan};
use cutover_files::{Chosen, Job, known_tags, parameters};
use cutover_modules::REGISTRY;
use cutover_rehearsal::Rehearsal;
use cutover_session::{close, known_approvals, terminal};
use jiff::Timestamp;

use crate::args::{Output, PlanArgs};
use crate::exit::Exit;
use crate::plan_text::{self, Shown};

/// Plans; ends with 3 if something would be refused whatever happens before it, with 4 if something cannot be reached, with 9 if
/// the simulated world does not simulate what was asked for.
pub(crate) fn run(args: PlanArgs) -> anyhow::Result<Exit> {
    let tags = args.common.tags();
    // Of a real world: there is nothing to be simulated.
    let mut is_simulated = true;
    let (plan, rehearsed) = if args.sandbox {
        let rehearsal = rehearsal(&args)?;
        let planned = Rehearsal::runtime()?.block_on(async {
            let world = rehearsal.prepared().await?;
            let run = rehearsal.enter_last(&world).await?.bind("plan", world.now())?;
            known_tags(&tags, &run.playbook)?;
            known_approvals(&args.common.session.approve, &run, &tags)?;
            anyhow::Ok(plan(&run, REGISTRY, Arc::new(world), &tags).await)
        })?;
        let changes = rehearsal.changes()?;
        is_simulated = changes.is_simulated;
        (planned, changes.made)
    } else {
        let job = Job::load(&args.playbook, args.common.on.inventory.as_deref(), &args.common.extra)?;
        known_tags(&tags, &job.playbook)?;
        let run = job.bind("plan", Timestamp::now())?;
        known_approvals(&args.common.session.approve, &run, &tags)?;
        let world = crate::real::world(&job.inventory);
        let runtime = tokio::runtime::Runtime::new()?;
        if !args.look.skip_first_look
            && let Some(exit) = runtime.block_on(crate::real::unreachable(&run, &world, &tags))?
        {
            close(runtime, world.as_ref());
            return Ok(exit);
        }
        // The rehearsal only adds detail: a playbook that the sandbox cannot simulate is planned without it.
        let rehearsed = rehearsal(&args)
            .and_then(|rehearsal| rehearsal.changes())
            .map(|changes| changes.made)
            .unwrap_or_else(|why| {
                // If standard error is closed, there is nowhere left to report to.
                let _ = terminal::complain(&format!("not rehearsed, so later steps show no commands: {why:#}\n"));
                Vec::new()
            });
        (runtime.block_on(plan(&run, REGISTRY, world, &tags)), rehearsed)
    };
    let shown = Shown { plan: &plan, rehearsed: &rehearsed, reads: args.reads };
    match args.common.session.output {
        Some(Output::Json) => terminal::print(&format!("{}\n", serde_json::to_string_pretty(&plan)?))?,
        _ => terminal::print(&plan_text::text(&shown))?,
    }
    Ok(if is_simulated { exit(&plan) } else { Exit::Unsimulated })
}

fn rehearsal(args: &PlanArgs) -> anyhow::Result<Rehearsal> {
    let named = args.common.on.inventory.as_deref();
    let inventory = Chosen::or_shipped(named, cutover_files::INVENTORY);
    Ok(Rehearsal::load(
        &Chosen::named(&args.playbook),
        &inventory,
        &parameters(&args.common.extra),
        args.world.as_deref(),
        1,
    )?)
}

fn exit(plan: &Plan) -> Exit {
    match plan.verdict() {
        Verdict::Failed => Exit::Failed,
        Verdict::Unreachable => Exit::Unreachable,
        Verdict::Blocked => Exit::Blocked,
        _ => Exit::Done,
    }
}
