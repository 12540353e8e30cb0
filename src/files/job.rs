//! Everything that executing a playbook begins with: the playbook, the inventory and the parameters, checked together.

use std::path::Path;
use std::sync::Arc;

use cutover_engine::check::check_file;
use cutover_engine::inventory::{self, Inventory, Secrets};
use cutover_engine::playbook::{Playbook, resolve_params};
use cutover_engine::source::{Fault, Faults};
use cutover_modules::REGISTRY;
use serde_json::{Map, Value};

use super::shipped::Chosen;
use super::{Resolver, extras};
use crate::args::{Common, Extra};

/// A playbook with what it runs on and with. Nothing in it is known to be wrong.
#[derive(Debug)]
pub(crate) struct Job {
    /// The playbook.
    pub(crate) playbook: Playbook,
    /// The inventory, secrets resolved.
    pub(crate) inventory: Arc<Inventory>,
    /// The value of every parameter.
    pub(crate) params: Map<String, Value>,
}

impl Job {
    /// Loads for a real run: both files have to be named, and secrets are fetched.
    ///
    /// # Errors
    /// All faults of all files and arguments.
    pub(crate) fn load(playbook: &Path, common: &Common) -> Result<Self, Faults> {
        let Some(inventory) = &common.on.inventory else {
            let fault = Fault::bare("no inventory is named: a run needs to know its clusters and nodes");
            return Err(fault.help("add -i INVENTORY, or set CUTOVER_INVENTORY").into());
        };
        let secrets = Resolver { inventory };
        Self::of(&Chosen::named(playbook), &Chosen::named(inventory), &common.extra, &secrets)
    }

    /// Loads chosen files.
    ///
    /// # Errors
    /// All faults of all files and arguments.
    pub(crate) fn of(
        playbook: &Chosen,
        inventory: &Chosen,
        extra: &[Extra],
        secrets: &dyn Secrets,
    ) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let inventory = faults.take(inventory::load(&inventory.path, &|path| inventory.read(path), secrets));
        let given = faults.take(extras::given(extra));
        let (Some(inventory), Some(given)) = (inventory, given) else { return Err(faults) };
        let (playbook, found) =
            check_file(&playbook.path, Some(&inventory), &REGISTRY, &|path: &Path| playbook.read(path));
        faults.0.extend(found.0);
        let Some(playbook) = playbook else { return Err(faults) };
        let params = faults.take(resolve_params(&playbook, &given)).unwrap_or_default();
        faults.into_result(Self { playbook, inventory: Arc::new(inventory), params })
    }
}
