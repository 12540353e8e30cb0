//! Judges a cluster: in order, refused, or not there yet. All reasons, not only the first.

use cutover_engine::module::Diff;
use cutover_engine::text;
use cutover_engine::text::Text;

use super::look::{State, Then};
use super::{Earlier, Expect, Params};
use crate::support::pod::Standing;

/// Judges.
pub(super) fn verdict(params: &Params, state: &State) -> Diff {
    if let Some(obstacle) = state.pods.iter().find_map(|pod| pod.obstacle()) {
        // A StatefulSet makes its pods one after the other, and again when they go.
        return match obstacle {
            Diff::Blocked(reasons) if params.statefulset.is_some() => {
                Diff::waiting(text!("etcd_check.pods", "{reasons}", reasons = reasons))
            }
            obstacle => obstacle,
        };
    }
    let strangers = strangers(state);
    if !strangers.is_empty() {
        return Diff::refused(strangers);
    }
    if let Some(diff) = unfinished(state) {
        return diff;
    }
    let alarms = state.alarms.iter().flatten();
    let mut reasons: Vec<Text> =
        alarms.map(|alarm| text!("etcd_check.alarm", "an alarm is set: {alarm}", alarm)).collect();
    reasons.extend(unequal(state));
    if let Some(expect) = &params.expect {
        reasons.extend(unexpected(expect, state));
    }
    if let Some(earlier) = &params.same_as {
        reasons.extend(changed(earlier, params.allow_compacted, state));
    }
    if reasons.is_empty() { Diff::InSync } else { Diff::refused(reasons) }
}

/// Members that are not who they should be: another one's data, or another cluster's.
fn strangers(state: &State) -> Vec<Text> {
    let mut reasons = Vec::new();
    for endpoint in &state.endpoints {
        // Whoever answers at a URL that several members advertise, a service's for example, is one of them.
        let mut advertise = state.members.iter().filter(|member| member.urls.contains(&endpoint.url));
        let expected = advertise.next().filter(|_| advertise.next().is_none());
        if let Some(expected) = expected.filter(|expected| expected.id != endpoint.member_id) {
            let id = &endpoint.member_id;
            reasons.push(text!(
                "etcd_check.another-member",
                "{url} is to be member {name} ({id}), but answers as {other}: it has another member's data",
                url = &endpoint.url,
                name = &expected.name,
                id = &expected.id,
                other = state.name_of(id).map_or(id.clone(), |name| format!("{name} ({id})"))
            ));
        }
    }
    let mut clusters: Vec<&str> = state.endpoints.iter().map(|endpoint| endpoint.cluster_id.as_str()).collect();
    clusters.sort_unstable();
    clusters.dedup();
    if clusters.len() > 1 {
        reasons.push(text!(
            "etcd_check.clusters",
            "the members belong to different clusters: {clusters}",
            clusters = clusters.join(", ")
        ));
    }
    reasons
}

/// What may still come: members that do not answer, no leader, a leader that not all know.
fn unfinished(state: &State) -> Option<Diff> {
    let with_trouble = |why: Text| match state.troubles.first() {
        Some(trouble) => text!("etcd_check.trouble", "{why}: {trouble}", why, trouble),
        None => why,
    };
    let (answered, all) = (state.answered(), state.members.len());
    let asked = state.pods.iter().find(|pod| pod.standing == Standing::Running).filter(|_| answered == 0);
    if let Some((pod, node)) = asked.and_then(|pod| Some((&pod.name, pod.node.as_ref()?))) {
        let why = text!("etcd_check.no-answer", "no member answers, asked in pod {pod} on {node}", pod, node);
        return Some(Diff::waiting(with_trouble(why)));
    }
    if answered == 0 || all == 0 || answered < all {
        return Some(Diff::waiting(with_trouble(text!(
            "etcd_check.answer",
            "{answered} of {all} members answer",
            answered,
            all
        ))));
    }
    let leaders: Vec<&String> = state.endpoints.iter().filter_map(|endpoint| endpoint.leader.as_ref()).collect();
    if leaders.is_empty() {
        let why =
            text!("etcd_check.no-leader", "no leader: all {all} members answer, but they do not agree on one", all);
        // Pods that are ready passed a health check, most often with a quorum read; a start is over then.
        return Some(if state.pods.iter().all(|pod| pod.ready) { Diff::blocked(why) } else { Diff::waiting(why) });
    }
    if leaders.len() < state.endpoints.len() || leaders.iter().any(|leader| *leader != leaders[0]) {
        return Some(Diff::waiting(text!(
            "etcd_check.election",
            "an election is under way: not all members know the same leader"
        )));
    }
    let compacted = state.hashes.iter().map(|hash| hash.compact_revision);
    let compacting = compacted.clone().min() != compacted.max();
    if state.hashes.len() < state.endpoints.len() || state.key_count.is_none() || state.alarms.is_none() || compacting {
        let why = match compacting {
            true => text!("etcd_check.compacting", "the members are compacting their history"),
            false => text!("etcd_check.not-readable", "the stores cannot be read yet"),
        };
        return Some(Diff::waiting(with_trouble(why)));
    }
    None
}

