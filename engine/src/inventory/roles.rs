//! The roles file beside an inventory: which site is active now. Playbooks rewrite it when a switch is committed; while there is none, the
//! inventory's own roles hold. Not who is active in truth, which playbooks look at in the world.

use std::io;
use std::path::{Path, PathBuf};

use super::load::named;
use super::{Inventory, Roles};
use crate::playbook::ReadFile;
use crate::source::{Fault, Faults, SourceFile, decode, parse};

/// The roles file of an inventory: `example.roles.yml` for `example.yml`.
pub(super) fn beside(inventory: &Path) -> PathBuf {
    inventory.with_extension("roles.yml")
}

impl Inventory {
    /// The inventory in the roles that its roles file names, if there is one.
    ///
    /// # Errors
    /// All faults of that file.
    pub fn with_roles(self, read: ReadFile<'_>) -> Result<Self, Faults> {
        let path = self.roles_file.clone();
        let text = match read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(self),
            Err(error) => return Err(Fault::bare(format!("cannot read `{}`: {error}", path.display())).into()),
        };
        let tree = parse(&SourceFile::new(&path, text))?;
        let roles: Roles = decode(&tree, "a roles file")?;
        let mut faults = Faults::default();
        for (role, site) in [("active", &roles.active), ("passive", &roles.passive)] {
            if !self.sites.contains_key(site) {
                let fault = Fault::at(&tree.deepest(&format!("/{role}")).at, format!("no site is named `{site}`"));
                faults.push(named(fault, site, self.sites.keys()));
            }
        }
        if roles.active == roles.passive {
            faults.push(Fault::at(&tree.deepest("/passive").at, "one site cannot be active and passive"));
        }
        faults.into_result(Self { roles, ..self })
    }

    /// The inventory in the roles that a run has begun with.
    ///
    /// # Errors
    /// It does not have these sites any more.
    pub fn in_roles(self, roles: Roles) -> Result<Self, Fault> {
        for site in [&roles.active, &roles.passive] {
            if !self.sites.contains_key(site) {
                let words = format!("the run began with the site `{site}`, which the inventory does not have any more");
                return Err(Fault::bare(words).help("resume it with the inventory that it began with"));
            }
        }
        Ok(Self { roles, ..self })
    }
}
