//! Judges a cluster: in order, refused, or not there yet. All reasons, not only the first.

use cutover_engine::module::Diff;

use super::look::{State, Then};
use super::{Earlier, Expect, Params};

/// Judges.
pub(super) fn verdict(params: &Params, state: &State) -> Diff {
    if let Some(obstacle) = state.pods.iter().find_map(|pod| pod.obstacle()) {
        // A StatefulSet makes its pods one after the other, and again when they go.
        return match obstacle {
            Diff::Blocked(reasons) if params.statefulset.is_some() => {
                let words: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                Diff::waiting(words.join("; "))
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
    let mut reasons: Vec<String> = alarms.map(|alarm| format!("an alarm is set: {alarm}")).collect();
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
fn strangers(state: &State) -> Vec<String> {
    let mut reasons = Vec::new();
    for endpoint in &state.endpoints {
        let expected = state.members.iter().find(|member| member.urls.contains(&endpoint.url));
        if let Some(expected) = expected.filter(|expected| expected.id != endpoint.member_id) {
            reasons.push(format!(
                "{} is to be member {} ({}), but answers as {}: it has another member's data",
                endpoint.url,
                expected.name,
                expected.id,
                state
                    .name_of(&endpoint.member_id)
                    .map_or(endpoint.member_id.clone(), |name| format!("{name} ({})", endpoint.member_id))
            ));
        }
    }
    let mut clusters: Vec<&str> = state.endpoints.iter().map(|endpoint| endpoint.cluster_id.as_str()).collect();
    clusters.sort_unstable();
    clusters.dedup();
    if clusters.len() > 1 {
        reasons.push(format!("the members belong to different clusters: {}", clusters.join(", ")));
    }
    reasons
}

/// What may still come: members that do not answer, no leader, a leader that not all know.
fn unfinished(state: &State) -> Option<Diff> {
    let trouble = state.troubles.first().map(|trouble| format!(": {trouble}")).unwrap_or_default();
    let (answered, all) = (state.endpoints.len(), state.members.len());
    if answered == 0 || all == 0 || answered < all {
        return Some(Diff::waiting(format!("{answered} of {all} members answer{trouble}")));
    }
    let leaders: Vec<&String> = state.endpoints.iter().filter_map(|endpoint| endpoint.leader.as_ref()).collect();
    if leaders.is_empty() {
        let why = format!("no leader: all {all} members answer, but they do not agree on one");
        // Pods that are ready passed a health check, most often with a quorum read; a start is over then.
        return Some(if state.pods.iter().all(|pod| pod.ready) { Diff::blocked(why) } else { Diff::waiting(why) });
    }
    if leaders.len() < answered || leaders.iter().any(|leader| *leader != leaders[0]) {
        return Some(Diff::waiting("an election is under way: not all members know the same leader"));
    }
    let compacted = state.hashes.iter().map(|hash| hash.compact_revision);
    let compacting = compacted.clone().min() != compacted.max();
    if state.hashes.len() < answered || state.key_count.is_none() || state.alarms.is_none() || compacting {
        let why = if compacting { "the members are compacting their history" } else { "the stores cannot be read yet" };
        return Some(Diff::waiting(format!("{why}{trouble}")));
    }
    None
}

fn unequal(state: &State) -> Option<String> {
    let first = state.hashes.first()?;
    state.hashes.iter().any(|hash| hash.hash != first.hash).then(|| {
        let each: Vec<String> = state.hashes.iter().map(|hash| format!("{} {}", hash.url, hash.hash)).collect();
        format!("the members differ at revision {}: {}", state.revision.unwrap_or(0), each.join(", "))
    })
}

fn unexpected(expect: &Expect, state: &State) -> Vec<String> {
    let mut reasons = Vec::new();
    let cluster = state.endpoints.first().map(|endpoint| endpoint.cluster_id.as_str()).unwrap_or_default();
    if let Some(wanted) = expect.cluster_id.as_ref().filter(|wanted| *wanted != cluster) {
        reasons.push(format!("the cluster is {cluster}, not {wanted}"));
    }
    if let Some(wanted) = expect.members.filter(|wanted| *wanted != state.members.len()) {
        reasons.push(format!("the cluster has {} members, not {wanted}", state.members.len()));
    }
    let (revision, keys) = (state.revision.unwrap_or(0), state.key_count.unwrap_or(0));
    if let Some(wanted) = expect.min_revision.filter(|wanted| *wanted > revision) {
        reasons.push(format!("the store is at revision {revision}, not at least at {wanted}"));
    }
    if let Some(wanted) = expect.min_keys.filter(|wanted| *wanted > keys) {
        reasons.push(format!("there are {keys} keys, not at least {wanted}"));
    }
    reasons
}

/// What is not as it was.
fn changed(earlier: &Earlier, allow_compacted: bool, state: &State) -> Vec<String> {
    let mut reasons = Vec::new();
    let cluster = state.endpoints.first().map(|endpoint| endpoint.cluster_id.as_str()).unwrap_or_default();
    if cluster != earlier.cluster_id {
        reasons.push(format!("the cluster is {cluster}, it was {}", earlier.cluster_id));
    }
    let mut members = earlier.members.clone();
    members.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    let now = state.identities();
    if now != members {
        let list = |list: &[super::Identity]| {
            list.iter().map(|member| format!("{} {}", member.name, member.id)).collect::<Vec<_>>().join(", ")
        };
        reasons.push(format!("the members are {}; they were {}", list(&now), list(&members)));
    }
    let revision = state.revision.unwrap_or(0);
    let then = earlier.revision;
    if revision < then {
        reasons.push(format!("the store is at revision {revision}, it was at {then}: writes are lost"));
        return reasons;
    }
    let known = match &state.then {
        None if revision == then => Some((state.hashes.as_slice(), state.key_count.unwrap_or(0))),
        Some(Then::Known { hashes, key_count }) => Some((hashes.as_slice(), *key_count)),
        Some(Then::Compacted) => None,
        None => {
            reasons.push(format!("revision {then} cannot be read: {}", state.troubles.join("; ")));
            return reasons;
        }
    };
    // The hash depends on how far history was compacted.
    let comparable =
        known.filter(|(hashes, _)| hashes.iter().all(|hash| hash.compact_revision == earlier.compact_revision));
    if let Some((_, keys)) = known.filter(|(_, keys)| *keys != earlier.key_count) {
        reasons.push(format!("at revision {then} there are {keys} keys, there were {}", earlier.key_count));
    }
    match comparable {
        Some((hashes, _)) => {
            reasons.extend(hashes.iter().filter(|hash| hash.hash != earlier.hash).map(|hash| {
                format!("at revision {then} {} hashes to {}, it was {}", hash.url, hash.hash, earlier.hash)
            }))
        }
        None if allow_compacted => {}
        None => reasons.push(format!(
            "the hash at revision {then} cannot be compared, because history was compacted since: suspend compaction \
             during the move, or accept this with `allow_compacted: true`"
        )),
    }
    reasons
}
