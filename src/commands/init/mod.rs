//! `cutover init`: a playbook, an inventory and a world to begin with, full of comments. The playbook passes `check` and
//! `rehearse` as it is.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::Context as _;
use cutover_engine::source::{Fault, Faults};
use cutover_session::terminal;

use crate::args::InitArgs;
use crate::exit::Exit;

/// Directory and text; `@NAME@` is replaced by the service's name.
const TEMPLATES: [(&str, &str); 3] = [
    ("playbooks", include_str!("playbook.yml")),
    ("inventories", include_str!("inventory.yml")),
    ("worlds", include_str!("world.yml")),
];

/// Writes all files. If one exists already, none is written.
pub(crate) fn run(args: &InitArgs) -> anyhow::Result<Exit> {
    let files = TEMPLATES.map(|(directory, template)| {
        let path = Path::new(directory).join(format!("{}.yml", args.name));
        let path = args.dir.as_ref().map_or_else(|| path.clone(), |dir| dir.join(&path));
        (path, template.replace("@NAME@", &args.name))
    });
    let mut faults = Faults::default();
    for (path, _) in files.iter().filter(|(path, _)| path.symlink_metadata().is_ok()) {
        let fault = Fault::bare(format!("`{}` exists already, and nothing was written", path.display()));
        faults.push(fault.help("choose another name, or another directory with --dir"));
    }
    faults.into_result(())?;
    for (path, text) in &files {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).with_context(|| format!("cannot make `{}`", directory.display()))?;
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => anyhow::anyhow!("`{}` has just been made by someone else", path.display()),
                _ => anyhow::Error::new(error).context(format!("cannot write `{}`", path.display())),
            })?;
        file.write_all(text.as_bytes()).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let [playbook, inventory, world] = files.map(|(path, _)| path.display().to_string());
    terminal::print(&format!(
        "wrote {playbook}\nwrote {inventory}\nwrote {world}\n\nNext: fill in your clusters, nodes and disks, then\n  \
         cutover check {playbook} -i {inventory}\n  cutover rehearse {playbook} -i {inventory} --world {world}\n"
    ))?;
    Ok(Exit::Done)
}
