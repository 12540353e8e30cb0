//! What `drbd_resource` decides, for states as data.

use super::*;
use crate::support::drbd::testing::{BLANK, DIVERGED, NEWER, SAME, end, seen, unreachable};
use crate::support::storage::block::Signature;
use crate::testing;

const CONNECTING: &str = "Secondary Inconsistent Connecting Unknown DUnknown Off";
const ALONE: &str = "Secondary UpToDate StandAlone Unknown DUnknown Off";
const LEADS: &str = "Primary UpToDate Connected Secondary UpToDate Established";

fn wanted(generation: Generation) -> String {
    let cx = testing::pair_context();
    let (pair, own, peer) = cx.pair().unwrap();
    config::render(pair, (own, peer), generation, &BTreeMap::new())
}

/// A node before anything was done: no file, a blank disk, nothing in the kernel.
fn fresh() -> State {
    let disk = Block { bytes: Some(20 << 30), ..Block::named("/dev/sdc") };
    State {
        version: Version { kernel: Some("9.2.14".into()), generation: Some(Generation::V9), tools: "9.22.0".into() },
        hostname: "worker01".into(),
        text: None,
        defined_at: None,
        fault: None,
        refused: None,
        disk,
        also_named: Vec::new(),
        attached_as: None,
        peer_bytes: Some(20 << 30),
        collisions: Vec::new(),
        peer_collisions: Vec::new(),
        own: End::default(),
        peer: None,
        pending: Vec::new(),
        mounted: Vec::new(),
        boot: None,
    }
}

fn signed(kind: &str) -> Block {
    Block { signature: Some(Signature { kind: kind.into(), ..Signature::default() }), ..fresh().disk }
}

/// A node with its file and metadata, and the resource as given.
fn there(words: &str, generations: &str) -> State {
    State {
        text: Some(wanted(Generation::V9)),
        defined_at: Some("/etc/drbd.d/cke_etcd0.res".into()),
        disk: signed("drbd"),
        own: end(words, generations),
        ..fresh()
    }
}

fn look(title: &str, more: &str, state: State) -> String {
    let params: Params = serde_yaml::from_str(&format!("{{{more}}}")).expect("the parameters are right");
    settings::check(&params).expect("the parameters agree");
    format!(
        "-- {title} ({more})\n{}",
        testing::show(&DrbdResource.diff(testing::pair_context().facts(), &params, &state))
    )
}

