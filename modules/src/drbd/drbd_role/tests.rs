//! What `drbd_role` decides, for both ends as data.

use super::*;
use crate::support::drbd::testing::{BLANK, DIVERGED, NEWER, SAME, end, seen, unreachable};
use crate::testing;

const FIRST: &str = "role: primary, initial: true";
const FENCED: &str = "role: primary, fenced: \"J. Doe: power is off\"";
const LOSS: &str = "role: primary, accept_data_loss: \"ticket 7\"";
const SYNCED: &str = "Secondary UpToDate Connected Secondary UpToDate Established";
const ALONE: &str = "Secondary UpToDate Connecting Unknown DUnknown Off";
const APART: &str = "Secondary UpToDate StandAlone Unknown DUnknown Off";
const MET: &str = "Secondary Inconsistent Connected Secondary Inconsistent Established";
const FOLLOWS: &str = "Secondary UpToDate Connected Primary UpToDate Established";
const LEADS: &str = "Primary UpToDate Connected Secondary UpToDate Established";

fn look(title: &str, more: &str, own: End, peer: Option<Peer>) -> String {
    show(title, more, State { own, peer, traces: Vec::new(), mounted: Vec::new() })
}

fn show(title: &str, more: &str, state: State) -> String {
    let params: Params = serde_yaml::from_str(&format!("{{{more}}}")).expect("the parameters are right");
    DrbdRole::judge(&params).expect("the parameters agree");
    format!("-- {title} ({more})\n{}", testing::show(&DrbdRole.diff(testing::pair_context().facts(), &params, &state)))
}

#[test]
fn promotion_looks_at_both_ends() {
    let primary = "role: primary";
    let synced = || end(SYNCED, SAME);
    let shown = [
        look("in sync", primary, synced(), Some(seen(SYNCED, SAME))),
        look("Primary already", primary, end(LEADS, SAME), Some(seen(FOLLOWS, SAME))),
        look(
            "Primary already, the peer gone",
            primary,
            end("Primary UpToDate Connecting Unknown DUnknown Off", SAME),
            Some(unreachable()),
        ),
        look(
            "two Primaries",
            primary,
            end("Primary UpToDate StandAlone Unknown DUnknown Off", NEWER),
            Some(seen("Primary UpToDate StandAlone Unknown DUnknown Off", DIVERGED)),
        ),
        look("not up", primary, end("down", ""), None),
        look("the peer is Primary", primary, end(FOLLOWS, SAME), Some(seen(LEADS, SAME))),
        look("the peer is Primary and declared fenced", FENCED, end(FOLLOWS, SAME), Some(seen(LEADS, SAME))),
        look(
            "not connected, the peer is Primary",
            primary,
            end(ALONE, SAME),
            Some(seen("Primary UpToDate Connecting Unknown DUnknown Off", NEWER)),
        ),
        look("the link says that the peer is Primary", primary, end(FOLLOWS, SAME), Some(unreachable())),
        look("the link to a fenced peer is still up", FENCED, end(FOLLOWS, SAME), Some(unreachable())),
        look("the peer is gone", primary, end(ALONE, SAME), Some(unreachable())),
        look("the peer is gone and fenced", FENCED, end(ALONE, SAME), Some(unreachable())),
        look("only DRBD reaches the peer", primary, synced(), Some(unreachable())),
        look("the peer is down, same data", primary, end(ALONE, SAME), Some(seen("down", SAME))),
        look("the peer is down and holds newer data", primary, end(ALONE, SAME), Some(seen("down", NEWER))),
        look("the peer is down and holds newer data", LOSS, end(ALONE, SAME), Some(seen("down", NEWER))),
        look("the peer is down and not configured", primary, end(ALONE, SAME), Some(seen("down", ""))),
        look("split brain", primary, end(APART, NEWER), Some(seen(APART, DIVERGED))),
        look("split brain", LOSS, end(APART, NEWER), Some(seen(APART, DIVERGED))),
        look("disconnected, same data", primary, end(APART, SAME), Some(seen(APART, SAME))),
        look(
            "outdated, peer Primary, not connected",
            primary,
            end("Secondary Outdated Connecting Unknown DUnknown Off", SAME),
            Some(seen("Primary UpToDate Connecting Unknown DUnknown Off", NEWER)),
        ),
        look(
            "in the middle of a resync",
            primary,
            end("Secondary Inconsistent Connected Secondary UpToDate SyncTarget done:43.21", SAME),
            Some(seen("Secondary UpToDate Connected Secondary Inconsistent SyncSource", NEWER)),
        ),
        look(
            "in the middle of a resync",
            LOSS,
            end("Secondary Inconsistent Connected Secondary UpToDate SyncTarget done:43.21", SAME),
            Some(seen("Secondary UpToDate Connected Secondary Inconsistent SyncSource", NEWER)),
        ),
        look(
            "outdated, the peer is gone and fenced",
            FENCED,
            end("Secondary Outdated Connecting Unknown DUnknown Off", SAME),
            Some(unreachable()),
        ),
        look(
            "outdated, the peer is gone and fenced",
            &format!("{FENCED}, accept_data_loss: \"ticket 7\""),
            end("Secondary Outdated Connecting Unknown DUnknown Off", SAME),
            Some(unreachable()),
        ),
        look(
            "no disk",
            LOSS,
            end("Secondary Diskless Connected Secondary UpToDate Established", ""),
            Some(seen(SYNCED, SAME)),
        ),
    ];
    insta::assert_snapshot!(shown.concat());
}

