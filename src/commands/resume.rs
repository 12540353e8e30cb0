//! `cutover resume`: goes on with a run that was stopped or failed.

use crate::args::ResumeArgs;
use crate::exit::Exit;

/// Not built yet.
pub(crate) fn run(args: ResumeArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("`cutover resume` is not built yet; nothing was done with `{}`", args.run)
}
