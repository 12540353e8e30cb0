//! What `register` keeps of a release.

use std::collections::BTreeMap;

use cutover_engine::action::Done;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::look::{Revision, State};
use super::{Params, save};

/// What `helm` registers.
#[derive(Serialize, JsonSchema)]
pub(super) struct Registered {
    /// The release's name.
    release: String,
    /// Its namespace.
    namespace: String,
    /// Whether it is installed. What follows, up to `app_version`, is null if it is not.
    installed: bool,
    /// Its last revision, from 1.
    revision: Option<u64>,
    /// The last revision's status, in helm's words: `deployed`, `failed`, `pending-upgrade`...
    status: Option<String>,
    /// The chart with its version: `etcd-1.1.0`.
    chart: Option<String>,
    /// The application's version.
    app_version: Option<String>,
    /// The values that the user supplied; of a release that was uninstalled now, those it had. Null if there is none.
    values: Option<Map<String, Value>>,
    /// The objects of the last revision: `apps/v1 StatefulSet common/etcd`.
    objects: Vec<String>,
    /// What was there before an uninstall; only after one.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Before>,
}

/// The revision that an uninstall took away.
#[derive(Serialize, JsonSchema)]
struct Before {
    /// Its number.
    revision: u64,
    /// The chart with its version.
    chart: String,
    /// The application's version.
    app_version: String,
    /// The values that the user supplied: a later install takes them as they are.
    values: Map<String, Value>,
    /// The files on the controller in which `save` keeps it, by part: `values`, `manifest`, `notes`. Empty without `save`.
    saved: BTreeMap<String, String>,
}

/// What an uninstall took away comes from what it read just before.
pub(super) fn of(params: &Params, state: &State, done: &[Done]) -> Registered {
    let before = before(params, done);
    let last = state.last();
    let values = last.map(|_| state.values.clone());
    Registered {
        release: params.release.clone(),
        namespace: params.namespace.clone(),
        installed: last.is_some(),
        revision: last.map(|last| last.revision),
        status: last.map(|last| last.status.clone()),
        chart: last.map(|last| last.chart.clone()),
        app_version: last.map(|last| last.app_version.clone()),
        values: values.or_else(|| before.as_ref().map(|before| before.values.clone())),
        objects: state.deployed.iter().map(|object| object.id.clone()).collect(),
        before,
    }
}

fn before(params: &Params, done: &[Done]) -> Option<Before> {
    let texts = || {
        done.iter().filter_map(|done| match done {
            Done::Output(output) => Some(output.stdout.as_str()),
            Done::Response(_) => None,
        })
    };
    let history = texts().find_map(|text| serde_json::from_str::<Vec<Revision>>(text).ok())?;
    let Revision { revision, chart, app_version, .. } = history.into_iter().next_back()?;
    let values = texts().find_map(|text| serde_json::from_str::<Map<String, Value>>(text).ok()).unwrap_or_default();
    let saved = save::files(params, revision).into_iter().map(|(part, path)| (part.to_owned(), path)).collect();
    Some(Before { revision, chart, app_version, values, saved })
}
