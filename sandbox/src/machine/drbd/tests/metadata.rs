//! `create-md` on disks that are not blank. The texts and codes are the real drbdmeta's for the same disks.

use std::sync::Arc;

use cutover_engine::world::Place;

use super::{P, Pair};
use crate::machine::{BlockContent, Filesystem};

const OFFSETS: &str = "md_offset 134213632\nal_offset 134180864\nbm_offset 134176768\n\n";
const ASKS: &str = "\nDo you want to proceed?\nstdin not a TTY, not waiting for confirmation\n";

fn fill(pair: &Pair, content: BlockContent) {
    pair.sandbox.clusters.hosts.with_machine(&Place::node(P, "worker01"), |machine| {
        machine.disks.get_mut("/dev/vdb").unwrap().content = content;
    });
}

#[tokio::test(start_paused = true)]
async fn a_file_system_that_fills_the_disk_is_refused_even_by_force() {
    let pair = Pair::new("9.2.14");
    fill(&pair, BlockContent::Filesystem(Arc::new(Filesystem::new("ext4", "u", 128 << 20, 1))));
    for force in ["", " --force"] {
        let refused = pair.refused(P, &format!("drbdadm create-md{force} etcd0")).await;
        let text = "Found ext3 filesystem\n      131072 kB data area apparently used\n      131032 kB left usable by current configuration\n
Device size would be truncated, which\nwould corrupt data and result in\n'access beyond end of device' errors.\nYou need to either
   * use external meta data (recommended)\n   * shrink that filesystem first\n   * zero out the device (destroy the filesystem)\nOperation refused.\n\n";
        let line =
            format!("Command 'drbdmeta 0 v09 /dev/vdb internal create-md 1{force}' terminated with exit code 40\n");
        assert_eq!(refused, format!("{OFFSETS}{text}{line}[exit code 40]"));
    }
}

#[tokio::test(start_paused = true)]
async fn something_unknown_is_asked_about_and_overwritten_by_force() {
    let pair = Pair::new("9.2.14");
    fill(&pair, BlockContent::Signature("dos".to_owned()));
    let refused = pair.refused(P, "drbdadm create-md etcd0").await;
    let text = "Found some data\n\n ==> This might destroy existing data! <==\nOperation canceled.\n";
    assert_eq!(refused, format!("{OFFSETS}{text}{ASKS}[exit code 1]"));
    pair.all_well(P, &["drbdadm create-md --force etcd0"]).await;
    assert!(pair.ask(P, "blkid -p -o value -s TYPE /dev/vdb").await.contains("drbd"));
}

#[tokio::test(start_paused = true)]
async fn a_mounted_or_missing_disk_is_not_a_place_for_metadata() {
    let pair = Pair::new("9.2.14");
    pair.all_well(P, &["mkfs.ext4 -q /dev/vdb", "mount /dev/vdb /mnt"]).await;
    let refused = pair.refused(P, "drbdadm create-md etcd0").await;
    let text = "Operation canceled.\nopen(/dev/vdb) failed: Device or resource busy\n\nExclusive open failed. Do it anyways?\nstdin not a TTY, not waiting for confirmation\n";
    assert!(refused.starts_with(text) && refused.ends_with("[exit code 20]"), "{refused}");
    pair.sandbox.clusters.hosts.with_machine(&Place::node(P, "worker01"), |machine| {
        machine.mounts.pop();
        machine.disks.remove("/dev/vdb");
    });
    let refused = pair.refused(P, "drbdadm create-md etcd0").await;
    assert!(refused.starts_with("open(/dev/vdb) failed: No such file or directory\n"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn metadata_is_replaced_by_force_only_and_never_while_attached() {
    let pair = Pair::synchronised("9.2.14").await;
    let refused = pair.refused(P, "drbdadm create-md --force etcd0").await;
    assert!(refused.starts_with("open(/dev/vdb) failed: Device or resource busy\n"), "{refused}");
    assert!(refused.contains("\nDevice '0' is configured!\n"), "{refused}");
    pair.all_well(P, &["drbdadm down etcd0"]).await;
    assert!(pair.refused(P, "drbdadm create-md etcd0").await.contains("Operation cancelled.\n"));
    let before = pair.ask(P, "drbdmeta 0 v09 /dev/vdb internal get-gi --node-id 2").await;
    assert!(!before.starts_with("0000000000000004:"), "{before}");
    pair.all_well(P, &["drbdadm create-md --force etcd0"]).await;
    let after = pair.ask(P, "drbdmeta 0 v09 /dev/vdb internal get-gi --node-id 2").await;
    assert!(after.starts_with("0000000000000004:"), "{after}");
}
