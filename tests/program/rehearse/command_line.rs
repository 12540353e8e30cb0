//! `cutover rehearse` as it is typed.

use std::path::Path;
use std::process::{Command, Output};

fn rehearse(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cutover"))
        .args(["rehearse", "--run-dir"])
        .arg(directory)
        .args(args)
        .current_dir(directory)
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary starts")
}

fn typed(directory: &Path, line: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cutover")).args(line).current_dir(directory).output().expect("the binary starts")
}

fn seen(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn the_same_seed_prints_the_same_events() {
    let directory = tempfile::tempdir().unwrap();
    let first = rehearse(directory.path(), &["--output", "json", "--seed", "7"]);
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(
        first.stdout == rehearse(directory.path(), &["--output", "json", "--seed", "7"]).stdout,
        "two rehearsals with one seed differ"
    );
    assert!(
        first.stdout != rehearse(directory.path(), &["--output", "json", "--seed", "8"]).stdout,
        "another seed changes nothing"
    );
}

#[test]
fn a_step_that_is_made_to_fail_fails_the_rehearsal() {
    let directory = tempfile::tempdir().unwrap();
    for (step, code, words) in [
        ("scale-to-zero", 1, "made to fail on purpose"),
        ("approve-the-outage", 1, "made to fail on purpose"),
        ("volumes-each-bound-to-its-replica", 1, "made to fail on purpose"),
        ("label-the-nodes", 2, "`label-the-nodes` was left out"),
        ("scale-to-zeroo", 2, "did you mean `scale-to-zero`?"),
    ] {
        let output = rehearse(directory.path(), &["--fail", step]);
        let printed = seen(&output);
        assert_eq!(output.status.code(), Some(code), "{step}: {printed}");
        assert!(printed.contains(words), "{step}: {printed}");
    }
}

#[test]
fn a_call_is_struck_in_each_of_the_ways_there_are() {
    let directory = tempfile::tempdir().unwrap();
    let step = "scale-to-zero@primary";
    for (kind, code) in [
        ("fails", 1),
        // An API server that is not well is waited for.
        ("500", 0),
        ("429", 0),
        ("hangs", 1),
        // Its outcome is unknown, and the next probe decides.
        ("lost-before", 0),
        ("lost-after", 0),
        ("killed-before", 1),
        ("killed-after", 1),
        // A later step needs the node before it has booted.
        ("node-lost:1m", 4),
        ("link-lost:1m", 0),
        // There is no room for the copy.
        ("disk-full", 3),
        ("scaled-up", 0),
    ] {
        let output = rehearse(directory.path(), &["--fail", &format!("{step}={kind}")]);
        let printed = seen(&output);
        assert_eq!(output.status.code(), Some(code), "{kind}: {printed}");
        let word = kind.split(':').next().unwrap();
        let struck = printed.lines().find(|line| line.starts_with("struck: call ")).unwrap_or_default();
        assert!(
            struck.contains(&format!("scale-to-zero@primary:set-replicas.1: {word}")),
            "{kind}: {struck}\n{printed}"
        );
        assert_eq!(printed.contains("the controller was killed"), kind.starts_with("killed"), "{kind}: {printed}");
    }
}

#[test]
fn an_api_server_in_trouble_at_a_steps_first_look_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    for kind in ["500", "429", "lost-before"] {
        let output = rehearse(directory.path(), &["--fail", &format!("scale-to-zero@primary:look.1={kind}")]);
        assert_eq!(output.status.code(), Some(0), "{kind}: {}", seen(&output));
        assert!(seen(&output).contains(&format!("look.1: {kind}")), "{kind}: {}", seen(&output));
    }
}

