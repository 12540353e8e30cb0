//! The modules for disks, file systems, mounts and the network, driven against the sandbox's programs.

use cutover_sandbox::WorldSpec;
use cutover_testkit::lab::{End, Lab, blocked, done};
use serde_json::json;

fn lab() -> Lab {
    Lab::new(WorldSpec::default())
}

#[tokio::test(start_paused = true)]
async fn a_spare_disk_gets_a_file_system_once() {
    let lab = lab();
    assert_eq!(done(lab.drive("disk_check", json!({"device": "/dev/sdc"})).await).0, [""; 0]);
    let params = json!({"device": "/dev/sdc", "label": "etcd"});
    let (log, first) = done(lab.drive("filesystem", params.clone()).await);
    assert_eq!(log, ["primary/worker01$ mkfs.ext4 -q -L etcd /dev/sdc"]);
    assert_eq!((&first["type"], &first["label"], &first["created"]), (&json!("ext4"), &json!("etcd"), &json!(true)));
    let (log, second) = done(lab.drive("filesystem", params).await);
    assert!(log.is_empty() && second["uuid"] == first["uuid"] && second["created"] == false);
    assert!(
        blocked(lab.drive("disk_check", json!({"device": "/dev/sdc"})).await).contains("not spare: it carries ext4")
    );
    let other = lab.drive("filesystem", json!({"device": "/dev/sdc", "type": "xfs"})).await;
    assert!(blocked(other).contains("not blank"));
    assert!(blocked(lab.drive("filesystem", json!({"device": "/dev/drbd0"})).await).contains("does not exist"));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_carries_something_is_not_spare() {
    for (kind, reason) in [("LVM2_member", "LVM2_member"), ("gpt", "a gpt partition table"), ("ext4", "ext4, UUID")] {
        let spare_disks = [("primary/worker01".to_owned(), kind.to_owned())].into();
        let lab = Lab::new(WorldSpec { spare_disks, ..WorldSpec::default() });
        let reasons = blocked(lab.drive("disk_check", json!({"device": "/dev/sdc", "or_drbd": "etcd0"})).await);
        assert!(reasons.contains(&format!("not spare: it carries {reason}")), "{reasons}");
        if kind != "ext4" {
            assert!(blocked(lab.drive("filesystem", json!({"device": "/dev/sdc"})).await).contains("not blank"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_sealed_directory_lets_nothing_live_beneath_the_mount() {
    let lab = lab();
    let path = "/data/vmdata/hpvolumes/pvc-1";
    for line in ["mkfs.ext4 -q /dev/sdc", "mkdir -p /data/vmdata/hpvolumes/pvc-1/data"] {
        assert!(lab.run("worker01", line).await.success(), "{line}");
    }
    let mount = json!({"device": "/dev/sdc", "path": path, "underlay": "sealed"});
    let (log, result) = done(lab.drive("mount", mount.clone()).await);
    insta::assert_snapshot!(log.join("\n"));
    assert_eq!(result["mounted"], true);
    assert!(done(lab.drive("mount", mount).await).0.is_empty());
    assert!(lab.run("worker01", "mkdir /data/vmdata/hpvolumes/pvc-1/x").await.success(), "the mount can be written");

    let unmount =
        |underlay: &str| json!({"device": "/dev/sdc", "path": path, "state": "unmounted", "underlay": underlay});
    done(lab.drive("mount", unmount("sealed")).await);
    let refused = lab.run("worker01", "mkdir /data/vmdata/hpvolumes/pvc-1/x").await;
    assert!(refused.stderr.contains("Operation not permitted"), "{refused:?}");
    done(lab.drive("mount", unmount("open")).await);
    let listed = lab.run("worker01", "ls /data/vmdata/hpvolumes/pvc-1").await;
    assert_eq!(listed.stdout, "data\n", "what was beneath is back");
}

#[tokio::test(start_paused = true)]
async fn a_mount_is_refused_where_something_else_is() {
    let lab = lab();
    let mount = |path: &str| json!({"device": "/dev/sdc", "path": path});
    let reasons = blocked(lab.drive("mount", mount("/missing")).await);
    assert!(reasons.contains("no file system") && reasons.contains("does not exist"), "{reasons}");
    lab.run("worker01", "mkfs.ext4 -q /dev/sdc").await;
    let reasons = blocked(lab.drive("mount", mount("/data/vmdata/hpvolumes")).await);
    assert_eq!(reasons, "at /data/vmdata/hpvolumes there is /dev/sdb1 (ext4) mounted, not /dev/sdc");
    let reasons = blocked(lab.drive("mount", mount("/data/vmdata")).await);
    assert!(reasons.contains("further down") && reasons.contains("/data/vmdata/hpvolumes"), "{reasons}");
    done(lab.drive("mount", mount("/mnt")).await);
    let reasons = blocked(lab.drive("mount", mount("/data")).await);
    assert!(reasons.contains("already mounted at /mnt"), "{reasons}");
    let wrong = json!({"device": "/dev/sdc", "path": "/mnt", "uuid": "00000000-0000"});
    assert!(blocked(lab.drive("mount", wrong).await).contains("not 00000000-0000"));
}

#[tokio::test(start_paused = true)]
async fn the_mount_comes_back_at_boot_only_with_its_units() {
    let lab = lab();
    lab.run("worker01", "mkfs.ext4 -q /dev/sdc").await;
    let params = json!({"device": "/dev/sdc", "path": "/mnt", "persist": {"marker": "/etc/drbd.d/cke_etcd0.primary"}});
    let (_, result) = done(lab.drive("mount", params.clone()).await);
    assert_eq!(result["units"], json!(["mnt.mount"]));
    assert_eq!(lab.run("worker01", "systemctl is-enabled mnt.mount").await.stdout, "enabled\n");
    let text = lab.run("worker01", "cat /etc/systemd/system/mnt.mount").await.stdout;
    assert!(
        text.contains("What=/dev/sdc\nWhere=/mnt\n")
            && text.contains("ConditionPathExists=/etc/drbd.d/cke_etcd0.primary")
    );
    lab.run("worker01", "systemctl disable mnt.mount").await;
    assert_eq!(done(lab.drive("mount", params).await).0, ["primary/worker01$ systemctl enable mnt.mount"]);
}

#[tokio::test(start_paused = true)]
async fn room_is_measured_where_the_directory_will_be() {
    let lab = lab();
    let check = |free: &str| json!({"path": "/data/vmdata/backup/etcd-0", "min_free": free, "fits": ["/data/vmdata/hpvolumes"]});
    done(lab.drive("disk_check", check("50GB")).await);
    assert!(blocked(lab.drive("disk_check", check("500GB")).await).contains("not 500GB"));
}

#[tokio::test(start_paused = true)]
async fn the_link_is_measured_and_held_to_the_limits() {
    let lab = lab();
    let check = |min: &str, rtt: &str| json!({"ping": {"count": 10, "max_rtt": rtt, "max_loss": 0}, "tcp": [7790], "throughput": {"min": min, "seconds": 5}});
    let before = tokio::time::Instant::now();
    let (log, result) = done(lab.drive("net_check", check("50MB/s", "10ms")).await);
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(result["bytes_per_second"], 110_000_000);
    assert_eq!(result["ports"]["7790"], "refused");
    assert!(before.elapsed() > std::time::Duration::from_secs(6), "measuring takes its time");
    match lab.drive("net_check", check("200MB/s", "10ms")).await {
        End::Failed(words) => assert!(words.contains("less than the minimum of 200000000"), "{words}"),
        other => panic!("{other:?}"),
    }
    assert!(blocked(lab.drive("net_check", check("1MB/s", "1ms")).await).contains("longest round trip"));
}
