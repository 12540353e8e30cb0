//! What the fold makes of streams.

use cutover_engine::event::{EventKind, Outcome, TaskId};
use cutover_engine::target::Target;
use jiff::SignedDuration;

use super::super::samples::{Stream, eventful, members, task};
use super::*;

#[test]
fn an_eventful_run_adds_up() {
    let timeline = Timeline::of(&eventful());
    let totals = timeline.totals();
    assert_eq!((totals.budget_ms, totals.actual_ms, totals.gates_ms), (1_140_000, 1_248_750, 95_000));
    assert_eq!((totals.changes, totals.retries), (2, 1));
    let expected = [
        (Some(Outcome::InSync), 2),
        (Some(Outcome::Changed), 2),
        (Some(Outcome::Skipped), 1),
        (Some(Outcome::FailedAllowed), 1),
        (Some(Outcome::Failed), 1),
    ];
    assert_eq!(totals.steps, expected);
    let steps: Vec<(usize, &str)> =
        timeline.phases[0].steps.iter().map(|step| (step.depth, step.id.as_str())).collect();
    assert_eq!(steps, [(0, "check/sync"), (0, "check/cke"), (0, "check/speed"), (1, "check/speed/run")]);
    assert_eq!((timeline.phases[1].start_ms, timeline.phases[1].took_ms), (2_300, Some(1_143_450)));
    assert_eq!(timeline.end.as_ref().map(|end| end.exit_code), Some(1));
}

#[test]
fn a_task_tells_what_it_is_doing_and_what_it_made() {
    let events = eventful();
    let id = TaskId { step: "stop/scale".into(), target: Target::Site { site: "primary".into() }, item: None };
    let mut timeline = Timeline::default();
    let mut seen = Vec::new();
    for event in &events {
        timeline.event(event);
        if let Some((_, task)) = timeline.task(&id) {
            let doing = match &task.doing {
                Doing::Probing => "probing".to_owned(),
                Doing::Applying(summary) => summary.clone(),
                Doing::Waiting(waiting) => waiting.why.clone(),
                Doing::Pausing(retry) => format!("pause {}/{}", retry.attempt, retry.attempts),
                Doing::Done => "done".to_owned(),
            };
            if seen.last() != Some(&doing) {
                seen.push(doing);
            }
        }
    }
    let expected = [
        "probing",
        "pause 1/3",
        "probing",
        "scale StatefulSet common/common-etcd-etcd from 3 to 0",
        "probing",
        "3 of 3 pods are still there",
        "2 of 3 pods are still there",
        "2 of 3 pods are still there, one terminating",
        "1 of 3 pods is still there",
        "done",
    ];
    assert_eq!(seen, expected);
    let (step, task) = timeline.task(&id).unwrap();
    assert_eq!((step.attempts, task.changes.len(), task.changes[0].acted.len()), (2, 1, 1));
    assert!(task.changes[0].applied);
}

#[test]
fn the_window_burns_down_and_the_forecast_counts_what_is_left_of_this_phase() {
    let minutes = |n: u64| Some(n * 60_000);
    let mut stream = Stream::new();
    stream.start(minutes(20), &[("a", minutes(5)), ("b", minutes(10)), ("c", None)]);
    let before = Timeline::of(&stream.events).window(0).unwrap();
    assert_eq!(
        (before.left_ms, before.budgeted_ms, before.over_ms, before.unbudgeted),
        (minutes(20), 900_000, None, 1)
    );
    stream.phase(1, 3, "a", minutes(5));
    let timeline = Timeline::of(&stream.events);
    let over = |now| timeline.window(now).unwrap().over_ms;
    assert_eq!([over(0), over(300_000), over(600_000), over(660_000)], [None, None, None, Some(60_000)]);
    let late = timeline.window(1_260_000).unwrap();
    assert_eq!((late.left_ms, late.exceeded_ms), (None, 60_000));
    stream.after(60_000).phase_end(1, "a", Outcome::InSync, 60_000, minutes(5));
    // A phase that ended early gives its budget back.
    assert_eq!(Timeline::of(&stream.events).window(60_000).unwrap().budgeted_ms, 600_000);
}

#[test]
fn a_budget_is_exceeded_only_by_more_than_it() {
    assert_eq!([over(5, Some(5)), over(6, Some(5)), over(4, Some(5)), over(9, None)], [None, Some(1), None, None]);
}

#[test]
fn a_resumed_run_counts_on_and_ends_what_was_cut_off() {
    let mut stream = Stream::new();
    stream.start(None, &[]).phase(1, 1, "a", None).step("a/x", "X", "mount", &members()).after(5_000);
    stream.notice("the last words");
    let mut events = stream.events.clone();
    let mut again = Stream::new();
    again.start(None, &[]).after(2_000).phase(1, 1, "a", None).step("a/x", "X", "mount", &members()).after(1_000);
    again.step_end("a/x", Outcome::InSync, 1_000, 1);
    events.extend(again.events.into_iter().map(|mut event| {
        event.at += SignedDuration::from_secs(60);
        event
    }));
    let timeline = Timeline::of(&events);
    let header = timeline.header.as_ref().unwrap();
    assert_eq!(
        (header.started, header.resumed.as_slice()),
        (events[0].at, &[events[0].at + SignedDuration::from_secs(60)][..])
    );
    let phases: Vec<_> = timeline.phases.iter().map(|phase| (phase.start_ms, phase.took_ms, phase.outcome)).collect();
    assert_eq!(phases, [(0, Some(5_000), Some(Outcome::Stopped)), (62_000, None, None)]);
    assert_eq!(timeline.phases[0].steps[0].outcome, Some(Outcome::Stopped));
    assert_eq!(timeline.phases[1].steps[0].outcome, Some(Outcome::InSync));
    assert_eq!(timeline.now_ms, 63_000);
}

#[test]
fn elements_of_a_loop_are_tasks_of_their_own() {
    let mut stream = Stream::new();
    let member = members().remove(0);
    for item in 0..2 {
        let id = TaskId { item: Some(item), ..task("a/x", &member) };
        stream.task(&id, 1).task_end(&id, Outcome::InSync, 1);
    }
    stream.add(EventKind::TaskStarted { task: task("a/x", &member), attempt: 1 });
    let timeline = Timeline::of(&stream.events);
    let items: Vec<_> = timeline.steps().flat_map(|step| &step.tasks).map(|task| task.id.item).collect();
    assert_eq!(items, [Some(0), Some(1), None]);
    assert_eq!(timeline.phases[0].index, 0);
}
