use cutover_engine::world::Place;

use super::{Kind, State, Tools, features, judge};

fn state() -> State {
    let tools = |place: &str, kernel: &str, mkfs: &str, fsck: &str| Tools {
        place: place.into(),
        kernel: kernel.into(),
        mkfs: mkfs.into(),
        fsck: fsck.into(),
    };
    State {
        to: Place::node("standby", "worker01"),
        made_by: tools("primary/worker01", "6.8.0", "mke2fs 1.47.0 (5-Feb-2023)", "e2fsck 1.47.0 (5-Feb-2023)"),
        mounted_by: tools("standby/worker01", "5.4.0", "mke2fs 1.45.5 (07-Jan-2020)", "e2fsck 1.45.5 (07-Jan-2020)"),
    }
}

#[test]
fn features_are_named_by_their_numbers() {
    let cases = [
        (
            Kind::Ext4,
            "EXT4-fs (loop0): couldn't mount because of unsupported optional features (2000)",
            "metadata_csum_seed",
        ),
        (
            Kind::Ext4,
            "EXT4-fs (loop3): couldn't mount RDWR because of unsupported optional features (10400)",
            "metadata_csum orphan_file (with orphans)",
        ),
        (
            Kind::Ext4,
            "EXT4-fs (loop0): couldn't mount because of unsupported optional features (80022000)",
            "metadata_csum_seed casefold feature bit 31",
        ),
        (
            Kind::Ext4,
            "/tmp/x/image has unsupported feature(s): FEATURE_C12 FEATURE_I13 casefold",
            "orphan_file metadata_csum_seed casefold",
        ),
        (Kind::Ext4, "/tmp/x/image has unsupported feature(s): FEATURE_C31 (/dev/loop0)", "FEATURE_C31"),
        (Kind::Xfs, "XFS (loop0): Superblock has unknown incompatible features (0x28) enabled.", "bigtime nrext64"),
        (Kind::Xfs, "XFS (loop0): Superblock has unknown read-only compatible features (0x8) enabled.", "inobtcount"),
        (Kind::Ext4, "mount: /tmp/x: wrong fs type, bad option", ""),
        (Kind::Xfs, "mount: /tmp/x: wrong fs type, bad option", ""),
    ];
    for (kind, line, wanted) in cases {
        assert_eq!(features::unknown(kind, &["nothing", line, line]).join(" "), wanted, "{line}");
    }
}

#[test]
fn the_answer_of_the_other_node_is_judged() {
    let judged = |printed: &str| match judge(Kind::Ext4, &state(), printed) {
        Ok(()) => "fine".to_owned(),
        Err(failure) => {
            let details = failure.details.iter().map(|line| format!("\n  {line}")).collect::<String>();
            format!("{}{details}", failure.message)
        }
    };
    let answers = [
        "check ok\nmount ok\nwrite ok\n",
        "check missing\nmount ok\nwrite ok\n",
        "check ok\nmount failed\n- mount: /tmp/x/at: wrong fs type.\n- EXT4-fs (loop0): couldn't mount because of unsupported optional features (2000)\n",
        "check failed\n- /dev/loop0 has unsupported feature(s): FEATURE_C12\nmount ok\nwrite ok\n",
        "check ok\nmount ok\nwrite failed\n- mount: bad option\n",
        "check failed\nmount failed\n",
        "check ok\n",
        "",
    ];
    insta::assert_snapshot!(answers.map(judged).join("\n"));
}
