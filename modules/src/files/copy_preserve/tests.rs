use cutover_engine::module::{Diff, Module as _};
use cutover_engine::text::Text;
use cutover_engine::world::Place;
use serde_json::json;

use super::{CopyPreserve, Params, State, copy, refusals};
use crate::support::tree::{Comparison, Kind, LeftOut, Located, Look, What};
use crate::testing;

fn located(node: &str, path: &str) -> Located {
    Located { place: Place::node("primary", node), path: path.to_owned(), device: None }
}

fn look(kind: Kind, entries: u64) -> Look {
    Look {
        kind,
        device: "/dev/sdb1".into(),
        elsewhere: false,
        errors: 0,
        generation: None,
        free: 10 << 30,
        free_inodes: Some(1000),
        inodes: entries * 3,
        entries,
        allocated: if entries == 0 { 4096 } else { 2 << 30 },
        unfinished: None,
        left_out: Vec::new(),
        holders: Vec::new(),
    }
}

fn state(to: &str) -> State {
    State {
        from: located("w4", "/data/pvc-1"),
        to: located(to, "/data/backup/etcd-0"),
        source: look(Kind::Directory, 2),
        destination: look(Kind::Absent, 0),
        comparison: None,
        root: None,
        sample: None,
    }
}

fn params() -> Params {
    let value = json!({"source": {"path": "/data/pvc-1"}, "destination": {"path": "/data/backup/etcd-0"}});
    serde_json::from_value(value).unwrap()
}

fn refused(state: &State) -> Vec<String> {
    refusals(&params(), state, &state.from.to_string()).iter().map(ToString::to_string).collect()
}

