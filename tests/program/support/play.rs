//! A shipped playbook, perhaps with a change in its text, with the inventory and the parameters it is executed with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cutover_engine::inventory::{self, Inventory};
use cutover_engine::playbook::{self, Playbook};
use cutover_engine::run::Run;
use cutover_modules::REGISTRY;
use cutover_sandbox::Sandbox;
use serde_json::{Map, Value};

use cutover_testkit::unattended::NoSecrets;

pub(crate) const PREPARE: &str = "etcd-prepare.yml";
pub(crate) const CUTOVER: &str = "etcd-cutover.yml";
/// The roles file of the simulated controller.
pub(crate) const ROLES: &str = "/root/inventory.roles.yml";

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The inventory of the manual's environment.
pub(crate) fn example() -> String {
    std::fs::read_to_string(root().join("inventories/example.yml")).expect("the example inventory")
}

/// A playbook with the inventory and the parameters it is executed with.
#[derive(Clone)]
pub(crate) struct Play {
    pub(crate) playbook: Arc<Playbook>,
    pub(crate) inventory: Arc<Inventory>,
    pub(crate) provided: Map<String, Value>,
}

impl Play {
    /// The preparation, as shipped.
    pub(crate) fn prepare() -> Self {
        Self::load(PREPARE, &|text| text, &example())
    }

    /// The cutover, as shipped.
    pub(crate) fn cutover() -> Self {
        Self::load(CUTOVER, &|text| text, &example())
    }

    /// A shipped playbook whose text was changed, on an inventory.
    pub(crate) fn load(name: &str, edit: &dyn Fn(String) -> String, inventory: &str) -> Self {
        let path = root().join("playbooks").join(name);
        let read = |wanted: &Path| {
            let text = std::fs::read_to_string(wanted)?;
            Ok(if wanted == path { edit(text) } else { text })
        };
        let playbook = playbook::load(&path, &REGISTRY, &read).unwrap_or_else(|faults| panic!("{faults}"));
        let read = |_: &Path| Ok(inventory.to_owned());
        let inventory = inventory::load(&PathBuf::from("inventory.yml"), &read, &NoSecrets);
        let mut inventory = inventory.unwrap_or_else(|faults| panic!("{faults}"));
        // On the simulated controller.
        inventory.roles_file = ROLES.into();
        Self { playbook: Arc::new(playbook), inventory: Arc::new(inventory), provided: Map::new() }
    }

    /// A shipped playbook in a world: with the roles that the world's roles file names, and those of the parameters that it declares.
    pub(crate) fn in_world(name: &str, world: &Sandbox, params: &Value) -> Self {
        let play = Self::load(name, &|text| text, &example());
        let read = |path: &Path| {
            assert_eq!(path, Path::new(ROLES));
            world.controllers_file(ROLES).ok_or(std::io::ErrorKind::NotFound.into())
        };
        let inventory = (*play.inventory).clone().with_roles(&read).unwrap_or_else(|faults| panic!("{faults}"));
        let mut params = params.clone();
        params.as_object_mut().expect("parameters").retain(|name, _| play.playbook.params.contains_key(name));
        Self { inventory: Arc::new(inventory), ..play }.provided(params)
    }

    /// With parameters.
    pub(crate) fn provided(mut self, provided: Value) -> Self {
        self.provided = provided.as_object().expect("parameters").clone();
        self
    }

    /// The steps that are not blocks, by id.
    pub(crate) fn steps(&self) -> Vec<String> {
        let blocks = |step: &&playbook::Step| !matches!(step.kind, playbook::StepKind::Block { .. });
        self.playbook.steps().into_iter().filter(blocks).map(|step| step.id.clone()).collect()
    }

    pub(crate) fn bind(&self, id: &str, started: jiff::Timestamp) -> Run {
        let (playbook, inventory) = (Arc::clone(&self.playbook), Arc::clone(&self.inventory));
        let run = Run::bind(id, playbook, inventory, &REGISTRY, &self.provided, started);
        run.unwrap_or_else(|faults| panic!("{faults}"))
    }
}
