//! `etcdctl put`, `get` and `del`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cutover_engine::world::Place;
use serde_json::{Value, json};

use super::{failed, header, timed_out, view, wants_json};
use crate::cluster::Clusters;
use crate::machine::program::{Call, Reply};
use crate::machine::programs::options::Options;
use crate::services::etcd::data::{Data, Entry};
use crate::services::etcd::groups::Groups;

/// `put KEY [VALUE]`
pub(super) async fn put(call: &Call<'_, Clusters>, options: &Options, words: &[&str]) -> Reply {
    let (key, value) = match words {
        [key, value] => (*key, (*value).to_owned()),
        [key] => (*key, String::from_utf8_lossy(&call.stdin).into_owned()),
        _ => {
            let words = "Error: put command needs 1 argument and input from stdin or 2 arguments\n";
            return Reply::fail(128, words);
        }
    };
    if key.is_empty() {
        return failed("etcdserver: key is not provided");
    }
    let Some(data) = commit(call, options, |data| data.put(key, &value)) else { return timed_out().await };
    match wants_json(options) {
        true => Reply::ok(format!("{}\n", json!({"header": header(&data.1)}))),
        false => Reply::ok("OK\n"),
    }
}

/// `del KEY`
pub(super) async fn delete(call: &Call<'_, Clusters>, options: &Options, words: &[&str]) -> Reply {
    let [key] = words else {
        return Reply::fail(
            128,
            "Error: del command needs one argument as key and an optional argument as range_end\n",
        );
    };
    let remove = |data: &mut Data| {
        let doomed: Vec<String> = data.keys.keys().filter(|known| matches(options, key, known)).cloned().collect();
        if doomed.is_empty() {
            data.remove(key);
        }
        doomed.iter().filter(|known| data.remove(known)).count()
    };
    let Some((count, data)) = commit(call, options, remove) else { return timed_out().await };
    if wants_json(options) {
        let mut answer = json!({"header": header(&data)});
        if count > 0 {
            answer["deleted"] = json!(count);
        }
        return Reply::ok(format!("{answer}\n"));
    }
    Reply::ok(format!("{count}\n"))
}

/// `compact REVISION`
pub(super) async fn compact(call: &Call<'_, Clusters>, options: &Options, words: &[&str]) -> Reply {
    let [word] = words else { return Reply::fail(128, "Error: compaction command needs 1 argument\n") };
    let Ok(revision) = word.parse::<u64>() else {
        return Reply::fail(1, format!("Error: strconv.ParseInt: parsing \"{word}\": invalid syntax\n"));
    };
    match commit(call, options, |data| data.compact_to(revision)) {
        None => timed_out().await,
        Some((Err(words), _)) => failed(words),
        Some((Ok(()), _)) => Reply::ok(format!("compacted revision {revision}\n")),
    }
}

/// `get KEY`
pub(super) async fn get(call: &Call<'_, Clusters>, options: &Options, words: &[&str]) -> Reply {
    let [key] = words else {
        return Reply::fail(
            128,
            "Error: get command needs one argument as key and an optional argument as range_end\n",
        );
    };
    let Some(seen) = view::own(call, options).filter(|seen| seen.leader != 0 || serializable(options)) else {
        return timed_out().await;
    };
    let keys = match seen.data.keys_at(options.number("rev").unwrap_or(0)) {
        Ok(keys) => keys,
        Err(words) => return failed(words),
    };
    let found: Vec<(&String, &Entry)> = keys.iter().filter(|(known, _)| matches(options, key, known)).collect();
    let count = found.len();
    let limit: usize = options.number("limit").filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let shown = if options.has("count-only") { &[][..] } else { &found[..count.min(limit)] };
    if wants_json(options) {
        return Reply::ok(format!("{}\n", range(&seen.data, options, shown, count)));
    }
    let mut text = String::new();
    for (key, entry) in shown {
        match (options.has("keys-only"), options.has("print-value-only")) {
            (true, _) => text += &format!("{key}\n\n"),
            (false, true) => text += &format!("{}\n", entry.value),
            (false, false) => text += &format!("{key}\n{}\n", entry.value),
        }
    }
    Reply::ok(text)
}

fn range(data: &Data, options: &Options, shown: &[(&String, &Entry)], count: usize) -> Value {
    let mut answer = json!({"header": header(data)});
    let pair = |(key, entry): &(&String, &Entry)| {
        let mut pair = json!({
            "key": BASE64.encode(key.as_bytes()), "create_revision": entry.created, "mod_revision": entry.modified,
            "version": entry.version,
        });
        if !options.has("keys-only") && !entry.value.is_empty() {
            pair["value"] = json!(BASE64.encode(entry.value.as_bytes()));
        }
        pair
    };
    // Go leaves out what is empty, false or zero.
    if !shown.is_empty() {
        answer["kvs"] = shown.iter().map(pair).collect();
    }
    if !shown.is_empty() && shown.len() < count {
        answer["more"] = json!(true);
    }
    if count > 0 {
        answer["count"] = json!(count);
    }
    answer
}

fn matches(options: &Options, key: &str, known: &str) -> bool {
    match (options.has("prefix"), options.has("from-key")) {
        (true, _) => known.starts_with(key),
        (false, true) => known >= key,
        (false, false) => known == key,
    }
}

fn serializable(options: &Options) -> bool {
    options.value("consistency") == Some("s")
}

/// Changes the data of all members; `None` if the one that was asked has no leader.
fn commit<T>(call: &Call<'_, Clusters>, options: &Options, work: impl Fn(&mut Data) -> T) -> Option<(T, Data)> {
    let seen = view::own(call, options).filter(|seen| seen.leader != 0)?;
    let Place::Pod { site, .. } = call.place else { return None };
    let mut clusters = call.world.by_site();
    let cluster = clusters.get_mut(site)?;
    let group = cluster.service_mut::<Groups>()?.0.get_mut(&seen.group)?;
    let done = group.commit(work)?;
    let (data, leader) = (group.members.get(&seen.uid)?.data.clone(), group.leader.clone());
    // The controllers see to it that it is written.
    let leader = leader.and_then(|leader| cluster.objects.key_of(&leader).cloned());
    leader.into_iter().for_each(|leader| cluster.objects.touch(leader));
    Some((done, data))
}
