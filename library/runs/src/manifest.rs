//! The manifest of a run: what it was started with, enough to resume it, and nothing secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cutover_engine::execute::Tags;
use cutover_engine::inventory::Roles;
use cutover_engine::run::Run;
use cutover_engine::source::{Fault, Faults};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::StoredRun;
use super::sealed::Sealed;

/// The name of its file.
pub(crate) const FILE: &str = "run.json";

/// What a run was started with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The playbook's path.
    pub playbook: PathBuf,
    /// The digest of the playbook and all it includes.
    pub playbook_digest: String,
    /// The inventory's path.
    pub inventory: PathBuf,
    /// The inventory's digest.
    pub inventory_digest: String,
    /// The roles of the sites. They stay those of the run, whatever it commits itself; a run from before there were roles files has none.
    #[serde(default)]
    pub roles: Option<Roles>,
    /// The parameters from the command line; without secret ones.
    #[serde(rename = "given")]
    pub provided: Map<String, Value>,
    /// The value of each parameter, from any source; without secret ones.
    pub params: Map<String, Value>,
    /// The digests of the secret ones.
    pub secrets: BTreeMap<String, Sealed>,
    /// The digests of the inventory's secrets.
    pub inventory_secrets: BTreeMap<String, Sealed>,
    /// Only steps with one of these tags.
    pub tags: Vec<String>,
    /// No steps with one of these.
    pub skip_tags: Vec<String>,
    /// When it was started.
    pub started: Timestamp,
    /// Whether it takes place in a simulated world.
    pub rehearsal: bool,
}

impl Manifest {
    /// The manifest of a run that begins.
    ///
    /// # Errors
    /// A secret cannot be sealed.
    pub fn of(run: &Run, provided: &Map<String, Value>, tags: &Tags, rehearsal: bool) -> anyhow::Result<Self> {
        let secret = |name: &String| run.playbook.params.get(name).is_some_and(|param| param.secret);
        let vars = &run.inventory.vars;
        let is_secret = |name: &str| run.inventory.secrets.names().any(|secret| secret == name);
        let open = |values: &Map<String, Value>| {
            let mut open = values.clone();
            // A parameter can have its value from a secret of the inventory.
            open.retain(|name, _| !secret(name) && !is_secret(name));
            open
        };
        let sealed = |(name, value): (&String, &Value)| {
            anyhow::Ok((name.clone(), Sealed::of(value, provided.contains_key(name))?))
        };
        let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // A rehearsal is never resumed, so its secrets need not be recognised again.
        let hidden = run.params.iter().filter(|(name, _)| secret(name) && !rehearsal);
        let theirs = vars.iter().filter(|(name, _)| is_secret(name) && !rehearsal);
        Ok(Self {
            playbook: whole(&run.playbook.source.path),
            playbook_digest: run.playbook.digest.clone(),
            inventory: whole(&run.inventory.source.path),
            inventory_digest: run.inventory.digest.clone(),
            roles: Some(run.inventory.roles.clone()),
            provided: open(provided),
            params: open(&run.params),
            secrets: hidden.map(sealed).collect::<anyhow::Result<_>>()?,
            inventory_secrets: theirs.map(sealed).collect::<anyhow::Result<_>>()?,
            tags: tags.only.clone(),
            skip_tags: tags.skip.clone(),
            started: run.started,
            rehearsal,
        })
    }

    /// Refuses parameters that have changed: a service half built with one value and half with another is not the one that the
    /// playbook describes. `again` has the parameters of this command line.
    ///
    /// # Errors
    /// A fault for each of them.
    pub fn same_parameters(&self, run: &Run, again: &Map<String, Value>) -> Result<(), Faults> {
        let mut faults = Faults::default();
        for (name, value) in &run.params {
            let fault = match (self.params.get(name), self.secrets.get(name)) {
                (Some(before), _) if again.contains_key(name) && before != value => changed(name, before, value),
                (_, Some(sealed)) if sealed.provided && !again.contains_key(name) => {
                    Fault::bare(format!("parameter `{name}` is secret, so the run directory does not store it"))
                        .help(format!("pass it again: -e {name}=..."))
                }
                (_, Some(sealed)) if again.contains_key(name) && !sealed.is(value) => {
                    let words = "has another value than the run began with (it is secret, so neither is shown)";
                    Fault::bare(format!("parameter `{name}` {words}")).help(FIXED)
                }
                _ => continue,
            };
            faults.push(fault);
        }
        faults.into_result(())
    }
}

impl Manifest {
    /// The inventory's secrets among these names that have changed. That is allowed: passwords are rotated, and a resume or undo
    /// does not always need them.
    pub fn changed_secrets<'a>(&'a self, run: &Run, names: &BTreeSet<&str>) -> impl Iterator<Item = &'a str> {
        let changed = |(name, sealed): &(&String, &Sealed)| {
            names.contains(name.as_str()) && run.inventory.vars.get(*name).is_some_and(|value| !sealed.is(value))
        };
        self.inventory_secrets.iter().filter(changed).map(|(name, _)| name.as_str())
    }
}

/// The hint instead of another value.
const FIXED: &str = "the parameters of a run are fixed; for another value begin a new run";

fn changed(name: &str, before: &Value, value: &Value) -> Fault {
    let shown = |value: &Value| if value.is_null() { "no value".to_owned() } else { value.to_string() };
    let words = format!("parameter `{name}` was {} when the run began, and now is {}", shown(before), shown(value));
    Fault::bare(words).help(FIXED)
}

impl StoredRun {
    /// Reads the run's manifest.
    ///
    /// # Errors
    /// The file is missing or damaged.
    pub fn manifest(&self) -> anyhow::Result<Manifest> {
        let path = self.directory.join(FILE);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
    }
}
