//! What a probe reads of a release: its revisions, its last revision's values and manifest, what the chart renders to now,
//! and the pods that are left. `helm history` and `helm get` are used, whose JSON helm 3 and 4 share; `helm list` hides
//! pending releases in helm 3.

use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Context};
use cutover_engine::reads;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::Place;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::claims;
use super::command::{Cli, Cluster, failed, not_found, values_text};
use super::manifest::{self, Object};
use super::pods::{self, Left};
use super::{Params, Wanted, present};

/// One revision of a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Revision {
    /// Its number, from 1.
    pub(super) revision: u64,
    /// When it was deployed, as helm writes it.
    pub(super) updated: String,
    /// `deployed`, `superseded`, `failed`, `pending-upgrade`...
    pub(super) status: String,
    /// The chart: `etcd-1.1.0`.
    pub(super) chart: String,
    /// The application's version.
    #[serde(default)]
    pub(super) app_version: String,
    /// What happened.
    #[serde(default)]
    pub(super) description: String,
}

/// A workload whose number of replicas is not what the chart and the values say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Scaled {
    /// What it is called.
    pub(super) id: String,
    /// Its replicas.
    pub(super) is: u64,
    /// What the chart and the values say.
    pub(super) will: u64,
    /// Who owns the number beside helm, where helm applies as an owner of fields itself: then it does not change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<String>,
}

/// What a probe saw.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct State {
    /// How its cluster is reached.
    pub(super) cluster: Cluster,
    /// All revisions, oldest first; none if the release is not installed.
    pub(super) history: Vec<Revision>,
    /// How long ago the last revision was begun, in seconds.
    pub(super) age_seconds: Option<i64>,
    /// The values the user supplied to the last revision.
    pub(super) values: Map<String, Value>,
    /// The values of the release of another site, if those are wanted.
    pub(super) others: Option<Map<String, Value>>,
    /// The objects of the last revision, Secrets masked.
    pub(super) deployed: Vec<Object>,
    /// The label of the chart as it is now: `etcd-1.1.0`.
    pub(super) chart: Option<String>,
    /// What the chart renders to now, Secrets masked.
    pub(super) rendered: Vec<Object>,
    /// The StatefulSets and Deployments whose number of replicas an upgrade would change.
    pub(super) scaled: Vec<Scaled>,
    /// Whether the namespace is missing.
    pub(super) no_namespace: bool,
    /// The pods that are still there. Only looked at once the release is gone.
    pub(super) pods: Vec<Left>,
    /// Why claims would be deleted: by the StatefulSets that go, or that an upgrade leaves fewer replicas.
    pub(super) drops_claims: Vec<Text>,
    /// What makes the StatefulSets that go keep their claims first. Looked at only for `state: absent`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) keep_claims: Vec<Change>,
    /// StatefulSets that are not what the last revision says, in fields that no upgrade can change. Looked at only for
    /// `state: settled`.
    pub(super) drifted: Vec<Text>,
}

impl State {
    /// The last revision, if the release is there.
    pub(super) fn last(&self) -> Option<&Revision> {
        self.history.last().filter(|last| last.status != "uninstalled")
    }

    /// The values that are wanted; `None` if the release keeps its own.
    pub(super) fn wanted<'a>(&'a self, params: &'a Params) -> Option<&'a Map<String, Value>> {
        params.values.as_ref().or(self.others.as_ref())
    }

    /// The revision whose values are the release's own: the last one, unless that failed and one before was good.
    fn valid(&self) -> Option<&Revision> {
        let last = self.history.last()?;
        if last.status == "failed" { self.good().or(Some(last)) } else { Some(last) }
    }

    /// The newest revision that was good.
    pub(super) fn good(&self) -> Option<&Revision> {
        let find = |status: &str| self.history.iter().rev().find(|revision| revision.status == status);
        find("deployed").or_else(|| find("superseded"))
    }
}

