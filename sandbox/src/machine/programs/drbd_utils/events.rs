//! `drbdsetup events2 --now`: a line for each object. DRBD 8.4 prints the same lines with fewer fields.

use super::view::View;

/// All objects of some resources, kind by kind.
pub(super) fn print(views: &[View<'_>], statistics: bool) -> String {
    let kinds: [fn(&View<'_>, bool) -> String; 5] = [resource, connection, device, peer_device, path];
    let lines = kinds.iter().flat_map(|kind| views.iter().map(move |view| kind(view, statistics)));
    lines.filter(|line| !line.is_empty()).map(|line| format!("exists {line}\n")).collect::<String>() + "exists -\n"
}

fn resource(view: &View<'_>, statistics: bool) -> String {
    let ordering = if statistics { " write-ordering:flush" } else { "" };
    let text = format!("resource name:{} role:{} suspended:{}", view.own.name, view.role(), view.suspended());
    if view.legacy {
        return text + ordering;
    }
    let (may, score) = view.promotion();
    format!("{text} force-io-failures:no{ordering} may_promote:{may} promotion_score:{score}")
}

fn of_peer(view: &View<'_>, kind: &str) -> String {
    let peer = &view.own.peer;
    let text = format!("{kind} name:{} peer-node-id:{}", view.own.name, peer.node_id);
    if view.forgotten() { text } else { text + &format!(" conn-name:{}", peer.name) }
}

fn connection(view: &View<'_>, statistics: bool) -> String {
    let text = format!("{} connection:{} role:{}", of_peer(view, "connection"), view.own.connection, view.peer_role());
    match (statistics, view.legacy) {
        (false, _) => text,
        (true, true) => text + " congested:no",
        (true, false) => text + &format!(" congested:no ap-in-flight:0 rs-in-flight:{}", in_flight(view)),
    }
}

/// What of a resync is on its way, in sectors.
pub(super) fn in_flight(view: &View<'_>) -> u64 {
    view.sync().map_or(0, |sync| (sync.left_kib * 2).min(128))
}

fn device(view: &View<'_>, statistics: bool) -> String {
    let own = view.own;
    let mut text = format!("device name:{} volume:0 minor:{}", own.name, own.minor);
    if view.legacy {
        text += &format!(" disk:{}", own.disk_state);
    } else {
        let quorum = if own.has_quorum() { "yes" } else { "no" };
        text += &format!(" backing_dev:{} disk:{} client:no quorum:{quorum}", view.backing(), own.disk_state);
    }
    if statistics {
        let (size, read, written) = (view.size_kib(), own.sent_kib, own.received_kib);
        let suspended = if view.legacy && view.just_created() && !view.connected() { "yes" } else { "no" };
        text += &format!(
            " size:{size} read:{read} written:{written} al-writes:0 bm-writes:0 upper-pending:0 lower-pending:0 \
             al-suspended:{suspended} blocked:no"
        );
    }
    text
}

fn peer_device(view: &View<'_>, statistics: bool) -> String {
    let own = view.own;
    let client = if view.legacy { "" } else { " peer-client:no" };
    let mut text = format!(
        "{} volume:0 replication:{} peer-disk:{}{client} resync-suspended:{}",
        of_peer(view, "peer-device"),
        own.replication,
        view.peer_disk(),
        if own.paused { "user" } else { "no" }
    );
    let sync = view.sync().filter(|_| !view.legacy);
    if let Some(sync) = sync {
        text += &format!(" done:{:.2}", sync.done);
    }
    if statistics {
        let (received, sent, out) = (own.received_kib, own.sent_kib, view.out_of_sync_kib());
        text += &format!(" received:{received} sent:{sent} out-of-sync:{out} pending:0 unacked:0");
        if let Some(sync) = sync {
            text += &format!(" dbdt1:{:.2} eta:{}", sync.pace, eta(sync.eta));
        }
    }
    text
}

/// Seconds as C prints them.
pub(super) fn eta(seconds: f64) -> String {
    if seconds.is_nan() { "nan".to_owned() } else { format!("{seconds:.0}") }
}

fn path(view: &View<'_>, _: bool) -> String {
    if view.legacy {
        return String::new();
    }
    let (local, peer) = (&view.own.local, &view.own.peer.endpoint);
    let established = if view.connected() { "yes" } else { "no" };
    format!(
        "{} local:{} peer:{} established:{established}",
        of_peer(view, "path"),
        local.with_family(),
        peer.with_family()
    )
}
