//! Exec into pods: whether it gets there, and what a container of the workload's image has to offer.

use cutover_engine::world::{Place, TransportFault, containers, default_container};

use super::api::rights::Needed;
use super::clusters::Clusters;
use super::controllers::main_container;
use super::state::key;
use crate::machine::program::Reply;

/// The programs that every container has, whatever runs in it.
const PROGRAMS: [&str; 3] = ["date", "hostname", "true"];

/// The fault of a command in a pod that the run's user may not start. A current API server asks for two verbs, one of before 1.35
/// for one.
pub(crate) fn exec_forbidden(clusters: &Clusters, place: &Place) -> Option<TransportFault> {
    let Place::Pod { site, namespace, pod, .. } = place else { return None };
    let by_site = clusters.by_site();
    let cluster = by_site.get(site)?;
    let verbs = if cluster.version().exec_creates() { &["get", "create"][..] } else { &["get"] };
    let needed = |verb: &&'static str| Needed {
        verb,
        group: "",
        resource: ("pods", Some("exec")),
        namespace: Some(namespace),
        name: Some(pod),
    };
    let is_refused = verbs.iter().any(|verb| needed(verb).refused(cluster).is_some());
    is_refused.then(|| TransportFault::exec_forbidden(site, namespace, pod))
}

/// Why a command in a pod cannot run; `None` for every other place, and for a command that can.
pub(crate) fn exec_refused(clusters: &Clusters, place: &Place, program: &str) -> Option<Reply> {
    let Place::Pod { site, namespace, pod, container } = place else { return None };
    let by_site = clusters.by_site();
    let fail = |message: String| Some(Reply::fail(1, message));
    let Some(cluster) = by_site.get(site) else {
        return fail(format!(
            "The connection to the server {site} was refused - did you specify the right host or port?\n"
        ));
    };
    let Some(object) = cluster.get(&key("pods", namespace, pod)) else {
        return fail(format!("Error from server (NotFound): pods \"{pod}\" not found\n"));
    };
    let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
    let wanted = container.as_deref().or_else(|| default_container(object)).unwrap_or_default();
    if object["spec"]["nodeName"].is_null() {
        return fail(format!("Error from server (BadRequest): pod {pod} does not have a host assigned\n"));
    }
    if !containers(object).any(|container| container["name"] == wanted) {
        return fail(format!("Error from server (BadRequest): container {wanted} is not valid for pod {pod}\n"));
    }
    let Some(process) = cluster.processes.get(uid) else {
        return fail(format!("error: unable to upgrade connection: container not found (\"{wanted}\")\n"));
    };
    let up = clusters.hosts.machines().named(site, &process.node).is_some_and(|machine| machine.up);
    if !up {
        return fail("error: error dialing backend: dial tcp: i/o timeout\n".to_owned());
    }
    let main = main_container(cluster, &key("pods", namespace, pod), object);
    let serves = object["spec"]["containers"][main]["name"] == wanted;
    let client = || serves && clusters.clients.iter().any(|client| client.names().contains(&program));
    if !PROGRAMS.contains(&program) && !client() {
        let message = format!(
            "OCI runtime exec failed: exec failed: container_linux.go:380: starting container process caused: exec: \
             \"{program}\": executable file not found in $PATH: unknown\n"
        );
        return Some(Reply::fail(126, message));
    }
    None
}