/// Reads all of it.
pub(super) async fn look(cx: &Context, params: &Params) -> Result<State, Failure> {
    let site = cx.site()?;
    let cluster = Cluster::of(cx.inventory(), site)?;
    let cli = &Cli::new(&cluster, params);
    let mut state = State { history: history(cx, cli).await?, cluster, ..State::default() };
    let last = state.last().cloned();
    // Also of a release that was uninstalled with its history kept: installing it again keeps its values.
    if let Some(revision) = state.valid().cloned() {
        state.values = values(cx, cli, &revision).await?;
    }
    if let Some(other) = params.values_of.as_ref().filter(|_| params.state == Wanted::Present) {
        let theirs = Cli::new(&Cluster::of(cx.inventory(), other)?, params);
        let history = history(cx, &theirs).await?;
        let Some(last) = history.last() else {
            return Err(Failure::blocked(text!(
                "helm.no-other-release",
                "{site} has no release {release}, whose values are wanted",
                site = other,
                release = &params.release
            )));
        };
        state.others = Some(values(cx, &theirs, last).await?);
    }
    if let Some(last) = &last {
        let began: Option<jiff::Timestamp> = last.updated.parse().ok();
        state.age_seconds = began.map(|began| cx.now().as_second() - began.as_second());
        state.deployed = parse(&cli.read(cx, &cli.manifest(last.revision)).await?, params)?;
    }
    match params.state {
        Wanted::Present => {
            render(cx, cli, params, &mut state, site).await?;
            state.drops_claims = match &last {
                // What an interrupted install left is uninstalled when it is recovered.
                Some(last) if last.status.starts_with("pending-") && state.good().is_none() => {
                    claims::with(cx, params, state.deployed.iter()).await?
                }
                Some(last) if !last.status.starts_with("pending-") && !present::in_sync(params, &state, last) => {
                    claims::by_upgrade(cx, params, &state).await?
                }
                _ => Vec::new(),
            };
        }
        Wanted::Absent => {
            manifest::mask(&mut state.deployed, &mut []);
            for keep in claims::keeps(cx, params, state.deployed.iter()).await? {
                state.keep_claims.extend(keep.changes);
                state.drops_claims.extend(keep.refused);
            }
            if last.is_none() {
                state.pods = pods::read(cx, site, &params.namespace, &params.selector()).await?;
            }
        }
        Wanted::Settled => {
            state.drifted = drifted(cx, site, params, &state.deployed).await?;
            manifest::mask(&mut state.deployed, &mut []);
        }
    }
    Ok(state)
}

/// The values that the user gave to a revision.
async fn values(cx: &Context, cli: &Cli, revision: &Revision) -> Result<Map<String, Value>, Failure> {
    let command = cli.values(revision.revision);
    let values = serde_json::from_str::<Option<Map<String, Value>>>(&cli.read(cx, &command).await?);
    values.map(Option::unwrap_or_default).map_err(|error| {
        Failure::failed(text!(
            "helm.values-not-understood",
            "`{command}` did not print a JSON map: {error}",
            command = &*command,
            error = error.to_string()
        ))
    })
}

async fn history(cx: &Context, cli: &Cli) -> Result<Vec<Revision>, Failure> {
    let command = cli.history();
    let output = cx.read_at(&Place::Controller, &command).await?;
    if not_found(&output) {
        return Ok(Vec::new());
    }
    if !output.success() {
        return Err(failed(&command, &output));
    }
    serde_json::from_str(&output.stdout).map_err(|error| {
        Failure::failed(text!(
            "helm.history-not-understood",
            "`{command}` is not understood: {error}",
            command = &*command,
            error = error.to_string()
        ))
    })
}

fn parse(text: &str, params: &Params) -> Result<Vec<Object>, Failure> {
    manifest::parse(text, &params.namespace).map_err(Failure::failed)
}

/// Renders the chart with the wanted values, and finds what differs.
async fn render(cx: &Context, cli: &Cli, params: &Params, state: &mut State, site: &str) -> Result<(), Failure> {
    let chart = params.chart.as_deref().unwrap_or_default();
    let version = params.version.as_deref();
    let show = cli.chart(chart, version);
    let shown = cli.read(cx, &show).await.map_err(|failure| failure.pointer("/chart"))?;
    let unnamed =
        || Failure::failed(text!("helm.chart-unnamed", "`{command}` shows no name and version", command = &*show));
    state.chart = Some(label(&shown).ok_or_else(unnamed)?);
    let namespace = cx.get(site, &format!("/api/v1/namespaces/{}", params.namespace)).await?;
    state.no_namespace = namespace.is_none();
    let server = cx.get(site, "/version").await?.unwrap_or_default();
    let mut command = cli.template((chart, version), server["gitVersion"].as_str());
    if state.last().is_some() {
        command = command.and(&reads::HELM_IS_UPGRADE, []);
    }
    let values = values_text(state.wanted(params).unwrap_or(&state.values));
    let command = command.and(&reads::HELM_VALUES, []).stdin(values);
    let first = parse(&cli.read(cx, &command).await?, params)?;
    state.rendered = first.clone();
    if state.last().is_some() && manifest::preview(&state.deployed, &state.rendered).is_some() {
        let second = parse(&cli.read(cx, &command).await?, params)?;
        manifest::level(&first, &second, [&mut state.deployed, &mut state.rendered]);
        state.scaled = scaled(cx, site, params, &state.rendered).await?;
    }
    manifest::mask(&mut state.deployed, &mut state.rendered);
    Ok(())
}

