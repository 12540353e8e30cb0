//! A resource's life: what its commands do, and refuse, beyond what the record of the real pair holds.

use super::{P, Pair, S, resource_file};

#[tokio::test(start_paused = true)]
async fn up_without_metadata_leaves_a_diskless_resource_that_adjust_completes() {
    let pair = Pair::new("9.2.14");
    assert_eq!(pair.refused(P, "drbdadm up etcd0").await, "No valid meta data found\n[exit code 1]");
    assert_eq!(
        pair.ask(P, "drbdadm status etcd0").await,
        "etcd0 role:Secondary\n  disk:Diskless client:no\n  remote_172.16.2.1 connection:StandAlone\n\n"
    );
    pair.all_well(P, &["drbdadm create-md etcd0"]).await;
    assert_eq!(
        pair.ask(P, "drbdadm adjust --dry-run etcd0").await,
        "drbdmeta 0 v09 /dev/vdb internal apply-al\ndrbdsetup attach 0 /dev/vdb /dev/vdb internal\ndrbdsetup connect etcd0 2\n"
    );
    pair.all_well(P, &["drbdadm adjust etcd0"]).await;
    assert_eq!(pair.ask(P, "drbdadm adjust --dry-run etcd0").await, "");
    assert_eq!(pair.ask(P, "drbdadm dstate etcd0").await, "Inconsistent/DUnknown\n");
    let attached = "Device '0' is configured!\nCommand 'drbdmeta 0 v09 /dev/vdb internal apply-al' terminated with exit code 20\n[exit code 20]";
    assert_eq!(pair.refused(P, "drbdadm attach etcd0").await, attached);
    pair.all_well(P, &["drbdadm down etcd0", "drbdadm down etcd0"]).await;
    // The commands of a dry run from nothing are the real drbdadm's, to the letter.
    assert_eq!(
        pair.ask(P, "drbdadm adjust --dry-run etcd0").await,
        "drbdsetup new-resource etcd0 1 --auto-promote=no
drbdsetup new-minor etcd0 0 0
drbdsetup new-peer etcd0 2 --_name=remote_172.16.2.1 --allow-two-primaries=no --protocol=C
drbdsetup new-path etcd0 2 ipv4:172.16.1.1:7790 ipv4:172.16.2.1:7790
drbdmeta 0 v09 /dev/vdb internal apply-al
drbdsetup attach 0 /dev/vdb /dev/vdb internal
drbdsetup connect etcd0 2
"
    );
}

#[tokio::test(start_paused = true)]
async fn commands_for_a_resource_that_is_not_up() {
    let pair = Pair::new("9.2.14");
    pair.all_well(P, &["drbdadm create-md etcd0", "drbdadm down etcd0"]).await;
    let unknown = |line: &str| {
        format!(
            "etcd0: Failure: (158) Unknown resource\nadditional info from kernel:\nunknown resource\nCommand 'drbdsetup {line}' terminated with exit code 10\n[exit code 10]"
        )
    };
    for (command, line) in
        [("primary", "primary etcd0"), ("secondary", "secondary etcd0"), ("disconnect", "disconnect etcd0 2")]
    {
        assert_eq!(pair.refused(P, &format!("drbdadm {command} etcd0")).await, unknown(line));
    }
    assert_eq!(
        pair.refused(P, "drbdadm role etcd0").await,
        "etcd0: Unknown resource\nCommand 'drbdsetup role etcd0' terminated with exit code 10\n[exit code 10]"
    );
    assert!(pair.refused(P, "drbdadm cstate etcd0").await.starts_with("etcd0: No such connection\n"));
    // These read the disk instead.
    assert_eq!(pair.ask(P, "drbdadm dstate etcd0").await, "Inconsistent\n");
    let generations = "0000000000000004:0000000000000000:0000000000000000:0000000000000000:0:0:0:0:1:0:0:0:0:0:0:0\n";
    assert_eq!(pair.ask(P, "drbdadm get-gi etcd0").await, generations);
    let shown = pair.ask(P, "drbdadm show-gi etcd0").await;
    assert!(shown.contains(generations) && shown.ends_with("zero size device -- never seen peer yet?\n"), "{shown}");
    assert_eq!(pair.ask(P, "drbdadm status").await, "# No currently configured DRBD found.\n");
}

#[tokio::test(start_paused = true)]
async fn connecting_twice_is_refused_and_disconnecting_twice_is_not() {
    let pair = Pair::synchronised("9.2.14").await;
    assert_eq!(
        pair.refused(P, "drbdadm connect etcd0").await,
        "etcd0: Failure: (125) Device has a net-config (use disconnect first)\nCommand 'drbdsetup connect etcd0 2' terminated with exit code 10\n[exit code 10]"
    );
    pair.all_well(S, &["drbdadm disconnect etcd0", "drbdadm disconnect etcd0"]).await;
    assert_eq!(pair.states().await, ["Connecting Primary UpToDate/DUnknown", "StandAlone Secondary Outdated/DUnknown"]);
    assert_eq!(pair.ask(S, "drbdadm adjust --dry-run etcd0").await, "drbdsetup connect etcd0 1\n");
    pair.all_well(S, &["drbdadm adjust etcd0"]).await;
    pair.wait(2).await;
    assert_eq!(pair.states().await, ["Connected Primary UpToDate/UpToDate", "Connected Secondary UpToDate/UpToDate"]);
}

