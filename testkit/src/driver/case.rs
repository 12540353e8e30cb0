//! The input of a bench: a playbook's text, and the arguments for it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use cutover_engine::check::check;
use cutover_engine::inventory::{self, Inventory, SecretSource, Secrets};
use cutover_engine::playbook::{self, Playbook};
use cutover_engine::run::Run;
use cutover_engine::source::Faults;
use serde_json::{Map, Value};

use super::modules::registry;

/// The inventory of all benches: an active site with three nodes, a passive one with one, and a pair.
const INVENTORY: &str = "
sites:
  here: {nodes: {a: {address: 10.0.0.1}, b: {address: 10.0.0.2}, c: {address: 10.0.0.3}}}
  there: {nodes: {a: {address: 10.1.0.1}}}
roles: {active: here, passive: there}
pairs:
  - {resource: r0, port: 7790, device: /dev/drbd0, disk: /dev/sdc, members: {here: {node: b, node_id: 1}, there: {node: a, node_id: 2}}}
secrets: {password: {env: PASSWORD}}
";

/// A playbook's text and the arguments for it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Case {
    /// The playbook's text.
    pub text: String,
    /// Files that it includes, by name.
    pub files: BTreeMap<String, String>,
    /// Parameters.
    pub params: Map<String, Value>,
    /// The value of the inventory's secret `password`.
    pub password: String,
    /// Only steps with one of these tags; all if empty.
    pub only: Vec<String>,
    /// No step with one of these tags.
    pub skip: Vec<String>,
}

impl Case {
    /// A playbook of one phase with these steps (YAML, indented by two).
    pub fn steps(steps: &str) -> Self {
        Self::text(format!("name: Test\nphases:\n- name: Only\n  steps:\n{steps}"))
    }

    /// A playbook.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), password: "hunter2hunter2".to_owned(), ..Self::default() }
    }

    fn playbook(&self) -> Result<Playbook, Faults> {
        let read = |path: &Path| -> io::Result<String> {
            match path.to_str() {
                Some("test.yml") => Ok(self.text.clone()),
                name => {
                    name.and_then(|name| self.files.get(name)).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
                }
            }
        };
        playbook::load(Path::new("test.yml"), &registry(), &read)
    }

    fn inventory(&self) -> Result<Inventory, Faults> {
        let vault = Vault(self.password.clone());
        inventory::load(Path::new("inventory.yml"), &|_: &Path| Ok(INVENTORY.to_owned()), &vault)
    }

    /// Loads and binds it.
    ///
    /// # Errors
    /// All faults that keep it from running.
    pub(super) fn bind(&self) -> Result<Run, Faults> {
        let (inventory, playbook) = (self.inventory()?, self.playbook()?);
        let started = jiff::Timestamp::UNIX_EPOCH;
        Run::bind("r1", Arc::new(playbook), Arc::new(inventory), &registry(), &self.params, started)
    }

    /// The faults that a check finds, as text.
    pub fn faults(&self) -> Vec<String> {
        let found = self.inventory().and_then(|inventory| Ok((inventory, self.playbook()?)));
        let faults = match found {
            Ok((inventory, playbook)) => check(&playbook, Some(&inventory), &registry()),
            Err(faults) => faults,
        };
        faults.0.iter().map(ToString::to_string).collect()
    }
}

struct Vault(String);

impl Secrets for Vault {
    fn resolve(&self, _: &SecretSource) -> Result<String, String> {
        Ok(self.0.clone())
    }
}
