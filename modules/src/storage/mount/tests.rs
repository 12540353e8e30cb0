//! What `mount` decides, for states as data.

use cutover_engine::module::Module;

use super::*;
use crate::support::storage::block::Signature;
use crate::testing;

const PATH: &str = "/data/vmdata/hpvolumes/pvc-1";

/// The ordinary case: a Primary with ext4 on it, and a free directory.
fn state() -> State {
    let signature = Signature { kind: "ext4".into(), uuid: "51ee".into(), ..Signature::default() };
    State {
        block: Block {
            bytes: Some(20 << 30),
            role: Some("Primary".into()),
            signature: Some(signature),
            ..Block::named("/dev/drbd0")
        },
        directory: "directory".into(),
        real_path: PATH.into(),
        at_path: Vec::new(),
        elsewhere: Vec::new(),
        nested: Vec::new(),
        users: Vec::new(),
        beneath: None,
        units: Vec::new(),
        fstab: Vec::new(),
    }
}

fn at(target: &str, source: &str) -> Mounted {
    let [target, source, fstype, options] = [target, source, "ext4", "rw,relatime"].map(str::to_owned);
    Mounted { target, source, subdirectory: None, fstype, options }
}

fn look(more: &str, state: State) -> String {
    let params: Params =
        serde_yaml::from_str(&format!("{{device: /dev/drbd0, path: {PATH}{more}}}")).expect("the parameters are right");
    params.check().expect("the parameters agree");
    format!("-- {more}\n{}", testing::show(&Mount.diff(testing::pair_context().facts(), &params, &state)))
}

#[test]
fn a_mount_that_went_read_only_is_not_in_order() {
    let options = |options: &str| Mounted { options: options.into(), ..at(PATH, "/dev/drbd0") };
    let ro = || State { at_path: vec![options("ro,relatime")], ..state() };
    let shown = look("", ro());
    assert!(shown.contains(&format!("blocked: /dev/drbd0 is mounted read-only at {PATH}")), "{shown}");
    assert!(look(", options: [noatime]", ro()).contains("blocked: /dev/drbd0 is mounted read-only"));
    assert!(look(", options: [ro]", ro()).ends_with("\nin sync\n"));
    assert!(look(", options: [rw]", ro()).contains("mount -o remount,rw"));
    // `errors=remount-ro` is what would make it so.
    let errors = State { at_path: vec![options("rw,relatime,errors=remount-ro")], ..state() };
    assert!(look("", errors).ends_with("\nin sync\n"));
}

#[test]
fn what_fstab_mounts_there_is_in_the_way() {
    let with = |device: &str| State { fstab: vec![fstab::Entry { line: 9, device: device.into() }], ..state() };
    let shown = look("", with("UUID=00000000-aaaa"));
    assert!(shown.contains("blocked: /etc/fstab, line 9, mounts UUID=00000000-aaaa at "), "{shown}");
    for same in ["/dev/drbd0", "UUID=51EE"] {
        assert!(!look("", with(same)).contains("blocked"), "{same}");
        let persist = look(", persist: {marker: /etc/drbd.d/x.primary}", with(same));
        assert!(persist.contains("blocked: /etc/fstab, line 9, mounts"), "{persist}");
    }
    assert!(!look(", state: unmounted", with("/dev/sdz")).contains("fstab"));
}