#[tokio::test(start_paused = true)]
async fn a_primary_that_loses_its_peer_begins_a_generation_and_the_resync_ends_it() {
    let pair = Pair::synchronised("9.2.14").await;
    let generations = async |site| {
        let line = pair.ask(site, "drbdadm get-gi etcd0").await;
        line.split(':').take(4).map(|word| u64::from_str_radix(word, 16).unwrap()).collect::<Vec<_>>()
    };
    let (primary, standby) = (generations(P).await, generations(S).await);
    assert_eq!(primary[0], standby[0] | 1, "a Primary's current generation has its lowest bit set");
    assert_eq!((primary[1], standby[1]), (0, 0));
    pair.all_well(S, &["drbdadm disconnect etcd0"]).await;
    let alone = generations(P).await;
    assert_ne!(alone[0], primary[0]);
    assert_eq!(alone[1], standby[0]);
    assert_eq!(generations(S).await[..2], standby[..2], "the Secondary's stays");
    pair.all_well(S, &["drbdadm connect etcd0"]).await;
    pair.wait(2).await;
    let (primary, after) = (generations(P).await, generations(S).await);
    assert_eq!((primary[0], primary[1]), (after[0] | 1, 0));
    assert_eq!((primary[2], after[2]), (standby[0], standby[0]), "the old generation is history");
}

#[tokio::test(start_paused = true)]
async fn with_fencing_a_secondary_that_leaves_its_primary_is_outdated() {
    let pair = Pair::new("9.2.14");
    for site in [P, S] {
        pair.configure(
            site,
            &resource_file(site, false).replace("protocol C;", "protocol C;\n fencing resource-only;"),
        );
        pair.all_well(site, &["drbdadm create-md etcd0", "drbdadm up etcd0"]).await;
    }
    pair.wait(2).await;
    pair.all_well(P, &["drbdadm primary --force etcd0"]).await;
    pair.wait(10).await;
    pair.all_well(S, &["drbdadm disconnect etcd0"]).await;
    assert_eq!(pair.ask(S, "drbdadm dstate etcd0").await, "Outdated/DUnknown\n");
    assert!(pair.refused(S, "drbdadm primary etcd0").await.contains("(-2)"));
}

#[tokio::test(start_paused = true)]
async fn two_blank_disks_can_be_declared_equal() {
    let pair = Pair::new("9.2.14");
    for site in [P, S] {
        pair.all_well(site, &["drbdadm create-md etcd0", "drbdadm up etcd0"]).await;
    }
    pair.wait(2).await;
    pair.all_well(P, &["drbdadm new-current-uuid --clear-bitmap etcd0"]).await;
    assert_eq!(pair.states().await, ["Connected Secondary UpToDate/UpToDate", "Connected Secondary UpToDate/UpToDate"]);
    pair.all_well(S, &["drbdadm primary etcd0"]).await;
}

#[tokio::test(start_paused = true)]
async fn verify_runs_with_an_algorithm_and_finds_nothing_wrong() {
    let pair = Pair::synchronised("9.2.14").await;
    for site in [P, S] {
        pair.configure(site, &resource_file(site, false).replace("protocol C;", "protocol C;\n verify-alg crc32c;"));
        pair.all_well(site, &["drbdadm adjust etcd0"]).await;
    }
    pair.all_well(P, &["drbdadm verify etcd0"]).await;
    pair.wait(1).await;
    let status = pair.ask(P, "drbdadm status etcd0").await;
    assert!(status.contains("replication:VerifyS peer-disk:UpToDate done:"), "{status}");
    pair.wait(10).await;
    assert!(pair.ask(P, "drbdadm status etcd0").await.ends_with("role:Secondary\n    peer-disk:UpToDate\n\n"));
    assert_eq!(pair.ask(P, "dmesg -t --level=alert,err,warn").await, "");
}

#[tokio::test(start_paused = true)]
async fn lsblk_blkid_and_blockdev_see_the_disk_and_the_device_over_it() {
    let pair = Pair::mounted("9.2.14").await;
    let tags = pair.ask(P, "blkid -p -o export /dev/vdb").await;
    assert!(
        tags.starts_with("DEVNAME=/dev/vdb\nUUID=") && tags.ends_with("VERSION=v09\nTYPE=drbd\nUSAGE=raid\n"),
        "{tags}"
    );
    let signatures = pair.ask(P, "wipefs -n /dev/vdb").await;
    let kinds: Vec<_> =
        signatures.lines().map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(kinds, ["DEVICE OFFSET TYPE", "vdb 0x7fff03c drbd", "vdb 0x438 ext4"]);
    assert_eq!(pair.ask(P, "blockdev --getsize64 /dev/vdb").await, "134217728\n");
    assert_eq!(pair.ask(P, "blockdev --getsize64 /dev/drbd0").await, "134176768\n");
    for (site, device) in [(P, "/dev/drbd0"), (S, "/dev/drbd0"), (S, "/dev/vdb")] {
        pair.all_well(site, &[&format!("test -b {device}")]).await;
    }
    let tree = pair.ask(P, "lsblk -P -b -o NAME,PKNAME,SIZE,FSTYPE,MOUNTPOINT /dev/vdb").await;
    assert_eq!(
        tree,
        "NAME=\"vdb\" PKNAME=\"\" SIZE=\"134217728\" FSTYPE=\"drbd\" MOUNTPOINT=\"\"\n\
         NAME=\"drbd0\" PKNAME=\"vdb\" SIZE=\"134176768\" FSTYPE=\"ext4\" MOUNTPOINT=\"/mnt\"\n"
    );
}
