//! `cutover doctor`: whether this machine is ready for a run. Looks at this machine only and sends nothing anywhere.

mod finding;
mod machine;
mod site;

use std::path::Path;

use cutover_engine::inventory::{self, Inventory};
use cutover_files::{Resolver, read};
use cutover_session::terminal;
use finding::{Finding, Mark};

use crate::args::DoctorArgs;
use crate::exit::Exit;

/// Checks and reports; ends with [`Exit::Blocked`] if a run would not get far.
pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<Exit> {
    let mut findings = vec![machine::helm(), machine::kubectl(), machine::run_dir(&args.records.run_dir)];
    if let Some(path) = &args.on.inventory {
        // Faults of the inventory are reported as by `check`; secrets that cannot be fetched are among them.
        let inventory = inventory::load(path, &read, &Resolver { inventory: path })?;
        findings.extend(on(&inventory, path));
    }
    let mut text: String = findings.iter().map(ToString::to_string).collect();
    text += &unseen(args.on.inventory.is_some());
    terminal::print(&text)?;
    Ok(if findings.iter().any(|finding| finding.mark == Mark::Wrong) { Exit::Blocked } else { Exit::Done })
}

fn on(inventory: &Inventory, path: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !inventory.secrets.is_empty() {
        findings.push(Finding::good("secrets", format!("all can be fetched ({})", inventory.secrets.len())));
    }
    for site in inventory.sites.values() {
        findings.extend(site::look(site, path));
    }
    findings
}

fn unseen(with_inventory: bool) -> String {
    let mut text = "\nNot looked at, because it needs the network:\n  nodes and API servers that answer, host keys, the \
                    identity of the clusters, programs and disks on the nodes\n  `cutover plan` looks at these, and changes \
                    nothing\n"
        .to_owned();
    if !with_inventory {
        text += "Not looked at, because no inventory is named (-i INVENTORY):\n  SSH keys, kubeconfigs, secrets\n";
    }
    text
}
