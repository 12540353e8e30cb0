//! What the sandbox does not simulate, by name: one list. Whoever asks for one of these things, or for a program, an option or an
//! API that is not known at all, gets a failure of its own kind, and never the answer of a machine that lacks it.

use cutover_engine::world::{Answer, Gap, Request};
use serde_json::Value;

use crate::cluster::api::{Problem, kind_of_path};
use crate::machine::program::Reply;

/// Something that the sandbox does not simulate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsimulated {
    /// What it belongs to.
    pub area: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What that means for a rehearsal.
    pub words: &'static str,
}

const PROGRAMS: &str = "Programs";
const OPTIONS: &str = "Options of programs";
const API: &str = "Kubernetes API";
const DRBD: &str = "DRBD";
const SERVICES: &str = "Services";
const MACHINES: &str = "Machines and networks";

const fn gap(area: &'static str, name: &'static str, words: &'static str) -> Unsimulated {
    Unsimulated { area, name, words }
}

/// Everything that is known not to be simulated. To simulate one of them is to take it off this list.
pub const UNSIMULATED: &[Unsimulated] = &[
    gap(PROGRAMS, "bash, sh", "command lines of a shell; the scripts of the modules are simulated by name"),
    gap(
        PROGRAMS,
        "dd, fdisk, parted, sgdisk, fsck, resize2fs, tune2fs",
        "disks are partitioned, checked and grown by nobody",
    ),
    gap(
        PROGRAMS,
        "lvs, pvs, vgs, mdadm, cryptsetup, multipath",
        "disks are plain: no LVM, RAID, encryption or multipath",
    ),
    gap(PROGRAMS, "rsync, scp, ssh, curl, wget, nc", "nothing is fetched or carried but by the modules"),
    gap(PROGRAMS, "ip, iptables, nft, ethtool, tc", "no interfaces, routes, firewalls or shaping"),
    gap(PROGRAMS, "kubectl, crictl, docker", "clusters are reached by their API servers alone"),
    gap(
        PROGRAMS,
        "apt, dnf, rpm, modprobe, sysctl, reboot, crm, pcs",
        "nothing is installed, loaded, tuned or rebooted",
    ),
    gap(
        PROGRAMS,
        "every other program that `cutover rehearse` refuses",
        "it knows those that the modules send, and the usual ones beside",
    ),
    gap(OPTIONS, "options that no module sends", "of findmnt, lsblk, mount, tar, helm, etcdctl and all others"),
    gap(OPTIONS, "wipefs -a", "signatures are shown, and not erased"),
    gap(OPTIONS, "find, beyond what the modules look for", "expressions are known one by one"),
    gap(
        OPTIONS,
        "helm dependency, lint, package, pull, push, repo, rollback --recreate-pods, test",
        "charts are directories on the controller",
    ),
    gap(
        OPTIONS,
        "etcdctl lock, elect, lease, snapshot, txn, user, role, watch, defrag",
        "keys, members, alarms and endpoints only",
    ),
    gap(API, "watch", "objects are listed again instead"),
    gap(
        API,
        "log, attach, portforward, proxy, eviction, ephemeralcontainers of pods",
        "only exec, and that for the workload's own programs",
    ),
    gap(API, "limit and continue", "a list is always whole"),
    gap(
        API,
        "admission webhooks, pod security, scopes of quotas, limit ranges beyond max",
        "what the schema allows is let in",
    ),
    gap(API, "authorization", "every request is allowed"),
    gap(API, "endpoints, podtemplates, replicationcontrollers", "kinds of v1 that are not served"),
    gap(API, "networking.k8s.io, scheduling.k8s.io, apiextensions.k8s.io, events.k8s.io", "groups that are not served"),
    gap(
        API,
        "cronjobs, volumeattachments, csidrivers, csinodes, clusterroles, clusterrolebindings",
        "kinds of served groups that are not",
    ),
    gap(API, "metrics", "an autoscaler keeps its set within its bounds, and knows no load"),
    gap(API, "custom resources, those of CKE apart", "no CustomResourceDefinition is installed"),
    gap(API, "controllers of Deployments, DaemonSets and Jobs", "their objects are kept and make no pods"),
    gap(
        API,
        "taints added by node controllers, eviction after five minutes, priorities, preemption",
        "a lost node keeps its pods",
    ),
    gap(API, "the API server's own machines", "it answers whatever nodes are lost, unless the whole site is"),
    gap(DRBD, "more than two nodes, more than one volume, stacking, diskless clients", "pairs with one volume each"),
    gap(DRBD, "protocols A and B, proxy, compression, external metadata", "protocol C with internal metadata"),
    gap(
        DRBD,
        "fencing handlers, quorum, auto-promote, split-brain handlers",
        "nothing is promoted, fenced or recovered by itself",
    ),
    gap(
        DRBD,
        "online verify, checksum-based resync, dynamic resync rates",
        "a resync runs at the rate of the link or disk",
    ),
    gap(SERVICES, "every service but etcd", "a pod of another image starts, is ready, and says nothing about its data"),
    gap(SERVICES, "etcd's clients, TLS, users, leases and defragmentation", "keys, revisions, members and hashes"),
    gap(SERVICES, "load from outside", "nobody writes while a playbook runs, unless a strike does"),
    gap(MACHINES, "your hardware", "times are reckoned from the sizes and speeds of the world file"),
    gap(MACHINES, "processor, memory, load", "a command takes what the world file says, and its data's transfer"),
    gap(MACHINES, "media errors, slow disks, corruption", "a disk works, or its machine has no power"),
    gap(MACHINES, "packet loss, latency that varies, name resolution", "a link is up or cut"),
    gap(
        MACHINES,
        "a program whose machine or controller is lost while it runs",
        "it is over at once; a real one may go on at its host",
    ),
    gap(MACHINES, "users, sudo, SELinux, AppArmor, cgroups", "everything is done by root"),
    gap(
        MACHINES,
        "other file systems than ext4 and xfs; quotas; snapshots",
        "sizes, owners, modes, times, attributes and links of files",
    ),
];