#[test]
fn what_is_named_has_to_be_there_and_has_to_be_hit() {
    let directory = tempfile::tempdir().unwrap();
    for (args, words) in [
        (&["--fail", "scale-to-zeroo=hangs"][..], "did you mean `scale-to-zero`?"),
        (&["--fail", "scale-to-zero=explodes"], "write one of fails, hangs, lost-before"),
        (&["--fail", "approve-the-outage=hangs"], "`approve-the-outage=hangs` has hit nothing"),
        (&["--fail", "scale-to-zero:look.9999=hangs"], "has hit nothing"),
        (&["--then", "redo"], "possible values: resume, undo"),
    ] {
        let output = rehearse(directory.path(), args);
        let printed = seen(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {printed}");
        assert!(printed.contains(words), "{args:?}: {printed}");
    }
}

#[test]
fn a_killed_run_is_resumed_or_undone_in_the_same_world() {
    let directory = tempfile::tempdir().unwrap();
    let journal = |name: &str| std::fs::read_to_string(directory.path().join(name).join("events.jsonl")).unwrap();
    for (index, (then, code, words)) in
        [("resume", 0, "resume: Cut over"), ("undo", 7, "undo: Cut over")].into_iter().enumerate()
    {
        let output = rehearse(directory.path(), &["--fail", "scale-to-zero=killed-after", "--then", then]);
        let printed = seen(&output);
        assert_eq!(output.status.code(), Some(code), "{then}: {printed}");
        assert!(printed.contains("the controller was killed") && printed.contains(words), "{then}: {printed}");
        let name = ["rehearsal-etcd-cutover-1", "rehearsal-etcd-cutover-1-2"][index];
        let text = journal(name);
        let begun: Vec<&str> = text.lines().filter(|line| line.contains("\"run_started\"")).collect();
        assert_eq!(begun.len(), 2, "{then}");
        // The journal ends in the middle of the change, and goes on with the next number.
        for (index, line) in text.lines().enumerate() {
            assert!(line.contains(&format!("\"seq\":{},", index + 1)), "{then}: {line}");
            assert!(line.contains("\"run\":\"rehearsal-etcd-cutover-1\""), "{then}: {line}");
        }
    }
    let output = rehearse(directory.path(), &["--then", "resume"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(seen(&output).contains("there is nothing to go on with"));
    // Rehearsed again it has the same bytes, including the resume or undo after it.
    rehearse(directory.path(), &["--fail", "scale-to-zero=killed-after", "--then", "resume"]);
    assert!(journal("rehearsal-etcd-cutover-1") == journal("rehearsal-etcd-cutover-1-4"));
}

#[test]
fn a_world_file_strikes_at_a_number_a_name_or_a_text() {
    let directory = tempfile::tempdir().unwrap();
    let world = directory.path().join("world.yml");
    std::fs::write(
        &world,
        "strikes:
  - at: {ordinal: 1}
    kind: lost_before
  - at: {name: 'scale-to-zero@primary:set-replicas.1'}
    kind: {intervention: {after: true, does: {command: {on: primary/worker01, argv: [mkdir, /tmp/other]}}}}
  - at: {text: ['> PATCH', '/scale']}
    kind: hangs
    skip: 1
",
    )
    .unwrap();
    let output = rehearse(directory.path(), &["--world", world.to_str().unwrap(), "--then", "resume"]);
    let printed = seen(&output);
    for words in ["struck: call 1, ", "set-replicas.1: intervention: primary/worker01$ mkdir /tmp/other [0]"] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    std::fs::write(&world, "strikes:\n  - at: {ordinal: 1}\n    kind: explodes\n").unwrap();
    let output = rehearse(directory.path(), &["--world", world.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "{}", seen(&output));
    assert!(seen(&output).contains("world.yml:3:"), "{}", seen(&output));
}

#[test]
fn a_step_that_may_fail_and_is_made_to_fail_has_failed() {
    let directory = tempfile::tempdir().unwrap();
    let playbook = directory.path().join("one.yml");
    let text = "name: One\nphases:\n  - name: Go\n    steps:\n      - name: May fail\n        allow_failure: true\n        \
                command: {argv: [hostname], read_only: true}\n";
    std::fs::write(&playbook, text).unwrap();
    let output = rehearse(directory.path(), &[playbook.to_str().unwrap(), "--fail", "may-fail"]);
    let printed = seen(&output);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(printed.contains("made to fail on purpose"), "{printed}");
}

#[test]
fn what_is_not_simulated_is_a_failure_of_its_own_kind() {
    let directory = tempfile::tempdir().unwrap();
    let playbook = directory.path().join("one.yml");
    let on_controller = "command: {argv: [redis-cli, ping]}";
    let by_option = "command: {argv: [findmnt, --poll], read_only: true}";
    let kind = "target: primary\n        k8s_wait: {kind: Ingress, namespace: a, name: b, for: exists}";
    for (step, what) in [
        (on_controller, "the program `redis-cli`"),
        (by_option, "`--poll` of findmnt"),
        (kind, "ingresses of networking.k8s.io"),
    ] {
        for allowed in ["", "        allow_failure: true\n"] {
            let text =
                format!("name: One\nphases:\n  - name: Go\n    steps:\n      - name: It\n{allowed}        {step}\n");
            std::fs::write(&playbook, &text).unwrap();
            let output = rehearse(directory.path(), &[playbook.to_str().unwrap()]);
            let printed = seen(&output);
            assert_eq!(output.status.code(), Some(9), "{text}{printed}");
            assert!(printed.contains(&format!("the sandbox does not simulate {what}")), "{text}{printed}");
            let planned = typed(directory.path(), &["plan", "one.yml", "--sandbox"]);
            assert_eq!(planned.status.code(), Some(9), "a plan ends as the rehearsal: {text}{}", seen(&planned));
        }
    }
    let text = std::fs::read_to_string(&playbook).unwrap();
    std::fs::write(
        &playbook,
        format!("rehearse_after: two.yml\n{}", text.replace("        allow_failure: true\n", "")),
    )
    .unwrap();
    std::fs::write(directory.path().join("two.yml"), text).unwrap();
    let [rehearsed, planned] = [["rehearse", "one.yml", "--seed=1"], ["plan", "one.yml", "--sandbox"]]
        .map(|line| typed(directory.path(), &line).status.code());
    assert_eq!((rehearsed, planned), (Some(9), Some(9)), "in a playbook that comes before");
    let output = Command::new(env!("CARGO_BIN_EXE_cutover")).args(["explain", "sandbox"]).output().expect("it starts");
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    for area in ["Programs", "Options of programs", "Kubernetes API", "DRBD", "Services", "Machines and networks"] {
        assert!(listed.lines().any(|line| line == area), "{area}: {listed}");
    }
}

#[test]
fn what_an_api_server_has_refused_does_not_stand() {
    let directory = tempfile::tempdir().unwrap();
    let output = rehearse(directory.path(), &["--fail", "scale-to-zero=fails", "--then", "undo"]);
    let printed = seen(&output);
    let (before, after) = printed.split_once("What was changed and still stands:").expect("there is more that stands");
    let standing = after.split("\n\n").next().unwrap_or_default();
    assert!(before.contains("(400)"), "{printed}");
    assert!(standing.contains("mount /dev/drbd0") && !standing.contains("from 3 to 0"), "{standing}");
    assert_eq!(output.status.code(), Some(7), "{printed}");
}

/// Rehearses the cutover of the repository with these arguments, in an empty directory.
fn cutover(args: &[&str]) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/etcd-cutover.yml");
    let output = rehearse(directory.path(), &[&[root], args].concat());
    (output.status.code(), seen(&output))
}

fn verdict(printed: &str) -> &str {
    printed.lines().rev().find(|line| line.contains("exit code")).unwrap_or_default()
}

#[test]
fn a_rehearsal_with_another_chart_proves_nothing_until_that_is_accepted() {
    let (code, printed) = cutover(&["-e", "chart=../nowhere/etcd"]);
    assert!(printed.contains("path \"../nowhere/etcd\" not found"), "{printed}");
    assert_eq!(code, Some(1), "{printed}");
    let remote = "chart=oci://registry.example/bitnami/etcd";
    let (code, printed) = cutover(&["-e", remote]);
    let gap = "rehearsed with the built-in chart etcd in place of oci://registry.example/bitnami/etcd";
    assert!(printed.contains(gap) && printed.contains("--accept-unsimulated chart"), "{printed}");
    assert!(verdict(&printed).contains("NOT PROVEN") && !verdict(&printed).contains("DONE"), "{printed}");
    assert_eq!(code, Some(9), "{printed}");
    let (code, printed) = cutover(&["-e", remote, "--accept-unsimulated", "chart"]);
    assert!(printed.contains("accepted by name (chart)") && verdict(&printed).contains("DONE"), "{printed}");
    assert_eq!(code, Some(0), "{printed}");
    let (code, printed) = cutover(&["-e", "chart=charts/etcd", "--accept-unsimulated", "charts"]);
    assert!(!printed.contains("not simulated") && code == Some(0), "{printed}");
    // One whose templates nobody renders.
    let (code, printed) = cutover(&["-e", "chart=../docs"]);
    assert!(printed.contains("the chart ../docs, whose templates nobody renders"), "{printed}");
    assert_eq!(code, Some(9), "{printed}");
}

#[test]
fn objects_without_their_controllers_prove_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let playbook = directory.path().join("one.yml");
    let text = "name: One
phases:
  - name: Go
    steps:
      - name: It
        target: active
        k8s_apply:
          manifest:
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web, namespace: common}
            spec: {replicas: 1, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}}
";
    std::fs::write(&playbook, text).unwrap();
    let playbook = playbook.to_str().unwrap();
    let output = rehearse(directory.path(), &[playbook, "--output", "json"]);
    let printed = seen(&output);
    assert_eq!(output.status.code(), Some(9), "{printed}");
    assert!(printed.contains("Deployment web: no controller here makes pods for it"), "{printed}");
    let output = rehearse(directory.path(), &[playbook, "--accept-unsimulated", "deployments"]);
    assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
}

