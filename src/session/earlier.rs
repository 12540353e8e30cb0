//! A run that was begun before: its files, checked to be the same, and its journal, locked.

use std::io;
use std::path::Path;

use cutover_engine::event::{Event, EventKind, Verb};
use cutover_engine::execute::{Past, Tags};
use cutover_engine::journal::{self, FileJournal};
use cutover_engine::redact::filled;
use cutover_engine::run::Run;
use cutover_engine::source::Fault;

use super::RunDirectory;
use crate::args::Extra;
use crate::files::{Chosen, Job, Resolver, given};
use crate::terminal;

/// An earlier run.
pub(crate) struct Earlier {
    /// What it runs.
    pub(crate) job: Job,
    /// The same, bound under the run's id.
    pub(crate) run: Run,
    /// What it has recorded, without secrets.
    pub(crate) events: Vec<Event>,
    /// What it has done, with the secrets back where they stood. Not to be shown.
    pub(crate) past: Past,
    /// Its journal, to go on with.
    pub(crate) journal: FileJournal,
    /// The steps it was started for.
    pub(crate) tags: Tags,
    /// Its directory.
    pub(crate) directory: RunDirectory,
}

impl Earlier {
    /// Takes up a run. `None` if another process holds it, which is said.
    ///
    /// # Errors
    /// It does not exist or is damaged, or its playbook or inventory are not what they were.
    pub(crate) fn load(root: &Path, id: &str, extra: &[Extra], accept_changed: bool) -> anyhow::Result<Option<Self>> {
        let directory = RunDirectory::find(root, id)?;
        let manifest = directory.manifest()?;
        let journal = match FileJournal::resume(&directory.0) {
            Ok(journal) => journal,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                terminal::complain(&format!("run {id} is held by another process on this machine\n"))?;
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let events = journal::read(&directory.0)?;
        let rehearsed =
            |event: &Event| matches!(&event.kind, EventKind::RunStarted { verb, .. } if *verb == Verb::Rehearse);
        if events.iter().any(rehearsed) {
            let fault = Fault::bare(format!("run {id} was a rehearsal: nothing of it is in the real world"));
            return Err(fault
                .help("rehearse again with `cutover rehearse`; `cutover report` shows what it did")
                .into());
        }
        // Secret parameters are not kept: they are given again.
        let mut values = manifest.given.clone();
        values.extend(given(extra)?);
        let secrets = Resolver { inventory: &manifest.inventory };
        let (playbook, inventory) = (Chosen::named(&manifest.playbook), Chosen::named(&manifest.inventory));
        let job = Job::real(&playbook, &inventory, Ok(values), &secrets)?;
        let changed = [
            ("playbook", &manifest.playbook, job.playbook.digest != manifest.playbook_digest),
            ("inventory", &manifest.inventory, job.inventory.digest != manifest.inventory_digest),
        ];
        if let Some((what, path, _)) = changed.iter().find(|(.., changed)| *changed && !accept_changed) {
            let words = format!("the {what} {} is not what it was when run {id} began", path.display());
            let kept = directory.0.join("files");
            let help = format!("compare it with the copy in {}, then give --accept-changed", kept.display());
            return Err(Fault::bare(words).help(help).into());
        }
        let run = job.bind(id, manifest.started)?;
        let (whole, lacks) = filled(&events, &run.secrets);
        for lack in lacks {
            terminal::complain(&format!(
                "note: {lack}: results that had it in them are not known any more, and such changes cannot be undone\n"
            ))?;
        }
        let tags = Tags { only: manifest.tags, skip: manifest.skip_tags };
        Ok(Some(Self { job, run, events, past: Past::of(&whole), journal, tags, directory }))
    }

    /// Whether its last execution came to a good end.
    pub(crate) fn is_finished(&self) -> bool {
        let last = self.events.iter().rev().find_map(|event| match &event.kind {
            EventKind::RunFinished { exit_code, .. } => Some(*exit_code),
            _ => None,
        });
        last == Some(0)
    }
}
