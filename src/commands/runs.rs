//! `cutover runs`: lists the recorded runs.

use crate::args::RunsArgs;
use crate::exit::Exit;

/// Not built yet.
pub(crate) fn run(args: RunsArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("`cutover runs` is not built yet; look into `{}`", args.records.run_dir.display())
}
