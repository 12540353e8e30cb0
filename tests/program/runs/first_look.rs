//! A first look at what a run has to reach: one line for each cause, and no run that would have to be resumed.

use std::net::TcpListener;

use cutover_testkit::console::seen;

use crate::support::place::{Place, assert_output};

const PLAYBOOK: &str = "\
name: Far away
phases:
  - name: Look
    check_all: true
    steps:
      - {name: hosts, target: active.nodes, command: {argv: [hostname], read_only: true}, register: names}
      - {name: cluster, target: active, k8s_volumes: {namespace: common, statefulset: etcd, claim: data}, register: pods}
      - {name: counts, set_fact: {counts: \"{{ names | length }} {{ pods | length }}\"}}
  - name: Do
    steps:
      - {name: touch, target: active.nodes, command: {argv: [touch, /nowhere/x]}, undo: []}
";

/// Three hosts at a port where nobody listens, with a key; and a cluster.
fn place(key: &str, playbook: &str) -> (Place, u16) {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let nodes: String = (1..=3).map(|n| format!("      worker0{n}: {{address: 127.0.0.{n}}}\n")).collect();
    let ssh = format!("{{user: root, port: {port}, key: {key}, known_hosts: known_hosts}}");
    place.write("known_hosts", "");
    place.write(
        "far.yml",
        &format!(
            "sites:\n  one:\n    connection: ssh\n    ssh: {ssh}\n    kubernetes: {{kubeconfig: none.conf, context: one}}\n    \
             nodes:\n{nodes}  two: {{connection: local, kubernetes: {{kubeconfig: none, context: two}}, nodes: {{a: {{address: \
             127.0.0.1}}}}}}\nroles: {{active: one, passive: two}}\n"
        ),
    );
    place.write("play.yml", playbook);
    (place, port)
}

/// The lines of a text that tell causes.
fn causes(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("error: ")).collect()
}

#[test]
fn a_missing_key_and_a_missing_cluster_are_two_lines_and_no_run() {
    let (place, _) = place("none.key", PLAYBOOK);
    for verb in ["run", "plan"] {
        let output = place.cutover(&[verb, "play.yml", "-i", "far.yml"]);
        let words =
            ["3 targets (one/worker01, one/worker02, one/worker03): ", "none.key", "none.conf", "nothing was changed"];
        assert_output(&output, 4, &words);
        assert_eq!(causes(&seen(&output)).len(), 2, "{}", seen(&output));
        assert!(place.runs().is_empty());
    }
}

#[test]
fn hosts_that_refuse_are_one_cause_though_each_has_its_own_address() {
    let (place, port) = place("key", PLAYBOOK);
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(place.path().join("key"))
        .status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: there is no ssh-keygen here");
        return;
    }
    let output = place.cutover(&["doctor", "--online", "-i", "far.yml"]);
    assert_output(&output, 3, &[]);
    let output = place.cutover(&["run", "play.yml", "-i", "far.yml"]);
    assert_output(
        &output,
        4,
        &["3 targets (one/worker01, one/worker02, one/worker03): unreachable: …", &format!(":{port}: ")],
    );
}

#[test]
fn only_what_the_run_needs_has_to_answer() {
    let quiet = "\
name: Near
phases:
  - name: One
    steps:
      - {name: here, target: passive.nodes, command: {argv: [\"true\"]}}
      - {name: perhaps, target: active.nodes, command: {argv: [\"true\"]}, allow_failure: true}
      - {name: never, target: active.nodes, command: {argv: [\"true\"]}, when: false}
      - {name: other, target: active.nodes, command: {argv: [\"true\"]}, tags: [other]}
      - name: rescued
        block:
          - {name: try, target: active, k8s_volumes: {namespace: common, statefulset: etcd, claim: data}}
        rescue:
          - {name: instead, target: active.nodes, command: {argv: [\"true\"]}, when: false}
";
    let (place, _) = place("none.key", quiet);
    let run = ["run", "play.yml", "-i", "far.yml"];
    assert_output(&place.cutover(&[&run[..], &["--skip-tags", "other"]].concat()), 0, &["DONE"]);
    assert_output(&place.cutover(&run), 4, &["3 targets"]);
    assert_eq!(place.runs().len(), 1);
}

#[test]
fn who_begins_all_the_same_learns_what_depends_on_what() {
    let (place, _) = place("none.key", PLAYBOOK);
    let output = place.cutover(&["run", "play.yml", "-i", "far.yml", "--skip-first-look"]);
    let words = ["it needs the result of a check that failed: `names`, `pods`", "to go on: cutover resume"];
    assert_output(&output, 4, &words);
    let printed = seen(&output);
    assert!(!printed.contains("undefined") && !printed.contains("to undo it"), "nothing was changed: {printed}");
}

#[test]
fn the_doctor_asks_all_that_the_inventory_names() {
    let (place, _) = place("none.key", PLAYBOOK);
    let output = place.cutover(&["doctor", "--online", "-i", "inventory.yml"]);
    assert_output(&output, 3, &["here/a: answers", "there/a: answers"]);
    let output = place.cutover(&["doctor", "--online", "-i", "far.yml"]);
    let words = ["3 targets (one/worker01, one/worker02, one/worker03)", "two/a: answers"];
    assert_output(&output, 3, &words);
    assert_output(&place.cutover(&["doctor", "--online"]), 2, &["--inventory"]);
}
