//! Plans: everything is probed, nothing is changed, and what cannot be known is reported.

use cutover_engine::event::{Event, EventKind};
use cutover_engine::failure::FailureClass;
use cutover_engine::plan::{Plan, Verdict};
use cutover_testkit::driver::{Bench, Case};

fn verdicts(plan: &Plan) -> Vec<Verdict> {
    plan.steps().map(|step| step.verdict.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_plan_changes_nothing_and_reports_what_it_cannot_know() {
    let bench = Bench::steps(
        "  - {name: early, target: active, vague: {name: x, is: 1, never_from: 0}}\n  - {name: sync, target: active, vague: {name: x, is: 0}, register: known}\n  - {name: change, target: active.nodes, vague: {name: x, is: 3}, register: later}\n  - {gate: Go on?}\n  - {name: dependent, target: active, vague: {name: y, is: \"{{ later[0].is }}\"}, register: chain}\n  - {name: chained, target: active, vague: {name: y, is: \"{{ chain.is }}\"}}\n  - {name: independent, target: active, vague: {name: y, is: \"{{ known.is }}\"}}\n  - {name: refused, target: active, vague: {name: x, is: 5, never_from: 0}}\n  - {name: waits, target: active, vague: {name: x, is: 5, wait: true}}\n  - {name: never, when: false, target: active, vague: {name: x, is: 5}}\n",
    );
    let plan = bench.plan().await;
    let on = |number, step: &str| Verdict::Depends { number, on: format!("only/{step}").parse().unwrap() };
    let wanted = [
        Verdict::Blocked,
        Verdict::InSync,
        Verdict::Change,
        Verdict::Gate,
        on(3, "change"),
        on(5, "dependent"),
        Verdict::InSync,
        Verdict::BlockedNow,
        Verdict::Wait,
        Verdict::Skipped,
    ];
    assert_eq!(verdicts(&plan), wanted);
    assert_eq!(bench.sent(), Vec::<String>::new());
    let change = plan.steps().nth(2).unwrap();
    let lines: Vec<String> =
        change.tasks.iter().flat_map(|task| &task.changes).map(|change| change.actions[0].to_string()).collect();
    assert_eq!(lines, ["here/a$ set x 3", "here/b$ set x 3", "here/c$ set x 3"]);
    assert_eq!(change.tasks[0].reads, ["here/a$ get x"]);
    assert_eq!(plan.verdict(), Verdict::Blocked);
}

#[tokio::test(start_paused = true)]
async fn variables_are_rendered_where_they_are_needed() {
    let bench = Bench::of(&Case::text(
        "name: Test\nvars: {suffix: \"{{ pair.node_id }}\", place: \"{{ pair.resource }}-{{ suffix }}\"}\nphases:\n- name: Only\n  vars: {suffix: s}\n  steps:\n  - {name: one, target: [active.pairs, passive.pairs], vars: {suffix: \"{{ pair.node_id }}\"}, number: {name: \"{{ place }}\", is: 1}}\n",
    ));
    let ending = bench.run(None).await;
    assert_eq!(ending.code(), 0, "{ending:?}");
    assert_eq!(bench.sent(), ["here/b$ set r0-1 1", "there/a$ set r0-2 1"]);
}

#[tokio::test(start_paused = true)]
async fn tags_select() {
    let case = Case::steps(
        "  - {name: one, tags: [a], target: active, number: {name: x, is: 1}}\n  - {name: two, tags: [b], target: active, number: {name: x, is: 2}}\n",
    );
    let only = Case { only: vec!["b".into()], ..case.clone() };
    assert_eq!(verdicts(&Bench::of(&only).plan().await), [Verdict::Skipped, Verdict::Change]);
    let skip = Case { skip: vec!["b".into()], ..case };
    assert_eq!(verdicts(&Bench::of(&skip).plan().await), [Verdict::Change, Verdict::Skipped]);
}

#[tokio::test(start_paused = true)]
async fn a_plan_shows_no_secret() {
    let bench =
        Bench::steps("  - {name: one, target: active, number: {name: x, is: 3, note: \"with {{ password }}\"}}\n");
    let plan = bench.plan().await;
    let text = serde_json::to_string(&plan).unwrap();
    assert!(text.contains("set x to 3 with ***") && !text.contains("hunter2"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_points_to_the_parameter_in_a_plan_as_in_a_run() {
    // A value of a wrong type, and one that cannot be made: there it is what stands in the template.
    for (is, place) in [("[]", "test.yml:5:55"), ("1 // 0", "test.yml:5:59")] {
        let step = format!("  - {{name: one, target: active, number: {{name: x, is: \"{{{{ {is} }}}}\"}}}}\n");
        let bench = Bench::steps(&step);
        let plan = bench.plan().await;
        let planned: Vec<_> =
            plan.steps().flat_map(|step| &step.tasks).filter_map(|task| task.failure.clone()).collect();
        assert_eq!(bench.run(None).await.code(), 2, "{is}");
        let failed = |event: Event| match event.kind {
            EventKind::TaskFinished { failure, .. } => failure,
            _ => None,
        };
        let ran: Vec<_> = bench.events().into_iter().filter_map(failed).collect();
        assert_eq!(planned, ran, "{is}");
        let [failure] = ran.as_slice() else { panic!("{is}: {ran:?}") };
        assert_eq!((failure.class, failure.place.as_deref()), (FailureClass::Invalid, Some(place)), "{is}");
    }
}
