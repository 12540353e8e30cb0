//! Which member an endpoint leads to, and what can be seen of it.

use cutover_engine::world::Place;

use crate::cluster::Clusters;
use crate::cluster::key;
use crate::machine::Machines;
use crate::machine::program::Call;
use crate::machine::programs::options::Options;
use crate::services::etcd::data::Data;
use crate::services::etcd::disk::DB;
use crate::services::etcd::group::Member;
use crate::services::etcd::groups::Groups;

/// A member that answers.
pub(super) struct Seen {
    /// The key of its group.
    pub(super) group: String,
    /// Its pod's UID.
    pub(super) uid: String,
    /// Its data.
    pub(super) data: Data,
    /// The leader's id; 0 if there is none.
    pub(super) leader: u64,
    /// The size of its database file.
    pub(super) size: u64,
    /// etcd's version.
    pub(super) version: String,
}

/// The endpoints that a command line names.
///
/// # Errors
/// Nobody answers who could name the cluster's.
pub(super) fn endpoints(call: &Call<'_, Clusters>, options: &Options) -> Result<Vec<String>, String> {
    if options.has("cluster") {
        let own = options.value("endpoints").and_then(|list| list.split(',').next()).unwrap_or("127.0.0.1:2379");
        let seen = look(call, own).ok_or("failed to fetch endpoints from etcd cluster member list")?;
        let mut members = seen.data.members;
        members.sort_by_key(|member| member.id);
        return Ok(members.into_iter().map(|member| member.client_url).collect());
    }
    let endpoints = options.value("endpoints").unwrap_or("127.0.0.1:2379");
    Ok(endpoints.split(',').map(|endpoint| endpoint.trim().to_owned()).collect())
}

/// The first endpoint's member.
pub(super) fn own(call: &Call<'_, Clusters>, options: &Options) -> Option<Seen> {
    look(call, options.value("endpoints").and_then(|list| list.split(',').next()).unwrap_or("127.0.0.1:2379"))
}

/// The member that answers at an endpoint.
pub(super) fn look(call: &Call<'_, Clusters>, endpoint: &str) -> Option<Seen> {
    let Place::Pod { site, namespace, pod, .. } = call.place else { return None };
    let clusters = call.world.by_site();
    let cluster = clusters.get(site)?;
    let (namespace, pod) = address(endpoint, namespace, pod);
    let object = cluster.get(&key("pods", &namespace, &pod))?;
    let uid = object["metadata"]["uid"].as_str()?;
    let image = object["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
    let (group, members) = cluster.service::<Groups>()?.of(uid)?;
    let leader = members.leader.as_ref().filter(|_| members.serves(uid)).and_then(|leader| members.members.get(leader));
    Some(Seen {
        group: group.clone(),
        uid: uid.to_owned(),
        data: members.members[uid].data.clone(),
        leader: leader.map_or(0, |leader| leader.data.member_id),
        size: size(&call.world.hosts.machines(), site, &members.members[uid]),
        version: image.rsplit(':').next().unwrap_or_default().trim_start_matches('v').to_owned(),
    })
}

/// The version of the pod's image.
pub(super) fn version(call: &Call<'_, Clusters>) -> String {
    look(call, "127.0.0.1:2379").map(|seen| seen.version).unwrap_or_default()
}

/// The namespace and pod that an address names: `pod.service.namespace.svc...`, or the pod itself.
fn address(endpoint: &str, namespace: &str, pod: &str) -> (String, String) {
    let host =
        endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest).split([':', '/']).next().unwrap_or_default();
    if matches!(host, "" | "localhost" | "127.0.0.1") {
        return (namespace.to_owned(), pod.to_owned());
    }
    let mut labels = host.split('.');
    let name = labels.next().unwrap_or_default();
    (labels.nth(1).unwrap_or(namespace).to_owned(), name.to_owned())
}

fn size(machines: &Machines, site: &str, member: &Member) -> u64 {
    let machine = machines.named(site, &member.node);
    let path = format!("{}/{DB}", member.volume.path);
    machine.and_then(|machine| machine.stat(&path).ok()).map_or(0, |stat| stat.size)
}
