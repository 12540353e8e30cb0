//! What is read of a cluster, and in which order: what needs no leader first, and nothing that only runs into its deadline
//! once it is clear that the cluster does not serve.

use std::collections::BTreeSet;

use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use cutover_engine::query::ReadOnly;
use cutover_engine::reads::{self, Options};
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::{Output, Place};
use serde::Serialize;

use super::answer::{self, Endpoint, Hash, Member};
use super::{Earlier, Identity, Params};
use crate::support::pod::{Pod, Standing};

/// What a probe saw.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct State {
    /// The pods.
    pub(super) pods: Vec<Pod>,
    /// The endpoints that answer.
    pub(super) endpoints: Vec<Endpoint>,
    /// The members, as the cluster lists them.
    pub(super) members: Vec<Member>,
    /// What went wrong while asking: the last words of etcdctl.
    pub(super) troubles: Vec<Text>,
    /// The revision that the hashes and the number of keys are of.
    pub(super) revision: Option<u64>,
    /// The hash of every endpoint's store at that revision.
    pub(super) hashes: Vec<Hash>,
    /// The number of keys at that revision.
    pub(super) key_count: Option<u64>,
    /// The alarms that are set; `None` while they cannot be read.
    pub(super) alarms: Option<Vec<String>>,
    /// The same at the revision of `same_as`.
    pub(super) then: Option<Then>,
}

/// The store at an earlier revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Then {
    /// It is still known.
    Known {
        /// The hash of every endpoint's store.
        hashes: Vec<Hash>,
        /// The number of keys.
        key_count: u64,
    },
    /// History was compacted beyond it.
    Compacted,
}

impl State {
    /// The members by name.
    pub(super) fn identities(&self) -> Vec<Identity> {
        let identity = |member: &Member| Identity { id: member.id.clone(), name: member.name.clone() };
        let mut list: Vec<Identity> = self.members.iter().map(identity).collect();
        list.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        list
    }

    /// How many members answer: by their ids, since several may advertise one URL, and one several.
    pub(super) fn answered(&self) -> usize {
        let ids: BTreeSet<&str> = self.endpoints.iter().map(|endpoint| endpoint.member_id.as_str()).collect();
        ids.len()
    }

    /// Whether the hash at the revision of then could be compared; `None` if nothing earlier was given, or it cannot be read.
    pub(super) fn compared(&self, earlier: Option<&Earlier>) -> Option<bool> {
        let earlier = earlier?;
        match &self.then {
            Some(Then::Known { hashes, .. }) => Some(earlier.comparable(hashes)),
            Some(Then::Compacted) => Some(false),
            None if self.revision == Some(earlier.revision) => Some(earlier.comparable(&self.hashes)),
            None => None,
        }
    }

    /// The name of a member.
    pub(super) fn name_of(&self, id: &str) -> Option<&str> {
        self.members.iter().find(|member| member.id == id).map(|member| member.name.as_str())
    }
}

/// etcdctl in one pod.
struct Asked<'a> {
    cx: &'a Context,
    place: Place,
    etcdctl: &'a [String],
}

impl Asked<'_> {
    /// One of etcdctl's subcommands, as the author calls it.
    fn words<const N: usize>(&self, options: &Options<N>, operands: [&str; N]) -> ReadOnly {
        options.called(self.etcdctl, operands)
    }

    fn hashes_at(&self, revision: u64) -> ReadOnly {
        self.words(&reads::ETCDCTL_ENDPOINT_HASHKV, []).and(&reads::ETCDCTL_REVISION, [&revision.to_string()])
    }

    async fn ask(&self, words: ReadOnly) -> Result<Output, Failure> {
        let command = words.and(&reads::ETCDCTL_JSON, []);
        let output = self.cx.read_at(&self.place, &command).await?;
        match output.exit {
            cutover_engine::world::Exit::Code(126 | 127) => Err(crate::support::storage::failed(&command, &output)
                .help(text!("etcd_check.etcdctl", "give in `etcdctl` how it is called in the container"))),
            _ => Ok(output),
        }
    }
}

