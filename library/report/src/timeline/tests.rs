//! What the fold makes of streams.

use cutover_protocol::event::{Event, EventKind, Outcome};
use cutover_protocol::target::Target;
use jiff::SignedDuration;

use super::*;
use cutover_protocol::change::{Change, Class};
use cutover_protocol::task::ChangeId;
use cutover_testkit::samples::{Stream, command, eventful, members, partly_undone, path, task, undone};

#[test]
fn an_eventful_run_adds_up() {
    let timeline = Timeline::of(&eventful());
    let totals = timeline.totals();
    assert_eq!((totals.budget_ms, totals.actual_ms, totals.gates_ms), (1_140_000, 1_248_750, 95_000));
    assert_eq!((totals.changes, totals.retries), (2, 2));
    let expected = [
        (Some(Outcome::InSync), 2),
        (Some(Outcome::Changed), 2),
        (Some(Outcome::Skipped), 1),
        (Some(Outcome::FailedAllowed), 1),
        (Some(Outcome::Failed), 1),
    ];
    assert_eq!(totals.steps, expected);
    let steps: Vec<(usize, String)> =
        timeline.phases[0].steps.iter().map(|step| (step.depth, step.path.to_string())).collect();
    let expected = [(0, "check/sync"), (0, "check/cke"), (0, "check/speed"), (1, "check/speed/run")];
    assert_eq!(steps, expected.map(|(depth, path)| (depth, path.to_owned())));
    assert_eq!((timeline.phases[1].start_ms, timeline.phases[1].took_ms), (2_300, Some(1_143_450)));
    assert_eq!(timeline.end.as_ref().map(|end| end.exit_code), Some(1));
}

