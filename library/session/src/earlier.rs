//! A run that was begun before: its files and parameters, checked to be the same, and its journal, locked.

use std::io;

use cutover_engine::event::{Event, EventKind};
use cutover_engine::execute::{Past, Tags};
use cutover_engine::journal::FileJournal;
use cutover_engine::redact::filled;
use cutover_engine::run::Run;
use cutover_engine::source::Fault;
use cutover_files::{Chosen, Extra, Job, Resolver, parameters};
use cutover_runs::{Manifest, RunStore, StoredRun, Wanted};

use crate::terminal;

/// An earlier run.
pub struct Earlier {
    /// What it runs.
    pub job: Job,
    /// The same, bound under the run's id.
    pub run: Run,
    /// What it has recorded, without secrets.
    pub events: Vec<Event>,
    /// What it has done, with the secrets back where they stood. Not to be shown.
    pub past: Past,
    /// Its journal, to go on with.
    pub journal: FileJournal,
    /// The steps it was started for.
    pub tags: Tags,
    /// Where it is recorded.
    pub stored: StoredRun,
}

impl Earlier {
    /// Takes up the run that is meant by a name. `None` if another process holds it, which is reported.
    ///
    /// # Errors
    /// It does not exist or is damaged, or its playbook, inventory or parameters are not what they were.
    pub fn load(store: &RunStore, name: &str, extra: &[Extra], accept_changed: bool) -> anyhow::Result<Option<Self>> {
        let stored = store.find(name, Wanted::ToGoOn)?;
        let id = stored.id.as_str();
        if stored.is_rehearsal() {
            let fault = Fault::bare(format!("run {id} was a rehearsal: nothing of it is in the real world"));
            let help = "rehearse again with `cutover rehearse`; `cutover report` shows what it did";
            return Err(fault.help(help).into());
        }
        let manifest = stored.manifest()?;
        let journal = match FileJournal::resume(&stored.directory) {
            Ok(journal) => journal,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                terminal::complain(&format!("run {id} is held by another process on this machine\n"))?;
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let events = stored.read()?.begun().map_err(|why| {
            let help = format!("`cutover report {}` shows what can be read of it", stored.named());
            Fault::bare(format!("run {id} cannot be relied on: {why}")).help(help)
        })?;
        // Secret parameters are not kept: they are given again.
        let again = parameters(extra)?;
        let mut values = manifest.provided.clone();
        values.extend(again.clone());
        let secrets = Resolver { inventory: &manifest.inventory };
        let (playbook, inventory) = (Chosen::named(&manifest.playbook), Chosen::named(&manifest.inventory));
        let mut job = Job::real(&playbook, &inventory, Ok(values), &secrets)?;
        // A run that has committed a switch has turned the roles in their file, and is still the run that it was.
        if let Some(roles) = &manifest.roles {
            let inventory = (*job.inventory).clone().in_roles(roles.clone())?;
            job = job.on(inventory);
        }
        if !accept_changed {
            unchanged(&manifest, &job, &stored)?;
        }
        // Its events say what it is called, also if its directory was given another name.
        let recorded = events.first().map_or(id, |event| event.run.as_str());
        let mut run = job.bind(recorded, manifest.started)?;
        manifest.same_parameters(&run, &again)?;
        let hidden = events.iter().flat_map(|event| &event.hidden).map(|hidden| hidden.secret.as_str()).collect();
        let changed: Vec<&str> = manifest.changed_secrets(&run, &hidden).collect();
        changed.into_iter().for_each(|name| run.secrets.set_changed(name));
        let (whole, lacks) = filled(&events, &run.secrets);
        for lack in lacks {
            terminal::complain(&format!(
                "note: {lack}: results that had it in them are not known any more, and such changes cannot be undone\n"
            ))?;
        }
        let tags = Tags { only: manifest.tags, skip: manifest.skip_tags };
        Ok(Some(Self { job, run, events, past: Past::of(&whole), journal, tags, stored }))
    }

    /// Whether its last execution came to a good end.
    pub fn is_finished(&self) -> bool {
        let last = self.events.iter().rev().find_map(|event| match &event.kind {
            EventKind::RunFinished { exit_code, .. } => Some(*exit_code),
            _ => None,
        });
        last == Some(0)
    }

    /// Which run it is, for somebody who has not typed its whole id.
    pub fn introduction(&self) -> String {
        let started = self.run.started;
        format!("run {}: {}, begun {started:.0}", self.stored.id, self.run.playbook.name)
    }
}

/// Refuses a playbook or an inventory that is not what it was when the run began.
fn unchanged(manifest: &Manifest, job: &Job, stored: &StoredRun) -> Result<(), Fault> {
    let compared = [
        ("playbook", &manifest.playbook, job.playbook.digest == manifest.playbook_digest),
        ("inventory", &manifest.inventory, job.inventory.digest == manifest.inventory_digest),
    ];
    let Some((what, path, _)) = compared.iter().find(|(.., same)| !same) else { return Ok(()) };
    let words = format!("the {what} {} is not what it was when run {} began", path.display(), stored.id);
    let copy = stored.directory.join("files");
    Err(Fault::bare(words).help(format!("compare it with the copy in {}, then give --accept-changed", copy.display())))
}
