//! `cutover runs`: lists the recorded runs, the latest last.

use cutover_engine::event::{EventKind, Outcome, Verb};
use cutover_report::{clean, exact, label, pad, undo_label};
use cutover_runs::{RunStore, StoredRun};
use jiff::Timestamp;

/// One row of the list of runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    /// Its directory.
    pub(crate) stored: StoredRun,
    /// When it began.
    pub(crate) started: Option<Timestamp>,
    /// The playbook's title.
    pub(crate) playbook: String,
    /// `run`, `rehearse` or `resume`.
    pub(crate) verb: Option<Verb>,
    /// How it ended; `None` if it is still running or was cut off.
    pub(crate) outcome: Option<Outcome>,
    /// The exit code, if it ended.
    pub(crate) exit_code: Option<u8>,
    /// From its first event to its last, in milliseconds.
    pub(crate) took_ms: u64,
    /// How long the service was out in it, in milliseconds, and whether it still is.
    pub(crate) outage: Option<(u64, bool)>,
    /// What is wrong with its journal.
    pub(crate) fault: Option<String>,
}

impl Summary {
    /// How it ended, as text: an undone run has another end than its steps.
    fn ended(&self) -> String {
        match (self.verb, self.outcome) {
            (Some(Verb::Undo), Some(outcome)) => undo_label(outcome),
            (_, outcome) => label(outcome).to_owned(),
        }
    }

    /// Whether `cutover resume` can take it up: it touched the world, and did not end well or at all. A run that was undone
    /// cannot be resumed, nor one that never began (exit code 2), was locked out (6), or has a damaged journal.
    pub(crate) fn resumable(&self) -> bool {
        let real = matches!(self.verb, Some(Verb::Run | Verb::Resume));
        real && matches!(self.exit_code, None | Some(1 | 3 | 4 | 5)) && self.fault.is_none()
    }
}

/// Lists the runs below a directory as a table fitted to a width.
pub(crate) fn run(store: &RunStore, width: usize) -> anyhow::Result<String> {
    let mut summaries = list(store)?;
    if summaries.is_empty() {
        return Ok(format!("no runs in {}\n", store.root().display()));
    }
    summaries.sort_by(|a, b| (a.started, &a.stored.id).cmp(&(b.started, &b.stored.id)));
    let ids = summaries.iter().map(|run| run.stored.id.chars().count()).max().unwrap_or(0).max(2);
    let title = width.saturating_sub(ids + 2 + 22 + 10 + 18 + 10 + 10 + 9).clamp(16, 50);
    let line = |cells: [&str; 8]| {
        let [id, started, verb, playbook, outcome, took, outage, resumable] = cells;
        let (id, started, verb) = (pad(id, ids), pad(started, 20), pad(verb, 8));
        let (playbook, outcome, took, outage) = (pad(playbook, title), pad(outcome, 16), pad(took, 8), pad(outage, 8));
        format!("{id}  {started}  {verb}  {playbook}  {outcome}  {took}  {outage}  {resumable}").trim_end().to_owned()
            + "\n"
    };
    let mut text = line(["run", "started", "verb", "playbook", "outcome", "took", "outage", "resumable"]);
    for run in &summaries {
        let started = run.started.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}"));
        let (playbook, id) = (clean(&run.playbook), clean(&run.stored.id));
        let verb = run.verb.map_or("", Verb::as_str);
        let resumable = if run.resumable() { "yes" } else { "no" };
        let outage = match run.outage {
            None => "-".to_owned(),
            Some((took_ms, false)) => exact(took_ms),
            Some((took_ms, true)) => format!("{}+", exact(took_ms)),
        };
        text += &line([&id, &started, verb, &playbook, &run.ended(), &exact(run.took_ms), &outage, resumable]);
    }
    for run in &summaries {
        if let Some(fault) = &run.fault {
            text += &clean(&format!("{}: {fault}; it can neither be resumed nor undone", run.stored.id));
            text.push('\n');
        }
    }
    Ok(text)
}

/// The rows of the runs below a directory.
pub(crate) fn list(store: &RunStore) -> anyhow::Result<Vec<Summary>> {
    store.all()?.into_iter().map(summary).collect()
}

/// The row of a run.
fn summary(stored: StoredRun) -> anyhow::Result<Summary> {
    let record = stored.read()?;
    let mut summary = Summary {
        stored,
        started: None,
        playbook: String::new(),
        verb: None,
        outcome: None,
        exit_code: None,
        took_ms: 0,
        outage: None,
        fault: record.fault(),
    };
    let events = record.shown();
    summary.outage = cutover_report::outage(&events);
    for event in &events {
        match &event.kind {
            EventKind::RunStarted { playbook, verb, .. } => {
                summary.started.get_or_insert(event.at);
                summary.playbook.clone_from(playbook);
                summary.verb = Some(*verb);
                summary.outcome = None;
                summary.exit_code = None;
            }
            EventKind::RunFinished { outcome, exit_code, .. } => {
                summary.outcome = Some(*outcome);
                summary.exit_code = Some(*exit_code);
            }
            _ => {}
        }
    }
    if let (Some(started), Some(last)) = (summary.started, events.last()) {
        let took = last.at.as_millisecond().saturating_sub(started.as_millisecond());
        summary.took_ms = u64::try_from(took).unwrap_or(0);
    }
    Ok(summary)
}
