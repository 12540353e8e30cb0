//! `cutover doctor`: whether this machine is ready for a run. Looks at this machine only and sends nothing anywhere.

mod finding;
mod machine;
mod online;
mod rights;
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
        let inventory = inventory::load(path, &read, &Resolver { inventory: path })?.with_roles(&read)?;
        findings.extend(on(&inventory, path));
    }
    let is_wrong = |findings: &[Finding]| findings.iter().any(|finding| finding.mark == Mark::Wrong);
    let mut text: String = findings.iter().map(ToString::to_string).collect();
    let (mut exit, mut answers) = (if is_wrong(&findings) { Exit::Blocked } else { Exit::Done }, false);
    if let Some(path) = args.on.inventory.as_ref().filter(|_| args.online) {
        let inventory = inventory::load(path, &read, &Resolver { inventory: path })?.with_roles(&read)?;
        let found = online::look(inventory)?;
        text.extend(found.iter().map(ToString::to_string));
        if is_wrong(&found) && exit == Exit::Done {
            exit = Exit::Unreachable;
        }
        answers = true;
    }
    text += &unseen(args.on.inventory.is_some(), answers);
    terminal::print(&text)?;
    Ok(exit)
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

fn unseen(with_inventory: bool, online: bool) -> String {
    let mut text = match online {
        true => "\nNot looked at: programs and disks on the nodes\n  `cutover plan` looks at these, and changes nothing\n",
        false => {
            "\nNot looked at, because it needs the network:\n  nodes and API servers that answer, host keys, the identity of the \
             clusters, programs and disks on the nodes\n  `cutover doctor --online` looks at who answers, `cutover plan` at \
             everything; both change nothing\n"
        }
    }
    .to_owned();
    if !with_inventory {
        text += "Not looked at, because no inventory is named (-i INVENTORY):\n  SSH keys, kubeconfigs, secrets\n";
    }
    text
}
