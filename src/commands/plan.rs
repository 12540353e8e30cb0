//! `cutover plan`: looks at the real world and shows what a run would change.

use crate::args::PlanArgs;
use crate::exit::Exit;
use crate::files::Job;

/// Loads and checks everything; looking at the world is not built yet.
pub(crate) fn run(args: PlanArgs) -> anyhow::Result<Exit> {
    let job = Job::load(&args.playbook, &args.common)?;
    anyhow::bail!(
        "`cutover plan` is not built yet; `{}` with {} sites and {} parameters is ready for it",
        job.playbook.name,
        job.inventory.sites.len(),
        job.params.len()
    )
}
