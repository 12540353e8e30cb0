//! Begins a run: its directory is created under a hidden name and renamed when it is complete, so that a visible directory is
//! whole, and so that of several runs that want the same name exactly one gets it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cutover_engine::digest::digest;
use cutover_engine::execute::Tags;
use cutover_engine::journal::{EVENTS, FileJournal};
use cutover_engine::run::Run;
use cutover_files::Job;
use jiff::Timestamp;

use super::{Manifest, RunStore, StoredRun, manifest};

/// The longest name of a copied file that is kept as it is, in bytes.
const LONGEST_NAME: usize = 200;

/// How a new run gets its name. If the name is taken, a number is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// By the time: `20260117-220000-etcd-cutover`.
    Real,
    /// By the seed: `rehearsal-etcd-cutover-1`. The number is added to the directory alone: a rehearsal that is repeated is
    /// the same run, so that its events are the same.
    Rehearsal(u64),
}

/// A run that has begun.
pub struct Begun {
    /// The playbook, bound to the run's id.
    pub run: Run,
    /// Its directory.
    pub stored: StoredRun,
    /// Its journal, empty and locked.
    pub journal: FileJournal,
}

impl RunStore {
    /// Begins a run: a directory with its manifest, copies of all files that were read, and an empty journal.
    ///
    /// # Errors
    /// The directory cannot be created, or the playbook cannot be bound.
    pub fn begin(&self, job: &Job, tags: &Tags, naming: Naming, now: Timestamp) -> anyhow::Result<Begun> {
        let rehearsal = naming != Naming::Real;
        let id = naming.id(&job.playbook.source.path, now);
        let run = job.bind(&id, now)?;
        let failed = || format!("cannot record the run in {}", self.root.join(&id).display());
        let mut hidden = Hidden::new(&self.root, &id).with_context(failed)?;
        hidden.fill(job, &Manifest::of(&run, &job.provided, tags, rehearsal)?, !rehearsal).with_context(failed)?;
        let journal = FileJournal::create(&hidden.path, !rehearsal).with_context(failed)?;
        if !rehearsal {
            sync(&hidden.path).with_context(failed)?;
        }
        let mut taken = 1_usize;
        let mut name = id.clone();
        while !hidden.publish(&self.root.join(&name)).with_context(failed)? {
            taken += 1;
            name = format!("{id}-{taken}");
        }
        if !rehearsal {
            sync(&self.root).with_context(failed)?;
        }
        let run = if name == id || rehearsal { run } else { job.bind(&name, now)? };
        let directory = self.root.join(&name);
        let journal = journal.at(&directory);
        Ok(Begun { run, stored: StoredRun { id: name, journal: directory.join(EVENTS), directory }, journal })
    }
}

impl Naming {
    fn id(self, playbook: &Path, now: Timestamp) -> String {
        let stem = playbook.file_stem().map_or_else(|| "playbook".into(), |stem| stem.to_string_lossy());
        match self {
            Self::Real => format!("{}-{stem}", now.strftime("%Y%m%d-%H%M%S")),
            Self::Rehearsal(seed) => format!("rehearsal-{stem}-{seed}"),
        }
    }
}

/// A directory that is being filled. It is removed again unless it is published.
struct Hidden {
    path: PathBuf,
    published: bool,
}

impl Hidden {
    /// Creates one with a unique name.
    fn new(root: &Path, id: &str) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        // The pid alone is not unique: another host may share the directory, and an earlier process may have died in it.
        let mut number = 1_usize;
        loop {
            let path = root.join(format!(".{id}.{}.{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
                made => return made.map(|()| Self { path, published: false }),
            }
        }
    }

    /// Writes everything but the journal. `sync` says whether it has to survive a crash.
    fn fill(&self, job: &Job, manifest: &Manifest, sync: bool) -> io::Result<()> {
        let write = |path: &Path, text: &str| {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
            file.write_all(text.as_bytes())?;
            if sync { file.sync_all() } else { Ok(()) }
        };
        DirBuilder::new().mode(0o700).create(self.path.join("files"))?;
        for (file, text) in &job.files {
            write(&self.path.join("files").join(flat(file)), text)?;
        }
        let text = serde_json::to_string_pretty(manifest)?;
        write(&self.path.join(manifest::FILE), &(text + "\n"))
    }

    /// Renames it to its final name; `false` if another run has that name.
    fn publish(&mut self, name: &Path) -> io::Result<bool> {
        // A rename onto a non-empty directory fails, and a run's directory is never empty.
        match fs::rename(&self.path, name) {
            Ok(()) => {
                self.published = true;
                Ok(true)
            }
            Err(error) if taken(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if !self.published {
            // If it cannot be removed, it is still hidden, so no command takes it for a run.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The name of a file's copy. All are in one directory: `playbooks/tasks/x.yml` becomes `playbooks,tasks,x.yml`.
fn flat(file: &Path) -> String {
    let name = file.display().to_string().replace(['/', '\\'], ",");
    // File systems take 255 bytes. The end tells more than the beginning.
    let Some(cut) = name.len().checked_sub(LONGEST_NAME).filter(|cut| *cut > 0) else { return name };
    let from = (cut..).find(|at| name.is_char_boundary(*at)).unwrap_or(cut);
    format!("{}...{}", &digest([name.as_str()])[..16], &name[from..])
}

/// Lets the names in a directory survive a crash.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Whether a name cannot be had because something is there.
fn taken(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::NotADirectory)
}
