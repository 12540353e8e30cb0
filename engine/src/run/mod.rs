//! A playbook bound to an inventory and to its parameters' values: everything that a run needs but the world.

pub(crate) mod builtins;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::check;
use crate::inventory::Inventory;
use crate::module::Registry;
use crate::playbook::{INVARIANT_NAMES, Invariant, Playbook, resolve_params};
use crate::redact::HIDDEN;
use crate::secrets::SecretValues;
use crate::source::{Fault, Faults};
use crate::template::{Scope, condition};

/// A playbook, an inventory and parameter values that belong together.
#[derive(Clone)]
pub struct Run {
    /// The run's id; unique among the runs of a directory.
    pub id: String,
    /// The playbook.
    pub playbook: Arc<Playbook>,
    /// The inventory.
    pub inventory: Arc<Inventory>,
    /// The values of all parameters.
    pub params: Map<String, Value>,
    /// When it was bound, by the world's clock.
    pub started: Timestamp,
    /// The secrets of the inventory and the secret parameters. They must never be shown.
    pub secrets: SecretValues,
    pub(crate) scope: Scope,
    /// The modules that the playbook may name.
    pub(crate) registry: Registry,
    /// The variables common to all targets on a site, by the site's name.
    pub(crate) sites: BTreeMap<String, Arc<Map<String, Value>>>,
}

impl Run {
    /// Binds a playbook. A parameter's value is the provided one, else the inventory's variable of that name, else its default.
    ///
    /// # Errors
    /// Every fault that can be known before the world is probed.
    pub fn bind(
        id: impl Into<String>,
        playbook: Arc<Playbook>,
        inventory: Arc<Inventory>,
        registry: &Registry,
        provided: &Map<String, Value>,
        started: Timestamp,
    ) -> Result<Self, Faults> {
        let mut faults = check::check(&playbook, Some(&inventory), registry);
        let mut values: Map<String, Value> = inventory.vars.clone();
        values.retain(|name, _| playbook.params.contains_key(name));
        values.extend(provided.clone());
        let Some(params) = faults.take(resolve_params(&playbook, &values)) else { return Err(faults) };
        let id = id.into();
        let mut secrets = inventory.secrets.clone();
        for (name, _) in playbook.params.iter().filter(|(_, param)| param.secret) {
            params.get(name).into_iter().for_each(|value| secrets.add(name, value));
        }
        let mut builtins = builtins::common(&inventory);
        builtins.insert("run".to_owned(), json!({"id": id, "started": started.to_string(), "playbook": playbook.name}));
        let directory = playbook.source.path.parent().map(|path| path.display().to_string()).unwrap_or_default();
        let directory = if directory.is_empty() { ".".to_owned() } else { directory };
        builtins.insert("playbook_dir".to_owned(), Value::String(directory));
        builtins.insert("roles_file".to_owned(), Value::String(inventory.roles_file.display().to_string()));
        let scope = Scope::new(inventory.vars.clone()).with(params.clone()).with(builtins);
        let sites = builtins::of_sites(&inventory);
        faults.into_result(Self {
            id,
            playbook,
            inventory,
            params,
            started,
            secrets,
            scope,
            registry: *registry,
            sites,
        })
    }

    /// Whether an invariant of the playbook holds: in a world, which was another one before the playbook, after a run that has ended so.
    ///
    /// # Errors
    /// The condition cannot be evaluated.
    pub fn holds(&self, invariant: &Invariant, world: Value, before: Value, ended: &str) -> Result<bool, Fault> {
        let [of_world, of_before, of_end] = INVARIANT_NAMES.map(str::to_owned);
        let names = [(of_world, world), (of_before, before), (of_end, Value::from(ended))];
        condition(&invariant.that, &self.scope.with(names.into_iter().collect()))
    }

    /// The parameters with secret ones masked.
    pub fn shown_params(&self) -> Value {
        let hidden = |name: &String| self.playbook.params.get(name).is_some_and(|param| param.secret);
        let shown = |(name, value): (&String, &Value)| {
            (name.clone(), if hidden(name) { Value::from(HIDDEN) } else { value.clone() })
        };
        Value::Object(self.params.iter().map(shown).collect())
    }
}

impl std::fmt::Debug for Run {
    /// Without the values of secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("id", &self.id)
            .field("playbook", &self.playbook.name)
            .field("inventory", &self.inventory)
            .field("params", &self.shown_params())
            .field("started", &self.started)
            .field("secrets", &self.secrets)
            .finish_non_exhaustive()
    }
}