fn unequal(state: &State) -> Option<Text> {
    let first = state.hashes.first()?;
    state.hashes.iter().any(|hash| hash.hash != first.hash).then(|| {
        let each: Vec<String> = state.hashes.iter().map(|hash| format!("{} {}", hash.url, hash.hash)).collect();
        text!(
            "etcd_check.unequal",
            "the members differ at revision {revision}: {each}",
            revision = state.revision.unwrap_or(0),
            each = each.join(", ")
        )
    })
}

fn unexpected(expect: &Expect, state: &State) -> Vec<Text> {
    let mut reasons = Vec::new();
    let cluster = state.endpoints.first().map(|endpoint| endpoint.cluster_id.as_str()).unwrap_or_default();
    if let Some(wanted) = expect.cluster_id.as_ref().filter(|wanted| *wanted != cluster) {
        reasons.push(text!(
            "etcd_check.expected-cluster",
            "the cluster is {cluster}, not {wanted}",
            cluster = cluster,
            wanted
        ));
    }
    if let Some(wanted) = expect.members.filter(|wanted| *wanted != state.members.len()) {
        reasons.push(text!(
            "etcd_check.expected-members",
            "the cluster has {members} members, not {wanted}",
            members = state.members.len(),
            wanted
        ));
    }
    let (revision, keys) = (state.revision.unwrap_or(0), state.key_count.unwrap_or(0));
    if let Some(wanted) = expect.min_revision.filter(|wanted| *wanted > revision) {
        reasons.push(text!(
            "etcd_check.expected-revision",
            "the store is at revision {revision}, not at least at {wanted}",
            revision,
            wanted
        ));
    }
    if let Some(wanted) = expect.min_keys.filter(|wanted| *wanted > keys) {
        reasons.push(text!("etcd_check.expected-keys", "there are {keys} keys, not at least {wanted}", keys, wanted));
    }
    reasons
}

/// What is not as it was.
fn changed(earlier: &Earlier, allow_compacted: bool, state: &State) -> Vec<Text> {
    let mut reasons = Vec::new();
    let cluster = state.endpoints.first().map(|endpoint| endpoint.cluster_id.as_str()).unwrap_or_default();
    if cluster != earlier.cluster_id {
        reasons.push(text!(
            "etcd_check.cluster",
            "the cluster is {cluster}, it was {was}",
            cluster = cluster,
            was = &earlier.cluster_id
        ));
    }
    let mut members = earlier.members.clone();
    members.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    let now = state.identities();
    if now != members {
        let list = |list: &[super::Identity]| {
            list.iter().map(|member| format!("{} {}", member.name, member.id)).collect::<Vec<_>>().join(", ")
        };
        reasons.push(text!(
            "etcd_check.members",
            "the members are {now}; they were {then}",
            now = list(&now),
            then = list(&members)
        ));
    }
    let revision = state.revision.unwrap_or(0);
    let then = earlier.revision;
    if revision < then {
        reasons.push(text!(
            "etcd_check.writes-lost",
            "the store is at revision {revision}, it was at {then}: writes are lost",
            revision,
            then
        ));
        return reasons;
    }
    let known = match &state.then {
        None if revision == then => Some((state.hashes.as_slice(), state.key_count.unwrap_or(0))),
        Some(Then::Known { hashes, key_count }) => Some((hashes.as_slice(), *key_count)),
        Some(Then::Compacted) => None,
        None => {
            reasons.push(text!(
                "etcd_check.revision-not-readable",
                "revision {then} cannot be read: {troubles}",
                then,
                troubles = state.troubles.clone()
            ));
            return reasons;
        }
    };
    // The hash depends on how far history was compacted.
    let comparable = known.filter(|(hashes, _)| earlier.comparable(hashes));
    if let Some((_, keys)) = known.filter(|(_, keys)| *keys != earlier.key_count) {
        reasons.push(text!(
            "etcd_check.keys",
            "at revision {then} there are {keys} keys, there were {were}",
            then,
            keys,
            were = earlier.key_count
        ));
    }
    match comparable {
        Some((hashes, _)) => {
            reasons.extend(hashes.iter().filter(|hash| hash.hash != earlier.hash).map(|hash| {
                text!(
                    "etcd_check.hash",
                    "at revision {then} {url} hashes to {hash}, it was {was}",
                    then,
                    url = &hash.url,
                    hash = hash.hash,
                    was = earlier.hash
                )
            }))
        }
        None if allow_compacted => {}
        None => reasons.push(text!(
            "etcd_check.compacted",
            "the hash at revision {then} cannot be compared, because history was compacted since: suspend compaction during the move, or accept this with `allow_compacted: true`",
            then
        )),
    }
    reasons
}
