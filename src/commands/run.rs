//! `cutover run`: executes a playbook.

use crate::args::RunArgs;
use crate::exit::Exit;
use crate::files::Job;

/// Loads and checks everything; executing is not built yet.
pub(crate) fn run(args: RunArgs) -> anyhow::Result<Exit> {
    Job::load(&args.playbook, &args.common)?;
    anyhow::bail!("`cutover run` is not built yet")
}
