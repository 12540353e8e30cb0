//! Who answers of all that an inventory names, and what the user may do there.

use std::sync::Arc;

use cutover_engine::inventory::Inventory;
use cutover_engine::plan::Contact;
use cutover_session::{causes, close, reach};

use super::finding::Finding;

/// Asks every node and API server, all at once.
pub(super) fn look(inventory: Inventory) -> anyhow::Result<Vec<Finding>> {
    let inventory = Arc::new(inventory);
    let mut contacts = Vec::new();
    for site in inventory.sites.values() {
        if !site.kubernetes.kubeconfig.is_empty() {
            contacts.push(Contact::Cluster { site: site.name.clone() });
        }
        let nodes = site.nodes.keys().map(|node| Contact::Node { site: site.name.clone(), node: node.clone() });
        contacts.extend(nodes);
    }
    let world = crate::real::world(&inventory);
    let runtime = tokio::runtime::Runtime::new()?;
    let looked = runtime.block_on(reach(&world, &contacts));
    let servers = looked.iter().filter(|(contact, _)| matches!(contact, Contact::Cluster { .. }));
    let rights = match servers.clone().all(|(_, answer)| answer.is_ok()) && servers.count() > 0 {
        true => runtime.block_on(super::rights::look(&inventory, &world))?,
        false => Vec::new(),
    };
    close(runtime, world.as_ref());
    let good = looked.iter().filter(|(_, answer)| answer.is_ok());
    let mut findings: Vec<Finding> = good.map(|(contact, _)| Finding::good(contact.to_string(), "answers")).collect();
    findings.extend(causes(&inventory, looked).into_iter().map(|cause| {
        let help = "nothing that works there can be done; put it right, or leave it out of the inventory";
        Finding::wrong(cause.whose(), cause.why, help)
    }));
    findings.extend(rights);
    Ok(findings)
}
