//! `drbdsetup status`: the indented text.

use super::view::View;
use crate::machine::drbd::DiskState;

/// A resource.
pub(super) fn print(view: &View<'_>) -> String {
    let own = view.own;
    let mut text = format!("{} role:{}\n  disk:{}", own.name, view.role(), own.disk_state);
    if own.disk_state == DiskState::Diskless && !view.legacy {
        text += " client:no";
    }
    if !own.has_quorum() {
        text += " quorum:no";
    }
    if view.forgotten() {
        return text + "\n\n";
    }
    text += &format!("\n  {}", own.peer.name);
    if !view.connected() {
        return text + &format!(" connection:{}\n\n", own.connection);
    }
    text += &format!(" role:{}\n   ", view.peer_role());
    if own.replication.is_running() || view.legacy {
        text += &format!(" replication:{}", own.replication);
    }
    text += &format!(" peer-disk:{}", view.peer_disk());
    if view.peer_disk() == DiskState::Diskless && !view.legacy {
        text += " peer-client:no";
    }
    if let Some(sync) = view.sync() {
        let in_sync = || 100.0 * (1.0 - view.out_of_sync_kib() as f64 / view.size_kib().max(1) as f64);
        text += &format!(" done:{:.2}", if view.legacy { in_sync() } else { sync.done });
    }
    if own.paused {
        text += " resync-suspended:user";
    }
    text + "\n\n"
}
