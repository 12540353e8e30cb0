//! A run with every kind of event.

use cutover_engine::action::{Action, Done};
use cutover_engine::change::Change;
use cutover_engine::event::{Event, EventKind, Outcome, StandingChange};
use cutover_engine::failure::{FailureClass, RecordedFailure};
use cutover_engine::request::Request;
use cutover_engine::target::Target;
use cutover_engine::task::{ChangeId, TaskId};
use cutover_engine::text::Text;
use serde_json::json;

use super::{Stream, change, command, done, failure, members, path, task};

const PHASES: [(&str, Option<u64>); 4] = [
    ("Check that everything is prepared", Some(180_000)),
    ("停止服务 Stop the service", Some(60_000)),
    ("Rebuild <on> the planned nodes", Some(300_000)),
    ("Start and prove", Some(600_000)),
];

/// The run.
pub fn eventful() -> Vec<Event> {
    let mut stream = Stream::new();
    stream.start(Some(1_200_000), &PHASES);
    stream.notice("the journal is .cutover/runs/20260314-220000-k3x/events.jsonl");
    check(&mut stream);
    stop(&mut stream);
    rebuild(&mut stream);
    stream.add(EventKind::RunFinished {
        outcome: Outcome::Failed,
        exit_code: 1,
        took_ms: 0,
        standing: vec![
            StandingChange {
                change: ChangeId(1),
                task: task("stop/scale", &Target::Site { site: "primary".into() }),
                summary: Text::verbatim("scale StatefulSet common/common-etcd-etcd from 3 to 0"),
                complete: true,
            },
            StandingChange {
                change: ChangeId(2),
                task: task("rebuild/mkfs", &members()[0]),
                summary: change().summary,
                complete: true,
            },
        ],
    });
    stream.events
}

/// In sync, skipped, allowed to fail, and a block.
fn check(stream: &mut Stream) {
    let members = members();
    stream.phase(1, 4, PHASES[0].0, PHASES[0].1);
    stream.step("check/sync", "The replicas are in sync on both sides", "drbd_sync", &members);
    for member in &members {
        let task = task("check/sync", member);
        stream.task(&task, 1).after(100).add(EventKind::Probed {
            task: task.clone(),
            state: json!({"disk": "UpToDate"}),
            reads: Vec::new(),
        });
        stream.task_end(&task, Outcome::InSync, 100);
    }
    stream.step_end("check/sync", Outcome::InSync, 300, 1);
    stream.step("check/cke", "标注节点 label the nodes", "k8s_patch", &[]);
    stream.add(EventKind::StepFinished {
        path: path("check/cke"),
        outcome: Outcome::Skipped,
        took_ms: 0,
        attempts: 0,
        reason: Some(Text::verbatim("`cke` is false")),
        failure: None,
    });
    stream.step("check/speed", "Measure the link", "block", &[]);
    stream.step("check/speed/run", "Throughput", "command", &members[..1]);
    let measured = task("check/speed/run", &members[0]);
    stream.task(&measured, 1).after(2_000);
    let failure = Some(RecordedFailure {
        class: FailureClass::Blocked,
        message: Text::verbatim("the link carries 0.8 Gbit/s, 1 Gbit/s is required"),
        details: Vec::new(),
        help: None,
        place: None,
    });
    let (outcome, took_ms) = (Outcome::FailedAllowed, 2_000);
    stream.add(EventKind::TaskFinished { task: measured, outcome, attempts: 1, took_ms, result: None, failure });
    stream.step_end("check/speed/run", Outcome::FailedAllowed, 2_000, 1);
    stream.step_end("check/speed", Outcome::FailedAllowed, 2_000, 1);
    stream.phase_end(1, PHASES[0].0, Outcome::FailedAllowed, 2_300, PHASES[0].1);
}

