//! Event streams for tests, written by hand: no engine runs here.

mod eventful;
mod outage;
mod undone;

use cutover_engine::action::{Action, Done};
use cutover_engine::change::Change;
use cutover_engine::command::Command;
use cutover_engine::diff::{Progress, Waiting};
use cutover_engine::event::{Event, EventKind, Outcome, PlannedPhase, StepKind, VERSION, Verb};
use cutover_engine::failure::{FailureClass, RecordedFailure};
use cutover_engine::output::{Exit, Output};
use cutover_engine::path::Path;
use cutover_engine::place::Place;
use cutover_engine::target::Target;
use cutover_engine::task::{ChangeId, TaskId};
use cutover_engine::text::Text;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

pub use eventful::eventful;
pub use outage::outage;
pub use undone::{partly_undone, undone};

/// Runs with events of every kind.
pub fn everything() -> Vec<Event> {
    [eventful(), partly_undone(), outage()].concat()
}

/// Writes a stream event by event; time passes only on request.
pub struct Stream {
    /// The events.
    pub events: Vec<Event>,
    started: Timestamp,
    now_ms: u64,
    /// The beginning of its last execution.
    begun_ms: u64,
}

impl Default for Stream {
    fn default() -> Self {
        Self::new()
    }
}

impl Stream {
    /// A stream that begins on a day in March.
    pub fn new() -> Self {
        let started = "2026-03-14T22:00:00Z".parse().expect("a time");
        Self { events: Vec::new(), started, now_ms: 0, begun_ms: 0 }
    }

    /// Lets time pass.
    pub fn after(&mut self, ms: u64) -> &mut Self {
        self.now_ms += ms;
        self
    }

    /// Adds an event.
    pub fn add(&mut self, kind: EventKind) -> &mut Self {
        let at = self.started + SignedDuration::from_millis(i64::try_from(self.now_ms).expect("a short run"));
        let seq = self.events.len() as u64 + 1;
        let run = "20260314-220000-k3x".to_owned();
        self.events.push(Event {
            v: VERSION,
            seq,
            at,
            elapsed_ms: self.now_ms - self.begun_ms,
            run,
            epoch: None,
            hidden: Vec::new(),
            kind,
        });
        self
    }

    /// A run begins.
    pub fn start(&mut self, window_ms: Option<u64>, phases: &[(&str, Option<u64>)]) -> &mut Self {
        self.begin(Verb::Run, window_ms, phases)
    }

    /// An execution begins.
    pub fn begin(&mut self, verb: Verb, window_ms: Option<u64>, phases: &[(&str, Option<u64>)]) -> &mut Self {
        let planned = |(index, (name, budget_ms)): (usize, &(&str, Option<u64>))| PlannedPhase {
            name: (*name).to_owned(),
            budget_ms: *budget_ms,
            point_of_no_return: index == 2,
        };
        self.begun_ms = self.now_ms;
        self.add(EventKind::RunStarted {
            playbook: "Cut over to the replicated disks".into(),
            playbook_path: "playbooks/etcd-cutover.yml".into(),
            playbook_digest: "sha256:4f1c".into(),
            inventory_path: "inventories/manual.yml".into(),
            inventory_digest: "sha256:90ab".into(),
            params: json!({"namespace": "common", "replicas": 3, "token": "***"}),
            window_ms,
            window_from: None,
            verb,
            version: "0.1.0".into(),
            seed: 7,
            operator: Some("alice@ops-1".into()),
            phases: phases.iter().enumerate().map(planned).collect(),
        })
    }

    /// A phase begins.
    pub fn phase(&mut self, index: usize, count: usize, name: &str, budget_ms: Option<u64>) -> &mut Self {
        let (name, point_of_no_return) = (name.to_owned(), index == 3);
        self.add(EventKind::PhaseStarted { index, count, name, budget_ms, point_of_no_return })
    }

    /// A phase ends.
    pub fn phase_end(
        &mut self,
        index: usize,
        name: &str,
        outcome: Outcome,
        took_ms: u64,
        budget_ms: Option<u64>,
    ) -> &mut Self {
        self.add(EventKind::PhaseFinished { index, name: name.to_owned(), outcome, took_ms, budget_ms })
    }

    /// A step begins.
    pub fn step(&mut self, id: &str, name: &str, module: &str, targets: &[Target]) -> &mut Self {
        self.budgeted(id, name, module, targets, None)
    }

