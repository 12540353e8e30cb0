//! `cutover explain`: the modules, from the same source as the reference, and what a rehearsal does not simulate.

use cutover_modules::REGISTRY;

use crate::args::{ExplainArgs, SANDBOX};
use crate::exit::Exit;
use crate::{reference, terminal};

/// Lists the modules, or explains one, or the sandbox.
pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<Exit> {
    let text = match args.module.as_deref() {
        Some(SANDBOX) => reference::sandbox(),
        // The arguments accept known names only, so the module exists.
        Some(name) => REGISTRY.get(name).map(reference::explained).unwrap_or_default(),
        None => reference::table(&REGISTRY),
    };
    terminal::print(&text)?;
    Ok(Exit::Done)
}
