//! `etcdctl endpoint status`, `health` and `hashkv`. An endpoint that does not answer costs its five seconds.

use serde_json::{Value, json};

use super::view::{self, Seen};
use super::{DEADLINE, PATIENCE, failed, header, wants_json};
use crate::cluster::Clusters;
use crate::machine::program::{Call, Reply};
use crate::machine::programs::options::Options;

/// `endpoint status [--cluster]`
pub(super) async fn status(call: &Call<'_, Clusters>, options: &Options) -> Reply {
    let endpoints = match view::endpoints(call, options) {
        Ok(endpoints) => endpoints,
        Err(words) => return unknown(&words).await,
    };
    let (mut list, mut text, mut stderr) = (Vec::new(), String::new(), String::new());
    for endpoint in endpoints {
        let Some(seen) = view::look(call, &endpoint) else {
            tokio::time::sleep(PATIENCE).await;
            stderr += &format!("Failed to get the status of endpoint {endpoint} ({DEADLINE})\n");
            continue;
        };
        text += &line(&endpoint, &seen);
        list.push(json!({"Endpoint": endpoint, "Status": status_of(&seen)}));
    }
    reply(options, list, text, stderr)
}

fn status_of(seen: &Seen) -> Value {
    let Seen { data, leader, size, version, .. } = seen;
    let mut status = json!({"header": header(data), "version": version, "dbSize": size});
    if *leader != 0 {
        status["leader"] = json!(leader);
    }
    status["raftIndex"] = json!(data.index);
    status["raftTerm"] = json!(data.term);
    status["raftAppliedIndex"] = json!(data.index);
    if *leader == 0 {
        status["errors"] = json!(["etcdserver: no leader"]);
    }
    status["dbSizeInUse"] = json!(size);
    status
}

fn line(endpoint: &str, seen: &Seen) -> String {
    let Seen { data, leader, size, version, .. } = seen;
    let errors = if *leader == 0 { "etcdserver: no leader" } else { "" };
    format!(
        "{endpoint}, {:x}, {version}, {}, {}, false, {}, {}, {}, {errors}\n",
        data.member_id,
        amount(*size),
        *leader == data.member_id,
        data.term,
        data.index,
        data.index
    )
}

/// A size as go-humanize writes it: powers of 1000, two significant digits.
fn amount(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "B");
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    if value < 10.0 && unit != "B" { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// `endpoint health [--cluster]`
pub(super) async fn health(call: &Call<'_, Clusters>, options: &Options) -> Reply {
    let endpoints = match view::endpoints(call, options) {
        Ok(endpoints) => endpoints,
        Err(words) => return unknown(&words).await,
    };
    let healthy = |endpoint: &String| view::look(call, endpoint).is_some_and(|seen| seen.leader != 0);
    let (good, bad): (Vec<String>, Vec<String>) = endpoints.into_iter().partition(healthy);
    if !bad.is_empty() {
        // All endpoints are asked at the same time.
        tokio::time::sleep(PATIENCE).await;
    }
    let mut list = Vec::new();
    let mut stderr = String::new();
    for endpoint in good {
        stderr += &format!("{endpoint} is healthy: successfully committed proposal: took = 2.193514ms\n");
        list.push(json!({"endpoint": endpoint, "health": true, "took": "2.193514ms"}));
    }
    for endpoint in &bad {
        stderr += &format!("{endpoint} is unhealthy: failed to commit proposal: {DEADLINE}\n");
        list.push(json!({"endpoint": endpoint, "health": false, "took": "5.001314255s", "error": DEADLINE}));
    }
    if wants_json(options) {
        stderr.clear();
    }
    if !bad.is_empty() {
        stderr += "Error: unhealthy cluster\n";
    }
    let stdout = if wants_json(options) { format!("{}\n", Value::Array(list)) } else { String::new() };
    Reply { code: i32::from(!bad.is_empty()), stdout: stdout.into_bytes(), stderr: stderr.into_bytes() }
}

/// `endpoint hashkv [--cluster] [--rev REVISION]`
pub(super) async fn hashkv(call: &Call<'_, Clusters>, options: &Options) -> Reply {
    let endpoints = match view::endpoints(call, options) {
        Ok(endpoints) => endpoints,
        Err(words) => return unknown(&words).await,
    };
    let revision: u64 = options.number("rev").unwrap_or(0);
    let (mut list, mut text, mut stderr, mut last) = (Vec::new(), String::new(), String::new(), None);
    for endpoint in endpoints {
        let hash = match view::look(call, &endpoint) {
            Some(seen) => seen.data.hash_at(revision).map(|hash| (seen.data, hash)),
            None => {
                tokio::time::sleep(PATIENCE).await;
                Err(DEADLINE)
            }
        };
        match hash {
            Ok((data, hash)) => {
                text += &format!("{endpoint}, {hash}\n");
                let compacted = if data.compacted == 0 { json!(-1) } else { json!(data.compacted) };
                let answer = json!({"header": header(&data), "hash": hash, "compact_revision": compacted});
                list.push(json!({"Endpoint": endpoint, "HashKV": answer}));
            }
            Err(words) => {
                stderr += &format!("Failed to get the hash of endpoint {endpoint} ({words})\n");
                last = Some(words);
            }
        }
    }
    if let Some(words) = last {
        stderr += &format!("Error: {words}\n");
    }
    reply(options, list, text, stderr)
}

fn reply(options: &Options, list: Vec<Value>, text: String, stderr: String) -> Reply {
    let stdout = if wants_json(options) { format!("{}\n", Value::Array(list)) } else { text };
    Reply { code: i32::from(!stderr.is_empty()), stdout: stdout.into_bytes(), stderr: stderr.into_bytes() }
}

/// Nobody could be asked for the cluster's endpoints.
async fn unknown(words: &str) -> Reply {
    tokio::time::sleep(PATIENCE).await;
    failed(&format!("{words}: {DEADLINE}"))
}
