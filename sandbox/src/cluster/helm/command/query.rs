//! What helm only shows: charts, rendered templates, releases and their revisions.

use serde_json::{Map, Value, json};

use super::{Task, chart, revisions, summary};
use crate::cluster::chart::merge_values;
use crate::cluster::helm::{Record, manifest_text, records};
use crate::cluster::state::Cluster;

/// `version [--short]`
pub(super) fn version(task: &Task<'_>) -> Result<String, String> {
    Ok(match task.options.has("short") {
        true => "v3.17.1+g980d8ac\n",
        false => {
            "version.BuildInfo{Version:\"v3.17.1\", GitCommit:\"980d8ac1939e39138101364400756af2bdee1da5\", \
             GitTreeState:\"clean\", GoVersion:\"go1.23.5\"}\n"
        }
    }
    .to_owned())
}

/// `show chart CHART`
pub(super) fn show_chart(task: &Task<'_>, reference: &str) -> Result<String, String> {
    let chart = chart(task, reference)?;
    Ok(format!("{}\n\n", yaml(&chart.metadata)))
}

/// `template RELEASE CHART`
pub(super) fn template(task: &Task<'_>, release: &str, reference: &str) -> Result<String, String> {
    let chart = chart(task, reference)?;
    let mut values = chart.values.clone();
    merge_values(&mut values, &task.values()?);
    Ok(manifest_text(&chart.render(release, task.namespace(), &values)))
}

/// `list`: the last revision of each release, deployed or failed unless an option says otherwise.
pub(super) fn list(task: &Task<'_>, cluster: &Cluster) -> String {
    let namespace = if task.options.has("A") { "" } else { task.namespace() };
    let mut last: Vec<Record> = Vec::new();
    for record in records(cluster, namespace) {
        match last.last_mut().filter(|known| (&known.namespace, &known.name) == (&record.namespace, &record.name)) {
            Some(known) => *known = record,
            None => last.push(record),
        }
    }
    let chosen: Vec<&str> = ["deployed", "failed", "pending", "superseded", "uninstalled", "uninstalling"]
        .into_iter()
        .filter(|state| task.options.has(state))
        .collect();
    let chosen = if chosen.is_empty() { vec!["deployed", "failed"] } else { chosen };
    let filter = task.options.value("filter").or(task.options.value("f")).map(|filter| filter.trim_matches(['^', '$']));
    last.retain(|record| {
        let state = task.options.has("a") || chosen.iter().any(|state| record.status().starts_with(state));
        state && filter.is_none_or(|filter| record.name.contains(filter))
    });
    let updated = |record: &Record| {
        let text = record.info["last_deployed"].as_str().unwrap_or_default();
        format!("{} +0000 UTC", text.trim_end_matches('Z').replace('T', " "))
    };
    if task.wants_json() {
        let row = |record: &Record| {
            json!({
                "name": record.name, "namespace": record.namespace, "revision": record.version.to_string(),
                "updated": updated(record), "status": record.status(), "chart": record.chart_label(),
                "app_version": app_version(record),
            })
        };
        return format!("{}\n", last.iter().map(row).collect::<Value>());
    }
    let head = ["NAME", "NAMESPACE", "REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION"].map(str::to_owned);
    let rows = last.iter().map(|record| {
        [
            record.name.clone(),
            record.namespace.clone(),
            record.version.to_string(),
            updated(record),
            record.status().to_owned(),
            record.chart_label(),
            app_version(record),
        ]
    });
    table(std::iter::once(head).chain(rows).collect())
}

/// `history RELEASE`
pub(super) fn history(task: &Task<'_>, cluster: &Cluster, release: &str) -> Result<String, String> {
    let history = revisions(cluster, task.namespace(), release)?;
    if task.wants_json() {
        let row = |record: &Record| {
            json!({
                "revision": record.version, "updated": record.info["last_deployed"], "status": record.status(),
                "chart": record.chart_label(), "app_version": app_version(record),
                "description": record.info["description"],
            })
        };
        return Ok(format!("{}\n", history.iter().map(row).collect::<Value>()));
    }
    let head = ["REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION", "DESCRIPTION"].map(str::to_owned);
    let rows = history.iter().map(|record| {
        let text = |field: &str| record.info[field].as_str().unwrap_or_default().to_owned();
        [
            record.version.to_string(),
            text("last_deployed"),
            record.status().to_owned(),
            record.chart_label(),
            app_version(record),
            text("description"),
        ]
    });
    Ok(table(std::iter::once(head).chain(rows).collect()))
}

/// `status RELEASE`
pub(super) fn status(task: &Task<'_>, cluster: &Cluster, release: &str) -> Result<String, String> {
    let record = revision(task, cluster, release)?;
    if !task.wants_json() {
        return Ok(summary(&record));
    }
    let Record { name, info, config, manifest, version, namespace, .. } = &record;
    let mut status = json!({"name": name, "info": info});
    if config.as_object().is_some_and(|config| !config.is_empty()) {
        status["config"] = sorted(config);
    }
    status["manifest"] = json!(manifest);
    status["version"] = json!(version);
    status["namespace"] = json!(namespace);
    Ok(format!("{status}\n"))
}

/// `get values|manifest|notes|all RELEASE`
pub(super) fn get(task: &Task<'_>, cluster: &Cluster, what: &str, release: &str) -> Result<String, String> {
    let record = revision(task, cluster, release)?;
    match what {
        "values" => Ok(values(task, &record)),
        "manifest" => Ok(record.manifest),
        "notes" | "hooks" => Ok(String::new()),
        "all" => Ok(format!(
            "{}USER-SUPPLIED VALUES:\n{}\n\nCOMPUTED VALUES:\n{}\n\nHOOKS:\nMANIFEST:\n{}",
            summary(&record),
            yaml(&record.config),
            yaml(&record.computed()),
            record.manifest
        )),
        other => Err(format!("unknown command \"{other}\" for \"helm get\"")),
    }
}

fn values(task: &Task<'_>, record: &Record) -> String {
    let all = task.options.has("a");
    let values = if all { record.computed() } else { record.config.clone() };
    let values = if values.as_object().is_some_and(Map::is_empty) { Value::Null } else { sorted(&values) };
    match task.options.value("o") {
        Some("json") => format!("{values}\n"),
        Some("yaml") => format!("{}\n", yaml(&values)),
        _ => {
            let head = if all { "COMPUTED VALUES" } else { "USER-SUPPLIED VALUES" };
            format!("{head}:\n{}\n", yaml(&values))
        }
    }
}

fn revision(task: &Task<'_>, cluster: &Cluster, release: &str) -> Result<Record, String> {
    let mut history = revisions(cluster, task.namespace(), release)?;
    let wanted: Option<u64> = task.options.number("revision").filter(|revision| *revision > 0);
    if let Some(wanted) = wanted {
        history.retain(|record| record.version == wanted);
    }
    history.pop().ok_or_else(|| "release: not found".to_owned())
}

fn app_version(record: &Record) -> String {
    let version = &record.chart["metadata"]["appVersion"];
    version.as_str().map_or_else(|| version.to_string(), str::to_owned)
}

fn yaml(value: &Value) -> String {
    serde_yaml::to_string(&sorted(value)).unwrap_or_default().trim_end().to_owned()
}

/// A value with its keys in alphabetical order, as Go prints maps.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            Value::Object(fields.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// Columns with tabs between them, each as wide as its widest cell.
fn table<const N: usize>(rows: Vec<[String; N]>) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("\t"))
    };
    rows.iter().map(line).collect()
}