    /// A step with a budget begins.
    pub fn budgeted(
        &mut self,
        id: &str,
        name: &str,
        module: &str,
        targets: &[Target],
        budget_ms: Option<u64>,
    ) -> &mut Self {
        self.add(EventKind::StepStarted {
            path: path(id),
            name: name.to_owned(),
            step: match module {
                "gate" => StepKind::Gate,
                "block" => StepKind::Block,
                "undo" => StepKind::Undo,
                module => StepKind::Module(module.to_owned()),
            },
            place: "playbooks/etcd-cutover.yml:42:9".into(),
            budget_ms,
            targets: targets.to_vec(),
        })
    }

    /// A step ends.
    pub fn step_end(&mut self, id: &str, outcome: Outcome, took_ms: u64, attempts: u32) -> &mut Self {
        let (path, reason, failure) = (path(id), None, None);
        self.add(EventKind::StepFinished { path, outcome, took_ms, attempts, reason, failure })
    }

    /// A task begins.
    pub fn task(&mut self, task: &TaskId, attempt: u32) -> &mut Self {
        self.add(EventKind::TaskStarted { task: task.clone(), attempt })
    }

    /// A task ends.
    pub fn task_end(&mut self, task: &TaskId, outcome: Outcome, took_ms: u64) -> &mut Self {
        let result = (outcome == Outcome::Changed).then(|| json!({"seen": {"<b>": "a & b"}}));
        let task = task.clone();
        self.add(EventKind::TaskFinished { task, outcome, attempts: 1, took_ms, result, failure: None })
    }

    /// Makes a change, all its actions in no time.
    pub fn change(&mut self, task: &TaskId, number: u64, change: Change) -> &mut Self {
        let (task, number, actions) = (task.clone(), ChangeId(number), change.actions.len());
        self.add(EventKind::Applying { task: task.clone(), number, change });
        for action in 0..actions {
            self.acted(&task, number.0, action, false, 0);
        }
        self.add(EventKind::Applied { task, number })
    }

    /// An action of a change is answered.
    pub fn acted(&mut self, task: &TaskId, number: u64, action: usize, undo: bool, took_ms: u64) -> &mut Self {
        let (task, number, done) = (task.clone(), ChangeId(number), done(""));
        self.after(took_ms).add(EventKind::Acted { task, number, action, undo, done, took_ms })
    }

    /// A change is undone.
    pub fn undone(&mut self, task: &TaskId, number: u64) -> &mut Self {
        self.add(EventKind::Undone { task: task.clone(), number: ChangeId(number) })
    }

    /// A task waits.
    pub fn waiting(&mut self, task: &TaskId, why: &str, percent: Option<f64>) -> &mut Self {
        let progress = percent.map(|percent| Progress { percent, eta_seconds: Some(12) });
        self.add(EventKind::Waiting { task: task.clone(), waiting: Waiting { why: Text::verbatim(why), progress } })
    }

    /// A notice.
    pub fn notice(&mut self, message: &str) -> &mut Self {
        self.add(EventKind::Notice { message: Text::verbatim(message) })
    }
}

/// The members of the pairs on the primary site.
pub fn members() -> Vec<Target> {
    let member = |ordinal| Target::Pair { site: "primary".into(), node: format!("worker0{}", ordinal + 1), ordinal };
    (0..3).map(member).collect()
}

/// A path.
pub fn path(text: &str) -> Path {
    text.parse().expect("a path")
}

/// A task of a step.
pub fn task(step: &str, target: &Target) -> TaskId {
    TaskId { path: path(step), target: target.clone() }
}

/// A command on a node.
pub fn command(argv: &[&str]) -> Action {
    Action::Exec { place: Place::node("primary", "worker01"), command: Command::new(argv.iter().copied()) }
}

fn done(stdout: &str) -> Done {
    Done::Output(Output { exit: Exit::Code(0), stdout: stdout.into(), stderr: String::new() })
}

fn change() -> Change {
    Change::at_most_once(
        "make-file-system",
        Text::verbatim("make an ext4 file system on /dev/drbd0"),
        [command(&["mkfs.ext4", "/dev/drbd0"])],
    )
}

fn failure() -> RecordedFailure {
    RecordedFailure {
        class: FailureClass::Failed,
        message: Text::verbatim("helm install <common-etcd> ended with exit code 1"),
        details: vec![
            Text::verbatim("Error: INSTALLATION FAILED: \u{1b}[31mcannot re-use a name\u{1b}[0m"),
            Text::verbatim("::set-output name=x::y"),
        ],
        help: Some(Text::verbatim("remove the pending release first: helm rollback common-etcd")),
        place: Some("playbooks/etcd-cutover.yml:201:11".into()),
    }
}
