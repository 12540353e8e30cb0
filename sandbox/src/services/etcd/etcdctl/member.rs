//! `etcdctl member list` and `alarm list`. No simulated member ever raises an alarm.

use serde_json::{Value, json};

use super::{header, timed_out, view, wants_json};
use crate::cluster::Clusters;
use crate::machine::program::{Call, Reply};
use crate::machine::programs::options::Options;

/// `member list`
pub(super) async fn list(call: &Call<'_, Clusters>, options: &Options) -> Reply {
    let Some(seen) = view::own(call, options) else { return timed_out().await };
    let mut members = seen.data.members.clone();
    members.sort_by_key(|member| member.id);
    if wants_json(options) {
        let mut header = header(&seen.data);
        if let Some(fields) = header.as_object_mut() {
            fields.shift_remove("revision");
        }
        let member = |member: &crate::services::etcd::data::MemberInfo| {
            json!({
                "ID": member.id, "name": member.name, "peerURLs": [member.peer_url], "clientURLs": [member.client_url],
            })
        };
        let members: Value = members.iter().map(member).collect();
        return Reply::ok(format!("{}\n", json!({"header": header, "members": members})));
    }
    let line = |member: &crate::services::etcd::data::MemberInfo| {
        format!("{:x}, started, {}, {}, {}, false\n", member.id, member.name, member.peer_url, member.client_url)
    };
    Reply::ok(members.iter().map(line).collect::<String>())
}

/// `alarm list`
pub(super) async fn alarms(call: &Call<'_, Clusters>, options: &Options) -> Reply {
    match view::own(call, options).filter(|seen| seen.leader != 0) {
        None => timed_out().await,
        Some(_) if wants_json(options) => Reply::ok("{}\n"),
        Some(_) => Reply::default(),
    }
}
