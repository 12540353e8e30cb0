//! `cutover report`: shows a run from its journal.

use crate::args::ReportArgs;
use crate::exit::Exit;

/// Not built yet.
pub(crate) fn run(args: ReportArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("`cutover report` is not built yet; nothing was done with `{}`", args.run)
}
