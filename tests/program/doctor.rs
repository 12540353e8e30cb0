//! `doctor` and `init`: what they find on this machine, and what they leave on it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cutover_testkit::console::{cutover, root, run, seen};
use insta::assert_snapshot;

use crate::support::executable::executable;

fn write(path: &Path, text: &str, mode: u32) {
    if mode == 0o755 {
        return executable(path, text);
    }
    fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

const INVENTORY: &str = "
sites:
  east:
    kubernetes: {kubeconfig: kube.conf, context: east}
    ssh: {key: keys/east, known_hosts: keys/known_hosts}
    nodes: {n1: {address: 192.0.2.1}}
  west:
    kubernetes: {kubeconfig: ~/kube.conf, context: wset}
    ssh: {key: keys/west}
    nodes: {n1: {address: 192.0.2.2}}
roles: {active: east, passive: west}
secrets:
  password: {env: PASSWORD}
";

#[test]
fn the_doctor_looks_at_programs_keys_contexts_and_secrets() {
    let scratch = tempfile::tempdir().expect("a directory");
    let here = scratch.path().canonicalize().expect("a path");
    write(&here.join("bin/helm"), "#!/bin/sh\necho v3.19.0+gabc\n", 0o755);
    write(&here.join("bin/kubectl"), "#!/bin/sh\necho '{\"clientVersion\": {\"gitVersion\": \"v1.33.1\"}}'\n", 0o755);
    write(&here.join("i.yml"), INVENTORY, 0o644);
    write(&here.join("keys/east"), "key", 0o600);
    write(&here.join("keys/west"), "key", 0o640);
    write(&here.join("keys/known_hosts"), "", 0o644);
    write(&here.join("kube.conf"), "contexts: [{name: east}, {name: west}]\n", 0o600);
    let doctor = |password: Option<&str>| {
        let mut command = cutover(&here, &["doctor", "-i", "i.yml"]);
        command.env("PATH", here.join("bin"));
        command.envs(password.map(|password| ("PASSWORD", password)));
        seen(&command.output().expect("cutover")).replace(&here.display().to_string(), "/here")
    };
    let printed = doctor(Some("hunter2"));
    assert!(!printed.contains("hunter2"), "{printed}");
    assert_snapshot!("doctor", printed);
    assert_snapshot!("doctor_without_the_secret", doctor(None));
    assert!(!here.join(".cutover").exists(), "the doctor leaves nothing behind");
}

#[test]
fn a_certificate_that_cannot_be_used_is_found_without_the_cluster() {
    let scratch = tempfile::tempdir().expect("a directory");
    let here = scratch.path().canonicalize().expect("a path");
    let inventory =
        INVENTORY.replace("wset", "west").replace("~/", "").split("secrets:").next().expect("a text").to_owned();
    write(&here.join("inventory.yml"), &inventory, 0o644);
    write(&here.join("cl.crt"), "", 0o644);
    let kubeconfig = "{apiVersion: v1, kind: Config, clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1', proxy-url: 'ftp://127.0.0.1:2'}}, {name: d, cluster: {server: 'https://127.0.0.1:1'}}], \
                      users: [{name: u, user: {client-certificate: cl.crt}}, {name: v, user: {}}], contexts: [{name: east, context: {cluster: c, user: u}}, \
                      {name: west, context: {cluster: d, user: v}}]}";
    write(&here.join("kube.conf"), kubeconfig, 0o600);
    for command in ["doctor", "check"] {
        let output = run(&here, &[command, "-i", "inventory.yml"]);
        let text = seen(&output);
        for words in ["users[u].client-certificate", "clusters[c].proxy-url is of the kind `ftp`"] {
            assert_eq!(text.matches(words).count(), 1, "{command}: {text}");
        }
        assert!(!output.status.success(), "{command}");
    }
}

#[test]
fn programs_that_are_not_there_are_no_reason_to_stop() {
    let scratch = tempfile::tempdir().expect("a directory");
    let here = scratch.path().canonicalize().expect("a path");
    write(&here.join("bin/kubectl"), "#!/bin/sh\nexit 3\n", 0o755);
    let mut command = cutover(&here, &["doctor", "--run-dir", "kube.conf/runs"]);
    write(&here.join("kube.conf"), "a file, no directory\n", 0o600);
    let output = command.env("PATH", here.join("bin")).output().expect("cutover");
    assert_snapshot!("doctor_bare", seen(&output).replace(&here.display().to_string(), "/here"));
}

#[test]
fn a_scaffold_passes_check_as_it_is_and_is_never_overwritten() {
    let scratch = tempfile::tempdir().expect("a directory");
    let made = run(scratch.path(), &["init", "redis"]);
    assert_snapshot!("init", seen(&made));
    let checked = run(scratch.path(), &["check", "playbooks/redis.yml", "-i", "inventories/redis.yml"]);
    assert_snapshot!("init_checked", seen(&checked));
    let files = ["playbooks/redis.yml", "-i", "inventories/redis.yml", "--world", "worlds/redis.yml"];
    let rehearsed = run(scratch.path(), &[&["rehearse"], &files[..]].concat());
    assert_eq!(rehearsed.status.code(), Some(0), "{}", seen(&rehearsed));
    let undone = run(scratch.path(), &["undo", "rehearsal-redis-1", "--approve", "undo=rehearsal-redis-1"]);
    assert_eq!(undone.status.code(), Some(2), "a rehearsal is not in the real world: {}", seen(&undone));
    let inventory = scratch.path().join("inventories/redis.yml");
    let before = fs::read(&inventory).expect("a file");
    fs::remove_file(scratch.path().join("playbooks/redis.yml")).expect("a file");
    assert_snapshot!("init_again", seen(&run(scratch.path(), &["init", "redis"])));
    assert_eq!(fs::read(&inventory).expect("a file"), before);
    assert!(!scratch.path().join("playbooks/redis.yml").exists(), "neither is written");
}

#[test]
fn a_name_that_kubernetes_would_refuse_is_refused() {
    for name in ["", "Redis", "-x", "a/b", "../x", "a_b"] {
        assert_eq!(run(&root(), &["init", name]).status.code(), Some(2), "{name}");
    }
}
