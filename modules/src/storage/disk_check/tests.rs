//! What `disk_check` decides, for states as data.

use super::*;
use crate::support::storage::block::Signature;
use crate::testing;

const DUMP: &str = "resource etcd0 {\n    on worker01 {\n        node-id 1;\n        device /dev/drbd0 minor 0;\n        disk             /dev/vdb;\n    }\n    on remote_172.16.2.1 {\n        disk             /dev/vdc;\n    }\n}\n";

#[test]
fn a_file_system_without_a_table_of_inodes_has_none_to_count() {
    assert_eq!(super::room::room(" 500  32 9"), Some((500, Some(9))));
    assert_eq!(super::room::room("500 0 0"), Some((500, None)));
    assert_eq!(super::room::room("500 - -"), Some((500, None)));
    assert_eq!(super::room::room("Avail Inodes IFree"), None);
}

#[test]
fn the_disk_of_the_own_host_is_read() {
    assert_eq!(configured_disk(DUMP, "worker01").as_deref(), Some("/dev/vdb"));
    assert_eq!(configured_disk(DUMP, "remote_172.16.2.1").as_deref(), Some("/dev/vdc"));
    assert_eq!(configured_disk(DUMP, "worker02"), None);
}

fn state() -> State {
    State { block: Some(Block { bytes: Some(20 << 30), ..Block::named("/dev/sdc") }), ..State::default() }
}

fn signed(kind: &str, table: &str) -> State {
    let signature = Signature { kind: kind.into(), table: table.into(), ..Signature::default() };
    let block = state().block.map(|block| Block { signature: Some(signature), ..block });
    State { block, ..state() }
}

#[test]
fn a_disk_is_spare_or_all_reasons_are_given() {
    let upon = |name: &str, kind: &str| Upon { name: name.into(), kind: kind.into() };
    let ours = State { configured: Some("/dev/sdc".into()), upon: vec![upon("drbd0", "disk")], ..signed("drbd", "") };
    let beneath = State { configured: Some("/dev/sdc".into()), attached: true, ..signed("ext4", "") };
    let table = State {
        upon: vec![upon("sdc1", "part"), upon("vg-x", "lvm")],
        mounted: vec!["/srv".into()],
        ..signed("", "gpt")
    };
    let missing = Block {
        bytes: None,
        closed: Some("blockdev: cannot open /dev/sdc: No such file or directory".into()),
        ..state().block.unwrap()
    };
    let room = |free, trees: &[u64]| State { block: None, free_bytes: Some(free), trees: trees.to_vec(), ..state() };
    let fits = "{path: /data/backup, min_free: 1GB, fits: [/a, /b]}";
    let cases = [
        ("{device: /dev/sdc}", state()),
        ("{device: /dev/sdc, min_bytes: 30GiB}", state()),
        ("{device: /dev/sdc}", signed("ext4", "")),
        ("{device: /dev/sdc, spare: false}", signed("ext4", "")),
        ("{device: /dev/sdc}", table),
        ("{device: /dev/sdc}", signed("drbd", "")),
        ("{device: /dev/sdc, or_drbd: etcd0}", ours.clone()),
        ("{device: /dev/sdc}", ours.clone()),
        ("{device: /dev/sdc, or_drbd: etcd0}", State { configured: Some("/dev/sdd".into()), attached: true, ..ours }),
        ("{device: /dev/sdc, or_drbd: etcd0}", beneath.clone()),
        ("{device: /dev/sdc, or_drbd: etcd0}", State { attached: false, ..beneath }),
        ("{device: /dev/sdc, or_drbd: etcd0}", signed("drbd", "")),
        ("{device: /dev/sdc, or_drbd: etcd0}", signed("LVM2_member", "")),
        ("{device: /dev/sdc}", State { block: Some(missing), ..state() }),
        (fits, room(3_000_000_000, &[1_000_000_000, 1_000_000_000])),
        (fits, room(2_100_000_000, &[1_000_000_000, 1_000_000_000])),
        (fits, room(900_000_000, &[0, 0])),
        (
            "{path: /data/backup, min_inodes: 3000, fits: [/a, /b]}",
            State { free_inodes: Some(1989), inodes: vec![1500, 1501], ..room(3_000_000_000, &[4096, 4096]) },
        ),
        (
            "{path: /data/backup, min_inodes: 3000, fits: [/a, /b]}",
            State { free_inodes: None, inodes: vec![1500, 1501], ..room(3_000_000_000, &[4096, 4096]) },
        ),
    ];
    let shown = cases.map(|(yaml, state)| {
        let params: Params = serde_yaml::from_str(yaml).unwrap();
        format!("-- {yaml}\n{}", testing::show(&DiskCheck.diff(testing::pair_context().facts(), &params, &state)))
    });
    insta::assert_snapshot!(shown.concat());
}
