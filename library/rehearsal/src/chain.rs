//! The playbooks that a rehearsal executes before the one that was asked for (`rehearse_after`), and what happens in between.

use std::path::{Path, PathBuf};

use cutover_engine::playbook::Playbook;
use cutover_engine::source::{Fault, Faults, SourceFile, parse};
use cutover_files::{Chosen, Job, Named};
use serde_json::{Map, Value};

use crate::turn::Turn;

/// How many playbooks a rehearsal may have.
const LONGEST: usize = 12;
/// Where the roles file of a simulated world is. The real one is neither read after the beginning nor written.
const ROLES_DIRECTORY: &str = "/root";

/// The playbooks in their order, the last one included, each with what happens before it.
pub(crate) fn load(
    last: Job,
    shipped: bool,
    inventory: &Chosen,
    provided: &Result<Map<String, Value>, Faults>,
) -> Result<Vec<(Job, Vec<Turn>)>, Faults> {
    let mut followed = vec![last.playbook.source.path.clone()];
    let mut chain = vec![(simulated(last), Vec::new())];
    while let Some(earlier) = chain.first().map(|(job, _)| earlier(&job.playbook)).filter(|earlier| !earlier.is_empty())
    {
        for (path, turns) in earlier.into_iter().rev() {
            if chain.len() == LONGEST {
                return Err(circles(&path));
            }
            let chosen = Chosen { path, shipped };
            // Earlier playbooks get those parameters of the requested one that they declare.
            let known = known_params(&chosen);
            let mut some = provided.clone().unwrap_or_default();
            some.retain(|name, _| known.as_ref().is_none_or(|known| known.contains(name)));
            let job = simulated(Job::with(&chosen, inventory, Ok(some), &Named)?);
            turns.iter().try_for_each(|turn| turn.check(&job.inventory))?;
            chain[0].1 = turns;
            chain.insert(0, (job, Vec::new()));
        }
        let first = chain[0].0.playbook.source.path.clone();
        if followed.contains(&first) {
            return Err(circles(&first));
        }
        followed.push(first);
    }
    Ok(chain)
}

/// The playbooks that come before a playbook, each with what happens after it.
fn earlier(playbook: &Playbook) -> Vec<(PathBuf, Vec<Turn>)> {
    let directory = playbook.source.path.parent().unwrap_or(Path::new(""));
    playbook.rehearse_after.iter().map(|before| (directory.join(&before.playbook), Turn::after(before))).collect()
}

fn circles(path: &Path) -> Faults {
    Fault::bare(format!("`rehearse_after` goes round in circles: {}", path.display())).into()
}

/// The same, with the roles file of the simulated world.
fn simulated(job: Job) -> Job {
    let mut inventory = (*job.inventory).clone();
    if let Some(name) = inventory.roles_file.file_name() {
        inventory.roles_file = Path::new(ROLES_DIRECTORY).join(name);
    }
    job.on(inventory)
}

/// The parameters that a playbook declares; `None` if it cannot be read, which is reported when it is loaded.
fn known_params(playbook: &Chosen) -> Option<Vec<String>> {
    let text = playbook.read(&playbook.path).ok()?;
    let tree = parse(&SourceFile::new(&playbook.path, text)).ok()?;
    Some(tree.get("params")?.entries().iter().map(|(key, _)| key.name.clone()).collect())
}
