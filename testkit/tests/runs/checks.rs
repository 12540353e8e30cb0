//! Faults that are found before anything runs.

use cutover_engine::check::paths;
use cutover_testkit::driver::{Bench, Case, registry};

fn faults(steps: &str) -> Vec<String> {
    Case::steps(steps).faults()
}

#[test]
fn a_field_that_a_result_does_not_have_is_found() {
    let one = "  - {name: one, target: active, number: {name: x, is: 1}, register: old}\n";
    let all = "  - {name: one, target: active.nodes, number: {name: x, is: 1}, register: old}\n";
    let uses = |field: &str| format!("  - {{name: use, number: {{name: y, is: \"{{{{ {field} }}}}\"}}}}\n");
    assert_eq!(faults(&format!("{one}{}", uses("old.is"))), [""; 0]);
    assert_eq!(faults(&format!("{one}{}", uses("old.skipped"))), [""; 0]);
    assert_eq!(faults(&format!("{one}{}", uses("old.iz"))), ["`old` has no field `iz`: it is the result of `number`"]);
    assert_eq!(
        faults(&format!("{one}{}", uses("old.is.deep"))),
        ["`old.is` has no field `deep`: it is the result of `number`"]
    );
    assert_eq!(faults(&format!("{all}{}", uses("old[0].is"))), [""; 0]);
    assert_eq!(
        faults(&format!("{all}{}", uses("old.is"))),
        ["`old` is a list of results of `number`, one for each task"]
    );
    let until = "  - {name: one, target: active.nodes, number: {name: x, is: 1}, register: old, until: old.is == 1 and result.iz}\n";
    assert_eq!(faults(until), ["`result` has no field `iz`: it is the result of `number`"]);
    // A variable of the same name is another thing.
    let hidden = "  - {name: use, vars: {old: {iz: 3}}, number: {name: y, is: \"{{ old.iz }}\"}}\n";
    assert_eq!(faults(&format!("{one}{hidden}")), [""; 0]);
}

#[test]
fn an_option_that_a_step_does_nothing_with_is_found() {
    let cases = [
        ("  - {gate: Sure?, loop: [1]}\n", "`loop` has no meaning for a gate"),
        ("  - {gate: Sure?, target: active}\n", "`target` has no meaning for a gate"),
        ("  - {name: b, register: x, block: [{send: {name: a, is: 1}}]}\n", "`register` has no meaning for a block"),
        ("  - {name: b, undo: [], block: [{send: {name: a, is: 1}}]}\n", "`undo` has no meaning for a block"),
    ];
    for (steps, wanted) in cases {
        assert_eq!(faults(steps), [wanted], "{steps}");
    }
}

#[test]
fn a_variable_that_the_target_does_not_have_is_found() {
    let step = |target: &str, name: &str| {
        format!("  - {{name: s, target: {target}, number: {{name: \"{{{{ {name} }}}}\", is: 1}}}}\n")
    };
    assert_eq!(faults(&step("active.pairs", "pair.resource")), [""; 0]);
    assert_eq!(faults(&step("active.nodes", "node.name")), [""; 0]);
    assert_eq!(faults(&step("active", "pair.resource")), ["unknown variable `pair`"]);
    assert_eq!(faults(&step("controller", "site.name")), ["unknown variable `site`"]);
    assert_eq!(faults(&step("[active.pairs, active]", "node.name")), ["unknown variable `node`"]);
    assert_eq!(faults("  - {gate: \"{{ node.name }}?\"}\n"), ["unknown variable `node`"]);
}

#[test]
fn every_path_is_listed() {
    let text = "name: Test\nphases:\n- name: Only\n  steps:\n  - name: All\n    loop: [1]\n    block: [{name: a, send: {name: a, is: 1}, undo: [{name: u, send: {name: a, is: 1}}]}]\n    rescue: [{name: r, send: {name: a, is: 1}}]\n    always: [{gate: Sure}]\n";
    let bench = Bench::of(&Case::text(text));
    let paths: Vec<String> = paths(&bench.bound().playbook, &registry()).iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["only/all", "only/all/a", "only/all/a/undo/u", "only/all/rescue/r", "only/all/always/sure"]);
}
