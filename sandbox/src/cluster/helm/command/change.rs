//! What helm changes: install, upgrade, rollback, uninstall.

use serde_json::json;

use super::{Task, chart, revisions, summary};
use crate::cluster::api::create;
use crate::cluster::chart::merge_values;
use crate::cluster::helm::{self, Record, conflict, manifest_text, save};
use crate::cluster::state::{Cluster, key};

/// `install RELEASE CHART`
pub(super) fn install(
    task: &Task<'_>,
    cluster: &mut Cluster,
    release: &str,
    reference: &str,
) -> Result<String, String> {
    let fail = |why: String| format!("INSTALLATION FAILED: {why}");
    let chart = chart(task, reference).map_err(fail)?;
    let config = task.values()?;
    let namespace = task.namespace();
    let history = revisions(cluster, namespace, release).unwrap_or_default();
    let replaced = match history.last() {
        None => 0,
        Some(last) if task.options.has("replace") && matches!(last.status(), "uninstalled" | "failed") => last.version,
        Some(_) => return Err(fail("cannot re-use a name that is still in use".to_owned())),
    };
    if cluster.get(&key("namespaces", "", namespace)).is_none() {
        if !task.options.has("create-namespace") {
            return Err(fail(format!("create: failed to create: namespaces \"{namespace}\" not found")));
        }
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        create(cluster, "", object).map_err(|problem| fail(problem.message))?;
    }
    let stamp = cluster.stamp();
    let mut record = Record {
        name: release.to_owned(),
        info: json!({"first_deployed": stamp, "last_deployed": stamp, "deleted": ""}),
        chart: json!({"metadata": chart.metadata, "values": chart.values}),
        config,
        manifest: String::new(),
        version: replaced + 1,
        namespace: namespace.to_owned(),
    };
    record.manifest = manifest_text(&chart.render(release, namespace, &record.computed()));
    if let Some(why) = conflict(cluster, &record) {
        return Err(fail(format!("Unable to continue with install: {why}")));
    }
    if let Some(mut old) = history.into_iter().next_back() {
        old.set_status("superseded", "superseded by new release");
        save(cluster, &old).map_err(|problem| fail(problem.message))?;
    }
    let done = task.options.value("description").unwrap_or("Install complete");
    helm::install(cluster, record, done).map(|record| summary(&record)).map_err(|problem| fail(problem.message))
}

/// `upgrade RELEASE CHART`
pub(super) fn upgrade(
    task: &Task<'_>,
    cluster: &mut Cluster,
    release: &str,
    reference: &str,
) -> Result<String, String> {
    let fail = |why: String| format!("UPGRADE FAILED: {why}");
    let chart = chart(task, reference).map_err(fail)?;
    let values = task.values()?;
    let namespace = task.namespace();
    let history = revisions(cluster, namespace, release).unwrap_or_default();
    let none = || fail(format!("\"{release}\" has no deployed releases"));
    let last = history.last().ok_or_else(none)?;
    if last.status().starts_with("pending-") {
        return Err(fail("another operation (install/upgrade/rollback) is in progress".to_owned()));
    }
    let deployed = history.iter().rev().find(|record| record.status() == "deployed");
    let old = deployed.or(Some(last).filter(|last| last.status() == "failed")).ok_or_else(none)?.clone();
    // Without new values helm keeps the old ones, unless an option resets them.
    let reuse = task.options.has("reuse-values")
        || (!task.options.has("reset-values") && values.as_object().is_some_and(|values| values.is_empty()));
    let mut config = if reuse { old.config.clone() } else { json!({}) };
    merge_values(&mut config, &values);
    let mut new = Record {
        info: json!({
            "first_deployed": old.info["first_deployed"], "last_deployed": cluster.stamp(), "deleted": "",
        }),
        chart: json!({"metadata": chart.metadata, "values": chart.values}),
        config,
        version: last.version + 1,
        ..old.clone()
    };
    new.manifest = manifest_text(&chart.render(release, namespace, &new.computed()));
    if let Some(why) = conflict(cluster, &new) {
        return Err(fail(format!("Unable to continue with update: {why}")));
    }
    let done = task.options.value("description").unwrap_or("Upgrade complete");
    let new = helm::upgrade(cluster, old, new, done).map_err(|problem| fail(problem.message))?;
    Ok(format!("Release \"{release}\" has been upgraded. Happy Helming!\n{}", summary(&new)))
}

/// `rollback RELEASE [REVISION]`
pub(super) fn rollback(
    cluster: &mut Cluster,
    namespace: &str,
    release: &str,
    revision: Option<&str>,
) -> Result<String, String> {
    let history = revisions(cluster, namespace, release)?;
    let Some(last) = history.last() else { return Err("release: not found".to_owned()) };
    let wanted: u64 = revision
        .and_then(|revision| revision.parse().ok())
        .filter(|revision| *revision > 0)
        .unwrap_or(last.version - 1);
    let target = history.iter().find(|record| record.version == wanted);
    let target = target.ok_or_else(|| format!("release has no {wanted} version"))?;
    let new = Record {
        info: json!({
            "first_deployed": last.info["first_deployed"], "last_deployed": cluster.stamp(), "deleted": "",
        }),
        version: last.version + 1,
        ..target.clone()
    };
    let done = format!("Rollback to {wanted}");
    helm::upgrade(cluster, last.clone(), new, &done).map_err(|problem| problem.message)?;
    for mut old in history.iter().filter(|record| record.status() == "deployed").cloned() {
        old.info["status"] = json!("superseded");
        save(cluster, &old).map_err(|problem| problem.message)?;
    }
    Ok("Rollback was a success! Happy Helming!\n".to_owned())
}

/// `uninstall RELEASE [--keep-history]`
pub(super) fn uninstall(task: &Task<'_>, cluster: &mut Cluster, release: &str) -> Result<String, String> {
    let history = revisions(cluster, task.namespace(), release)
        .map_err(|words| format!("uninstall: Release not loaded: {release}: {words}"))?;
    helm::uninstall(cluster, history, task.options.has("keep-history")).map_err(|problem| problem.message)?;
    Ok(format!("release \"{release}\" uninstalled\n"))
}
