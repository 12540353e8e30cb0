//! Gates, stops, resuming and taking back.

use cutover_engine::event::EventKind;
use cutover_engine::execute::{Ledger, Past};

use crate::bench::Bench;
use crate::steps;
use crate::world::Strike;

const THREE: &str = "  - {name: one, target: active, number: {name: x, is: 3}, register: first}\n  - {name: two, target: active, number: {name: y, is: 1, wait: true}, timeout: 1h}\n  - {name: three, target: active, number: {name: z, is: \"{{ first.is }}\"}}\n";

/// The lines of a failure that a step ended with.
fn failure(kind: EventKind) -> Vec<String> {
    match kind {
        EventKind::StepFinished { failure: Some(failure), .. } => {
            [failure.message].into_iter().chain(failure.details).map(|line| line.to_string()).collect()
        }
        _ => Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_gate_needs_its_phrase() {
    let text = "  - {gate: \"Delete {{ active.name }}?\", confirm: \"{{ active.name }}\"}\n  - {name: one, target: active, number: {name: x, is: 3}}\n";
    let mut bench = Bench::steps(text);
    let ending = bench.go().await;
    assert_eq!((ending.exit_code, bench.sets().len()), (3, 0));
    assert_eq!(ending.failure.unwrap().message, "refused at the gate: Delete here?");
    bench.says = "here";
    assert_eq!(bench.go().await.exit_code, 0);
    let text = serde_json::to_string(&bench.events()).unwrap();
    assert!(text.contains(r#""approved":true,"by":"tester","reason":"here""#), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_is_resumed_where_it_stopped() {
    let mut bench = Bench::steps(THREE);
    bench.stop_at = Some("y is 0");
    let ending = bench.go().await;
    assert_eq!(ending.exit_code, 5);
    assert_eq!(steps(&bench.outcomes()), ["one changed", "two stopped"]);
    bench.stop_at = None;
    bench.past = Past::of(&bench.events());
    {
        let mut state = bench.world.0.lock().unwrap();
        // Undone on purpose by somebody: a finished step is not done again.
        state.numbers.insert(("controller".into(), "x".into()), 0);
        state.numbers.insert(("controller".into(), "y".into()), 1);
    }
    assert_eq!(bench.go().await.exit_code, 0);
    assert_eq!(steps(&bench.outcomes())[2..], ["one skipped", "two in_sync", "three changed"]);
    assert_eq!(bench.sets(), ["controller set x 3", "controller set z 3"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_taken_back_from_its_end() {
    let bench = Bench::steps(
        "  - {name: one, target: active.nodes, number: {name: x, is: 3}}\n  - {name: two, target: active, number: {name: x, is: 4}}\n",
    );
    bench.world.0.lock().unwrap().numbers.insert(("here/b".into(), "x".into()), 9);
    bench.go().await;
    assert_eq!(bench.undo().await.exit_code, 7);
    assert_eq!(bench.sets()[4..], ["controller set x 0", "here/c set x 0", "here/b set x 9", "here/a set x 0"]);
    assert!(Ledger::of(&bench.events()).standing().is_empty());
    assert_eq!(bench.undo().await.exit_code, 7);
    assert_eq!(bench.sets().len(), 8, "nothing is left to take back");
}

#[tokio::test(start_paused = true)]
async fn nothing_before_a_change_for_good_is_taken_back() {
    let text = |undo: &str| {
        format!(
            "  - {{name: one, target: active, number: {{name: x, is: 3}}}}\n  - {{name: two, target: active, number: {{name: y, is: 4, for_good: true}}{undo}}}\n  - {{name: three, target: active, number: {{name: z, is: 4}}}}\n"
        )
    };
    let bench = Bench::steps(&text(""));
    bench.go().await;
    let ending = bench.undo().await;
    assert_eq!(ending.exit_code, 3);
    assert_eq!(bench.sets()[3..], ["controller set z 0"]);
    assert_eq!(ending.failure.unwrap().details, ["here: set y to 4 "]);
    // A step can say itself how it is taken back, or that there is nothing to do.
    let bench = Bench::steps(&text(", undo: [{name: back, target: active, number: {name: y, is: -1}}]"));
    bench.go().await;
    assert_eq!(bench.undo().await.exit_code, 7);
    assert_eq!(bench.sets()[3..], ["controller set z 0", "controller set y -1", "controller set x 0"]);
    let bench = Bench::steps(&text(", undo: []"));
    bench.go().await;
    assert_eq!(bench.undo().await.exit_code, 7);
    assert_eq!(bench.sets()[3..], ["controller set z 0", "controller set x 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_undo_says_so_and_can_be_repeated() {
    let bench = Bench::steps("  - {name: one, target: active, number: {name: x, is: 3}}\n");
    bench.go().await;
    bench.world.0.lock().unwrap().strikes.push(("set x 0", Strike::Fail, 1));
    assert_eq!(bench.undo().await.exit_code, 8);
    let told: Vec<String> = bench.events().into_iter().flat_map(|event| failure(event.kind)).collect();
    assert_eq!(told[0].trim_end(), "here: could not undo: set x to 3");
    assert!(told[1].contains("`set x 0` ended with exit code 1") && told[2] == "out of luck", "{told:?}");
    assert_eq!(bench.undo().await.exit_code, 7);
}

#[tokio::test(start_paused = true)]
async fn an_undo_whose_outcome_is_not_known_is_looked_at() {
    let bench = Bench::steps("  - {name: one, target: active, number: {name: x, is: 3}}\n");
    for strike in [Strike::LoseBefore, Strike::LoseAfter] {
        bench.journal.events.lock().unwrap().clear();
        bench.go().await;
        let before = bench.sets().len();
        bench.world.0.lock().unwrap().strikes.push(("set x 0", strike, 1));
        assert_eq!(bench.undo().await.exit_code, 7);
        assert_eq!(bench.sets().len(), before + 1, "{strike:?}: once");
    }
    bench.go().await;
    bench.world.0.lock().unwrap().strikes = vec![("set x 0", Strike::LoseBefore, 100)];
    assert_eq!(bench.undo().await.exit_code, 8, "it is not tried for ever");
    assert!(bench.world.0.lock().unwrap().strikes[0].2 > 0);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_taken_back_does_not_go_on() {
    let mut bench = Bench::steps(THREE);
    bench.stop_at = Some("y is 0");
    bench.go().await;
    bench.undo().await;
    bench.past = Past::of(&bench.events());
    let ending = bench.go().await;
    assert_eq!((ending.exit_code, bench.sets().len()), (3, 2));
    assert!(ending.failure.unwrap().message.contains("this run was undone"));
}

#[tokio::test(start_paused = true)]
async fn beyond_the_point_of_no_return_nothing_is_taken_back() {
    let step = |name: &str| format!("{{name: {name}, target: active, number: {{name: {name}, is: 3}}}}");
    let text = format!(
        "name: Test\nphases:\n- name: First\n  steps:\n  - {}\n- name: Last\n  point_of_no_return: true\n  steps:\n  - gate: Sure?\n  - {}\n",
        step("x"),
        step("y")
    );
    let mut bench = Bench::new(&text);
    bench.says = "no";
    bench.go().await;
    assert_eq!(bench.undo().await.exit_code, 7, "the gate was refused");
    bench.says = "yes";
    bench.journal.events.lock().unwrap().clear();
    bench.go().await;
    let ending = bench.undo().await;
    assert_eq!((ending.exit_code, bench.sets().len()), (3, 4));
    let message = ending.failure.unwrap().message;
    assert_eq!(message, "the run has passed its point of no return (`Last`): nothing is undone");
}

#[tokio::test(start_paused = true)]
async fn what_still_stands_is_told_after_a_resume_too() {
    let mut bench = Bench::steps(THREE);
    bench.stop_at = Some("y is 0");
    bench.go().await;
    bench.stop_at = None;
    bench.past = Past::of(&bench.events());
    bench.fail = Some("three".to_owned());
    bench.world.0.lock().unwrap().numbers.insert(("controller".into(), "y".into()), 1);
    assert_eq!(bench.go().await.exit_code, 1);
    let text = serde_json::to_string(bench.events().last().unwrap()).unwrap();
    assert!(text.contains(r#""standing":[{"change":1,"#) && text.contains("set x to 3"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn gates_and_blocks_can_be_made_to_fail() {
    let text =
        "  - {gate: \"Sure?\"}\n  - {name: all, block: [{name: one, target: active, number: {name: x, is: 3}}]}\n";
    for step in ["only/sure", "all"] {
        let mut bench = Bench::steps(text);
        bench.fail = Some(step.to_owned());
        assert_eq!((bench.go().await.exit_code, bench.sets().len()), (1, 0), "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_begun_when_the_controller_died_is_not_made_again_blindly() {
    let text = "  - {name: one, target: active, number: {name: x, is: 3, once: true}}\n";
    let mut bench = Bench::steps(text);
    bench.world.0.lock().unwrap().strikes.push(("set", Strike::Hang, 1));
    // The controller dies while the command runs: nothing after `applying` is in the journal.
    let died = tokio::time::timeout(std::time::Duration::from_secs(10), bench.go()).await;
    assert!(died.is_err());
    bench.past = Past::of(&bench.events());
    let ending = bench.go().await;
    assert_eq!((ending.exit_code, bench.sets().len()), (1, 0));
    let failure = ending.failure.unwrap();
    assert!(failure.message.contains("begun before the run was interrupted"), "{failure}");
    assert!(failure.help.unwrap().contains("--repeat only/one"));
    // Somebody has looked.
    bench.past = Past::of(&bench.events());
    bench.repeat = vec!["only/one".to_owned()];
    assert_eq!((bench.go().await.exit_code, bench.sets().len()), (0, 1));

    // It had been made: the probe sees it, and nobody has to be asked.
    let mut bench = Bench::steps(text);
    bench.world.0.lock().unwrap().strikes.push(("set", Strike::HangAfter, 1));
    assert!(tokio::time::timeout(std::time::Duration::from_secs(10), bench.go()).await.is_err());
    bench.past = Past::of(&bench.events());
    assert_eq!((bench.go().await.exit_code, bench.sets().len()), (0, 1));

    // A command that failed with words has a known end.
    let mut bench = Bench::steps(text);
    bench.world.0.lock().unwrap().strikes.push(("set", Strike::Fail, 1));
    assert_eq!(bench.go().await.exit_code, 1);
    bench.past = Past::of(&bench.events());
    assert_eq!(bench.go().await.exit_code, 0);
}