#[test]
fn it_mounts_what_is_expected_and_refuses_the_rest() {
    let mounted = || State { at_path: vec![at(PATH, "/dev/drbd0")], ..state() };
    let wrong = State { at_path: vec![at(PATH, "/dev/sdb1")], ..state() };
    let bind = Mounted { subdirectory: Some("/x".into()), ..at(PATH, "/dev/drbd0") };
    let user = User { pid: "7".into(), command: "etcd".into(), how: "mount".into(), path: "/data".into() };
    let blank = State { block: Block { signature: None, ..state().block }, ..state() };
    let secondary = Block {
        bytes: None,
        closed: Some("blockdev: cannot open /dev/drbd0: Wrong medium type".into()),
        role: Some("Secondary".into()),
        signature: None,
        ..state().block
    };
    let everything_wrong = State {
        block: secondary,
        elsewhere: vec![at("/mnt", "/dev/drbd0")],
        nested: vec![format!("{PATH}/a")],
        users: vec![user.clone()],
        ..state()
    };
    let shown = [
        look("", state()),
        look(", options: [noatime], uuid: 51EE", state()),
        look("", mounted()),
        look(", options: [noatime]", mounted()),
        look("", wrong),
        look("", State { at_path: vec![bind], ..state() }),
        look(", uuid: 0000", state()),
        look(", uuid: 0000", mounted()),
        look(", type: xfs", state()),
        look("", blank),
        look("", State { directory: "missing".into(), ..state() }),
        look("", State { real_path: "/other".into(), ..state() }),
        look("", everything_wrong),
        look(", state: unmounted", state()),
        look(", state: unmounted", mounted()),
        look(", state: unmounted", State { users: vec![user], ..mounted() }),
        look(", state: unmounted", State { at_path: vec![at(PATH, "/dev/sdb1")], ..state() }),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn the_directory_beneath_is_sealed_only_when_nothing_hides_it() {
    let beneath = |immutable, entries: &[&str], aside| State {
        beneath: Some(Beneath { immutable, entries: entries.iter().map(|name| (*name).to_owned()).collect(), aside }),
        ..state()
    };
    let shown = [
        look(", underlay: sealed", beneath(false, &[], false)),
        look(", underlay: sealed", beneath(false, &["data"], false)),
        look(", underlay: sealed", beneath(true, &["data"], false)),
        look(", underlay: sealed", beneath(false, &["data"], true)),
        look(", underlay: sealed", beneath(true, &[], true)),
        look(", underlay: sealed", State { directory: "missing".into(), ..beneath(false, &[], true) }),
        look(", underlay: sealed, state: unmounted", beneath(true, &[], true)),
        look(", underlay: sealed, state: unmounted", beneath(false, &["data"], false)),
        look(", underlay: open, state: unmounted", beneath(true, &[], true)),
        look(", underlay: open, state: unmounted", beneath(true, &[], false)),
        look(", underlay: open, state: unmounted", beneath(false, &["data"], false)),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn units_are_written_where_they_differ() {
    let persist = ", persist: {marker: /etc/drbd.d/cke_etcd0.primary}";
    let params: Params = serde_yaml::from_str(&format!("{{device: /dev/drbd0, path: {PATH}{persist}}}")).unwrap();
    let wanted = params.boot(testing::pair_context().facts()).unwrap().units();
    let unit = |index: usize, text: Option<&str>, enabled| Unit {
        name: wanted[index].0.clone(),
        text: text.map(str::to_owned),
        enabled,
    };
    let units = |units| State { at_path: vec![at(PATH, "/dev/drbd0")], units, ..state() };
    let right = |index: usize| Some(wanted[index].1.as_str());
    let shown = [
        look(persist, units(vec![unit(0, None, false), unit(1, None, false)])),
        look(persist, units(vec![unit(0, Some("# Written by cutover. old\n"), true), unit(1, right(1), true)])),
        look(persist, units(vec![unit(0, right(0), false), unit(1, right(1), true)])),
        look(persist, units(vec![unit(0, right(0), true), unit(1, right(1), true)])),
    ];
    insta::assert_snapshot!(shown.concat());
    let foreign = look(persist, units(vec![unit(0, Some("[Mount]\nWhat=/dev/sdz\n"), true), unit(1, right(1), true)]));
    assert!(foreign.contains("blocked: /etc/systemd/system/data-vmdata-hpvolumes-pvc"), "{foreign}");
    assert!(foreign.contains(".mount was not written by cutover, and would be lost"), "{foreign}");
}

#[test]
fn contradictions_are_shown_where_they_stand() {
    let cases = [
        ("{device: /dev/drbd0, path: data}", "/path"),
        ("{device: /dev/drbd0, path: /}", "/path"),
        ("{device: /dev/drbd0, path: /data/}", "/path"),
        ("{device: /dev/drbd0, path: /data/../etc}", "/path"),
        ("{device: /dev/drbd0, path: /data, underlay: open}", "/underlay"),
        ("{device: /dev/drbd0, path: /data, state: unmounted, persist: {marker: /m}}", "/persist"),
    ];
    for (yaml, pointer) in cases {
        let params: Params = serde_yaml::from_str(yaml).unwrap();
        let failure = params.check().unwrap_err();
        assert_eq!(failure.pointer.as_deref(), Some(pointer), "{yaml}");
    }
}