/// What somebody scaled by hand, and an upgrade would scale back.
async fn scaled(cx: &Context, site: &str, params: &Params, rendered: &[Object]) -> Result<Vec<Scaled>, Failure> {
    let mut scaled = Vec::new();
    for object in rendered {
        let body = &object.body;
        let plural = match (body["apiVersion"].as_str(), body["kind"].as_str()) {
            (Some("apps/v1"), Some("StatefulSet")) => "statefulsets",
            (Some("apps/v1"), Some("Deployment")) => "deployments",
            _ => continue,
        };
        let namespace = body["metadata"]["namespace"].as_str().unwrap_or(&params.namespace);
        let name = body["metadata"]["name"].as_str().unwrap_or_default();
        let live = cx.get(site, &format!("/apis/apps/v1/namespaces/{namespace}/{plural}/{name}")).await?;
        let is = live.as_ref().and_then(|live| live["spec"]["replicas"].as_u64());
        if let (Some(is), Some(will)) = (is, body["spec"]["replicas"].as_u64())
            && is != will
        {
            let owner = live.as_ref().and_then(owner_of_replicas);
            scaled.push(Scaled { id: object.id.clone(), is, will, owner });
        }
    }
    Ok(scaled)
}

/// Who owns the number of replicas of a workload that helm has applied on the server (helm 4), beside helm itself.
pub(super) fn owner_of_replicas(live: &Value) -> Option<String> {
    let managers = || live["metadata"]["managedFields"].as_array().into_iter().flatten();
    let applied = |entry: &&Value| entry["manager"] == "helm" && entry["operation"] == "Apply";
    let owns = |entry: &&Value| !applied(entry) && entry["fieldsV1"]["f:spec"].get("f:replicas").is_some();
    let owner = managers().any(|entry| applied(&entry)).then(|| managers().find(owns)).flatten()?;
    Some(owner["manager"].as_str().unwrap_or("somebody").to_owned())
}

/// The StatefulSets that are not what the manifest says in what cannot change: helm may call a revision deployed that the API server
/// refused in part, once the same is asked for again.
async fn drifted(cx: &Context, site: &str, params: &Params, deployed: &[Object]) -> Result<Vec<Text>, Failure> {
    let mut found = Vec::new();
    for Object { id, body } in deployed {
        if (body["apiVersion"].as_str(), body["kind"].as_str()) != (Some("apps/v1"), Some("StatefulSet")) {
            continue;
        }
        let namespace = body["metadata"]["namespace"].as_str().unwrap_or(&params.namespace);
        let name = body["metadata"]["name"].as_str().unwrap_or_default();
        let path = format!("/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}");
        if let Some(live) = cx.get(site, &path).await? {
            found.extend(unlike(id, body, &live));
        }
    }
    Ok(found)
}

/// In what a StatefulSet is not as a manifest says.
pub(super) fn unlike(id: &str, manifest: &Value, live: &Value) -> Vec<Text> {
    let field = |object: &Value, name: &str, default: &str| object["spec"][name].as_str().unwrap_or(default).to_owned();
    let fields = [("podManagementPolicy", "OrderedReady"), ("serviceName", "")];
    let differs = fields.into_iter().filter_map(|(name, default)| {
        let (says, is) = (field(manifest, name, default), field(live, name, default));
        (says != is).then(|| {
            text!(
                "helm.drifted",
                "{id} is not what the release says: {name} is {is}, and the last revision has {says}, which an upgrade cannot change; put the release right first, with the values that are in effect",
                id = id,
                name,
                is,
                says
            )
        })
    });
    differs.collect()
}

/// `name-version` of what `helm show chart` prints.
fn label(text: &str) -> Option<String> {
    let chart: Value = serde_yaml::from_str(text).ok()?;
    let version = match &chart["version"] {
        Value::String(version) => version.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(format!("{}-{version}", chart["name"].as_str()?))
}
