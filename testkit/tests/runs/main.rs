//! The engine in the model world, on the paused clock: execution, planning, resuming and undo.

mod checks;
mod names;
mod plans;
mod requests;
mod secrets;
mod stops;

use std::time::Duration;

use cutover_engine::action::Done;
use cutover_engine::event::{Event, EventKind};
use cutover_testkit::driver::Bench;
use cutover_testkit::model::Blow;
use serde_json::{Value, json};
use tokio::time::Instant;

/// The outcome of every finished step, by the end of its path.
fn outcomes(bench: &Bench) -> Vec<(String, String)> {
    let of = |event: &Event| match &event.kind {
        EventKind::StepFinished { path, outcome, .. } => {
            let path = path.to_string();
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            Some((name, serde_json::to_value(outcome).unwrap().as_str().unwrap().to_owned()))
        }
        _ => None,
    };
    bench.events().iter().filter_map(of).collect()
}

/// The value that a step registered.
fn registered(bench: &Bench, wanted: &str) -> Value {
    let of = |event: &Event| match &event.kind {
        EventKind::Registered { name, value, .. } if name == wanted => Some(value.clone()),
        _ => None,
    };
    bench.events().iter().rev().find_map(of).unwrap_or_default()
}

fn steps(outcomes: &[(String, String)]) -> Vec<String> {
    outcomes.iter().map(|(step, outcome)| format!("{step} {outcome}")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_change_is_made_verified_and_not_made_again() {
    let bench = Bench::steps("  - {name: one, target: active.nodes, number: {name: x, is: 3}, register: x}\n");
    let ending = bench.run(None).await;
    assert_eq!((ending.code(), bench.sent().len()), (0, 3));
    assert_eq!(steps(&outcomes(&bench)), ["one changed"]);
    assert_eq!(registered(&bench, "x"), json!([{"is": 3}, {"is": 3}, {"is": 3}]));
    bench.run(None).await;
    assert_eq!(bench.sent().len(), 3, "the second run changes nothing");
    assert_eq!(steps(&outcomes(&bench))[1..], ["one in_sync"]);
}

#[tokio::test(start_paused = true)]
async fn the_change_is_in_the_journal_before_it_is_sent() {
    let bench = Bench::steps("  - {name: one, target: active, number: {name: x, is: 3}}\n");
    // Run, phase, step, task and probe were recorded; the change was not.
    bench.full_after(Some(5));
    let ending = bench.run(None).await;
    assert_eq!(bench.sent(), Vec::<String>::new());
    assert_eq!(ending.code(), 1);
    assert!(ending.failed().message.contains("journal cannot be written"));
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_journal_is_not_whole_does_not_end_well() {
    let bench = Bench::steps("  - {name: one, target: active, number: {name: x, is: 3}}\n");
    // The change was recorded and sent; that it was made could not be recorded.
    bench.full_after(Some(6));
    let ending = bench.run(None).await;
    assert_eq!((bench.sent().len(), ending.code()), (1, 1));
    assert!(ending.failed().message.contains("journal cannot be written"));
}

#[tokio::test(start_paused = true)]
async fn failures_are_retried_with_growing_delays() {
    let bench = Bench::steps(
        "  - {name: one, target: active, number: {name: x, is: 3}, retry: {attempts: 3, delay: 10s, backoff: 3}}\n",
    );
    bench.model().strike("set", Blow::Fail, 2);
    let began = Instant::now();
    assert_eq!(bench.run(None).await.code(), 0);
    let took = began.elapsed();
    assert!(took > Duration::from_secs(40) && took < Duration::from_secs(42), "{took:?}");
    let text = serde_json::to_string(&bench.events()).unwrap();
    assert!(text.contains("out of luck") || text.contains("\"attempt\":2"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn one_failed_target_stops_the_run_before_the_next_step() {
    let bench = Bench::steps(
        "  - {name: one, target: active.nodes, number: {name: x, is: 3}}\n  - {name: two, target: active, number: {name: y, is: 1}}\n",
    );
    bench.model().strike("here/b$ set", Blow::Fail, 1);
    let ending = bench.run(None).await;
    assert_eq!(ending.code(), 1);
    assert_eq!(steps(&outcomes(&bench)), ["one failed"]);
    assert_eq!(bench.sent().len(), 2, "the others were brought to their end");
    let last = serde_json::to_value(bench.events().pop().unwrap()).unwrap();
    let standing = last["standing"].as_array().unwrap();
    assert_eq!(standing.len(), 3, "{standing:?}");
    let of_b = |line: &&Value| line["task"]["target"]["node"]["node"] == "b" && line["complete"] == false;
    assert_eq!(standing.iter().filter(of_b).count(), 1, "{standing:?}");
}

#[tokio::test(start_paused = true)]
async fn an_at_most_once_change_is_probed_and_never_repeated_after_a_lost_connection() {
    let text = "  - {name: one, target: active, once: {name: x, is: 3}, retry: {attempts: 5, delay: 1s}}\n";
    let after = Bench::steps(text);
    after.model().strike("set", Blow::LoseAfter, 1);
    assert_eq!(after.run(None).await.code(), 0, "the probe sees that it was done");
    assert_eq!(after.sent().len(), 1);

    let before = Bench::steps(text);
    before.model().strike("set", Blow::LoseBefore, 1);
    let ending = before.run(None).await;
    assert_eq!((ending.code(), before.sent().len()), (1, 0));
    assert!(ending.failed().message.contains("whether this was done is not known"));

    let hung = Bench::steps(text);
    hung.model().strike("set", Blow::HangAfter, 1);
    assert_eq!(hung.run(None).await.code(), 0, "time ran out, and the last look sees that it was done");
    assert_eq!(hung.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_change_is_sent_again_after_a_lost_connection() {
    let bench = Bench::steps("  - {name: one, target: active, number: {name: x, is: 3}}\n");
    bench.model().strike("set", Blow::LoseBefore, 2);
    assert_eq!(bench.run(None).await.code(), 0);
    assert_eq!(bench.sent().len(), 1);
    bench.model().state.numbers.clear();
    bench.model().strike("set", Blow::LoseBefore, 100);
    assert_eq!(bench.run(None).await.code(), 1, "not for ever");
}

#[tokio::test(start_paused = true)]
async fn a_program_that_gives_up_waiting_leaves_its_outcome_to_the_next_probe() {
    let once = "  - {name: one, target: active, once: {name: x, is: 3}, retry: {attempts: 5, delay: 1s}}\n";
    let twice = "  - {name: one, target: active, number: {name: x, is: 3}}\n";
    for (text, strike, times, exit_code, sets) in [
        (once, Blow::GiveUpAfter, 1, 0, 1),
        (once, Blow::GiveUpBefore, 1, 1, 0),
        (twice, Blow::GiveUpAfter, 1, 0, 1),
        (twice, Blow::GiveUpBefore, 2, 0, 1),
        (twice, Blow::GiveUpBefore, 100, 1, 0),
    ] {
        let bench = Bench::steps(text);
        bench.model().strike("set", strike, times);
        let ending = bench.run(None).await;
        assert_eq!((ending.code(), bench.sent().len()), (exit_code, sets), "{strike:?} {times}, {text}");
        let events = bench.events();
        let why = |event: &Event| match &event.kind {
            EventKind::Waiting { waiting, .. } => Some(waiting.why.clone()),
            _ => None,
        };
        let waiting = events.iter().find_map(why).unwrap_or_default();
        assert!(
            waiting.to_string().starts_with("not known whether this was done, looking again: set x to 3"),
            "{waiting}"
        );
        assert!(waiting.contains("`set x 3` ended with"), "{waiting}");
        if let Some(failure) = ending.failure {
            assert!(failure.to_string().contains("is not known: set x to 3"), "{failure}");
            assert!(failure.to_string().contains("no answer within 5 seconds"), "{failure}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_what_was_waited_for() {
    let bench = Bench::steps("  - {name: one, target: active, number: {name: x, is: 3, wait: true}, timeout: 20s}\n");
    let began = Instant::now();
    let ending = bench.run(None).await;
    assert_eq!(ending.failed().message, "not done after 20s: x is 0");
    assert!(began.elapsed() < Duration::from_secs(21));
    // The target may be out of reach for a while meanwhile.
    let bench = Bench::steps("  - {name: one, target: active, number: {name: x, is: 3, wait: true}, timeout: 1m}\n");
    let later = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        bench.model().down.push("controller".to_owned());
        tokio::time::sleep(Duration::from_secs(20)).await;
        let mut model = bench.model();
        model.down.clear();
        model.set("controller", "x", 3);
    };
    let (ending, ()) = tokio::join!(bench.run(None), later);
    assert_eq!(ending.code(), 0);
}

#[tokio::test(start_paused = true)]
async fn classes_of_failure_have_their_exit_codes() {
    let bench = Bench::steps("  - {name: one, target: active.nodes, number: {name: x, is: 3}}\n");
    bench.model().down.push("here/c".to_owned());
    assert_eq!(bench.run(None).await.code(), 4);
    let bench = Bench::steps("  - {name: one, target: active, number: {name: x, is: 3, never_from: 0}}\n");
    let ending = bench.run(None).await;
    assert_eq!((ending.code(), bench.sent().len()), (3, 0));
    let bench = Bench::steps("  - {name: one, target: active, number: {name: x, is: \"{{ [] }}\"}}\n");
    let ending = bench.run(None).await;
    assert_eq!(ending.code(), 2, "a template's value is wrong and nothing was touched");
    let at =
        bench.events().iter().find_map(|event| serde_json::to_value(event).unwrap().pointer("/failure/place").cloned());
    assert_eq!(at, Some(json!("test.yml:5:55")));
}

#[tokio::test(start_paused = true)]
async fn blocks_rescue_and_always() {
    let bench = Bench::steps(
        "  - name: careful\n    block:\n    - {name: one, target: active, number: {name: x, is: 3, never_from: 0}}\n    - {name: two, target: active, number: {name: x, is: 4}}\n    rescue:\n    - {name: three, target: active, number: {name: x, is: 5}}\n    always:\n    - {name: four, target: active, number: {name: x, is: 6}}\n  - {name: five, target: active, number: {name: x, is: 7}}\n",
    );
    assert_eq!(bench.run(None).await.code(), 0);
    let wanted = ["one blocked", "three changed", "four changed", "careful failed_allowed", "five changed"];
    assert_eq!(steps(&outcomes(&bench)), wanted);
}

#[tokio::test(start_paused = true)]
async fn conditions_loops_and_widths() {
    let bench = Bench::steps(
        "  - {name: one, target: active, loop: [1, 2, 3], when: item != 2, number: {name: \"x{{ item }}\", is: 1}, register: all}\n  - {name: two, target: active.nodes, serial: 1, when: node.name != 'b', number: {name: y, is: 1}}\n  - {name: three, target: active.nodes, run_once: true, number: {name: z, is: 1}, register: single}\n  - {name: four, when: false, target: active, number: {name: z, is: 9}, register: left_out}\n  - {name: five, when: left_out.skipped, target: active, number: {name: w, is: \"{{ all | length }}\"}}\n",
    );
    let ending = bench.run(None).await;
    assert_eq!(ending.code(), 0, "{ending:?}");
    let sets = bench.sent();
    assert_eq!(
        sets,
        [
            "controller$ set x1 1",
            "controller$ set x3 1",
            "here/a$ set y 1",
            "here/c$ set y 1",
            "here/a$ set z 1",
            "controller$ set w 2"
        ]
    );
    assert_eq!(registered(&bench, "single"), json!({"is": 1}));
    assert_eq!(steps(&outcomes(&bench))[3], "four skipped");
}

#[tokio::test(start_paused = true)]
async fn tasks_run_side_by_side_unless_serial() {
    let bench = Bench::steps("  - {name: one, target: active.nodes, number: {name: x, is: 1}}\n");
    bench.run(None).await;
    assert_eq!(bench.model().running.1, 3);
    let bench = Bench::steps("  - {name: one, target: active.nodes, serial: 1, number: {name: x, is: 1}}\n");
    bench.run(None).await;
    assert_eq!(bench.model().running.1, 1);
}

#[tokio::test(start_paused = true)]
async fn until_polls_and_allowed_failures_go_on() {
    let bench = Bench::steps(
        "  - {name: one, target: active, number: {name: x, is: 0}, register: seen, until: seen.is == 1, timeout: 30s, allow_failure: true}\n  - {name: two, target: active.nodes, on_unreachable: skip, number: {name: y, is: 1}}\n",
    );
    bench.model().down.push("here/b".to_owned());
    assert_eq!(bench.run(None).await.code(), 0);
    assert_eq!(steps(&outcomes(&bench)), ["one failed_allowed", "two changed"]);
    assert_eq!(bench.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn secrets_never_reach_an_event() {
    let bench = Bench::steps(
        "  - {name: one, target: active, number: {name: x, is: 3, note: \"with {{ password }}\"}}\n  - {name: two, secret: true, target: active, number: {name: y, is: 77123}, register: hidden}\n",
    );
    assert_eq!(bench.run(None).await.code(), 0);
    let text = serde_json::to_string(&bench.events()).unwrap();
    assert!(text.contains("with ***") && !text.contains("hunter2"), "{text}");
    assert_eq!(registered(&bench, "hidden"), json!(null));
    let registered = |event: Event| match event.kind {
        EventKind::Acted { task, done: Done::Output(output), .. } => Some((task.path.id(), output.stdout)),
        _ => None,
    };
    let registered: Vec<(String, String)> = bench.events().into_iter().filter_map(registered).collect();
    let expected = [("only/one", "stored"), ("only/two", "***")].map(|(step, text)| (step.to_owned(), text.to_owned()));
    assert_eq!(registered, expected);
}

#[tokio::test(start_paused = true)]
async fn a_step_can_be_made_to_fail() {
    let mut bench = Bench::steps("  - {name: One step, target: active, number: {name: x, is: 3}}\n");
    bench.fail = Some("one-step".to_owned());
    assert_eq!(bench.run(None).await.code(), 1);
    assert_eq!(bench.sent().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_pass_or_one_target_of_a_step_can_be_made_to_fail() {
    let step = "  - {name: One step, target: [active, passive], loop: [1, 2], number: {name: 'x{{ item }}', is: 3}}\n";
    for (fail, made) in [("one-step[2]@there", 3), ("one-step@there", 2), ("one-step[1]", 2), ("one-step", 0)] {
        let mut bench = Bench::steps(step);
        bench.fail = Some(fail.to_owned());
        assert_eq!(bench.run(None).await.code(), 1, "{fail}");
        assert_eq!(bench.sent().len(), made, "{fail}: {:?}", bench.sent());
    }
}
