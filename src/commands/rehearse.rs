//! `cutover rehearse`: executes a playbook in a simulated world.

use crate::args::RehearseArgs;
use crate::exit::Exit;
use crate::files::{Chosen, INVENTORY, Job, Named, PLAYBOOK};
use crate::terminal;

/// Chooses, loads and checks the files; the simulated run is not built yet.
pub(crate) fn run(args: RehearseArgs) -> anyhow::Result<Exit> {
    let playbook = Chosen::or_shipped(args.playbook.as_deref(), PLAYBOOK);
    let inventory = Chosen::or_shipped(args.common.on.inventory.as_deref(), INVENTORY);
    terminal::complain(&format!("rehearsing {} on {}\n", playbook.said(), inventory.said()))?;
    Job::of(&playbook, &inventory, &args.common.extra, &Named)?;
    anyhow::bail!("`cutover rehearse` is not built yet")
}
