//! `cutover schema`: the JSON Schemas, printed or written. They are generated from the types; the repository has copies for
//! editors.

use std::path::Path;

use anyhow::Context as _;
use cutover_engine::schema;
use cutover_modules::REGISTRY;
use cutover_sandbox::WorldSpec;

use crate::args::{SchemaArgs, SchemaKind};
use crate::exit::Exit;
use crate::{reference, terminal};

/// The kinds that are written by default.
const ALL: [SchemaKind; 5] =
    [SchemaKind::Playbook, SchemaKind::Inventory, SchemaKind::World, SchemaKind::Event, SchemaKind::Plan];

/// Prints or writes them.
pub(crate) fn run(args: &SchemaArgs) -> anyhow::Result<Exit> {
    let kinds = args.kind.as_ref().map_or(&ALL[..], std::slice::from_ref);
    for kind in kinds {
        let (name, text) = made(*kind);
        match &args.write {
            Some(directory) => write(directory, name, &text)?,
            None => terminal::print(&text)?,
        }
    }
    Ok(Exit::Done)
}

/// File name and text.
fn made(kind: SchemaKind) -> (&'static str, String) {
    let (name, schema) = match kind {
        SchemaKind::Playbook => ("playbook.schema.json", schema::playbook(&REGISTRY)),
        SchemaKind::Inventory => ("inventory.schema.json", schema::inventory()),
        SchemaKind::World => ("world.schema.json", schema::file::<WorldSpec>("cutover world")),
        SchemaKind::Event => ("event.schema.json", schema::event()),
        SchemaKind::Plan => ("plan.schema.json", schema::plan()),
        SchemaKind::Reference => return ("modules.md", reference::markdown(&REGISTRY)),
    };
    (name, format!("{schema:#}\n"))
}

fn write(directory: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make `{}`", directory.display()))?;
    let path = directory.join(name);
    std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    terminal::print(&format!("{}\n", path.display()))?;
    Ok(())
}