#[test]
fn a_task_tells_what_it_is_doing_and_what_it_made() {
    let events = eventful();
    let id = task("stop/scale", &Target::Site { site: "primary".into() });
    let mut timeline = Timeline::default();
    let mut seen = Vec::new();
    for event in &events {
        timeline.event(event);
        if let Some((_, task)) = timeline.task(&id) {
            let doing = match &task.doing {
                Doing::Probing => "probing".to_owned(),
                Doing::Applying(summary) => summary.to_string(),
                Doing::Waiting(waiting) => waiting.why.to_string(),
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
    let (step, _) = timeline.task(&id).unwrap();
    let made: Vec<&Made> = timeline.changes.iter().filter(|made| made.task == id).collect();
    assert_eq!((step.attempts, made.len(), made[0].acted.len()), (2, 1, 1));
    assert!(made[0].applied && !made[0].is_undone());
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
    // A phase that ended early returns its budget.
    assert_eq!(Timeline::of(&stream.events).window(60_000).unwrap().budgeted_ms, 600_000);
}

/// Two executions of one run, the second one an hour after the first one was stopped in its second phase.
fn two_executions(window_from: Option<i64>) -> (Vec<Event>, Vec<Event>) {
    let minutes = |n: u64| Some(n * 60_000);
    let phases = [("a", minutes(5)), ("b", minutes(10)), ("c", minutes(20))];
    let mut first = Stream::new();
    first.start(minutes(120), &phases).phase(1, 3, "a", minutes(5)).after(60_000);
    first.phase_end(1, "a", Outcome::Changed, 60_000, minutes(5));
    first.phase(2, 3, "b", minutes(10)).step("b/x", "X", "mount", &members()).after(60_000);
    let mut second = Stream::new();
    second.start(minutes(120), &phases).phase(1, 3, "a", minutes(5));
    second.phase_end(1, "a", Outcome::InSync, 0, minutes(5));
    second.phase(2, 3, "b", minutes(10)).step("b/x", "X", "mount", &members());
    let began = first.events[0].at;
    for event in &mut second.events {
        event.at += SignedDuration::from_mins(62);
        if let EventKind::RunStarted { window_from: from, .. } = &mut event.kind {
            *from = Some(began + SignedDuration::from_mins(window_from.unwrap_or(0)));
        }
    }
    (first.events, second.events)
}

#[test]
fn a_run_that_goes_on_counts_from_its_beginning_also_for_who_sees_only_the_second_half() {
    let (first, second) = two_executions(None);
    let mut recalled = Timeline::default();
    recalled.recall(&first);
    second.iter().for_each(|event| recalled.event(event));
    for timeline in [recalled, Timeline::of(first.iter().chain(&second))] {
        let minute = 60_000;
        let window = timeline.window(timeline.now_ms).unwrap();
        assert_eq!((timeline.now_ms, window.left_ms), (62 * minute, Some(58 * minute)));
        let [.., passed, phase] = timeline.phases.as_slice() else { panic!("two phases") };
        // It was begun after one minute; the other one was done, and is only passed.
        assert_eq!((phase.begun_ms, phase.spent_ms(timeline.now_ms)), (minute, 61 * minute));
        assert_eq!((passed.begun_ms, passed.spent_ms(timeline.now_ms)), (62 * minute, 0));
        assert_eq!(phase.steps[0].spent_ms(timeline.now_ms), 61 * minute);
        assert_eq!(window.budgeted_ms, 20 * minute, "its own budget is used up");
    }
}

#[test]
fn what_is_done_already_is_not_forecast_again() {
    let (first, second) = two_executions(None);
    let mut timeline = Timeline::default();
    timeline.recall(&first);
    timeline.event(&second[0]);
    // Nothing of the first phase, and what is left of the second and third one.
    assert_eq!(timeline.window(timeline.now_ms).unwrap().budgeted_ms, 30 * 60_000);
}

#[test]
fn another_night_has_its_own_window_and_budgets() {
    let (first, second) = two_executions(Some(62));
    let timeline = Timeline::of(first.iter().chain(&second));
    let window = timeline.window(timeline.now_ms + 60_000).unwrap();
    assert_eq!((window.left_ms, window.budgeted_ms), (Some(119 * 60_000), 29 * 60_000));
    assert_eq!(timeline.phase().unwrap().spent_ms(timeline.now_ms), 0);
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
    let again = [(Verb::Run, events[0].at + SignedDuration::from_secs(60))];
    assert_eq!((header.started, header.again.as_slice()), (events[0].at, &again[..]));
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
    for pass in 1..=2 {
        let id = task(&format!("a/x[{pass}]"), &member);
        stream.task(&id, 1).task_end(&id, Outcome::InSync, 1);
    }
    stream.add(EventKind::TaskStarted { task: task("a/x", &member), attempt: 1 });
    let timeline = Timeline::of(&stream.events);
    let steps: Vec<&Step> = timeline.steps().collect();
    let names: Vec<String> = steps[0].tasks.iter().map(|task| steps[0].name_in(&task.id)).collect();
    assert_eq!((steps.len(), names), (1, vec!["a/x [1]".to_owned(), "a/x [2]".to_owned(), "a/x".to_owned()]));
    assert_eq!(timeline.phases[0].index, 0);
}

#[test]
fn a_change_that_was_begun_again_is_one_change() {
    let (mut stream, id) = (Stream::new(), task("a/x", &members()[0]));
    let change = |to: &str| {
        Change::at_most_once("rename", Text::verbatim(format!("rename it to {to}")), [command(&["rename", to])])
    };
    let applying = |change: Change| EventKind::Applying { task: id.clone(), number: ChangeId(7), change };
    stream.add(applying(change("b").undo([command(&["rename", "a"])])));
    stream.acted(&id, 7, 0, false, 10).add(applying(change("c")));
    let made = Timeline::of(&stream.events).changes;
    assert_eq!((made.len(), made[0].begun, made[0].acted.len(), made[0].applied), (1, 2, 0, false));
    // It is the change that was sent last, with what undoes it as it was recorded first.
    assert_eq!((made[0].change.summary.to_string().as_str(), made[0].change.undo.is_some()), ("rename it to c", true));
}

#[test]
fn an_undone_change_knows_when_how_long_and_by_what() {
    let timeline = Timeline::of(&undone());
    let undone_changes: Vec<_> = timeline
        .changes
        .iter()
        .filter(|made| !made.undoes)
        .map(|made| {
            let undo = made.undo.as_ref().unwrap();
            (made.number.0, undo.at_ms, undo.took_ms, timeline.undone_by(made))
        })
        .collect();
    let by = |line: &str| vec![format!("primary/worker01$ {line}")];
    let expected = [
        (1, Some(67_200), 700, by("umount /srv/etcd")),
        (2, Some(66_500), 2_000, by("lvremove v1")),
        (3, Some(64_500), 2_000, by("lvremove v2")),
    ];
    assert_eq!(undone_changes, expected);
    assert_eq!((timeline.totals().changes, timeline.totals().undone), (3, 3));
    let of = |timeline: &Timeline, step: &str| {
        timeline.undone_of_step(timeline.steps().find(|known| known.path == path(step)).unwrap())
    };
    assert_eq!(of(&timeline, "prepare/make-all"), Undone::Wholly);
    let partly = Timeline::of(&partly_undone());
    assert_eq!((of(&partly, "prepare/mount"), of(&partly, "prepare/make-all")), (Undone::No, Undone::Wholly));
    assert_eq!((partly.undone(), partly.undone_of_phase(&partly.phases[0])), (Undone::Partly, Undone::Partly));
}

#[test]
fn sections_stand_beside_the_steps_of_their_block() {
    let timeline = Timeline::of(&undone());
    let rows: Vec<_> = timeline.phases[0].steps.iter().skip(4).map(|step| (step.depth, step.name.as_str())).collect();
    let expected = [(0, "Try it"), (1, "Look"), (1, "rescue: Try it"), (2, "Say why"), (1, "always: Try it")];
    assert_eq!(rows, expected);
    let rescue = timeline.section(&path("prepare/try")).unwrap();
    assert_eq!((rescue.section, rescue.outcome), (Some(Section::Always), Some(Outcome::Skipped)));
    let names: Vec<_> = timeline.phases[0].steps[1..4].iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["Make all", "Make a volume [1]", "Make a volume [2]"]);
}

#[test]
fn an_outage_counts_from_its_first_beginning_over_resumptions_and_again_in_an_undo() {
    let began = || EventKind::OutageBegan { path: path("p/ask") };
    let ended = || EventKind::OutageEnded { path: path("p/start") };
    let mut stream = Stream::new();
    stream.start(None, &[("p", None)]).after(10_000).add(began());
    stream.after(5_000);
    let open = Timeline::of(&stream.events);
    assert_eq!((open.outage_ms(open.now_ms), open.is_out()), (Some(0), true), "until the latest event");
    assert_eq!(open.outage_ms(open.now_ms + 5_000), Some(5_000), "a footer knows the time");
    // Begun once more after it was stopped: nothing had been changed in it.
    stream.add(began()).after(20_000).add(ended()).after(1_000).add(began()).after(2_000).notice("on its way");
    let timeline = Timeline::of(&stream.events);
    assert_eq!(timeline.outage_ms(timeline.now_ms), Some(27_000));
    let words = "27.0s, from T+00:00:10 to T+00:00:35, again from T+00:00:36, not over";
    assert_eq!(timeline.outage_words().as_deref(), Some(words));
    assert!(super::super::table::sums(&timeline).contains(&format!("    outage {words}")));
    let notices: Vec<String> = timeline.notices.iter().map(|notice| notice.message.to_string()).collect();
    assert_eq!(notices[..2], ["the outage begins", "the outage is over: it took 25.0s"]);
    let mut recalls = Timeline::default();
    recalls.recall(&stream.events);
    assert_eq!(recalls.outages, timeline.outages);
}

#[test]
fn what_leaves_nothing_behind_is_not_counted_as_a_change() {
    let transient = |mut events: Vec<Event>| {
        for event in &mut events {
            if let EventKind::Applying { change, .. } = &mut event.kind {
                change.class = Class::Transient;
            }
        }
        Timeline::of(&events).totals().changes
    };
    assert_eq!(transient(eventful()), 0);
}
