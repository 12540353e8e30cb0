//! How a run is named on the command line: its id, the beginning of it, a path, or `latest`.

use std::path::{Path, PathBuf};

use cutover_engine::journal::EVENTS;
use cutover_engine::source::{Fault, nearest};
use jiff::Timestamp;

use super::{RunStore, StoredRun, run_dir_option};

/// The name of the run that was worked on last.
pub const LATEST: &str = "latest";

/// How many runs a fault lists.
const NAMED: usize = 5;

/// The purpose for which a run is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// To be shown.
    ToShow,
    /// To resume or undo it. Then the latest run is never a rehearsal, which changed nothing real.
    ToGoOn,
}

impl RunStore {
    /// Finds the run that a name selects.
    ///
    /// # Errors
    /// No run, or several, have the name; the faults list similar ones.
    pub fn find(&self, name: &str, wanted: Wanted) -> anyhow::Result<StoredRun> {
        if name.contains('/') || matches!(name, "." | "..") {
            return Ok(by_path(name, wanted)?);
        }
        let mut runs = self.all()?;
        if runs.is_empty() {
            return Err(Fault::bare(format!("there are no runs in {}", self.root.display()))
                .help("if they are elsewhere, name the directory with `--run-dir DIR`")
                .into());
        }
        if name == LATEST {
            return self.latest(runs, wanted);
        }
        if let Some(run) = runs.iter().position(|run| run.id == name) {
            return Ok(runs.swap_remove(run));
        }
        let mut matching: Vec<usize> =
            (0..runs.len()).filter(|index| !name.is_empty() && runs[*index].id.starts_with(name)).collect();
        match (matching.pop(), matching.len()) {
            (Some(run), 0) => Ok(runs.swap_remove(run)),
            (Some(last), others) => {
                matching.push(last);
                let fault = Fault::bare(format!("`{name}` could be any of {} runs: type more of it", others + 1));
                let ids = matching.iter().map(|index| runs[*index].id.as_str());
                Err(fault.help(format!("they are{}", listed(ids.collect()))).into())
            }
            (None, _) => Err(self.unknown(name, &runs).into()),
        }
    }

    /// The run that was worked on last.
    fn latest(&self, mut runs: Vec<StoredRun>, wanted: Wanted) -> anyhow::Result<StoredRun> {
        if wanted == Wanted::ToGoOn {
            runs.retain(|run| !run.is_rehearsal());
        }
        let latest = runs.into_iter().max_by_key(|run| (run.worked_on(), run.id.clone()));
        latest.ok_or_else(|| {
            Fault::bare(format!(
                "there are only rehearsals in {}: nothing of them is in the real world",
                self.root.display()
            ))
            .help("rehearse again with `cutover rehearse`; `cutover report latest` shows what the last one did")
            .into()
        })
    }

    fn unknown(&self, name: &str, runs: &[StoredRun]) -> Fault {
        let fault = Fault::bare(format!("there is no run `{name}` in {}", self.root.display()));
        let ids = || runs.iter().map(|run| run.id.as_str());
        let near = |id: &&str| !name.is_empty() && (id.contains(name) || nearest(name, [*id]).is_some());
        let near: Vec<&str> = ids().filter(near).collect();
        match near.as_slice() {
            _ if nearest(name, [LATEST]).is_some() => fault.help(format!("did you mean `{LATEST}`?")),
            [] => fault.help(format!("`cutover runs{}` lists them", run_dir_option(&self.root))),
            [one] => fault.help(format!("did you mean `{one}`?")),
            _ => fault.help(format!("did you mean one of these?{}", listed(near))),
        }
    }
}

impl StoredRun {
    /// When it was last worked on. A rehearsal has a clock of its own, so the time of its file counts; that of a real run is
    /// in its journal, where no copy and no backup changes it.
    fn worked_on(&self) -> Option<Timestamp> {
        let recorded = || self.ends().1.map(|event| event.at);
        let written = || Timestamp::try_from(self.journal.metadata().ok()?.modified().ok()?).ok();
        if self.is_rehearsal() { written() } else { recorded().or_else(written) }
    }
}

/// A run by its directory, or by its journal.
fn by_path(name: &str, wanted: Wanted) -> Result<StoredRun, Fault> {
    let path = Path::new(name);
    let journal = if path.is_dir() { path.join(EVENTS) } else { path.to_owned() };
    if !journal.is_file() {
        let fault = Fault::bare(format!("there is no journal at {}", journal.display()));
        return Err(fault.help("name a run's directory, or a run as `cutover runs` lists it"));
    }
    let directory = journal.parent().map(Path::to_owned).unwrap_or_default();
    // A path such as `.` has no last component.
    let whole = |path: PathBuf| if path.file_name().is_some() { path } else { path.canonicalize().unwrap_or(path) };
    match StoredRun::at(&whole(directory)) {
        Some(run) if run.journal.file_name() == journal.file_name() => Ok(run),
        Some(run) if wanted == Wanted::ToShow => Ok(StoredRun { journal, ..run }),
        _ => Err(Fault::bare(format!("{name} is not a run's directory"))
            .help(format!("name the directory that holds {EVENTS} and run.json"))),
    }
}

/// Names on lines of their own; only the latest ones if there are many.
fn listed(ids: Vec<&str>) -> String {
    let more = ids.len().saturating_sub(NAMED);
    let mut text: String = ids[more..].iter().map(|id| format!("\n    {id}")).collect();
    if more > 0 {
        text += &format!("\n    and {more} more");
    }
    text
}
