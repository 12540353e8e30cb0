//! Data that is not what it should be: members exchanged, attributes dropped, at every point where it could happen. The
//! comparison that comes next must find it, and nothing may be destroyed after it.

use crate::stage::Stage;
use crate::unharmed::{caught, caught_and_undone, undone};

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
        ("uninstall-the-release", "every-replica-is-ready", "common-etcd-etcd-0"),
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

/// What a careless copy loses, one thing at a time: a command on the tree, and what the comparison says of it.
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
