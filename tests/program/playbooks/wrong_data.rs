//! Data that is not what it should be: members exchanged, attributes dropped, written to once more, more than a copy can
//! carry; at every point where it could happen. What comes next must find it, and nothing may be destroyed after it.

use serde_json::json;

use crate::support::ran::changed;
use crate::support::stage::Stage;
use crate::support::unharmed::{caught, caught_and_undone, undone};

const NEW: &str = "/data/vmdata/hpvolumes/common-etcd-etcd-";
const BACKUP: &str = "/data/vmdata/backup/r1/common-etcd-etcd-";

#[tokio::test(start_paused = true)]
async fn exchanged_backups_are_found() {
    let (stage, events) = Stage::before("bring-each-replica-s-data-to-its-new-node");
    let (one, other) = (format!("{BACKUP}0"), format!("{BACKUP}1"));
    stage.exchange("primary", ("worker04", &one), ("worker05", &other)).await;
    let words = ["common-etcd-etcd-0", "member/snap/db: sha256"];
    caught_and_undone(&stage, events, "compare-the-new-volume-with-the-original", &words).await;
}

#[tokio::test(start_paused = true)]
async fn exchanged_volumes_are_found() {
    let (one, other) = (format!("{NEW}0/data"), format!("{NEW}1/data"));
    // Before they are compared, and after it.
    for (before, step, words) in [
        (
            "compare-the-new-volume-with-the-original",
            "compare-the-new-volume-with-the-original",
            "member/snap/db: sha256",
        ),
        (
            "uninstall-the-release",
            "the-new-volumes-are-what-the-originals-are-right-before-the-start",
            "member/snap/db: sha256",
        ),
        ("rebuild-on-the-planned-nodes/install-the-release", "every-replica-is-ready", "common-etcd-etcd-0"),
    ] {
        let (stage, events) = Stage::before(before);
        stage.exchange("primary", ("worker01", &one), ("worker02", &other)).await;
        if step == before {
            caught_and_undone(&stage, events, step, &[words]).await;
        } else {
            // The release is gone by then, the old volumes are not.
            let ran = caught(&stage, events, step, &[words]).await;
            undone(&stage, &ran).await;
        }
    }
}

/// What a careless copy loses, one thing at a time: a command on the tree, and the words of the comparison.
const LOSSES: &[(&str, &str)] = &[
    ("chown 0:0 ROOT/member/wal", "member/wal: owner"),
    ("chmod 0755 ROOT/archive", "archive: mode"),
    ("chmod 0755 ROOT", ".: mode"),
    ("setfattr -x user.volume ROOT", ".: user.volume"),
    ("touch -d @1700000000 ROOT/archive/run.sh", "archive/run.sh: time"),
    ("rm ROOT/archive/dangling", "archive/dangling: missing"),
    ("mkdir ROOT/archive/more", "archive/more: only in the second tree"),
    ("tee -a ROOT/archive/zero", "archive/zero: "),
    ("truncate -s 17 ROOT/member/wal/0.tmp", "member/wal/0.tmp: size"),
];

