//! drbdadm's short answers: role, cstate, dstate, get-gi, show-gi.

use super::view::View;
use super::words::{disk_state, generations, role};
use super::{Session, meta, step};
use crate::machine::drbd::{Connection, DiskState, DrbdResource, Metadata, Refusal, Replication, peer_view};

/// What show-gi prints above the numbers.
const ABOVE: &str = "
       +--<  Current data generation UUID  >-
       |               +--<  Bitmap's base data generation UUID  >-
       |               |                 +--<  younger history UUID  >-
       |               |                 |         +-<  older history  >-
       V               V                 V         V
";
/// What show-gi prints beneath them.
const BENEATH: &str = "                                                                    ^ ^ ^ ^ ^ ^ ^ ^ ^ ^ ^ ^
                                      -<  Data consistency flag  >--+ | | | | | | | | | | |
                             -<  Data was/is currently up-to-date  >--+ | | | | | | | | | |
                                  -<  Node was/is currently primary  >--+ | | | | | | | | |
 -<  This node was a crashed primary, and has not seen its peer since  >--+ | | | | | | | |
             -<  The activity-log was applied, the disk can be attached  >--+ | | | | | | |
        -<  The activity-log was disabled, peer is completely out of sync  >--+ | | | | | |
                              -<  This node was primary when it lost quorum  >--+ | | | | |
                                          -<  Node was/is currently connected  >--+ | | | |
                              -<  The peer's disk was out-dated or inconsistent  >--+ | | |
                                 -<   A fence policy other the dont-care was used  >--+ | |
                  -<  Node was in the progress of marking all blocks as out of sync  >--+ |
                     -<  At least once we saw this node with a backing device attached >--+

";

/// Answers a question about a resource.
pub(super) fn answer(session: &mut Session<'_>, verb: &str, wanted: &DrbdResource) -> i32 {
    let end = session.end(&wanted.name);
    let (name, minor, peer) = (&wanted.name, wanted.minor, wanted.peer.node_id);
    let Some(own) = session.state.resource(&end).cloned() else {
        return match verb {
            "dstate" => meta::read(session, wanted, |metadata, _| disk_state(metadata)),
            "get-gi" => meta::read(session, wanted, |metadata, legacy| generations(metadata, None, legacy)),
            "show-gi" => {
                meta::read(session, wanted, |metadata, _| shown(&generations(metadata, None, false), metadata))
            }
            _ if session.legacy => {
                session.stderr += &Refusal::minor_invalid().words(&minor.to_string());
                step::report(session, &format!("{verb} {minor}"), 10)
            }
            "role" => {
                session.stderr += &format!("{name}: Unknown resource\n");
                step::report(session, &format!("role {name}"), 10)
            }
            _ => {
                session.stderr += &format!("{name}: No such connection\n");
                step::report(session, &format!("cstate {name} {peer}"), 10)
            }
        };
    };
    let seen = peer_view(session.state, &end);
    let unconfigured = own.connection == Connection::StandAlone && own.disk_state == DiskState::Diskless;
    let peer_disk = seen.map_or(DiskState::DUnknown, |(_, disk)| disk);
    let text = match verb {
        "role" | "cstate" | "dstate" if session.legacy && unconfigured => "Unconfigured\n".to_owned(),
        "role" if session.legacy => format!("{}/{}\n", role(Some(own.primary)), role(seen.map(|(primary, _)| primary))),
        "role" => format!("{}\n", role(Some(own.primary))),
        "cstate" if session.legacy => format!("{}\n", old_connection(&own)),
        "cstate" => format!("{}\n", own.connection),
        "dstate" => format!("{}/{peer_disk}\n", own.disk_state),
        _ => {
            let Some(view) = View::of(session.state, &end) else { return 20 };
            if let Some(text) = diskless(session, &own, verb) {
                session.stdout += &text;
                return 0;
            }
            let Some(metadata) = view.metadata() else {
                session.stderr += if unconfigured { "Device is unconfigured\n" } else { "Device has no disk\n" };
                return 1;
            };
            let text = generations(metadata, Some(&own), session.legacy);
            if verb == "show-gi" { shown(&text, metadata) } else { text }
        }
    };
    session.stdout += &text;
    0
}

/// The identifiers that DRBD 9's kernel keeps of a disk that was detached.
fn diskless(session: &Session<'_>, own: &DrbdResource, verb: &str) -> Option<String> {
    let without = own.disk_state == DiskState::Diskless && own.connection == Connection::Connected;
    if session.legacy || verb != "get-gi" || !without {
        return None;
    }
    let disk = session.state.written_disk(&session.end(&own.name))?;
    let [current, rest @ ..] = disk.metadata.as_ref()?.generations;
    let identifiers = [current & !1].into_iter().chain(rest).map(|uuid| format!("{uuid:016X}:")).collect::<String>();
    Some(format!("{identifiers}1:0:{}:0:0:0:0:1:0:0:0:1\n", u8::from(own.primary)))
}

/// DRBD 8.4 has one state for connection and replication.
fn old_connection(own: &DrbdResource) -> String {
    match (own.connection, own.replication) {
        (Connection::StandAlone, _) => "StandAlone".to_owned(),
        (Connection::Connecting, _) => "WFConnection".to_owned(),
        (Connection::Connected, Replication::Off | Replication::Established) => "Connected".to_owned(),
        (Connection::Connected, running) => running.to_string(),
    }
}

fn shown(line: &str, metadata: &Metadata) -> String {
    let met = if metadata.agreed_kib.is_some() { "" } else { "zero size device -- never seen peer yet?\n" };
    format!("{ABOVE}{line}{BENEATH}{met}")
}
