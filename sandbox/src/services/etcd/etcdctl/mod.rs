//! `etcdctl` in the pods: keys, endpoints, members, alarms; in the texts and JSON of etcdctl 3.4, which later ones kept. It
//! knows the formats `simple` and `json`, and no TLS, users or leases.

mod endpoint;
mod keys;
mod member;
#[cfg(test)]
mod tests;
mod view;

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::cluster::Clusters;
use crate::machine::program::{Call, Program, Reply};
use crate::machine::programs::options::Options;
use crate::services::etcd::data::Data;

/// `etcdctl`
pub(crate) struct Etcdctl;

/// How long a command waits for an answer (`--command-timeout`).
const PATIENCE: Duration = Duration::from_secs(5);

/// What etcd answers when nobody does.
const DEADLINE: &str = "context deadline exceeded";

/// The options of all commands; those for TLS and users are taken and ignored.
const OPTIONS: &[&str] = &[
    "w|write-out=",
    "endpoints=",
    "cluster",
    "rev=",
    "prefix",
    "from-key",
    "keys-only",
    "print-value-only",
    "count-only",
    "limit=",
    "consistency=",
    "command-timeout=",
    "dial-timeout=",
    "cacert=",
    "cert=",
    "key=",
    "user=",
    "password=",
    "insecure-skip-tls-verify",
    "insecure-transport",
    "physical",
];

/// The options that say who a client is and whom it trusts.
const SECURITY: [&str; 7] =
    ["cacert", "cert", "key", "user", "password", "insecure-skip-tls-verify", "insecure-transport"];

impl Program<Clusters> for Etcdctl {
    fn names(&self) -> &'static [&'static str] {
        &["etcdctl"]
    }

    fn run<'a>(&'a self, call: Call<'a, Clusters>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let options = match Options::parse(call.args, OPTIONS) {
                Ok(options) => options,
                Err(words) => {
                    let flag = words.split('\'').nth(1).unwrap_or(&words);
                    return Reply::fail(1, format!("Error: unknown flag: {flag}\n"));
                }
            };
            if SECURITY.iter().any(|option| options.has(option) || options.value(option).is_some()) {
                let what = "TLS and users of etcd: every client is let in, whatever it shows";
                call.world.hosts.kernel.unsimulated("etcd-security", what);
            }
            let words: Vec<&str> = options.operands.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["version"] => Reply::ok(format!("etcdctl version: {}\nAPI version: 3.5\n", view::version(&call))),
                ["put", rest @ ..] => keys::put(&call, &options, rest).await,
                ["get", rest @ ..] => keys::get(&call, &options, rest).await,
                ["del", rest @ ..] => keys::delete(&call, &options, rest).await,
                ["compact" | "compaction", rest @ ..] => keys::compact(&call, &options, rest).await,
                ["endpoint", "status"] => endpoint::status(&call, &options).await,
                ["endpoint", "health"] => endpoint::health(&call, &options).await,
                ["endpoint", "hashkv"] => endpoint::hashkv(&call, &options).await,
                ["member", "list"] => member::list(&call, &options).await,
                ["alarm", "list"] => member::alarms(&call, &options).await,
                other => {
                    let word = other.first().copied().unwrap_or_default();
                    let words = format!("Error: unknown command \"{word}\" for \"etcdctl\"\n");
                    Reply::fail(1, words + "Run 'etcdctl --help' for usage.\n")
                }
            }
        })
    }
}

/// Whether JSON was asked for.
fn wants_json(options: &Options) -> bool {
    options.value("w") == Some("json")
}

/// The header of an answer.
fn header(data: &Data) -> Value {
    json!({
        "cluster_id": data.cluster_id, "member_id": data.member_id, "revision": data.revision, "raft_term": data.term,
    })
}

/// A command that failed.
fn failed(error: &str) -> Reply {
    Reply::fail(1, format!("Error: {error}\n"))
}

/// A command that nobody answered in time.
async fn timed_out() -> Reply {
    tokio::time::sleep(PATIENCE).await;
    failed(DEADLINE)
}