/// Programs that a machine or the workload's image lacks in truth: that they are not there is the answer, and no gap.
const LACKING: [&str; 3] = ["sh", "bash", "no-such-program"];

/// What a real program refuses as well, as tests have seen it: the refusal is the answer, and no gap.
const WRONG: [&str; 6] = [
    "`-z` of rm",
    "`--nope` of rm",
    "`bogus` of helm",
    "`--bogus` of helm",
    "`bogus` of etcdctl",
    "`--bogus` of etcdctl",
];

/// What is asked for by a program's name that nothing here goes by, unless it is known to be missing.
pub(crate) fn program(name: &str) -> Option<Gap> {
    (!LACKING.contains(&name)).then(|| named(name, format!("the program `{name}`")))
}

fn named(name: impl Into<String>, what: impl Into<String>) -> Gap {
    Gap { name: name.into(), what: what.into() }
}

/// What is asked for by a command that its program has refused because it is not known here.
pub(crate) fn of_reply(program: &str, reply: &Reply) -> Option<Gap> {
    if reply.code == 0 {
        return None;
    }
    let stderr = String::from_utf8_lossy(&reply.stderr);
    // What is known by name not to be simulated: `the sandbox lacks NAME: WHAT`.
    if let Some((name, what)) = stderr.split_once("the sandbox lacks ").and_then(|(_, rest)| rest.split_once(": ")) {
        return Some(named(name, what.lines().next().unwrap_or_default()));
    }
    // DRBD's own refusals are real: they are held to the records of both generations.
    if program.starts_with("drbd") {
        return None;
    }
    let quoted = |from: &str, to: char| {
        let (_, rest) = stderr.split_once(from)?;
        rest.split(to).next().map(|word| word.trim().to_owned())
    };
    let option = |word: String| named(format!("{program}:{word}"), format!("`{word}` of {program}"));
    let other = |what: String| named(program, what);
    let gap = quoted("unrecognized option '", '\'')
        .map(option)
        .or_else(|| quoted("invalid option -- '", '\'').map(|letter| option(format!("-{letter}"))))
        .or_else(|| quoted("unsupported option '", '\'').map(option))
        .or_else(|| quoted("unknown flag: ", '\n').map(option))
        .or_else(|| quoted("unknown command \"", '"').map(option))
        .or_else(|| quoted("Unknown command verb ", '.').map(option))
        .or_else(|| quoted("unsupported expression: ", '\n').map(option))
        .or_else(|| quoted("the sandbox does not know: ", '\n').map(other))
        .or_else(|| {
            let erasing = stderr.contains("erasing is not simulated");
            erasing.then(|| named(format!("{program}:-a"), format!("erasing by {program}")))
        });
    gap.filter(|gap| !WRONG.contains(&gap.what.as_str()))
}