/// A gate, a wait with percentages, retries, and budgets that do not hold.
fn stop(stream: &mut Stream) {
    let site = Target::Site { site: "primary".into() };
    stream.phase(2, 4, PHASES[1].0, PHASES[1].1);
    stream.step("stop/ask", "Stop common/etcd on primary now?", "gate", std::slice::from_ref(&site));
    stream.add(EventKind::GateOpened {
        path: path("stop/ask"),
        question: "Stop common/etcd on primary now? The outage begins here.".into(),
        confirm: "yes".into(),
    });
    stream.after(95_000).add(EventKind::GateAnswered {
        path: path("stop/ask"),
        approved: true,
        by: "alice@ops-1".into(),
        reason: "yes".into(),
    });
    stream.step_end("stop/ask", Outcome::InSync, 95_000, 1);

    stream.budgeted("stop/scale", "把 etcd 缩容到零", "k8s_scale", std::slice::from_ref(&site), Some(30_000));
    let scale = task("stop/scale", &site);
    stream.task(&scale, 1).after(400).add(EventKind::Retrying {
        task: scale.clone(),
        attempt: 1,
        attempts: 3,
        delay_ms: 5_000,
        message: Text::verbatim("the API server answered 503\nservice unavailable"),
    });
    stream.after(5_000).task(&scale, 2);
    let request = Action::Request(Request {
        site: "primary".into(),
        method: "PATCH".into(),
        path: "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd/scale".into(),
        content_type: Some("application/merge-patch+json".into()),
        body: Some(json!({"spec": {"replicas": 0}})),
        accept: Vec::new(),
    });
    let change = Change::idempotent(
        "set-replicas",
        Text::verbatim("scale StatefulSet common/common-etcd-etcd from 3 to 0"),
        [request.clone()],
    )
    .undo([request.clone()])
    .preview("-replicas: 3\n+replicas: 0");
    let number = ChangeId(1);
    stream.add(EventKind::Applying { task: scale.clone(), number, change });
    stream.after(50).add(EventKind::Acted {
        task: scale.clone(),
        number,
        action: 0,
        undo: false,
        done: Done::Response(json!({"status": {"replicas": 3}})),
        took_ms: 50,
    });
    stream.add(EventKind::Applied { task: scale.clone(), number });
    stream.after(1_000).waiting(&scale, "3 of 3 pods are still there", Some(0.0));
    stream.after(9_000).waiting(&scale, "2 of 3 pods are still there", Some(33.3));
    stream.after(2_000).waiting(&scale, "2 of 3 pods are still there, one terminating", Some(34.0));
    stream.after(1_000_000).waiting(&scale, "1 of 3 pods is still there", Some(66.7));
    stream.after(31_000).task_end(&scale, Outcome::Changed, 1_048_450);
    stream.step_end("stop/scale", Outcome::Changed, 1_048_450, 2);
    stream.phase_end(2, PHASES[1].0, Outcome::Changed, 1_143_450, PHASES[1].1);
}

/// A change that is made once, and a failure in full.
fn rebuild(stream: &mut Stream) {
    let members = members();
    stream.phase(3, 4, PHASES[2].0, PHASES[2].1);
    stream.step("rebuild/mkfs", "Make the file systems", "filesystem", &members);
    let make = task("rebuild/mkfs", &members[0]);
    let number = ChangeId(2);
    stream.task(&make, 1).add(EventKind::Applying { task: make.clone(), number, change: change() });
    stream.after(3_000).add(EventKind::Acted {
        task: make.clone(),
        number,
        action: 0,
        undo: false,
        done: done("Writing superblocks: done\n"),
        took_ms: 3_000,
    });
    stream.add(EventKind::Applied { task: make.clone(), number });
    stream.task_end(&make, Outcome::Changed, 3_000);
    for member in &members[1..] {
        let task = task("rebuild/mkfs", member);
        stream.task(&task, 1).task_end(&task, Outcome::InSync, 10);
    }
    stream.step_end("rebuild/mkfs", Outcome::Changed, 3_000, 1);

    let site = Target::Site { site: "primary".into() };
    stream.step("rebuild/install", "Install the release <common-etcd>", "helm", std::slice::from_ref(&site));
    let install = task("rebuild/install", &site);
    let seen = json!({"status": "pending-install"});
    stream.task(&install, 1).add(EventKind::Probed { task: install.clone(), state: seen, reads: Vec::new() });
    not_sent(stream, &install);
    stream.after(95_000);
    stream.add(EventKind::TaskFinished {
        task: install,
        outcome: Outcome::Failed,
        attempts: 2,
        took_ms: 100_000,
        result: None,
        failure: Some(failure()),
    });
    stream.step_end("rebuild/install", Outcome::Failed, 100_000, 2);
    stream.phase_end(3, PHASES[2].0, Outcome::Failed, 103_000, PHASES[2].1);
}

/// A change that never reached its target, and another attempt.
fn not_sent(stream: &mut Stream, install: &TaskId) {
    let (number, argv) = (ChangeId(3), ["helm", "install", "common-etcd"]);
    let change = Change::at_most_once("install", Text::verbatim("install common-etcd"), [command(&argv)]);
    stream.add(EventKind::Applying { task: install.clone(), number, change });
    stream.add(EventKind::NotSent { task: install.clone(), number });
    stream.add(EventKind::DeclaredDone { task: install.clone(), number: ChangeId(2), key: "mkfs".into() });
    stream.add(EventKind::Retrying {
        task: install.clone(),
        attempt: 1,
        attempts: 2,
        delay_ms: 5_000,
        message: Text::verbatim("primary/worker01 cannot be reached: connection refused"),
    });
    stream.after(5_000).task(install, 2);
}