/// As DRBD 9.2.18 has reported it with `quorum majority` inherited, after the Primary was killed.
#[test]
fn without_quorum_it_takes_force_and_a_word() {
    let lost = || end("Secondary UpToDate Connecting Unknown DUnknown Off quorum:no may_promote:no", SAME);
    let both = format!("{FENCED}, accept_no_quorum: \"ticket 7\"");
    let shown = [
        look("the peer is gone", "role: primary", lost(), Some(unreachable())),
        look("the peer is gone and fenced", FENCED, lost(), Some(unreachable())),
        look("the peer is gone and fenced, and quorum is given up", &both, lost(), Some(unreachable())),
        look("the peer answers after all", &both, lost(), Some(seen("down", SAME))),
        look("there is a quorum", &both, end(ALONE, SAME), Some(unreachable())),
        look(
            "DRBD says no for another reason",
            FENCED,
            end("Secondary UpToDate Connecting Unknown DUnknown Off may_promote:no", SAME),
            Some(unreachable()),
        ),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn the_first_promotion_is_for_two_blank_disks_that_have_met() {
    let met = || end(MET, BLANK);
    let traces = |site: &str, lines: &[&str]| {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Traces { place: Place::node(site, "worker01"), lines }
    };
    let case = |own: End, peer: Peer, lines: &[&str]| {
        let traces = vec![traces("primary", &[]), traces("standby", lines)];
        State { own, peer: Some(peer), traces, mounted: Vec::new() }
    };
    let with = |lines: &[&str]| case(met(), seen(MET, BLANK), lines);
    let first = |title: &str, own: End, peer: Peer| show(title, FIRST, case(own, peer, &[]));
    let apart = "Secondary Inconsistent Connecting Unknown DUnknown Off";
    let shown = [
        show("two blank disks", FIRST, with(&[])),
        look("without saying so", "role: primary", met(), Some(seen(MET, BLANK))),
        show("something on a disk", FIRST, with(&["sdc 0x438 ext4"])),
        first("not connected", end(apart, BLANK), seen("down", BLANK)),
        look("the peer does not answer", FIRST, end(apart, BLANK), Some(unreachable())),
        first(
            "the peer has data",
            end("Secondary Inconsistent Connected Secondary UpToDate SyncTarget done:3", BLANK),
            seen("Secondary UpToDate Connected Secondary Inconsistent SyncSource", SAME),
        ),
        first("this end had data", end(MET, SAME), seen(MET, BLANK)),
        first(
            "the peer is Primary and has data",
            end("Secondary Inconsistent Connected Primary UpToDate SyncTarget done:3", BLANK),
            seen("Primary UpToDate Connected Secondary Inconsistent SyncSource", SAME),
        ),
        first("done, once more", end(LEADS, SAME), seen(FOLLOWS, SAME)),
        first("done, and demoted since", end(SYNCED, SAME), seen(SYNCED, SAME)),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn demotion_names_what_holds_the_device() {
    let secondary = "role: secondary";
    let user = User { pid: "7".into(), command: "etcd".into(), how: "mount".into(), path: "/data".into() };
    let held = |users| State {
        own: end(LEADS, SAME),
        peer: None,
        traces: Vec::new(),
        mounted: vec![Holder { target: "/data/vmdata/hpvolumes/pvc-1".into(), users }],
    };
    let shown = [
        look("Primary", secondary, end(LEADS, SAME), None),
        look("Secondary", secondary, end(SYNCED, SAME), None),
        look("not up", secondary, end("down", ""), None),
        show("mounted", secondary, held(Vec::new())),
        show("mounted and in use", secondary, held(vec![user])),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn contradictions_are_shown_where_they_stand() {
    let cases = [
        ("{role: primary, fenced: ' '}", "/fenced"),
        ("{role: primary, accept_data_loss: ''}", "/accept_data_loss"),
        ("{role: primary, initial: true, fenced: x}", "/fenced"),
        ("{role: primary, initial: true, accept_data_loss: x}", "/accept_data_loss"),
        ("{role: secondary, fenced: x}", "/fenced"),
        ("{role: primary, accept_no_quorum: x}", "/accept_no_quorum"),
        ("{role: primary, fenced: x, accept_no_quorum: ''}", "/accept_no_quorum"),
        ("{role: secondary, initial: true}", "/initial"),
    ];
    for (yaml, pointer) in cases {
        let params: Params = serde_yaml::from_str(yaml).unwrap();
        assert_eq!(DrbdRole::judge(&params).unwrap_err().pointer.as_deref(), Some(pointer), "{yaml}");
    }
}
