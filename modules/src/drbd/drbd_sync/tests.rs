//! What `drbd_sync` decides, for statuses as data.

use cutover_engine::module::Waiting;

use super::*;
use crate::support::drbd::testing::{BLANK, DIVERGED, NEWER, SAME, end, seen, unreachable};
use crate::testing;

fn look(until: &str, own: End, peer: Option<Peer>) -> String {
    let params: Params = serde_yaml::from_str(&format!("{{until: {until}}}")).expect("the parameters are right");
    let shown = own.status.as_ref().map_or("down".to_owned(), |status| {
        let Status { role, disk, connection, peer_role, peer_disk, replication, .. } = status;
        format!("{role} {disk} {connection} {peer_role} {peer_disk} {replication}")
    });
    let diff = DrbdSync.diff(testing::pair_context().facts(), &params, &State { own, peer });
    let progress = match &diff {
        Diff::Waiting(Waiting { progress: Some(progress), .. }) => {
            format!("  {} %, {:?} s left\n", progress.percent, progress.eta_seconds)
        }
        _ => String::new(),
    };
    format!("-- {until}: {shown}\n{}{progress}", testing::show(&diff))
}

#[test]
fn it_waits_for_what_comes_by_itself_and_refuses_the_rest() {
    let together = |words: &str| look("up_to_date", end(words, SAME), None);
    let connecting = "Secondary Inconsistent Connecting Unknown DUnknown Off";
    let alone = "Secondary UpToDate StandAlone Unknown DUnknown Off";
    let waits = "Secondary UpToDate Connecting Unknown DUnknown Off";
    let shown = [
        together("Primary UpToDate Connected Secondary UpToDate Established"),
        together("Secondary UpToDate Connected Secondary UpToDate VerifyS done:12.5"),
        together("Secondary UpToDate Connected Primary UpToDate VerifyT"),
        together("Primary UpToDate Connected Secondary UpToDate Established out-of-sync:4096"),
        together("Primary UpToDate Connected Secondary UpToDate Established out-of-sync:unknown"),
        together("Primary UpToDate Connected Secondary UpToDate Established suspended:user"),
        together("Primary UpToDate Connected Secondary UpToDate Established suspended:quorum,no-data quorum:no"),
        together("Primary UpToDate Connected Secondary UpToDate Established resync-suspended:user"),
        together("Primary UpToDate Connected Secondary Inconsistent SyncSource done:43.91 out-of-sync:73496 eta:201"),
        together("Secondary Inconsistent Connected Primary UpToDate SyncTarget done:99.99 out-of-sync:4"),
        together("Primary UpToDate Connected Secondary Inconsistent PausedSyncS out-of-sync:65516"),
        together("Secondary Outdated Connected Primary UpToDate WFBitMapT out-of-sync:0"),
        together("Secondary UpToDate Connected Secondary Consistent Established"),
        together("Secondary Inconsistent Connected Secondary Inconsistent Established"),
        together("Primary UpToDate Connected Secondary Diskless Established"),
        together("Primary Inconsistent Connected Secondary UpToDate SyncTarget done:3"),
        together("Secondary UpToDate Connected Primary Inconsistent SyncSource done:3"),
        // As DRBD 9.2.18 was seen under load: the Primary has missed that the other disk is UpToDate again.
        look(
            "up_to_date",
            end("Primary UpToDate Connected Secondary Outdated Established", SAME),
            Some(seen("Secondary UpToDate Connected Primary UpToDate Established", SAME)),
        ),
        look("up_to_date", end("down", ""), None),
        look("connected", end("Secondary Inconsistent Connected Secondary Inconsistent Established", BLANK), None),
        look("connected", end(connecting, BLANK), Some(seen("down", ""))),
        look(
            "connected",
            end(connecting, BLANK),
            Some(seen("Secondary Inconsistent Unconnected Unknown DUnknown Off", BLANK)),
        ),
        look("connected", end(connecting, BLANK), Some(unreachable())),
        look(
            "connected",
            end(connecting, BLANK),
            Some(seen("Secondary Inconsistent StandAlone Unknown DUnknown Off", BLANK)),
        ),
        look("up_to_date", end(alone, SAME), Some(seen(waits, SAME))),
        look("up_to_date", end(alone, NEWER), Some(seen(alone, DIVERGED))),
        look("up_to_date", end(waits, NEWER), Some(seen(alone, DIVERGED))),
        look("up_to_date", end(alone, NEWER), Some(unreachable())),
    ];
    insta::assert_snapshot!(shown.concat());
}