/// Reads all of it.
pub(super) async fn look(cx: &Context, params: &Params) -> Result<State, Failure> {
    let site = cx.site()?;
    let container = params.container.as_deref();
    let mut state = State::default();
    for name in pods(cx, site, params).await? {
        state.pods.push(Pod::read(cx, site, &params.namespace, &name, container).await?);
    }
    let Some(pod) = state.pods.iter().find(|pod| pod.standing == Standing::Running) else { return Ok(state) };
    let place = pod.place(site, &params.namespace);
    let asked = Asked { cx, place, etcdctl: &params.etcdctl };

    let output = asked.ask(asked.words(&reads::ETCDCTL_MEMBER_LIST, [])).await?;
    state.members = read(&mut state.troubles, &output, answer::members).unwrap_or_default();
    let output = asked.ask(asked.words(&reads::ETCDCTL_ENDPOINT_STATUS, [])).await?;
    state.endpoints = read(&mut state.troubles, &output, answer::endpoints).unwrap_or_default();
    let serves = !state.endpoints.is_empty() && state.endpoints.iter().all(|endpoint| endpoint.leader.is_some());
    if !serves || state.answered() < state.members.len() {
        return Ok(state);
    }
    hash(&asked, &mut state).await?;
    let output = asked.ask(asked.words(&reads::ETCDCTL_ALARM_LIST, [])).await?;
    state.alarms = read(&mut state.troubles, &output, answer::alarms);
    if let Some(revision) = state.revision {
        state.key_count = keys(&asked, &mut state.troubles, revision).await?;
        if let Some(earlier) = params.same_as.as_ref().filter(|earlier| earlier.revision < revision) {
            state.then = then(&asked, &mut state.troubles, earlier.revision).await?;
        }
    }
    Ok(state)
}

/// The names of the pods to look at.
async fn pods(cx: &Context, site: &str, params: &Params) -> Result<Vec<String>, Failure> {
    let Some(set) = &params.statefulset else { return Ok(params.pod.iter().cloned().collect()) };
    let replicas = match params.replicas {
        Some(replicas) => replicas,
        None => {
            let path = format!("/apis/apps/v1/namespaces/{}/statefulsets/{set}", params.namespace);
            let object = cx.get(site, &path).await?.ok_or_else(|| {
                let namespace = &params.namespace;
                let words = text!("etcd_check.no-set", "there is no StatefulSet {namespace}/{set}", namespace, set);
                Failure::failed(words).pointer("/statefulset")
            })?;
            object["spec"]["replicas"].as_u64().and_then(|replicas| usize::try_from(replicas).ok()).unwrap_or(1)
        }
    };
    if replicas == 0 {
        return Err(Failure::failed(text!(
            "etcd_check.scaled-to-0",
            "StatefulSet {namespace}/{set} is scaled to 0: nothing runs",
            namespace = &params.namespace,
            set
        )));
    }
    Ok((0..replicas).map(|ordinal| format!("{set}-{ordinal}")).collect())
}

/// Hashes the stores of all members at the same revision. Without `--rev` each hashes what it has; while somebody writes that
/// is not the same everywhere, and the lowest is asked for.
async fn hash(asked: &Asked<'_>, state: &mut State) -> Result<(), Failure> {
    let output = asked.ask(asked.words(&reads::ETCDCTL_ENDPOINT_HASHKV, [])).await?;
    let mut hashes = read(&mut state.troubles, &output, answer::hashes).unwrap_or_default();
    let lowest = hashes.iter().map(|hash| hash.revision).min();
    if let Some(lowest) = lowest.filter(|lowest| hashes.iter().any(|hash| hash.revision != *lowest)) {
        let output = asked.ask(asked.hashes_at(lowest)).await?;
        hashes = read(&mut state.troubles, &output, answer::hashes).unwrap_or_default();
    }
    state.revision = lowest;
    state.hashes = hashes;
    Ok(())
}

/// The number of keys at a revision.
async fn keys(asked: &Asked<'_>, troubles: &mut Vec<Text>, revision: u64) -> Result<Option<u64>, Failure> {
    let count = asked.words(&reads::ETCDCTL_COUNT, []).and(&reads::ETCDCTL_REVISION, [&revision.to_string()]);
    let output = asked.ask(count).await?;
    Ok(read(troubles, &output, answer::count))
}

async fn then(asked: &Asked<'_>, troubles: &mut Vec<Text>, revision: u64) -> Result<Option<Then>, Failure> {
    let output = asked.ask(asked.hashes_at(revision)).await?;
    if output.stderr.contains("has been compacted") {
        return Ok(Some(Then::Compacted));
    }
    let Some(hashes) = read(troubles, &output, answer::hashes) else { return Ok(None) };
    let key_count = keys(asked, troubles, revision).await?;
    Ok(key_count.map(|key_count| Then::Known { hashes, key_count }))
}

/// Reads an answer. Part of the members may have answered although the command failed.
fn read<T>(
    troubles: &mut Vec<Text>,
    output: &Output,
    parse: impl Fn(&str) -> Result<T, serde_json::Error>,
) -> Option<T> {
    if !output.success() {
        // The client's own log lines are JSON; what a person can use is not.
        let words = output.stderr.lines().filter(|line| !line.starts_with('{') && !line.trim().is_empty());
        troubles.extend(words.map(|line| Text::verbatim(line.trim_start_matches("Error: "))));
    }
    match parse(output.stdout.trim()) {
        Ok(answer) => Some(answer),
        Err(error) if output.success() => {
            let error = error.to_string();
            troubles.push(text!(
                "etcd_check.not-understood",
                "etcdctl did not print JSON that is understood: {error}",
                error
            ));
            None
        }
        Err(_) => None,
    }
}