#[test]
fn compaction_in_the_outage_is_rehearsed() {
    let (code, printed) = cutover(&["--fail", "copy-each-volume-to-the-backup=compacted"]);
    assert!(printed.contains("struck: call") && printed.contains(": compacted:"), "{printed}");
    let (now, after) = cutover(&["--fail", "members-keys-and-hash-right-before-the-stop:look=compacted"]);
    assert!(after.contains("etcdctl compact ") && after.contains("[0]"), "{after}");
    assert_eq!((now, code), (Some(0), Some(0)), "{printed}{after}");
}

#[test]
fn a_cutover_with_ipv6_addresses_is_rehearsed() {
    let directory = tempfile::tempdir().unwrap();
    let inventory = include_str!("../../../inventories/example.yml");
    let mut text = String::new();
    for line in inventory.lines() {
        let mut line = line.to_owned();
        for (from, to) in [("172.16.1.", "fd00:1::"), ("172.16.2.", "fd00:2::")] {
            while let Some(at) = line.find(from) {
                let digits = line[at + from.len()..].chars().take_while(char::is_ascii_digit).collect::<String>();
                line = line.replacen(&format!("{from}{digits}"), &format!("\"{to}{digits}\""), 1);
            }
        }
        text += &(line + "\n");
    }
    let path = directory.path().join("six.yml");
    std::fs::write(&path, text).unwrap();
    let output = rehearse(directory.path(), &["-i", path.to_str().unwrap()]);
    let printed = seen(&output);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    let journal = directory.path().join("rehearsal-etcd-prepare-1/events.jsonl");
    let journal = std::fs::read_to_string(journal).unwrap();
    assert!(journal.contains("ipv6 [fd00:2::"), "the replicas meet at these addresses");
}

#[test]
fn objects_of_the_world_file_are_in_the_clusters() {
    let directory = tempfile::tempdir().unwrap();
    let world = directory.path().join("world.yml");
    let autoscaler = "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: a, namespace: common}, \
                      spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: common-etcd-etcd}}}";
    for (objects, code, words) in [
        (format!("{{primary: [{autoscaler}]}}"), Some(3), "HorizontalPodAutoscaler a"),
        (format!("{{primary: [{}]}}", autoscaler.replace("common-etcd-etcd", "web")), Some(0), "DONE"),
        ("{nowhere: []}".to_owned(), Some(2), "`objects`: there is no site `nowhere`"),
        ("{primary: [{apiVersion: v1, kind: Pot, metadata: {name: a}}]}".to_owned(), Some(2), "`objects`: primary: "),
    ] {
        std::fs::write(&world, format!("objects: {objects}\n")).unwrap();
        let output = rehearse(directory.path(), &["--world", world.to_str().unwrap()]);
        let printed = seen(&output);
        assert_eq!(output.status.code(), code, "{objects}: {printed}");
        assert!(printed.contains(words), "{objects}: {printed}");
    }
}
