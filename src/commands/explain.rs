//! `cutover explain`: the modules, from the same source as the reference.

use cutover_modules::REGISTRY;

use crate::args::ExplainArgs;
use crate::exit::Exit;
use crate::{reference, terminal};

/// Lists the modules, or explains one.
pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<Exit> {
    // The arguments take known names only, so a module that is named is there.
    let module = args.module.as_deref().and_then(|name| REGISTRY.get(name));
    let text = match module {
        Some(module) => reference::explained(module),
        None => reference::table(&REGISTRY),
    };
    terminal::print(&text)?;
    Ok(Exit::Done)
}
