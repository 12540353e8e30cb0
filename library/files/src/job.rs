//! The input of an execution: playbook, inventory and parameters, checked together.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cutover_engine::check::check_file;
use cutover_engine::inventory::{self, Inventory, Secrets};
use cutover_engine::playbook::{Playbook, resolve_params};
use cutover_engine::run::Run;
use cutover_engine::source::{Fault, Faults};
use cutover_modules::REGISTRY;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::shipped::Chosen;
use super::{Extra, Resolver, extras};

/// A playbook with its inventory and parameters, free of known faults.
#[derive(Clone)]
pub struct Job {
    /// The playbook.
    pub playbook: Arc<Playbook>,
    /// The inventory, secrets resolved.
    pub inventory: Arc<Inventory>,
    /// The parameters from the command line.
    pub provided: Map<String, Value>,
    /// The path and text of every file that was read.
    pub files: Vec<(PathBuf, String)>,
}

impl std::fmt::Debug for Job {
    /// Without the parameters: some are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("playbook", &self.playbook.name).finish_non_exhaustive()
    }
}

impl Job {
    /// Loads for a real run: both files have to be named, and secrets are fetched.
    ///
    /// # Errors
    /// All faults of all files and arguments.
    pub fn load(playbook: &Path, inventory: Option<&Path>, extra: &[Extra]) -> Result<Self, Faults> {
        let Some(inventory) = inventory else {
            let fault = Fault::bare("no inventory is named: a run needs to know its clusters and nodes");
            return Err(fault.help("add -i INVENTORY, or set CUTOVER_INVENTORY").into());
        };
        let secrets = Resolver { inventory };
        Self::real(&Chosen::named(playbook), &Chosen::named(inventory), extras::parameters(extra), &secrets)
    }

    /// Loads for a real run, with parameters as they are: paths in the inventory become those of this machine.
    ///
    /// # Errors
    /// All faults of all files and parameters.
    pub fn real(
        playbook: &Chosen,
        inventory: &Chosen,
        provided: Result<Map<String, Value>, Faults>,
        secrets: &dyn Secrets,
    ) -> Result<Self, Faults> {
        let mut job = Self::with(playbook, inventory, provided, secrets)?;
        let mut real = (*job.inventory).clone();
        for site in real.sites.values_mut().filter(|site| !site.kubernetes.kubeconfig.is_empty()) {
            let path = super::resolve(&inventory.path, &site.kubernetes.kubeconfig);
            let path = std::path::absolute(&path).unwrap_or(path);
            site.kubernetes.kubeconfig = path.display().to_string();
        }
        real.roles_file = std::path::absolute(&real.roles_file).unwrap_or(real.roles_file);
        job.inventory = Arc::new(real);
        Ok(job)
    }

    /// The same with another inventory: other roles, or another roles file.
    pub fn on(self, inventory: Inventory) -> Self {
        Self { inventory: Arc::new(inventory), ..self }
    }

    /// Loads chosen files, with parameters as they are.
    ///
    /// # Errors
    /// All faults of all files and parameters.
    pub fn with(
        playbook: &Chosen,
        inventory: &Chosen,
        provided: Result<Map<String, Value>, Faults>,
        secrets: &dyn Secrets,
    ) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let files = RefCell::new(Vec::new());
        let keep = |chosen: &Chosen, path: &Path| {
            let text = chosen.read(path)?;
            files.borrow_mut().push((path.to_owned(), text.clone()));
            Ok(text)
        };
        let reading = |path: &Path| keep(inventory, path);
        let loaded = inventory::load(&inventory.path, &reading, secrets);
        let inventory = faults.take(loaded.and_then(|inventory| inventory.with_roles(&reading)));
        let provided = faults.take(provided);
        let (Some(inventory), Some(provided)) = (inventory, provided) else { return Err(faults) };
        let (loaded, found) =
            check_file(&playbook.path, Some(&inventory), &REGISTRY, &|path: &Path| keep(playbook, path));
        faults.0.extend(found.0);
        let Some(loaded) = loaded else { return Err(faults) };
        let mut values = inventory.vars.clone();
        values.retain(|name, _| loaded.params.contains_key(name));
        values.extend(provided.clone());
        faults.take(resolve_params(&loaded, &values));
        let job =
            Self { playbook: Arc::new(loaded), inventory: Arc::new(inventory), provided, files: files.into_inner() };
        faults.into_result(job)
    }

    /// Binds it to a run's id.
    ///
    /// # Errors
    /// All faults.
    pub fn bind(&self, id: &str, started: Timestamp) -> Result<Run, Faults> {
        let (playbook, inventory) = (Arc::clone(&self.playbook), Arc::clone(&self.inventory));
        Run::bind(id, playbook, inventory, &REGISTRY, &self.provided, started)
    }
}
