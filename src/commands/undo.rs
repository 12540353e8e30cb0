//! `cutover undo`: takes back what a run has changed.

use crate::args::UndoArgs;
use crate::exit::Exit;

/// Not built yet.
pub(crate) fn run(args: UndoArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("`cutover undo` is not built yet; nothing was done with `{}`", args.run)
}
