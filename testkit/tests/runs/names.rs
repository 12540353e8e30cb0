//! The names of work: finished tasks, passes of loops, sections of blocks and changes are recognised when a run is resumed or
//! undone.

use cutover_testkit::driver::{Bench, Case};
use cutover_testkit::model::Blow;
use cutover_testkit::{At, Mode, Trip};
use serde_json::{Map, json};

/// Resumes a bench's run.
async fn resume(bench: &Bench) -> u8 {
    bench.resume(None).await.code()
}

fn strike(bench: &Bench, text: &str, blow: Blow) {
    bench.model().strike(text, blow, 1);
}

fn sets(bench: &Bench) -> Vec<String> {
    bench.sent().iter().map(|line| line.replace("controller$ set ", "").replace("$ set ", " ")).collect()
}

#[tokio::test(start_paused = true)]
async fn every_pass_of_a_loop_is_known_by_itself() {
    let bench = Bench::steps(
        "  - name: Make all\n    loop: [1, 2, 3]\n    block:\n    - {name: Make a, send: {name: a, is: \"{{ item }}\"}, register: made}\n    - {name: Make b, send: {name: b, is: \"{{ item }}\"}}\n",
    );
    strike(&bench, "set b 2", Blow::Fail);
    assert_eq!(bench.run(None).await.code(), 1);
    assert_eq!(sets(&bench), ["a 1", "b 1", "a 2"]);
    assert_eq!(resume(&bench).await, 0);
    assert_eq!(sets(&bench), ["a 1", "b 1", "a 2", "b 2", "a 3", "b 3"]);
    let text = serde_json::to_string(&bench.events()).unwrap();
    assert!(text.contains(r#""path":"only/make-all[2:"#), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_finished_task_is_not_done_again_and_its_result_is_used() {
    let cases = [
        ("  - {name: Each, loop: [1, 2, 3], send: {name: a, is: \"{{ item }}\"}, register: all}\n", "set a 2"),
        ("  - {name: Each, target: active.nodes, send: {name: a, is: 7}, register: all}\n", "here/b$ set a 7"),
        (
            "  - {name: Each, target: active.nodes, serial: 1, send: {name: a, is: 7}, register: all}\n",
            "here/b$ set a 7",
        ),
    ];
    for (step, struck) in cases {
        let bench =
            Bench::steps(&format!("{step}  - {{name: Count, number: {{name: n, is: \"{{{{ all | length }}}}\"}}}}\n"));
        strike(&bench, struck, Blow::Fail);
        assert_eq!(bench.run(None).await.code(), 1);
        assert_eq!(resume(&bench).await, 0);
        let mut seen = sets(&bench);
        assert_eq!(seen.pop().as_deref(), Some("n 3"));
        seen.sort();
        let count = seen.len();
        seen.dedup();
        assert_eq!((count, seen.len()), (3, 3), "{step}: {seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_loop_whose_elements_have_changed_is_not_resumed() {
    let text = "name: Test\nparams: {list: {type: list, required: true}}\nphases:\n- name: Only\n  steps:\n  - name: Make all\n    loop: \"{{ list }}\"\n    block:\n    - {name: Make a, send: {name: a, is: \"{{ item }}\"}}\n";
    let looped =
        |list: serde_json::Value| Case { params: Map::from_iter([("list".to_owned(), list)]), ..Case::text(text) };
    let mut bench = Bench::of(&looped(json!([1, 2, 3])));
    strike(&bench, "set a 2", Blow::Fail);
    assert_eq!(bench.run(None).await.code(), 1);
    bench.edit(&looped(json!([1, 5, 3])));
    assert_eq!(resume(&bench).await, 3);
    assert_eq!(sets(&bench), ["a 1"]);
    bench.edit(&looped(json!([1, 2, 3, 4])));
    assert_eq!(resume(&bench).await, 0, "what comes after was never begun");
    assert_eq!(sets(&bench), ["a 1", "a 2", "a 3", "a 4"]);
}

#[tokio::test(start_paused = true)]
async fn undo_steps_know_the_elements_around_them_and_of_their_own_loop() {
    let bench = Bench::steps(
        "  - name: All\n    loop: [1, 2]\n    block:\n    - name: One\n      send: {name: a, is: \"{{ item }}\"}\n      undo: [{name: back, send: {name: a, is: \"{{ -item }}\"}}]\n  - name: Own\n    loop: [3, 4]\n    send: {name: b, is: \"{{ item }}\"}\n    undo: [{name: back, send: {name: b, is: \"{{ -item }}\"}}]\n",
    );
    assert_eq!(bench.run(None).await.code(), 0);
    let ending = bench.undo(None).await;
    assert_eq!(ending.code(), 7, "{ending:?}");
    assert_eq!(sets(&bench), ["a 1", "a 2", "b 3", "b 4", "b -4", "b -3", "a -2", "a -1"]);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_undo_does_not_repeat_what_it_has_done() {
    let bench = Bench::steps(
        "  - name: One\n    send: {name: a, is: 1}\n    undo: [{name: first, send: {name: u, is: 1}}, {name: second, send: {name: u, is: 2}}]\n",
    );
    assert_eq!(bench.run(None).await.code(), 0);
    strike(&bench, "set u 2", Blow::Fail);
    assert_eq!(bench.undo(None).await.code(), 8);
    assert_eq!(bench.undo(None).await.code(), 7);
    assert_eq!(sets(&bench), ["a 1", "u 1", "u 2"]);
}

#[tokio::test(start_paused = true)]
async fn an_open_change_that_must_not_be_made_twice_stays_open_however_it_is_worded() {
    let step = |note: &str| format!("  - {{name: One, send: {{name: a, is: 1, note: \"{note}\"}}}}\n");
    let mut bench = Bench::steps(&step("with {{ password }}"));
    strike(&bench, "set a 1", Blow::LoseAfter);
    bench.forgets_secrets = true;
    assert_eq!(bench.run(None).await.code(), 1);
    assert_eq!(resume(&bench).await, 1, "the secret in it makes no difference");
    bench.edit(&Case::steps(&step("other words")));
    assert_eq!(resume(&bench).await, 1, "and neither do other words");
    assert_eq!(sets(&bench), ["a 1"]);
    bench.repeat = vec!["one".to_owned()];
    assert_eq!(resume(&bench).await, 0);
    assert_eq!(sets(&bench), ["a 1", "a 1"], "somebody has looked");
}

#[tokio::test(start_paused = true)]
async fn an_open_change_of_a_step_that_is_gone_is_not_forgotten() {
    let mut bench = Bench::steps("  - {name: One, send: {name: a, is: 1}}\n  - {name: Two, send: {name: b, is: 1}}\n");
    strike(&bench, "set a 1", Blow::LoseAfter);
    assert_eq!(bench.run(None).await.code(), 1);
    bench.edit(&Case::steps("  - {name: Renamed, send: {name: a, is: 1}}\n  - {name: Two, send: {name: b, is: 1}}\n"));
    assert_eq!(resume(&bench).await, 1);
    assert_eq!(sets(&bench), ["a 1"]);
    bench.edit(&Case::steps("  - {name: One, when: false, send: {name: a, is: 1}}\n"));
    assert_eq!(resume(&bench).await, 1, "a step that is left out settles nothing");
}

#[tokio::test(start_paused = true)]
async fn a_stop_inside_rescue_or_always_is_taken_up_there() {
    let text = "  - name: All\n    loop: [1, 2]\n    block:\n    - {name: Try, send: {name: a, is: \"{{ item }}\"}}\n    rescue:\n    - {name: Mend, send: {name: r, is: \"{{ item }}\"}}\n    - {name: Mend more, send: {name: s, is: \"{{ item }}\"}}\n    always:\n    - {name: Tidy, send: {name: t, is: \"{{ item }}\"}}\n    - {name: Tidy more, send: {name: u, is: \"{{ item }}\"}}\n";
    let wanted = ["r 1", "s 1", "t 1", "u 1", "a 2", "t 2", "u 2"];
    for stop in ["send r 1", "send s 1", "send t 1", "send u 1", "send a 2", "send u 2"] {
        let bench = Bench::steps(text);
        strike(&bench, "set a 1", Blow::Fail);
        let first = bench.run(Some(Trip { at: At::Words(stop), mode: Mode::Soft })).await.code();
        let last = if first == 0 { 0 } else { resume(&bench).await };
        assert_eq!((last, sets(&bench)), (0, wanted.map(str::to_owned).to_vec()), "stopped at {stop}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_section_is_taken_up_where_it_failed() {
    let text = "  - name: All\n    block:\n    - {name: Try, send: {name: a, is: 1}}\n    rescue:\n    - {name: Mend, send: {name: r, is: 1}}\n    always:\n    - {name: Tidy, send: {name: t, is: 1}}\n";
    let bench = Bench::steps(text);
    strike(&bench, "set a 1", Blow::Fail);
    strike(&bench, "set r 1", Blow::Fail);
    assert_eq!(bench.run(None).await.code(), 1);
    assert_eq!(sets(&bench), ["t 1"]);
    assert_eq!(resume(&bench).await, 0);
    assert_eq!(sets(&bench), ["t 1", "r 1"]);
}

#[tokio::test(start_paused = true)]
async fn results_come_back_as_they_were_at_each_step() {
    let bench = Bench::steps(
        "  - {name: One, number: {name: x, is: 1}, register: it}\n  - {name: Left out, when: false, number: {name: x, is: 9}, register: left}\n  - {name: Two, number: {name: y, is: 2}, register: it}\n  - {name: Use, number: {name: z, is: \"{{ it.is + (10 if left.skipped else 0) }}\"}}\n",
    );
    strike(&bench, "set z", Blow::Fail);
    assert_eq!(bench.run(None).await.code(), 1);
    assert_eq!(resume(&bench).await, 0);
    assert_eq!(sets(&bench).last().map(String::as_str), Some("z 12"));
}

#[tokio::test(start_paused = true)]
async fn a_secret_result_is_not_recorded_and_its_absence_is_refused() {
    let bench = Bench::steps(
        "  - {name: One, secret: true, number: {name: x, is: 1}, register: it}\n  - {name: Use, number: {name: z, is: \"{{ it.is }}\"}}\n",
    );
    strike(&bench, "set z", Blow::Fail);
    assert_eq!(bench.run(None).await.code(), 1);
    assert_eq!(resume(&bench).await, 3);
    assert_eq!(sets(&bench), ["x 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_result_is_not_missed_where_another_has_taken_its_name() {
    let bench = Bench::steps(
        "  - {name: One, secret: true, number: {name: x, is: 1}, register: it}\n  - {name: Two, number: {name: y, is: 2}, register: it}\n  - {name: Use, number: {name: z, is: \"{{ it.is }}\"}}\n",
    );
    strike(&bench, "set z", Blow::Fail);
    assert_eq!(bench.run(None).await.code(), 1);
    assert_eq!(resume(&bench).await, 0);
    assert_eq!(sets(&bench), ["x 1", "y 2", "z 2"]);
}

#[tokio::test(start_paused = true)]
async fn what_needed_the_result_of_a_failed_check_is_looked_at_again_with_the_check() {
    let needs = "{name: Use, number: {name: m, is: \"{{ seen.is }}\"}}";
    for step in [needs.to_owned(), format!("{{name: All, block: [{needs}, {{name: b, number: {{name: b, is: 1}}}}]}}")]
    {
        let bench = Bench::of(&Case::text(format!(
            "name: Test\nphases:\n- name: Only\n  check_all: true\n  steps:\n  - {{name: Check, number: {{name: x, is: 5, never_from: 0}}, register: seen}}\n  - {step}\n",
        )));
        assert_eq!(bench.run(None).await.code(), 3);
        assert!(!sets(&bench).contains(&"m 5".to_owned()), "{step}");
        bench.model().set("controller", "x", 5);
        assert_eq!(resume(&bench).await, 0, "{step}");
        assert_eq!(sets(&bench).last().map(String::as_str), Some("m 5"), "{step}");
    }
}
