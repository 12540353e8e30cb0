//! Disks that are not what they should be: occupied, full, disconnected, mounted wrongly or not at all.

use cutover_sandbox::WorldSpec;

use crate::support::play::Play;
use crate::support::ran::changed;
use crate::support::stage::{Stage, prepared};
use crate::support::truth::Workload;
use crate::support::unharmed::{caught, caught_and_undone, stopped, undone};

const MOUNT_POINT: &str = "/data/vmdata/hpvolumes/common-etcd-etcd-1";

#[tokio::test(start_paused = true)]
async fn a_spare_disk_that_carries_something_is_let_alone() {
    let play = Play::prepare();
    for (site, kind) in [("primary", "LVM2_member"), ("standby", "ext4"), ("primary", "gpt"), ("standby", "dos")] {
        let mut spec = WorldSpec::default();
        spec.spare_disks.insert(format!("{site}/worker02"), kind.to_owned());
        let stage = Stage::new(&play, spec, 1);
        let ran = stage.run(&play).await;
        stopped(&ran, "the-spare-disks-are-really-spare", &["/dev/sdc"]);
        assert_eq!(changed(ran.own()), [""; 0], "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_system_that_the_standby_does_not_know_is_not_made() {
    for (feature, words) in [("metadata_csum_seed", "the kernel of standby/worker02"), ("orphan_file", "e2fsck 1.47.0")]
    {
        let mut spec = WorldSpec::default();
        spec.unknown_features.insert("standby/worker02".to_owned(), vec![feature.to_owned()]);
        let play = Play::prepare();
        let ran = Stage::new(&play, spec, 1).run(&play).await;
        stopped(&ran, "the-other-side-can-mount-what-mkfs-makes-here", &[feature, words]);
        assert_eq!(changed(ran.own()), [""; 0], "{feature}");
    }
}

#[tokio::test(start_paused = true)]
async fn data_that_does_not_fit_is_found_before_the_outage() {
    for (gigabytes, step) in [(170, "there-is-room-for-the-backups"), (30, "the-data-fits-on-the-replicated-disks")] {
        let spec = WorldSpec { data_bytes: gigabytes << 30, ..WorldSpec::default() };
        let stage = Stage::from(&prepared(&Play::prepare(), spec, 1));
        let ran = stage.run(&Play::cutover()).await;
        stopped(&ran, step, &["free"]);
        assert!(!changed(ran.own()).iter().any(|change| change.contains("scale")));
        undone(&stage, &ran).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_cannot_hold_what_the_volumes_hold_is_found_before_the_outage() {
    let (stage, events) = Stage::before("a-trial-of-the-backup-comes-out-equal");
    stage.must("primary", "worker05", "mount -o remount,nouser_xattr /").await;
    let words = ["would not be equal", "primary/worker05:/data/vmdata/backup/", ".: user.volume ("];
    let ran = caught(&stage, events, "a-trial-of-the-backup-comes-out-equal", &words).await;
    undone(&stage, &ran).await;
    // Small inodes have whole seconds only: no copy would ever be equal.
    let make = "mkfs.ext4 -q -I 128 /dev/drbd0";
    let (stage, events) = Stage::before("mount-the-replicated-disk");
    stage.must("primary", "worker02", make).await;
    let words = ["would not be equal", "/data/vmdata/hpvolumes/common-etcd-etcd-1/data", "time ("];
    let ran = caught(&stage, events, "a-trial-of-the-copy-comes-out-equal", &words).await;
    assert!(!changed(ran.own()).iter().any(|change| change.contains("scale")));
    undone(&stage, &ran).await;
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_attempt_has_left_is_found_before_the_outage() {
    let (stage, events) = Stage::before("list-what-is-on-the-replicated-disk");
    stage.must("primary", "worker02", &format!("mkdir {MOUNT_POINT}/data")).await;
    let words = ["/dev/drbd0, mounted at /data/vmdata/hpvolumes/common-etcd-etcd-1 on worker02, is not empty: data"];
    let ran = caught(&stage, events, "nothing-is-on-the-replicated-disks-yet", &words).await;
    undone(&stage, &ran).await;
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_not_in_sync_stops_it() {
    for (before, step) in [
        ("the-replicas-are-in-sync-on-both-sides", "the-replicas-are-in-sync-on-both-sides"),
        ("stop-the-service/approve-the-outage", "stop-the-service/approve-the-outage"),
        ("copy-onto-the-replicated-disks/both-sides-hold-the-same-blocks", "both-sides-hold-the-same-blocks"),
        ("make-it-last/both-sides-hold-the-same-blocks", "both-sides-hold-the-same-blocks"),
    ] {
        let (stage, events) = Stage::before(before);
        stage.must("standby", "worker02", "drbdadm disconnect etcd1").await;
        caught_and_undone(&stage, events, step, &["etcd1"]).await;
        // One that is being synced is waited for, but not long before the service is stopped.
        let (stage, events) = Stage::before(before);
        stage.must("standby", "worker02", "drbdadm invalidate etcd1").await;
        if step.contains("in-sync") || step.contains("outage") {
            caught_and_undone(&stage, events, step, &["etcd1", "% synced"]).await;
        } else {
            stage.execution(&Play::cutover()).after(events).go().await.well();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_wrong_file_system_at_the_mount_point_stops_it() {
    for before in ["the-mounts-are-in-place", "every-replica-gets-its-own-node-and-disk"] {
        let (stage, events) = Stage::before(before);
        stage.must("primary", "worker02", &format!("umount {MOUNT_POINT}")).await;
        stage.must("primary", "worker02", &format!("mount /dev/sda1 {MOUNT_POINT}")).await;
        let ran = caught(&stage, events, before, &["/dev/sda1", "/dev/drbd0"]).await;
        // What is called `data` there is not the copy, and not removed.
        let refused = stage.execution(&Play::cutover()).after(&ran.events).undo().await;
        stopped(&refused, "remove-the-copy", &["/data/vmdata/hpvolumes/common-etcd-etcd-1/data lies on /dev/sda1"]);
        stage.must("primary", "worker02", &format!("umount {MOUNT_POINT}")).await;
        undone(&stage, &refused).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_mount_is_made_again_or_stops_it() {
    let truth = Workload::default().truth(&Stage::prepared(), "primary").await;
    let (stage, events) = Stage::before("the-mounts-are-in-place");
    stage.must("primary", "worker02", &format!("umount {MOUNT_POINT}")).await;
    stage.execution(&Play::cutover()).after(events).go().await.well();
    Workload::default().serves(&stage, "primary", &truth).await;
    // Nothing is copied beneath it.
    let (stage, events) = Stage::before("bring-each-replica-s-data-to-its-new-node");
    stage.must("primary", "worker02", &format!("umount {MOUNT_POINT}")).await;
    caught_and_undone(&stage, events, "bring-each-replica-s-data-to-its-new-node", &[MOUNT_POINT]).await;
    // Too late for that, no pod starts on the directory beneath.
    for (step, words) in [
        ("every-replica-gets-its-own-node-and-disk", "is /dev/drbd0 mounted?"),
        ("every-replica-is-ready", "common-etcd-etcd-1"),
    ] {
        let (stage, events) = Stage::before(step);
        stage.must("primary", "worker02", &format!("umount {MOUNT_POINT}")).await;
        let ran = caught(&stage, events, step, &[words]).await;
        assert_eq!(stage.must("primary", "worker02", &format!("ls -A {MOUNT_POINT}")).await, "");
        undone(&stage, &ran).await;
    }
}