/// What a request has asked for that was answered and has no effect here: objects without the controllers that would act on
/// them.
pub(crate) fn without_effect(request: &Request, answer: &Answer) -> Option<Gap> {
    let writes = matches!(request.method.as_str(), "POST" | "PUT" | "PATCH");
    if !writes || !answer.is_success() || request.path.contains("dryRun=") {
        return None;
    }
    let object = &answer.body;
    let title = format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]));
    match text(&object["kind"]) {
        kind @ ("Deployment" | "DaemonSet" | "ReplicaSet" | "Job" | "CronJob") => {
            let what = format!("{title}: no controller here makes pods for it");
            Some(named(format!("{}s", kind.to_lowercase()), what))
        }
        "Node" => {
            let mut taints = object["spec"]["taints"].as_array().into_iter().flatten();
            let evicts = taints.any(|taint| taint["effect"] == "NoExecute");
            evicts.then(|| named("eviction", format!("{title} has a taint NoExecute, and its pods stay here")))
        }
        _ => None,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What is asked for by a request that an API server here refuses because it does not serve such things.
pub(crate) fn of_problem(asked: &str, problem: &Problem) -> Option<Gap> {
    if problem.message.starts_with("watching is not served") {
        return Some(named("watch", "watching of objects"));
    }
    path(asked).filter(|_| *problem == Problem::no_such_path())
}

/// What is asked for by a path that no API server here serves, unless a real one would not serve it either.
pub(crate) fn path(path: &str) -> Option<Gap> {
    let path = path.split('?').next().unwrap_or(path);
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (group, rest) = match segments.as_slice() {
        ["api", _, rest @ ..] => ("", rest),
        ["apis", group, rest @ ..] => (*group, rest.get(1..).unwrap_or_default()),
        _ => return Some(named(path, format!("the path {path} of an API server"))),
    };
    // Names that RFC 2606 keeps for what is nowhere.
    if [".example", ".invalid", ".test", "example.com", "example.org"].iter().any(|end| group.ends_with(end)) {
        return None;
    }
    let (plural, subresource) = match rest {
        ["namespaces", _, plural, _, subresource, ..] => (*plural, Some(*subresource)),
        ["namespaces", _, plural, ..] => (*plural, None),
        [plural, _, subresource, ..] => (*plural, Some(*subresource)),
        [plural, ..] => (*plural, None),
        [] => ("", None),
    };
    let of = if group.is_empty() { "v1" } else { group };
    match (kind_of_path(group, plural), subresource) {
        (Some(_), Some(subresource)) => {
            Some(named(format!("{plural}/{subresource}"), format!("`{subresource}` of {plural}")))
        }
        // The kind is there in another version, or is asked for as it cannot be.
        (Some(_), None) => None,
        (None, _) if plural.is_empty() && kind_of_path(group, "").is_some() => None,
        (None, _) if plural.is_empty() => Some(named(of, format!("the API group {of}"))),
        (None, _) => Some(named(plural, format!("{plural} of {of}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_gap_unless_nobody_serves_it() {
        let what = |text: &str| path(text).map(|gap| gap.what).unwrap_or_default();
        for (text, wanted) in [
            ("/apis/networking.k8s.io/v1/namespaces/a/ingresses/b", "ingresses of networking.k8s.io"),
            ("/api/v1/namespaces/a/endpoints?limit=5", "endpoints of v1"),
            ("/api/v1/namespaces/a/pods/b/log", "`log` of pods"),
            ("/apis/networking.k8s.io/v1", "the API group networking.k8s.io"),
            ("/apis/postgresql.cnpg.io/v1/namespaces/a/clusters/b", "clusters of postgresql.cnpg.io"),
            ("/metrics", "the path /metrics of an API server"),
            ("/apis/nowhere.example/v1/things", ""),
            ("/apis/policy/v1/namespaces/a/poddisruptionbudgets", ""),
            ("/apis/policy/v1", ""),
        ] {
            assert_eq!(what(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_refusal_tells_what_was_asked_for() {
        let reply = |program: &str, stderr: &str| of_reply(program, &Reply::fail(1, stderr));
        let what = |program: &str, stderr: &str| reply(program, stderr).map(|gap| gap.what).unwrap_or_default();
        assert_eq!(what("findmnt", "findmnt: unrecognized option '--poll'\n"), "`--poll` of findmnt");
        assert_eq!(what("df", "df: invalid option -- 'i'\n"), "`-i` of df");
        assert_eq!(what("helm", "Error: unknown flag: --atomics\n"), "`--atomics` of helm");
        assert_eq!(what("etcdctl", "Error: unknown command \"snapshot\" for \"etcdctl\"\n"), "`snapshot` of etcdctl");
        assert_eq!(what("drbdsetup", "status: unrecognized option '--json'\n"), "");
        assert_eq!(what("mount", "mount: /a: special device /b does not exist.\n"), "");
        let lacks = "/etc/drbd.d/a.res:1: the sandbox lacks drbd-configuration: 'include' in /etc/drbd.d/a.res\n";
        let gap = reply("drbdadm", lacks).unwrap();
        assert_eq!((gap.name.as_str(), gap.what.as_str()), ("drbd-configuration", "'include' in /etc/drbd.d/a.res"));
        assert_eq!(program("redis-cli").unwrap().what, "the program `redis-cli`");
        assert_eq!(program("bash"), None);
    }

    #[test]
    fn nothing_stands_on_the_list_twice() {
        let mut names: Vec<(&str, &str)> = UNSIMULATED.iter().map(|gap| (gap.area, gap.name)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), UNSIMULATED.len());
    }
}
