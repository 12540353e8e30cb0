//! Playbooks that once broke a law, made small and named after what was wrong. Each is stopped, resumed, undone and broken at
//! every point there is.

use cutover_testkit::driver::{Bench, Case, Decision};
use serde_json::json;

use super::laws::{exhaust, whole};
use super::search::paused;

fn holds(case: &Case) {
    let bench = Bench::new(case).unwrap_or_else(|faults| panic!("{faults}"));
    paused(exhaust(&bench)).unwrap_or_else(|words| panic!("{words}\n{}", case.text));
}

macro_rules! cases {
    ($($name:ident: $steps:literal,)*) => {
        $(
            #[test]
            fn $name() {
                holds(&Case::steps($steps));
            }
        )*
    };
}

cases! {
    a_looped_block_goes_on_with_its_next_item: "  - name: All
    loop: [1, 2, 3]
    block:
    - {name: a, number: {name: \"a{{ item }}\", is: 1}}
    - {name: b, number: {name: \"b{{ item }}\", is: 1}}
",
    a_looped_block_in_a_looped_block: "  - name: Outer
    loop: [1, 2]
    block:
    - {name: keep, set_fact: {i: \"{{ item }}\"}, register: outer}
    - name: Inner
      loop: [1, 2]
      block:
      - {name: a, number: {name: \"a{{ outer.i }}-{{ item }}\", is: 1}}
",
    a_looped_include_is_a_block: "  - name: All
    loop: [1, 2]
    vars: {u: 3}
    block:
    - {name: a, target: active.nodes, number: {name: \"a{{ item }}-{{ u }}\", is: 1}}
",
    an_undo_sees_the_results_of_its_own_pass: "  - name: All
    loop: [1, 2]
    block:
    - name: make
      number: {name: \"a{{ item }}\", is: \"{{ item }}\"}
      register: made
      undo:
      - {name: back, number: {name: \"a{{ (made | default({'is': item})).is }}\", is: 0}}
",
    finished_tasks_are_not_run_again: "  - name: Each
    loop: [1, 2, 3]
    command: {argv: [add, \"n{{ item }}\"]}
    undo:
    - {name: back, loop: [1, 2, 3], command: {argv: [set, \"n{{ item }}\", \"0\"], idempotent: true}}
",
    finished_targets_are_not_run_again: "  - name: Each
    target: active.nodes
    serial: 2
    command: {argv: [add, n]}
    register: r
    undo:
    - {name: back, command: {argv: [set, n, \"0\"], idempotent: true}}
  - {name: later, number: {name: m, is: \"{{ r | length }}\"}}
",
    undo_steps_in_a_looped_block_know_their_item: "  - name: All
    loop: [1, 2]
    block:
    - name: a
      command: {argv: [add, \"n{{ item }}\"]}
      undo:
      - {name: back, command: {argv: [set, \"n{{ item }}\", \"0\"], idempotent: true}}
",
    two_changes_with_one_sentence: "  - name: All
    loop: [1, 2]
    block:
    - {name: up, number: {name: x, is: 1}}
    - {name: down, number: {name: x, is: 2}}
",
    a_doubt_is_not_allowed_to_fail: "  - name: Once
    allow_failure: true
    command: {argv: [add, n]}
    undo:
    - {name: back, command: {argv: [set, n, \"0\"], idempotent: true}}
",
    a_doubt_is_not_rescued: "  - name: Careful
    block:
    - name: Once
      command: {argv: [add, n]}
      undo:
      - {name: back, command: {argv: [set, n, \"0\"], idempotent: true}}
    rescue:
    - {name: rescue, number: {name: r, is: 1}}
",
    a_stop_in_rescue_and_always_is_taken_up_there: "  - name: Careful
    block:
    - {name: a, number: {name: a, is: 1}}
    - {name: broken, assert: {that: [false]}}
    - {name: b, number: {name: b, is: 1}}
    rescue:
    - {name: c, number: {name: c, is: 1}}
    - {name: d, number: {name: d, is: 1}}
    always:
    - {name: e, number: {name: e, is: 1}}
    - {name: f, number: {name: f, is: 1}}
  - {name: g, number: {name: g, is: 1}}
",
    what_was_skipped_stays_skipped: "  - {name: one, set_fact: {is: 1}, register: r}
  - {name: left out, when: r.is == 2, number: {name: a, is: 1}}
  - {name: two, set_fact: {is: 2}, register: r}
  - {name: last, number: {name: b, is: 1}}
",
    a_result_of_a_skipped_step_is_that_it_was_skipped: "  - {name: one, number: {name: a, is: 1}, register: r}
  - {name: two, when: false, number: {name: b, is: 1}, register: r}
  - {name: three, number: {name: c, is: 1}}
  - {name: four, when: r.skipped is defined, number: {name: d, is: 1}}
",
    gates_in_a_looped_block_are_asked_once_each: "  - name: All
    loop: [1, 2]
    block:
    - {name: ask, gate: \"Go on with {{ item }}?\"}
    - {name: a, number: {name: \"a{{ item }}\", is: 1}}
",
    a_pause_leaves_nothing_to_undo: "  - {name: a, number: {name: a, is: 1}}
  - {name: nap, pause: {for: 1s}}
",
    a_command_that_may_have_been_made_has_no_way_back: "  - {name: a, number: {name: a, is: 1}}
  - {name: b, command: {argv: [add, nr1]}}
",
    an_at_most_once_change_that_a_probe_sees: "  - {name: a, target: active.nodes, once: {name: a, is: 3}}
",
}

fn with_password(password: &str, steps: &str) -> Case {
    Case { password: password.to_owned(), ..Case::steps(steps) }
}

#[test]
fn a_secret_in_a_path_changes_nothing() {
    holds(&with_password(
        "etcd",
        "  - {name: Uninstall etcd, command: {argv: [add, n]}, undo: [{name: back, command: {argv: [set, n, \"0\"], idempotent: true}}]}\n  - {name: b, number: {name: b, is: 1}}\n",
    ));
}

#[test]
fn a_secret_in_a_change_changes_nothing() {
    holds(&with_password(
        "hunter2hunter2",
        "  - {name: a, command: {argv: [add, n, \"{{ password }}\"]}, undo: [{name: back, command: {argv: [set, n, \"0\"], idempotent: true}}]}\n",
    ));
}

#[test]
fn an_inverse_with_a_secret_is_filled_in() {
    holds(&with_password("hunter2", "  - {name: a, number: {name: \"n-{{ password }}\", is: 3}}\n"));
}

#[test]
fn a_result_with_a_secret_is_the_same_after_a_stop() {
    holds(&with_password(
        "hunter2hunter2",
        "  - {name: a, set_fact: {text: \"{{ password }}\"}, register: r}\n  - {name: b, command: {argv: [write, t], stdin: \"{{ r.text }}\", idempotent: true}, undo: [{name: back, command: {argv: [write, t], idempotent: true}}]}\n",
    ));
}

#[test]
fn a_secret_that_is_a_word_of_events_leaves_a_journal() {
    let bench = Bench::new(&with_password("run", "  - {name: a, number: {name: a, is: 1}}\n")).expect("a playbook");
    let end = paused(bench.run(None));
    assert_eq!((end.exit_code, bench.length() > 5), (Some(0), true), "{end:?}");
}

#[test]
fn maps_lists_and_numbers_are_secrets_too() {
    let text = "name: Test
params:
  m: {secret: true, required: true, type: map}
  l: {secret: true, required: true, type: list}
  n: {secret: true, required: true, type: integer}
phases:
- name: Only
  steps:
  - {name: show, command: {argv: [notify, \"{{ m.password }} {{ l[0] }} {{ n }}\"]}}
";
    let params = json!({"m": {"password": "MapPw-M1m1"}, "l": ["ListItem-L1l1"], "n": 98_765_432});
    let params = params.as_object().cloned().unwrap_or_default();
    let bench = Bench::new(&Case { params, ..Case::text(text) }).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(paused(bench.run(None)).exit_code, Some(0));
    for secret in ["MapPw-M1m1", "ListItem-L1l1", "98765432"] {
        assert_eq!(bench.lines_with(secret), Vec::<String>::new());
    }
}

#[test]
fn a_gate_that_tags_leave_out_is_left_out_of_the_plan() {
    let steps = "  - {name: ask, gate: \"Sure?\"}\n  - {name: a, tags: [t], number: {name: a, is: 1}}\n";
    let case = Case { skip: vec!["t".to_owned()], ..Case::steps(&steps.replace("ask,", "ask, tags: [t],")) };
    let bench = Bench::new(&case).expect("a playbook");
    let decisions = paused(bench.decisions());
    assert_eq!(decisions.get("only/ask"), Some(&Decision::Skip), "{decisions:?}");
    assert_eq!(paused(whole(&bench)).outcome("only/ask"), Some("skipped"));
}

#[test]
fn a_plan_does_not_know_what_an_earlier_step_will_change() {
    let steps = "  - {name: a, number: {name: x, is: 1}}\n  - {name: b, peek: {name: x}, register: r}\n  - {name: c, when: r.is == 1, number: {name: y, is: 1}}\n";
    let bench = Bench::new(&Case::steps(steps)).expect("a playbook");
    let decisions = paused(bench.decisions());
    assert_ne!(decisions.get("only/c"), Some(&Decision::Skip), "{decisions:?}");
}

/// What was sent to undo a run of some steps, in the order in which it arrived.
fn undone(steps: &str) -> Vec<String> {
    let bench = Bench::new(&Case::steps(steps)).unwrap_or_else(|faults| panic!("{faults}"));
    paused(async {
        assert_eq!(bench.run(None).await.exit_code, Some(0));
        let before = bench.model().effects.len();
        assert_eq!(bench.undo(None).await.exit_code, Some(7));
        bench.model().effects[before..].iter().map(cutover_testkit::model::Effect::line).collect()
    })
}

#[test]
fn undo_steps_run_once_for_each_pass() {
    let steps = "  - name: Each
    target: active.nodes
    loop: [1, 2]
    command: {argv: [add, \"n{{ item }}\"]}
    undo:
    - {name: back, command: {argv: [append, \"undone {{ item }}\"]}}
";
    let sent = undone(steps);
    let count = |line: &str| sent.iter().filter(|sent| sent.contains(line)).count();
    assert_eq!((sent.len(), count("undone 1"), count("undone 2")), (6, 3, 3), "{sent:?}");
}

#[test]
fn undo_steps_run_where_something_was_changed() {
    let steps = "  - name: Some
    target: active.nodes
    when: node.name == 'b'
    command: {argv: [add, n]}
    undo:
    - {name: back, command: {argv: [append, undone]}}
    - {name: there, target: passive.nodes, command: {argv: [append, undone]}}
";
    let sent = undone(steps);
    assert!(sent.len() == 2 && sent[0].contains("here/b") && sent[1].contains("there/a"), "{sent:?}");
}

#[test]
fn a_loop_that_makes_no_pass_leaves_that_it_was_skipped() {
    let steps = "  - name: All
    loop: [1, 2]
    when: item == 3
    block:
    - {name: a, number: {name: x, is: 1}, register: r}
  - {name: b, when: r.skipped is defined, number: {name: y, is: 1}}
  - name: Some
    loop: [1, 2]
    when: item == 1
    block:
    - {name: c, number: {name: z, is: 1}, register: s}
  - {name: d, when: s.skipped is defined, number: {name: y, is: 2}}
";
    let case = Case::steps(steps);
    let bench = Bench::new(&case).unwrap_or_else(|faults| panic!("{faults}"));
    let decisions = paused(bench.decisions());
    assert_eq!(decisions.get("only/b"), Some(&Decision::Take), "{decisions:?}");
    let whole = paused(whole(&bench));
    assert_eq!((whole.outcome("only/b"), whole.outcome("only/d")), (Some("done"), Some("skipped")));
    holds(&case);
}

#[test]
fn a_target_that_was_never_reached_has_nothing_to_undo() {
    let steps = "  - {name: first, number: {name: x, is: 1}}
  - {name: away, target: passive.nodes, on_unreachable: skip, command: {argv: [add, n]}}
";
    let bench = Bench::new(&Case::steps(steps)).unwrap_or_else(|faults| panic!("{faults}"));
    bench.model().down.push("there/a".to_owned());
    paused(async {
        assert_eq!(bench.run(None).await.exit_code, Some(0));
        assert_eq!(bench.standing().len(), 1, "{:?}", bench.standing());
        assert_eq!(bench.undo(None).await.exit_code, Some(7));
    });
}

#[test]
fn what_was_made_and_whose_result_is_lost_is_not_made_again() {
    holds(&Case::steps(
        "  - name: Secretly
    loop: [1, 2]
    secret: true
    retry: {attempts: 2, delay: 1s}
    register: r
    command: {argv: [add, \"n{{ item }}\"]}
    undo:
    - {name: back, command: {argv: [set, \"n{{ item }}\", \"0\"], idempotent: true}}
",
    ));
}

#[test]
fn a_name_that_two_steps_register_is_the_later_ones_after_a_resume() {
    holds(&Case::text(
        "name: Test
phases:
- name: Only
  check_all: true
  steps:
  - {name: one, unseen: {name: a, token: x}, register: r}
  - {name: two, unseen: {name: b, token: x}, register: r}
- name: Then
  steps:
  - {name: use, number: {name: \"{{ r.added }}\", is: 1}, undo: [{name: back, number: {name: \"{{ r.added }}\", is: 0}}]}
",
    ));
}

#[test]
fn what_a_step_without_its_result_would_have_registered_is_missing_too() {
    holds(&Case::text(
        "name: Test
phases:
- name: Only
  check_all: true
  steps:
  - {name: one, number: {name: a, is: 1}, register: r}
  - {name: two, when: r.is == 2, number: {name: b, is: 1}, register: s}
  - name: three
    block:
    - name: four
      when: s is defined
      loop: [1]
      block:
      - {name: five, number: {name: c, is: 1}}
",
    ));
}

#[test]
fn a_plan_does_not_know_whether_a_block_that_may_fail_leaves_its_results() {
    let careful = |tail: &str| {
        format!(
            "  - name: careful\n    block:\n    - {{name: a, unseen: {{name: x, token: t}}}}\n    - {{name: b, set_fact: {{is: 1}}, register: r}}\n{tail}"
        )
    };
    let last = "  - {name: last, when: r is defined, number: {name: y, is: 1}}\n";
    let decided = |steps: &str, path: &str| {
        let bench = Bench::new(&Case::steps(steps)).unwrap_or_else(|faults| panic!("{faults}"));
        let decisions = paused(bench.decisions());
        decisions.get(path).copied()
    };
    let rescued = careful("    rescue:\n    - {name: c, set_fact: {is: 2}, register: s}\n") + last;
    assert_eq!(decided(&rescued, "only/last"), Some(Decision::Unknown));
    let allowed = careful("    allow_failure: true\n") + last;
    assert_eq!(decided(&allowed, "only/last"), Some(Decision::Unknown));
    let always = careful("    always:\n    - {name: c, when: r is defined, number: {name: z, is: 1}}\n") + last;
    assert_eq!(decided(&always, "only/careful/always/c"), Some(Decision::Unknown));
    // Nothing comes after a block that has failed.
    assert_eq!(decided(&always, "only/last"), Some(Decision::Take));
}