#[tokio::test(start_paused = true)]
async fn whatever_a_copy_loses_is_found() {
    for (loss, words) in LOSSES {
        for (step, node, root) in [
            ("compare-the-backup-with-the-original", "worker05", format!("{BACKUP}1")),
            ("compare-the-new-volume-with-the-original", "worker02", format!("{NEW}1/data")),
        ] {
            let (stage, events) = Stage::before(step);
            stage.must("primary", node, &loss.replace("ROOT", &root)).await;
            let ran = caught(&stage, events, step, &[words]).await;
            assert!(ran.words().contains(&root), "{}", ran.words());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hard_link_that_became_a_copy_is_found() {
    for (step, node, root) in [
        ("compare-the-backup-with-the-original", "worker05", format!("{BACKUP}1")),
        ("compare-the-new-volume-with-the-original", "worker02", format!("{NEW}1/data")),
    ] {
        let (stage, events) = Stage::before(step);
        let archive = format!("{root}/archive");
        // Only the directory is copied, so that the two names are no longer in one archive.
        stage.carry("primary", (node, &archive), (node, &format!("{archive}.new"))).await;
        stage.must("primary", node, &format!("mv -T -f {archive}.new/last.snap {archive}/last.snap")).await;
        stage.must("primary", node, &format!("rm -r {archive}.new")).await;
        caught(&stage, events, step, &["archive/last.snap", "link"]).await;
    }
}

/// The directory of the old volume on worker05.
async fn original(stage: &Stage) -> String {
    let names = stage.must("primary", "worker05", "ls -A /data/vmdata/hpvolumes").await;
    let name = names.lines().find(|name| name.starts_with("pvc-")).expect("a volume");
    format!("/data/vmdata/hpvolumes/{name}")
}

#[tokio::test(start_paused = true)]
async fn what_a_copy_does_not_carry_is_found_before_the_outage() {
    let check = "the-volumes-hold-nothing-that-a-copy-leaves-out";
    for (line, words) in [
        ("mount /dev/sda1 ROOT/archive", "ROOT/archive is a mount point"),
        ("mknod ROOT/archive/loop b 7 0", "ROOT/archive/loop is a block device"),
        ("mknod ROOT/archive/null c 1 3", "ROOT/archive/null is a character device"),
        ("", "ROOT/archive/.sock is a socket"),
    ] {
        let stage = Stage::prepared();
        let root = original(&stage).await;
        match line {
            "" => assert!(stage.world.leave_socket("primary", "worker05", &format!("{root}/archive/.sock"))),
            line => drop(stage.must("primary", "worker05", &line.replace("ROOT", &root)).await),
        }
        let words = words.replace("ROOT", &root);
        let ran = caught(&stage, &[], check, &["primary/worker05:", &words]).await;
        assert_eq!(changed(ran.own()), [""; 0]);
        // One that comes later is found by whoever reads the tree next.
        for step in ["copy-each-volume-to-the-backup", "compare-the-backup-with-the-original"] {
            let (stage, events) = Stage::before(step);
            match line {
                "" => assert!(stage.world.leave_socket("primary", "worker05", &format!("{root}/archive/.sock"))),
                line => drop(stage.must("primary", "worker05", &line.replace("ROOT", &root)).await),
            }
            caught(&stage, events, step, &[&words]).await;
        }
    }
}

const SETS: &str = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";

#[tokio::test(start_paused = true)]
async fn replicas_that_came_back_while_the_gate_waited_stop_it() {
    let (stage, events) = Stage::before("approve-the-removal-of-the-old-release");
    stage.api("primary", "PATCH", SETS, Some(json!({"spec": {"replicas": 3}}))).await;
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    caught_and_undone(&stage, events, "no-replica-has-come-back", &["replicas"]).await;
}

#[tokio::test(start_paused = true)]
async fn an_original_that_was_written_to_while_the_gate_waited_stops_it() {
    // Replicas that came, took writes, and went again.
    let (stage, events) = Stage::before("approve-the-removal-of-the-old-release");
    for replicas in [3, 0] {
        stage.api("primary", "PATCH", SETS, Some(json!({"spec": {"replicas": replicas}}))).await;
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    }
    let words = ["/data/vmdata/hpvolumes/pvc-", "has digest"];
    caught_and_undone(&stage, events, "the-originals-are-still-what-was-verified", &words).await;
}

/// What a look that reads nothing finds: whatever is done to a volume after it was read, its time set back or not.
#[tokio::test(start_paused = true)]
async fn an_original_that_is_touched_after_it_was_read_stops_it() {
    let root = "/data/vmdata/hpvolumes";
    for (step, then) in [
        ("the-originals-have-not-been-touched-since", "the-originals-have-not-been-touched-since"),
        ("rebuild-on-the-planned-nodes/uninstall-the-release", "the-originals-have-not-been-touched-by-the-removal"),
    ] {
        for line in [
            "tee -a ROOT/member/snap/db",
            "chmod 0600 ROOT/archive",
            "mkdir ROOT/archive/more",
            "rm ROOT/archive/dangling",
        ] {
            let (stage, events) = Stage::before(step);
            let names = stage.must("primary", "worker05", &format!("ls -A {root}")).await;
            let name = names.lines().find(|name| name.starts_with("pvc-")).expect("a volume");
            let volume = format!("{root}/{name}");
            stage.line("primary", "worker05", &line.replace("ROOT", &volume)).await;
            let ran = caught(&stage, events, then, &[&volume, "has been written to since it was verified"]).await;
            assert!(
                !stage.world.effects().iter().any(|effect| effect.contains("DELETE") && effect.contains("claims")),
                "{line}"
            );
            undone(&stage, &ran).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_that_was_changed_while_the_originals_were_read_stops_it() {
    // They were read before they came, and were gone again after it.
    let (stage, events) = Stage::before("nothing-has-touched-the-set-meanwhile");
    for replicas in [3, 0] {
        stage.api("primary", "PATCH", SETS, Some(json!({"spec": {"replicas": replicas}}))).await;
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    }
    caught_and_undone(&stage, events, "nothing-has-touched-the-set-meanwhile", &["generation"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_set_that_somebody_makes_again_after_the_uninstall_stops_it() {
    let mut set = Stage::before("uninstall-the-release").0.api("primary", "GET", SETS, None).await;
    let (stage, events) = Stage::before("no-set-has-come-back");
    set["metadata"] = json!({"name": "common-etcd-etcd", "namespace": "common"});
    set["spec"]["replicas"] = json!(0);
    set.as_object_mut().unwrap().shift_remove("status");
    stage.api("primary", "POST", "/apis/apps/v1/namespaces/common/statefulsets", Some(set)).await;
    caught(&stage, events, "no-set-has-come-back", &["common-etcd-etcd"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_volume_that_is_not_what_its_original_is_is_not_started() {
    // Everything was verified before the gate, and the release and its claims are gone.
    let step = "the-new-volumes-are-what-the-originals-are-right-before-the-start";
    let (stage, events) = Stage::before("the-mounts-are-in-place");
    stage.must("primary", "worker02", "mkdir /data/vmdata/hpvolumes/common-etcd-etcd-1/data/left").await;
    caught_and_undone(&stage, events, step, &["primary/worker02", "left"]).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_removed_while_a_replica_is_apart() {
    let (stage, events) = Stage::before("approve-the-removal-of-the-old-release");
    stage.must("standby", "worker02", "drbdadm disconnect etcd1").await;
    caught_and_undone(&stage, events, "both-sides-still-hold-the-same-blocks", &["etcd1", "StandAlone"]).await;
}