#[test]
fn it_comes_up_from_nothing_and_from_anywhere_between() {
    let create = "create_metadata: true";
    let eight = Version { kernel: Some("8.4.11".into()), generation: Some(Generation::V84), tools: "9.22.0".into() };
    let shown = [
        look("from nothing", create, fresh()),
        look("from nothing, 8.4", create, State { version: eight, ..fresh() }),
        look(
            "with settings",
            "create_metadata: true, verify_alg: crc32c, net: {ping-timeout: 30, data-integrity-alg: sha256}, file: /etc/drbd.d/e.res",
            fresh(),
        ),
        look("metadata is there", create, there("down", BLANK)),
        look("an old blkid sees what is beneath", create, State { disk: signed("ext4"), ..there("down", SAME) }),
        look("up", create, there(CONNECTING, BLANK)),
        look("up, Primary, in use", "", there(LEADS, SAME)),
        look(
            "up without a disk",
            create,
            State {
                pending: vec!["drbdsetup attach 0 /dev/sdc /dev/sdc internal".into()],
                ..there("Secondary Diskless Connecting Unknown DUnknown Off", "")
            },
        ),
        look(
            "up without a disk and metadata",
            create,
            State {
                disk: fresh().disk,
                pending: vec!["drbdsetup attach 0 /dev/sdc /dev/sdc internal".into()],
                ..there("Secondary Diskless Connecting Unknown DUnknown Off", "")
            },
        ),
        look("up, not at boot", "at_boot: true", State { boot: Some("disabled".into()), ..there(LEADS, SAME) }),
        look(
            "from nothing, and at boot",
            "create_metadata: true, at_boot: true",
            State { boot: Some("disabled".into()), ..fresh() },
        ),
        look("up, at boot too", "at_boot: true", State { boot: Some("enabled".into()), ..there(LEADS, SAME) }),
        look(
            "drbd-utils without that unit",
            "at_boot: true",
            State {
                boot: Some("Failed to get unit file state for drbd@etcd0.target: No such file or directory".into()),
                ..there(LEADS, SAME)
            },
        ),
        look("up, the disk failed", "", there("Secondary Diskless Connected Primary UpToDate Established", "")),
        look("attaching", "", there("Secondary Attaching Connecting Unknown DUnknown Off", "")),
        look("up, the settings changed", "verify_alg: crc32c", there(LEADS, SAME)),
        look(
            "up, the kernel differs",
            "",
            State {
                pending: vec!["drbdsetup net-options etcd0 2 --set-defaults --protocol=C".into()],
                ..there(LEADS, SAME)
            },
        ),
        look("disconnected", "", State { peer: Some(seen(ALONE, SAME)), ..there(ALONE, SAME) }),
        look(
            "attached, never connected",
            "",
            State {
                peer: Some(seen("down", BLANK)),
                pending: vec!["drbdsetup connect etcd0 2".into()],
                ..there("Secondary Inconsistent StandAlone Unknown DUnknown Off", BLANK)
            },
        ),
        look(
            "never connected, the peer gone",
            "",
            State {
                peer: Some(unreachable()),
                ..there("Secondary Inconsistent StandAlone Unknown DUnknown Off", BLANK)
            },
        ),
        look(
            "Primary StandAlone, the peer follows",
            "",
            State {
                peer: Some(seen("Secondary UpToDate Connecting Unknown DUnknown Off", SAME)),
                ..there("Primary UpToDate StandAlone Unknown DUnknown Off", NEWER)
            },
        ),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn all_reasons_against_it_are_given() {
    let create = "create_metadata: true";
    let no_module = Version { kernel: None, generation: None, tools: "9.22.0".into() };
    let elsewhere = State { text: Some(wanted(Generation::V9).replace("/dev/sdc", "/dev/sdd")), ..there(LEADS, SAME) };
    let secret = State { text: Some("resource etcd0 { net { shared-secret x; } }".into()), ..there("down", SAME) };
    let missing = Block {
        bytes: None,
        closed: Some("blockdev: cannot open /dev/sdc: No such file or directory".into()),
        ..fresh().disk
    };
    let everything = State {
        hostname: "worker02".into(),
        defined_at: Some("/etc/drbd.d/etcd0.res".into()),
        disk: signed("LVM2_member"),
        peer_bytes: Some(30 << 30),
        collisions: vec![Text::verbatim("/dev/drbd0 is the device of redis0")],
        peer_collisions: vec![Text::verbatim("/dev/sdc is the disk of redis0")],
        ..fresh()
    };
    let shown = [
        look("everything", create, everything),
        look("no module", create, State { version: no_module, hostname: "x".into(), ..fresh() }),
        look("no leave to create metadata", "", fresh()),
        look("no disk", create, State { disk: missing, ..fresh() }),
        look(
            "8.4 would connect again after a split brain",
            "",
            State {
                peer: Some(seen(ALONE, DIVERGED)),
                pending: vec![
                    "drbdsetup-84 connect etcd0 ipv4:172.16.1.1:7790 ipv4:172.16.2.1:7790 --protocol=C".into(),
                ],
                ..there(ALONE, NEWER)
            },
        ),
        look(
            "data that no tool knows",
            "create_metadata: true",
            State { disk: Block { unknown: true, ..fresh().disk }, ..fresh() },
        ),
        look(
            "a stale file names another disk",
            create,
            State {
                text: Some(wanted(Generation::V9).replace("/dev/sdc", "/dev/sdd")),
                own: end("down", SAME),
                disk: signed("ext4"),
                ..fresh()
            },
        ),
        look("nearly one size", create, State { peer_bytes: Some((20 << 30) - (1 << 20)), ..fresh() }),
        look("up with another disk", create, elsewhere),
        look("a secret in the file", create, secret),
        look(
            "another file is broken",
            create,
            State { fault: Some("/etc/drbd.d/x.res:3: Parse error".into()), ..fresh() },
        ),
        look(
            "the own file is broken and will be replaced",
            create,
            State {
                fault: Some("/etc/drbd.d/cke_etcd0.res:3: Parse error".into()),
                text: Some("resorce".into()),
                ..fresh()
            },
        ),
        look(
            "Primary, and adjusting would detach",
            "",
            State { pending: vec!["drbdsetup detach 0".into()], mounted: vec!["/data".into()], ..there(LEADS, SAME) },
        ),
        look(
            "split brain",
            "",
            State {
                peer: Some(seen(ALONE, DIVERGED)),
                pending: vec!["drbdsetup connect etcd0 2".into()],
                ..there(ALONE, NEWER)
            },
        ),
        look("StandAlone, the peer gone", "", State { peer: Some(unreachable()), ..there(ALONE, NEWER) }),
        look("down", "state: down", there("down", SAME)),
        look("down from up", "state: down", there(ALONE, SAME)),
        look("down from Primary", "state: down", State { mounted: vec!["/data".into()], ..there(LEADS, SAME) }),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn settings_are_checked_where_they_stand() {
    let cases = [
        ("{file: cke_etcd0.res}", "/file"),
        ("{file: /etc/drbd.d/etcd0.conf}", "/file"),
        ("{file: /etc/drbd.d/../x.res}", "/file"),
        ("{state: down, create_metadata: true}", "/create_metadata"),
        ("{state: down, at_boot: true}", "/at_boot"),
        ("{verify_alg: 'crc32c; } junk'}", "/verify_alg"),
        ("{net: {shared-secret: x}}", "/net/shared-secret"),
        ("{net: {protocol: A}}", "/net/protocol"),
        ("{net: {allow-two-primaries: true}}", "/net/allow-two-primaries"),
        ("{net: {verify-alg: sha1}}", "/net/verify-alg"),
        ("{net: {after-sb-1pri: discard-secondary}}", "/net/after-sb-1pri"),
        ("{net: {after-sb-2pri: violently-as0p}}", "/net/after-sb-2pri"),
        ("{net: {rr-conflict: violently}}", "/net/rr-conflict"),
        ("{net: {timeout: '60; }'}}", "/net/timeout"),
        ("{net: {'a b': 1}}", "/net/a b"),
    ];
    for (yaml, pointer) in cases {
        let params: Params = serde_yaml::from_str(yaml).unwrap();
        assert_eq!(settings::check(&params).unwrap_err().pointer.as_deref(), Some(pointer), "{yaml}");
    }
    let good = "{net: {after-sb-0pri: discard-zero-changes, tcp-cork: false, connect-int: 5}}";
    let params: Params = serde_yaml::from_str(good).unwrap();
    assert!(settings::check(&params).is_ok());
    assert_eq!(params.net["tcp-cork"].to_string(), "no");
}

#[test]
fn a_file_with_more_than_is_named_is_refused_up_and_down() {
    let text = wanted(Generation::V9).replacen("    on ", "    disk {\n        on-io-error detach;\n    }\n    on ", 1);
    for words in ["down", CONNECTING, LEADS] {
        let shown = look(words, "create_metadata: true", State { text: Some(text.clone()), ..there(words, SAME) });
        assert!(shown.contains("blocked: /etc/drbd.d/cke_etcd0.res on primary/worker01 holds what"), "{shown}");
        assert!(shown.contains("`disk { on-io-error detach }`"), "{shown}");
    }
}

/// The files by which DRBD 9.2.18 has lost a volume, and a peer, when they were rewritten while the resource was down.
#[test]
fn more_volumes_or_peers_are_never_written_away() {
    let ours = wanted(Generation::V9);
    let (_, by_hand) = ours.split_once('\n').unwrap();
    let volume = |n: u32, disk: &str| format!("volume {n} {{ device /dev/drbd{n}; disk {disk}; }}");
    let volumes = by_hand.replace(
        "device /dev/drbd0;\n        disk /dev/sdc;",
        &format!("{} {}", volume(0, "/dev/sdc"), volume(1, "/dev/sdd")),
    );
    let third = "    on far { device /dev/drbd0; disk /dev/sdc; address 10.0.0.9:7790; node-id 3; }\n\
                 connection-mesh { hosts worker01 remote_172.16.2.1 far; }\n}";
    let peers = format!("{}{third}", by_hand.trim_end().trim_end_matches('}'));
    let cases = [
        (volumes, "`on worker01: volume 1 { device /dev/drbd1; disk /dev/sdd }`"),
        (peers, "`on far`, `connection-mesh { hosts worker01 remote_172.16.2.1 far }`"),
        (format!("{by_hand}include \"more.res\";\n"), "`include more.res`"),
    ];
    for (text, words) in cases {
        for words_of in ["down", CONNECTING] {
            let state = State { text: Some(text.clone()), ..there(words_of, SAME) };
            let shown = look(words_of, "", state);
            assert!(shown.contains("rewriting it would lose that") && shown.contains(words), "{shown}");
            assert!(!shown.contains("change"), "{shown}");
        }
    }
}

#[test]
fn a_file_that_asks_for_a_quorum_is_refused() {
    let text = wanted(Generation::V9).replace("quorum off", "quorum majority");
    for words in ["down", CONNECTING, LEADS] {
        let shown = look(words, "create_metadata: true", State { text: Some(text.clone()), ..there(words, SAME) });
        assert!(shown.contains("asks for `quorum majority`: of two nodes the one that is left has none"), "{shown}");
    }
}

#[test]
fn what_the_tools_do_not_accept_is_not_written() {
    let words = "line 6: Parse error: 'an option keyword' expected, but got 'bogus-option'";
    for state in ["down", LEADS] {
        let refused = State { refused: Some(words.into()), ..there(state, SAME) };
        let shown = look(state, "net: {bogus-option: 3}", refused);
        assert!(shown.contains("does not accept what /etc/drbd.d/cke_etcd0.res is to hold (line 6: "), "{shown}");
        assert!(!shown.contains("change"), "{shown}");
    }
}

#[test]
fn a_disk_keeps_the_name_by_which_it_is_attached() {
    let by_hand = wanted(Generation::V9).replacen("disk /dev/sdc", "disk /dev/vdb", 1);
    let as_named = |state: &str, attached_as: Option<&str>| State {
        text: Some(by_hand.clone()),
        also_named: vec!["/dev/vdb".into()],
        attached_as: attached_as.map(str::to_owned),
        ..there(state, SAME)
    };
    let shown = look("up", "", as_named(LEADS, Some("/dev/vdb")));
    assert!(shown.contains("in sync"), "{shown}");
    let shown = look("up, and a setting", "verify_alg: crc32c", as_named(LEADS, Some("/dev/vdb")));
    assert!(shown.contains("adjust etcd0") && !shown.contains("-        disk /dev/vdb"), "{shown}");
    // Down, nothing is attached by any name.
    let shown = look("down", "", as_named("down", None));
    assert!(shown.contains("-        disk /dev/vdb;\n") && shown.contains("+        disk /dev/sdc;\n"), "{shown}");
}

#[test]
fn a_setting_that_the_tools_refused_may_be_undone() {
    let text = wanted(Generation::V9).replace("allow-two", "bogus-option 3;\n        allow-two");
    let fault = "drbd.d/cke_etcd0.res:6: Parse error: 'an option keyword' expected, but got 'bogus-option'";
    let broken = State { text: Some(text.clone()), fault: Some(fault.into()), ..there(LEADS, SAME) };
    let shown = look("broken", "", broken);
    assert!(shown.contains("rewrite /etc/drbd.d/cke_etcd0.res and adjust etcd0"), "{shown}");
    let (_, by_hand) = text.split_once('\n').unwrap();
    let shown = look("whole", "", State { text: Some(by_hand.to_owned()), ..there(LEADS, SAME) });
    assert!(shown.contains("would lose that: `net { bogus-option 3 }`"), "{shown}");
}