fn commands(state: &State) -> String {
    let change = copy(&params(), state, &state.from.to_string());
    let lines = change.actions.iter().map(ToString::to_string);
    [change.summary.to_string()].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

#[test]
fn on_one_node_a_script_copies() {
    insta::assert_snapshot!(commands(&state("w4")), @r"
    copy 2.15GB from primary/w4:/data/pvc-1 to primary/w4:/data/backup/etcd-0
    primary/w4$ cutover-copy-begin /data/backup/etcd-0 primary/w4:/data/pvc-1 lost+found
    primary/w4$ cutover-copy /data/pvc-1 /data/backup/etcd-0 lost+found
    primary/w4$ cutover-copy-end /data/backup/etcd-0
    ");
}

#[test]
fn to_another_node_tar_streams() {
    insta::assert_snapshot!(commands(&state("w1")), @r"
    copy 2.15GB from primary/w4:/data/pvc-1 to primary/w1:/data/backup/etcd-0
    primary/w1$ cutover-copy-begin /data/backup/etcd-0 primary/w4:/data/pvc-1 lost+found
    primary/w4$ tar -C /data/pvc-1 -c -f - --format=posix --numeric-owner --acls --xattrs '--xattrs-include=*' --sparse --one-file-system --anchored --no-wildcards --exclude=./lost+found .  |  primary/w1$ tar -C /data/backup/etcd-0 -x -f - --numeric-owner --same-owner -p --acls --xattrs '--xattrs-include=*'
    primary/w1$ cutover-copy-end /data/backup/etcd-0
    ");
}

#[test]
fn everything_that_speaks_against_a_copy_is_reported_at_once() {
    let mut bad = state("w4");
    bad.source.unfinished = Some("primary/w9:/old".into());
    bad.source.holders = vec!["41 etcd".into()];
    bad.destination.unfinished = Some("primary/w8:/other".into());
    bad.destination.free = 1000;
    (bad.to.device, bad.destination.elsewhere) = (Some("/dev/drbd0".into()), true);
    bad.source.left_out = vec![LeftOut { what: What::Mount, path: "member/wal".into(), flags: String::new() }];
    bad.destination.left_out = vec![LeftOut { what: What::Socket, path: ".sock".into(), flags: String::new() }];
    insta::assert_snapshot!(refused(&bad).join("\n"), @r"
    primary/w4:/data/pvc-1 is itself an unfinished copy of primary/w9:/old
    primary/w4:/data/pvc-1/member/wal is a mount point: a copy would leave out what is in it; unmount it, and move its content into the directory
    primary/w4:/data/backup/etcd-0/.sock is a socket, which a copy does not carry; remove it when nothing listens on it any more
    primary/w4:/data/backup/etcd-0 lies on /dev/sdb1, not on /dev/drbd0: is the mount missing?
    primary/w4:/data/backup/etcd-0 holds an unfinished copy of primary/w8:/other; remove it if it is not needed
    primary/w4:/data/backup/etcd-0 has 5.10kB free on /dev/sdb1; 2.21GB is needed (2.15GB of data and 67.11MB to spare)
    primary/w4:/data/pvc-1 is in use by 41 etcd
    ");
}

#[test]
fn a_source_must_be_a_directory_with_something_in_it() {
    let with = |kind, entries| refused(&State { source: look(kind, entries), ..state("w4") });
    assert_eq!(with(Kind::Directory, 1), [""; 0]);
    assert_eq!(with(Kind::Absent, 0), ["primary/w4:/data/pvc-1 does not exist"]);
    assert_eq!(with(Kind::Directory, 0), ["primary/w4:/data/pvc-1 is empty"]);
    assert_eq!(with(Kind::Other, 0), ["primary/w4:/data/pvc-1 is not a directory"]);
    assert_eq!(
        with(Kind::Link, 0),
        ["primary/w4:/data/pvc-1 is a symbolic link: name the directory that it leads to (`readlink -f`)"]
    );
}

#[test]
fn inodes_have_to_last_as_bytes_have() {
    let mut full = state("w4");
    (full.source.inodes, full.destination.free_inodes) = (3001, Some(3002));
    assert_eq!(refused(&full), [""; 0]);
    full.destination.free_inodes = Some(1989);
    insta::assert_snapshot!(refused(&full).join("\n"), @"primary/w4:/data/backup/etcd-0 has 1989 inodes free on /dev/sdb1; the copy takes 3001, one for each file and directory: make the file system anew with more (`mkfs.ext4 -N`)");
    (full.destination.unfinished, full.destination.inodes) = (Some(full.from.to_string()), 1020);
    assert_eq!(refused(&full), [""; 0]);
    // btrfs makes them as they are needed.
    full.destination = Look { free_inodes: None, ..look(Kind::Absent, 0) };
    assert_eq!(refused(&full), [""; 0]);
}

#[test]
fn the_mode_of_the_directory_is_set_with_all_its_bits() {
    let mut inherited = state("w4");
    inherited.comparison = Some(Comparison {
        digest: "d".into(),
        files: 1,
        bytes: 1,
        attributes_compared: true,
        different: 1,
        differences: Vec::new(),
        only_root: true,
    });
    inherited.root = Some(("0:0".into(), "755".into(), "@1".into()));
    let Diff::Change(changes) = CopyPreserve.diff(testing::pair_context().facts(), &params(), &inherited) else {
        panic!("it is to be changed")
    };
    let actions: Vec<String> = changes[0].actions.iter().map(ToString::to_string).collect();
    assert!(actions.contains(&"primary/w4$ chmod -- 00755 /data/backup/etcd-0".to_owned()), "{actions:?}");
}

#[test]
fn the_room_an_unfinished_copy_takes_counts_as_free() {
    let mut own = state("w4");
    own.destination = look(Kind::Directory, 1);
    own.destination.free = 100 << 20;
    assert_eq!(refused(&own).len(), 1);
    own.destination.unfinished = Some(own.from.to_string());
    assert_eq!(refused(&own), [""; 0]);
}

#[test]
fn equal_trees_may_be_in_use_and_on_a_full_disk() {
    let mut done = state("w4");
    done.destination = Look { free: 0, holders: vec!["7 etcd".into()], ..look(Kind::Directory, 2) };
    let equal = Comparison {
        digest: "d".into(),
        files: 1,
        bytes: 1,
        attributes_compared: true,
        different: 0,
        differences: Vec::new(),
        only_root: false,
    };
    done.comparison = Some(equal.clone());
    assert_eq!(refused(&done), [""; 0]);
    // What was left out of both is not proven equal.
    done.source.left_out = vec![LeftOut { what: What::Subvolume, path: "wal".into(), flags: String::new() }];
    assert_eq!(refused(&done).len(), 1);
    done.source.left_out.clear();
    done.comparison =
        Some(Comparison { different: 30, differences: vec![Text::verbatim(".: mode (700, 755)")], ..equal });
    insta::assert_snapshot!(refused(&done).join("\n"), @r"
    primary/w4:/data/backup/etcd-0 is not empty and differs from primary/w4:/data/pvc-1 in 30 paths; move it away if it is not needed
    .: mode (700, 755)
    ... and 29 more paths
    primary/w4:/data/backup/etcd-0 is in use by 7 etcd
    ");
}
