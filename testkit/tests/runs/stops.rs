//! Gates, stops, resume and undo.

use cutover_engine::event::EventKind;
use cutover_engine::execute::Ledger;
use cutover_testkit::driver::{Bench, Case};
use cutover_testkit::model::{Blow, Strike};
use cutover_testkit::{At, Mode, Trip};

use crate::{outcomes, steps};

const THREE: &str = "  - {name: one, target: active, number: {name: x, is: 3}, register: first}\n  - {name: two, target: active, number: {name: y, is: 1, wait: true}, timeout: 1h}\n  - {name: three, target: active, number: {name: z, is: \"{{ first.is }}\"}}\n";

/// A soft stop when `y` is waited for.
const AT_Y: Option<Trip> = Some(Trip { at: At::Words("y is 0"), mode: Mode::Soft });

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
    bench.answer = Some("yes".to_owned());
    let ending = bench.run(None).await;
    assert_eq!((ending.code(), bench.sent().len()), (3, 0));
    assert_eq!(ending.failed().message, "not approved at the gate, because `yes` was answered: Delete here?");
    bench.answer = Some("No".to_owned());
    let ending = bench.run(None).await;
    assert_eq!((ending.code(), bench.sent().len()), (3, 0));
    assert_eq!(ending.failed().message, "refused at the gate: Delete here?");
    bench.answer = Some("here".to_owned());
    assert_eq!(bench.run(None).await.code(), 0);
    let text = serde_json::to_string(&bench.events()).unwrap();
    assert!(text.contains(r#""approved":true,"by":"tester","reason":"here""#), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_is_resumed_where_it_stopped() {
    let bench = Bench::steps(THREE);
    let ending = bench.run(AT_Y).await;
    assert_eq!(ending.code(), 5);
    assert_eq!(steps(&outcomes(&bench)), ["one changed", "two stopped"]);
    {
        let mut model = bench.model();
        // Undone on purpose by somebody: a finished step is not done again.
        model.set("controller", "x", 0);
        model.set("controller", "y", 1);
    }
    assert_eq!(bench.resume(None).await.code(), 0);
    assert_eq!(steps(&outcomes(&bench))[2..], ["one skipped", "two in_sync", "three changed"]);
    assert_eq!(bench.sent(), ["controller$ set x 3", "controller$ set z 3"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_undone_from_its_end() {
    let bench = Bench::steps(
        "  - {name: one, target: active.nodes, number: {name: x, is: 3}}\n  - {name: two, target: active, number: {name: x, is: 4}}\n",
    );
    bench.model().set("here/b", "x", 9);
    bench.run(None).await;
    assert_eq!(bench.undo(None).await.code(), 7);
    assert_eq!(bench.sent()[4..], ["controller$ set x 0", "here/c$ set x 0", "here/b$ set x 9", "here/a$ set x 0"]);
    assert!(Ledger::of(&bench.events()).standing().is_empty());
    assert_eq!(bench.undo(None).await.code(), 7);
    assert_eq!(bench.sent().len(), 8, "nothing is left to undo");
}

#[tokio::test(start_paused = true)]
async fn nothing_before_a_change_for_good_is_undone() {
    let text = |undo: &str| {
        format!(
            "  - {{name: one, target: active, number: {{name: x, is: 3}}}}\n  - {{name: two, target: active, keep: {{name: y, is: 4}}{undo}}}\n  - {{name: three, target: active, number: {{name: z, is: 4}}}}\n"
        )
    };
    let bench = Bench::steps(&text(""));
    bench.run(None).await;
    let ending = bench.undo(None).await;
    assert_eq!(ending.code(), 3);
    assert_eq!(bench.sent()[3..], ["controller$ set z 0"]);
    assert_eq!(ending.failed().details, ["here: set y to 4"]);
    // A step can declare how it is undone, or that there is nothing to do.
    let bench = Bench::steps(&text(", undo: [{name: back, target: active, number: {name: y, is: -1}}]"));
    bench.run(None).await;
    assert_eq!(bench.undo(None).await.code(), 7);
    assert_eq!(bench.sent()[3..], ["controller$ set z 0", "controller$ set y -1", "controller$ set x 0"]);
    let bench = Bench::steps(&text(", undo: []"));
    bench.run(None).await;
    assert_eq!(bench.undo(None).await.code(), 7);
    assert_eq!(bench.sent()[3..], ["controller$ set z 0", "controller$ set x 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_undo_is_reported_and_can_be_repeated() {
    let bench = Bench::steps("  - {name: one, target: active, number: {name: x, is: 3}}\n");
    bench.run(None).await;
    bench.model().strike("set x 0", Blow::Fail, 1);
    assert_eq!(bench.undo(None).await.code(), 8);
    let messages: Vec<String> = bench.events().into_iter().flat_map(|event| failure(event.kind)).collect();
    assert_eq!(messages[0].trim_end(), "here: could not undo: set x to 3");
    assert!(messages[1].contains("`set x 0` ended with exit code 1") && messages[2] == "out of luck", "{messages:?}");
    assert_eq!(bench.undo(None).await.code(), 7);
}

#[tokio::test(start_paused = true)]
async fn an_undo_whose_outcome_is_not_known_is_looked_at() {
    let bench = Bench::steps("  - {name: one, target: active, number: {name: x, is: 3}}\n");
    for strike in [Blow::LoseBefore, Blow::LoseAfter] {
        bench.clear_journal();
        bench.run(None).await;
        let before = bench.sent().len();
        bench.model().strike("set x 0", strike, 1);
        assert_eq!(bench.undo(None).await.code(), 7);
        assert_eq!(bench.sent().len(), before + 1, "{strike:?}: once");
    }
    bench.run(None).await;
    bench.model().strikes = vec![Strike { line: "set x 0".to_owned(), blow: Blow::LoseBefore, times: 100 }];
    assert_eq!(bench.undo(None).await.code(), 8, "it is not tried for ever");
    assert!(bench.model().strikes[0].times > 0);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_undone_does_not_go_on() {
    let bench = Bench::steps(THREE);
    bench.run(AT_Y).await;
    bench.undo(None).await;
    let ending = bench.resume(None).await;
    assert_eq!((ending.code(), bench.sent().len()), (3, 2));
    assert!(ending.failed().message.contains("this run was undone"));
}

#[tokio::test(start_paused = true)]
async fn beyond_the_point_of_no_return_nothing_is_undone() {
    let step = |name: &str| format!("{{name: {name}, target: active, number: {{name: {name}, is: 3}}}}");
    let text = format!(
        "name: Test\nphases:\n- name: First\n  steps:\n  - {}\n- name: Last\n  point_of_no_return: true\n  steps:\n  - gate: Sure?\n  - {}\n",
        step("x"),
        step("y")
    );
    let mut bench = Bench::of(&Case::text(text));
    bench.answer = Some("no".to_owned());
    bench.run(None).await;
    assert_eq!(bench.undo(None).await.code(), 7, "the gate was refused");
    bench.answer = Some("yes".to_owned());
    bench.clear_journal();
    bench.run(None).await;
    let ending = bench.undo(None).await;
    assert_eq!((ending.code(), bench.sent().len()), (3, 4));
    let message = ending.failed().message;
    assert_eq!(message, "the run has passed its point of no return (`Last`): nothing is undone");
}

#[tokio::test(start_paused = true)]
async fn standing_changes_are_reported_after_a_resume_as_well() {
    let mut bench = Bench::steps(THREE);
    bench.run(AT_Y).await;
    bench.fail = Some("three".to_owned());
    bench.model().set("controller", "y", 1);
    assert_eq!(bench.resume(None).await.code(), 1);
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
        assert_eq!((bench.run(None).await.code(), bench.sent().len()), (1, 0), "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_begun_when_the_controller_died_is_not_made_again_blindly() {
    let text = "  - {name: one, target: active, once: {name: x, is: 3}}\n";
    let mut bench = Bench::steps(text);
    bench.model().strike("set", Blow::Hang, 1);
    // The controller dies while the command runs: nothing after `applying` is in the journal.
    let died = tokio::time::timeout(std::time::Duration::from_secs(10), bench.run(None)).await;
    assert!(died.is_err());
    let ending = bench.resume(None).await;
    assert_eq!((ending.code(), bench.sent().len()), (1, 0));
    let failure = ending.failed();
    assert!(failure.message.contains("begun before the run was interrupted"), "{failure}");
    assert!(failure.help.unwrap().contains("--repeat only/one"));
    // Somebody has looked.
    bench.repeat = vec!["only/one".to_owned()];
    assert_eq!((bench.resume(None).await.code(), bench.sent().len()), (0, 1));

    // It had been made: the probe sees it, and nobody has to be asked.
    let bench = Bench::steps(text);
    bench.model().strike("set", Blow::HangAfter, 1);
    assert!(tokio::time::timeout(std::time::Duration::from_secs(10), bench.run(None)).await.is_err());
    assert_eq!((bench.resume(None).await.code(), bench.sent().len()), (0, 1));

    // A command that failed with words has a known end.
    let bench = Bench::steps(text);
    bench.model().strike("set", Blow::Fail, 1);
    assert_eq!(bench.run(None).await.code(), 1);
    assert_eq!(bench.resume(None).await.code(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_person_declares_done_is_not_made_again() {
    let text = "  - {name: one, target: active, command: {argv: [add, x, a]}}\n  \
                - {name: two, target: active, keep: {name: y, is: 1}}\n";
    let mut bench = Bench::steps(text);
    bench.model().strike("add", Blow::HangAfter, 1);
    assert!(tokio::time::timeout(std::time::Duration::from_secs(10), bench.run(None)).await.is_err());
    let ending = bench.resume(None).await;
    assert_eq!((ending.code(), bench.sent().len()), (1, 1));
    assert!(ending.failed().help.unwrap().contains("that it was done, with --done only/one"));

    bench.done = vec!["one".to_owned()];
    bench.model().strike("set", Blow::Fail, 1);
    assert_eq!((bench.resume(None).await.code(), bench.sent().len()), (1, 1), "two fails");
    // It was declared once and for all.
    bench.done.clear();
    assert_eq!((bench.resume(None).await.code(), bench.sent().len()), (0, 2));
    let declared = bench.events().into_iter().filter(|event| matches!(event.kind, EventKind::DeclaredDone { .. }));
    assert_eq!(declared.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_kill_after_the_declaration_does_not_make_it_again() {
    let text = "  - {name: one, target: active, command: {argv: [add, x, a]}}\n";
    let mut bench = Bench::steps(text);
    bench.model().strike("add", Blow::HangAfter, 1);
    assert!(tokio::time::timeout(std::time::Duration::from_secs(10), bench.run(None)).await.is_err());
    bench.done = vec!["one".to_owned()];
    let declared = bench.length() + 2;
    assert_eq!(
        bench.resume(Some(Trip { at: At::Event(declared), mode: Mode::Kill { lost: 0 } })).await.exit_code,
        None
    );
    bench.done.clear();
    assert_eq!((bench.resume(None).await.code(), bench.sent().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn the_result_of_what_was_declared_done_is_not_invented() {
    let text = "  - {name: one, target: active, command: {argv: [add, x, a]}, register: r, until: r.stdout == ''}\n  \
                - {name: two, assert: {that: [\"{{ r.stdout == '' }}\"]}}\n";
    let mut bench = Bench::steps(text);
    bench.model().strike("add", Blow::HangAfter, 1);
    assert!(tokio::time::timeout(std::time::Duration::from_secs(10), bench.run(None)).await.is_err());
    bench.done = vec!["one".to_owned()];
    let ending = bench.resume(None).await;
    assert_eq!((ending.code(), bench.sent().len()), (3, 1));
    let failure = ending.failed();
    assert!(failure.message.contains("`r` is the result of only/one, which the journal does not have"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_declaration_that_a_probe_contradicts_is_refused() {
    let mut bench = Bench::steps("  - {name: one, target: active, once: {name: x, is: 3}}\n");
    bench.model().strike("set", Blow::Hang, 1);
    assert!(tokio::time::timeout(std::time::Duration::from_secs(10), bench.run(None)).await.is_err());
    bench.done = vec!["one".to_owned()];
    let ending = bench.resume(None).await;
    assert_eq!((ending.code(), bench.sent().len()), (3, 0));
    let failure = ending.failed();
    assert!(failure.message.contains("it was declared done, and is not to be found"), "{failure}");
    // Nor does the next resume make it.
    bench.done.clear();
    assert_eq!((bench.resume(None).await.code(), bench.sent().len()), (3, 0));
    bench.repeat = vec!["one".to_owned()];
    assert_eq!((bench.resume(None).await.code(), bench.sent().len()), (0, 1));
}
