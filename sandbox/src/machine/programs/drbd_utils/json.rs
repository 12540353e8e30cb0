//! `drbdsetup status --json` of DRBD 9, in drbdsetup's own layout.

use super::events::{eta, in_flight};
use super::view::{Sync, View};

/// All resources.
pub(super) fn print(views: &[View<'_>]) -> String {
    format!("[\n{}]\n\n", views.iter().map(resource).collect::<Vec<_>>().join(",\n"))
}

fn resource(view: &View<'_>) -> String {
    let own = view.own;
    let name = quote(&own.name);
    let mut text =
        format!("{{\n  \"name\": {name},\n  \"node-id\": {},\n  \"role\": \"{}\",\n", own.node_id, view.role());
    for field in [
        "suspended",
        "suspended-user",
        "suspended-no-data",
        "suspended-fencing",
        "suspended-quorum",
        "force-io-failures",
    ] {
        text += &format!("  \"{field}\": false,\n");
    }
    text += "  \"write-ordering\": \"flush\",\n";
    text + &format!("  \"devices\": [\n{} ],\n  \"connections\": [\n{} ]\n}}\n", device(view), connection(view))
}

fn quote(word: &str) -> String {
    serde_json::Value::from(word).to_string()
}

/// Members of an object at an indent, one a line.
fn members(indent: usize, members: &[(&str, String)]) -> String {
    let line = |(name, value): &(&str, String)| format!("{:indent$}\"{name}\": {value}", "");
    members.iter().map(line).collect::<Vec<_>>().join(",\n")
}

fn device(view: &View<'_>) -> String {
    let own = view.own;
    let fields = members(
        6,
        &[
            ("volume", "0".to_owned()),
            ("minor", own.minor.to_string()),
            ("disk-state", format!("\"{}\"", own.disk_state)),
            ("client", "false".to_owned()),
            ("quorum", view.own.has_quorum().to_string()),
            ("size", view.size_kib().to_string()),
            ("read", own.sent_kib.to_string()),
            ("written", own.received_kib.to_string()),
            ("al-writes", "0".to_owned()),
            ("bm-writes", "0".to_owned()),
            ("upper-pending", "0".to_owned()),
            ("lower-pending", "0".to_owned()),
        ],
    );
    format!("    {{\n{fields}\n    }}")
}

fn connection(view: &View<'_>) -> String {
    let own = view.own;
    let before = members(6, &[("peer-node-id", own.peer.node_id.to_string()), ("name", quote(&own.peer.name))]);
    let after = members(
        6,
        &[
            ("congested", "false".to_owned()),
            ("peer-role", format!("\"{}\"", view.peer_role())),
            ("ap-in-flight", "0".to_owned()),
            ("rs-in-flight", in_flight(view).to_string()),
        ],
    );
    // The blank after the comma is drbdsetup's.
    let state = format!("      \"connection-state\": \"{}\", ", own.connection);
    format!("    {{\n{before},\n{state}\n{after},\n      \"peer_devices\": [\n{} ]\n    }}", peer_device(view))
}

fn peer_device(view: &View<'_>) -> String {
    let own = view.own;
    let (sync, out, size) = (view.sync(), view.out_of_sync_kib(), view.size_kib());
    let verifies = sync.is_some() && own.replication.to_string().starts_with("Verify");
    let in_sync = if size == 0 { 0.0 } else { 100.0 * (1.0 - out as f64 / size as f64) };
    let mut fields = vec![
        ("volume", "0".to_owned()),
        ("replication-state", format!("\"{}\"", own.replication)),
        ("peer-disk-state", format!("\"{}\"", view.peer_disk())),
        ("peer-client", "false".to_owned()),
        ("resync-suspended", "\"no\"".to_owned()),
        ("received", own.received_kib.to_string()),
        ("sent", own.sent_kib.to_string()),
        ("out-of-sync", out.to_string()),
        ("pending", "0".to_owned()),
        ("unacked", "0".to_owned()),
        ("has-sync-details", sync.is_some().to_string()),
        ("has-online-verify-details", verifies.to_string()),
        ("percent-in-sync", format!("{in_sync:.2}")),
    ];
    if let Some(sync) = sync {
        fields.extend(details(sync));
    }
    format!("        {{\n{}\n        }}", members(10, &fields))
}

fn details(sync: Sync) -> Vec<(&'static str, String)> {
    let (millis, done) = (sync.millis.to_string(), (sync.total_kib - sync.left_kib) * 2);
    let pace = format!("{:.2}", sync.pace);
    vec![
        ("rs-total", (sync.total_kib * 2).to_string()),
        ("rs-dt-start-ms", millis.clone()),
        ("rs-paused-ms", "0".to_owned()),
        ("rs-dt0-ms", millis.clone()),
        ("rs-db0-sectors", done.to_string()),
        ("rs-dt1-ms", millis),
        ("rs-db1-sectors", done.to_string()),
        ("rs-failed", "0".to_owned()),
        ("rs-same-csum", "0".to_owned()),
        ("want", "0.00".to_owned()),
        ("db0/dt0 [MiB/s]", pace.clone()),
        ("db1/dt1 [MiB/s]", pace.clone()),
        ("estimated-seconds-to-finish", if sync.pace > 0.0 { eta(sync.eta) } else { "987654321".to_owned() }),
        ("db/dt [MiB/s]", pace),
        ("percent-resync-done", format!("{:.2}", sync.done)),
    ]
}
