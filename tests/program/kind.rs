//! The rehearsal on kind as far as it can be checked without kind: its files agree with each other, its inventory and parameters
//! carry both playbooks in the sandbox, and its scripts refuse with a message. `tests/lab/run kind` is the rehearsal itself.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use cutover_testkit::console::{root, run, seen};

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The workers of a cluster by the names that kind chooses, `NAME-worker`, `NAME-worker2` ..., with whether each has the
/// directory that the stand-in shares.
fn workers(cluster: &str) -> Vec<(String, bool)> {
    let config = text(&format!("tests/lab/kind/{cluster}.yml"));
    assert!(config.contains(&format!("\nname: {cluster}\n")));
    let nodes = config.split("\n  - role: ").skip(1).filter(|node| node.starts_with("worker"));
    let name = |index: usize| match index {
        0 => format!("{cluster}-worker"),
        _ => format!("{cluster}-worker{}", index + 1),
    };
    nodes.enumerate().map(|(index, node)| (name(index), node.contains("/var/lib/cutover-stand-in"))).collect()
}

/// The words of the inventory between two marks, one for each line that has both.
fn between<'a>(inventory: &'a str, head: &str, tail: &str) -> Vec<&'a str> {
    let part = |line: &'a str| line.split_once(head)?.1.split_once(tail).map(|(word, _)| word);
    inventory.lines().filter_map(part).collect()
}

#[test]
fn the_inventory_names_the_nodes_as_kind_does() {
    let inventory = text("inventories/kind.yml");
    let all: Vec<(String, bool)> = ["primary", "standby"].iter().flat_map(|cluster| workers(cluster)).collect();
    let named: Vec<&str> = between(&inventory, "      ", ": {address: ");
    assert_eq!(named, all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
    let planned: BTreeSet<&str> = between(&inventory, "{node: ", ",").into_iter().collect();
    let sharing: BTreeSet<&str> = all.iter().filter(|(_, shares)| *shares).map(|(name, _)| name.as_str()).collect();
    assert_eq!(planned, sharing, "the members of the pairs are those that share the stand-in's directory");
    assert_eq!(planned.len(), 6);
}

#[test]
fn the_node_image_and_kind_are_of_one_release() {
    let workflow = text(".github/workflows/kind.yml");
    let version = workflow.lines().find_map(|line| line.trim().strip_prefix("version: ")).expect("a version of kind");
    assert!(text("tests/lab/kind/common.sh").contains(&format!("kind/releases/tag/{version}\n")), "{version}");
}

#[test]
fn the_names_of_drbd_lead_to_the_stand_in() {
    let image = text("tests/lab/kind/Dockerfile");
    let links: Vec<&str> = between(&image, "ln -sf /usr/local/bin/", " \"/usr/local/sbin/$program\"");
    assert_eq!(links, ["cutover-drbd-stand-in"], "and not to cutover, which answers as no program of DRBD");
    assert!(image.contains("for program in drbdadm drbdsetup drbdmeta journalctl;"));
    assert!(text("tests/lab/kind/up.sh").contains("cp \"$stand_in\" \"$state/image/cutover-drbd-stand-in\""));
}

#[test]
fn both_playbooks_rehearse_with_its_inventory_and_parameters() {
    for (playbook, more) in [("etcd-prepare", None), ("etcd-cutover", Some("backup_dir=/var/cutover-backup"))] {
        let scratch = tempfile::tempdir().expect("a directory");
        let runs = scratch.path().to_str().expect("a path");
        let playbook_file = format!("playbooks/{playbook}.yml");
        let mut arguments = vec!["rehearse", &playbook_file, "--output", "plain", "--run-dir", runs];
        arguments.extend(["-i", "inventories/kind.yml", "-e", "@tests/lab/kind/params.yml"]);
        arguments.extend(more.iter().flat_map(|extra| ["-e", extra]));
        let output = run(&root(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
        // What `run` approves beforehand is what there is to approve.
        let journal = scratch.path().join(format!("rehearsal-{playbook}-1/events.jsonl"));
        let journal = fs::read_to_string(journal).expect("a journal");
        let asked: BTreeSet<&str> = between(&journal, "/approve-", "\"").into_iter().collect();
        assert!(!asked.is_empty());
        let script = text("tests/lab/kind/run.sh");
        for gate in asked {
            assert!(
                script.contains(&format!("approve-{gate}")),
                "tests/lab/kind/run.sh does not approve approve-{gate}"
            );
        }
    }
}

#[test]
fn without_kind_or_an_engine_it_refuses_aloud() {
    let bin = tempfile::tempdir().expect("a directory");
    let find = |name: &str| {
        ["/usr/bin", "/bin"].map(|dir| format!("{dir}/{name}")).into_iter().find(|path| fs::metadata(path).is_ok())
    };
    for name in ["bash", "dirname"] {
        symlink(find(name).expect("on every machine"), bin.path().join(name)).expect("a link");
    }
    for script in ["up", "run", "down"] {
        let refused = |expected: &str| {
            let output =
                Command::new(root().join(format!("tests/lab/kind/{script}.sh"))).env("PATH", bin.path()).output();
            let output = output.expect("it starts");
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{script}: {stderr}");
            assert!(stderr.starts_with(&format!("tests/lab/run kind {script}: needs {expected}")), "{stderr}");
        };
        refused("kind, which is not in PATH");
        symlink("/bin/true", bin.path().join("kind")).expect("a link");
        refused("docker, which is not in PATH: a container engine");
        fs::remove_file(bin.path().join("kind")).expect("it was there");
    }
}
