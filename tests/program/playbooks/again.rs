//! Every shipped playbook as it is meant: checked, planned, run, and run again.

use crate::support::play::Play;
use crate::support::ran::changed;
use crate::support::stage::Stage;
use crate::support::truth::{Workload, files};
use cutover_sandbox::WorldSpec;

/// What only looks, by the beginning of a command.
const READS: &[&str] = &[
    "cmp -s ",
    "blkid",
    "blockdev",
    "cat",
    "cutover-filesystem-tools",
    "cutover-look",
    "cutover-manifest",
    "cutover-trial-pick",
    "date",
    "df",
    "drbdadm dump",
    "drbdadm get-gi",
    "drbdadm role",
    "drbdadm --version",
    "drbdadm -c - sh-nop",
    "drbdmeta",
    "drbdsetup",
    "du",
    "etcdctl alarm list",
    "etcdctl endpoint",
    "etcdctl get",
    "etcdctl member list",
    "findmnt",
    "helm get",
    "helm history",
    "helm list",
    "helm show",
    "helm template",
    "helm version",
    "hostname",
    "find",
    "holders",
    "cutover-holders",
    "ls",
    "lsattr",
    "lsblk",
    "modprobe -n",
    "mountpoint",
    "ping",
    "readlink",
    "ss",
    "stat",
    "systemctl cat",
    "systemctl is-",
    "test",
    "uname",
    "wipefs -n",
    "wipefs --no-act",
];

fn only_looks(effect: &str) -> bool {
    // The API server says what it would do, and does nothing.
    if effect
        .split_once("> ")
        .is_some_and(|(_, request)| request.split(' ').nth(1).is_some_and(|path| path.contains("dryRun=All")))
    {
        return true;
    }
    // What the user may do is asked with a POST; nothing is stored.
    let Some((_, command)) = effect.split_once("$ ") else {
        return effect.contains("/selfsubjectaccessreviews ") || effect.contains("dryRun=All");
    };
    let command = command.trim_start_matches("LC_ALL=C ");
    let command = match command.split_once(" --namespace common ") {
        Some((_, words)) => format!("helm {words}"),
        None => command.to_owned(),
    };
    READS.iter().any(|read| command.starts_with(read))
}

#[tokio::test(start_paused = true)]
async fn plans_change_nothing() {
    let (prepare, cutover) = (Play::prepare(), Play::cutover());
    let before = Stage::new(&prepare, WorldSpec::default(), 1);
    for (stage, play) in [(&before, &prepare), (&before, &cutover), (&Stage::prepared(), &cutover)] {
        let known = stage.world.effects().len();
        let plan = stage.plan(play).await;
        assert!(!plan.phases.is_empty());
        let effects = stage.world.effects().split_off(known);
        assert!(!effects.is_empty());
        let wrong: Vec<String> = effects.into_iter().filter(|effect| !only_looks(effect)).collect();
        assert_eq!(wrong, [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_preparation_changes_nothing_the_second_time() {
    let play = Play::prepare();
    let stage = Stage::new(&play, WorldSpec::default(), 1);
    let truth = Workload::default().truth(&stage, "primary").await;
    stage.run(&play).await.well();
    let second = stage.run(&play).await.well();
    assert_eq!(changed(second.own()), [""; 0], "the second time everything is in sync at once");
    Workload::default().serves(&stage, "primary", &truth).await;
}

#[tokio::test(start_paused = true)]
async fn the_cutover_keeps_every_key_and_every_file() {
    let play = Play::cutover();
    let stage = Stage::prepared();
    let workload = Workload::default();
    let truth = workload.truth(&stage, "primary").await;
    let old = workload.volumes(&stage, "primary").await;
    let ran = stage.run(&play).await.well();
    workload.serves(&stage, "primary", &truth).await;
    let new = workload.volumes(&stage, "primary").await;
    for (ordinal, ((_, node, path), (_, new_node, new_path))) in old.iter().zip(&new).enumerate() {
        assert_eq!(*new_node, format!("worker{:02}", ordinal + 1), "on the node of its pair");
        let mounted = stage.must("primary", new_node, &format!("findmnt -n -o SOURCE -T {new_path}")).await;
        assert_eq!(mounted.trim(), "/dev/drbd0");
        let original = files(&stage, "primary", node, path).await;
        let backup = format!("/data/vmdata/backup/r1/common-etcd-etcd-{ordinal}");
        assert_eq!(files(&stage, "primary", node, &backup).await, original, "the backup of {node}");
        // The database and the last segment were written to when etcd started; nothing else was.
        let now = files(&stage, "primary", new_node, new_path).await;
        let touched: Vec<&String> = original.keys().filter(|path| original[*path] != now[*path]).collect();
        assert_eq!(touched, ["member/snap/db", "member/wal/0000000000000000-0000000000000000.wal"]);
        assert_eq!(original.len(), now.len());
    }
    // Started once more after it has succeeded, or prepared once more: nothing is stopped, nothing is changed.
    let again = stage.run(&play).await;
    assert_eq!((again.ending.exit_code, changed(again.own())), (3, Vec::new()), "{}", again.summary());
    let words = again.words();
    assert!(words.contains("replica 0 of common/common-etcd-etcd is on its replicated disk already"), "{words}");
    assert!(words.contains("this cutover has been done, there is nothing to do"), "{words}");
    let prepared = stage.run(&Play::prepare()).await.well();
    assert_eq!(changed(prepared.own()), [""; 0]);
    workload.serves(&stage, "primary", &truth).await;
    // Clients write: it can no longer be undone.
    let undone = stage.execution(&play).after(&ran.events).undo().await;
    assert_eq!((undone.ending.exit_code, changed(undone.own())), (3, Vec::new()));
    assert!(undone.words().contains("point of no return"), "{}", undone.words());
    workload.serves(&stage, "primary", &truth).await;
}
