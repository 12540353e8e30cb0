//! Runs that were undone: loops, a rescued block, and an undo by recorded actions and by `undo:` steps.

use cutover_engine::change::Change;
use cutover_engine::event::{Event, EventKind, Outcome, Section, StandingChange, Verb};
use cutover_engine::failure::{FailureClass, RecordedFailure};
use cutover_engine::target::Target;
use cutover_engine::task::{ChangeId, TaskId};
use cutover_engine::text::Text;
use serde_json::json;

use super::{Stream, command, members, path, task};

/// A run of which everything was undone.
pub fn undone() -> Vec<Event> {
    let mut stream = made();
    undo(&mut stream, true);
    stream.events
}

/// A run of which the first change could not be undone.
pub fn partly_undone() -> Vec<Event> {
    let mut stream = made();
    undo(&mut stream, false);
    stream.events
}

fn mount() -> (TaskId, Change) {
    let change = Change::idempotent(
        "mount",
        Text::verbatim("mount /dev/drbd0 at /srv/etcd"),
        [command(&["mount", "/dev/drbd0", "/srv/etcd"])],
    );
    (task("prepare/mount", &members()[0]), change.undo([command(&["umount", "/srv/etcd"])]))
}

fn make(pass: u32) -> (TaskId, Change) {
    let change = Change::at_most_once(
        "make",
        Text::verbatim(format!("make volume {pass}")),
        [command(&["lvcreate", &format!("v{pass}")])],
    );
    (task(&format!("prepare/make-all[{pass}]/make"), &Target::Controller), change)
}

/// A mount, a loop over a block, and a block that was rescued.
fn made() -> Stream {
    let mut stream = Stream::new();
    stream.start(None, &[("Prepare", None)]).phase(1, 1, "Prepare", None);
    let (mounted, change) = mount();
    stream.step("prepare/mount", "Mount the disk", "mount", &members()[..1]).task(&mounted, 1);
    stream.change(&mounted, 1, change);
    stream.task_end(&mounted, Outcome::Changed, 0).add(EventKind::Registered {
        path: path("prepare/mount"),
        name: "mounted".into(),
        value: json!({"seen": {"<b>": "a & b"}}),
        withheld: false,
    });
    stream.step_end("prepare/mount", Outcome::Changed, 0, 1);

    stream.step("prepare/make-all", "Make all", "block", &[]);
    for pass in 1..=2 {
        let (made, change) = make(pass);
        let step = format!("prepare/make-all[{pass}]/make");
        stream.step(&step, "Make a volume", "command", &[Target::Controller]).task(&made, 1);
        stream.change(&made, 1 + u64::from(pass), change).after(1_000);
        stream.task_end(&made, Outcome::Changed, 1_000).step_end(&step, Outcome::Changed, 1_000, 1);
    }
    stream.step_end("prepare/make-all", Outcome::Changed, 2_000, 1);

    rescued(&mut stream);
    stream.phase_end(1, "Prepare", Outcome::FailedAllowed, 2_500, None);
    stream.add(EventKind::RunFinished {
        outcome: Outcome::FailedAllowed,
        exit_code: 0,
        took_ms: 2_500,
        standing: Vec::new(),
    });
    stream
}

fn rescued(stream: &mut Stream) {
    let failure = Some(RecordedFailure {
        class: FailureClass::Failed,
        message: Text::verbatim("`wanted` is undefined"),
        details: Vec::new(),
        help: Some(Text::verbatim("give it with -e wanted=VALUE")),
        place: Some("playbooks/etcd-cutover.yml:50:9".into()),
    });
    let block = "prepare/try";
    stream.step(block, "Try it", "block", &[]).step("prepare/try/look", "Look", "command", &[]);
    stream.after(500).add(EventKind::StepFinished {
        path: path("prepare/try/look"),
        outcome: Outcome::Failed,
        took_ms: 500,
        attempts: 0,
        reason: None,
        failure: failure.clone(),
    });
    let ended = |section, outcome, failure| EventKind::SectionFinished { path: path(block), section, outcome, failure };
    stream.add(ended(Section::Block, Outcome::Failed, failure));
    stream.add(EventKind::SectionStarted { path: path(block), section: Section::Rescue });
    stream.step("prepare/try/rescue/say", "Say why", "command", &[]);
    stream.step_end("prepare/try/rescue/say", Outcome::InSync, 0, 1);
    stream.add(ended(Section::Rescue, Outcome::InSync, None));
    stream.add(EventKind::SectionStarted { path: path(block), section: Section::Always });
    stream.add(ended(Section::Always, Outcome::Skipped, None));
    stream.step_end(block, Outcome::FailedAllowed, 500, 1);
}

/// The volumes by their own steps, the mount by its recorded actions.
fn undo(stream: &mut Stream, whole: bool) {
    let end = if whole { Outcome::Changed } else { Outcome::Failed };
    stream.after(60_000).begin(Verb::Undo, None, &[("Undo", None)]).phase(1, 1, "Undo", None);
    for pass in [2, 1] {
        let (made, _) = make(pass);
        let (step, own) = (made.path.to_string(), format!("{}/undo/remove", made.path));
        stream.step(&step, "Make a volume", "undo", &[Target::Controller]);
        stream.step(&own, "Remove the volume", "command", &[Target::Controller]);
        let (removal, number) = (task(&own, &Target::Controller), 6 - u64::from(pass));
        let remove =
            Change::at_most_once("remove", Text::verbatim("remove it"), [command(&["lvremove", &format!("v{pass}")])]);
        stream.task(&removal, 1).change(&removal, number, remove).after(2_000);
        stream.task_end(&removal, Outcome::Changed, 2_000).step_end(&own, Outcome::Changed, 2_000, 1);
        stream.undone(&made, 1 + u64::from(pass)).step_end(&step, Outcome::Changed, 2_000, 1);
    }
    let (mounted, change) = mount();
    stream.step("prepare/mount", "Mount the disk", "undo", &members()[..1]);
    let mut standing = Vec::new();
    if whole {
        stream.acted(&mounted, 1, 0, true, 700).undone(&mounted, 1);
        stream.step_end("prepare/mount", Outcome::Changed, 700, 1);
    } else {
        let failure = RecordedFailure {
            class: FailureClass::Failed,
            message: Text::verbatim("could not undo: mount /dev/drbd0 at /srv/etcd"),
            details: vec![Text::verbatim("umount: target is busy")],
            help: None,
            place: None,
        };
        stream.add(EventKind::Stopping { at_once: false });
        stream.add(EventKind::StepFinished {
            path: path("prepare/mount"),
            outcome: end,
            took_ms: 0,
            attempts: 1,
            reason: None,
            failure: Some(failure),
        });
        standing.push(StandingChange { change: ChangeId(1), task: mounted, summary: change.summary, complete: true });
    }
    stream.phase_end(1, "Undo", end, 4_700, None);
    let exit_code = if whole { 7 } else { 8 };
    stream.add(EventKind::RunFinished { outcome: end, exit_code, took_ms: 4_700, standing });
}
