//! A turn of events between two playbooks of a rehearsal: part of the world is lost, or comes back.

use cutover_engine::inventory::Inventory;
use cutover_engine::playbook::Before;
use cutover_engine::source::{Fault, Location};
use cutover_sandbox::{Part, Sandbox};

/// Something that is lost or comes back.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    /// As it is written: `active`, `standby/worker01`, `link`.
    what: String,
    /// Whether it comes back.
    back: bool,
    /// Where it is written.
    at: Location,
}

impl Turn {
    /// What happens after a playbook: first what comes back, then what is lost.
    pub(crate) fn after(before: &Before) -> Vec<Self> {
        let turn = |back: bool| move |what: &String| Self { what: what.clone(), back, at: before.at.clone() };
        before.bring_back.iter().map(turn(true)).chain(before.lose.iter().map(turn(false))).collect()
    }

    /// Refuses what the inventory has nothing of that name for.
    ///
    /// # Errors
    /// Names it.
    pub(crate) fn check(&self, inventory: &Inventory) -> Result<(), Fault> {
        self.part(inventory).map(drop)
    }

    /// Lets it happen.
    ///
    /// # Errors
    /// The inventory has nothing of that name.
    pub(crate) fn happen(&self, world: &Sandbox, inventory: &Inventory) -> Result<(), Fault> {
        let part = self.part(inventory)?;
        if self.back {
            world.bring_back(&part)
        } else {
            world.lose(&part)
        }
        Ok(())
    }

    fn part(&self, inventory: &Inventory) -> Result<Part, Fault> {
        let (site, node) =
            self.what.split_once('/').map_or((self.what.as_str(), None), |(site, node)| (site, Some(node)));
        let roles = &inventory.roles;
        let site = match site {
            "link" if node.is_none() => return Ok(Part::Link(roles.active.clone(), roles.passive.clone())),
            "active" => &roles.active,
            "passive" => &roles.passive,
            other => other,
        };
        let known = inventory.sites.get(site).filter(|site| node.is_none_or(|node| site.nodes.contains_key(node)));
        match (known, node) {
            (Some(_), None) => Ok(Part::Site(site.to_owned())),
            (Some(_), Some(node)) => Ok(Part::Node(site.to_owned(), node.to_owned())),
            (None, _) => Err(Fault::at(&self.at, format!("`{}` is neither a site, nor a node, nor `link`", self.what))
                .help("`active`, `passive` or a site's name; SITE/NODE; or `link`, the network between the sites")),
        }
    }
}
