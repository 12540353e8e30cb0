//! Release records: the Secrets in which helm keeps what it has installed. The payload is plain JSON here, not compressed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cluster::api::rights::permit;
use crate::cluster::api::{DeleteOptions, Problem, create, delete, replace};
use crate::cluster::chart::merge_values;
use crate::cluster::state::{Cluster, key};

/// One revision of a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The release's name.
    pub(crate) name: String,
    /// `first_deployed`, `last_deployed`, `deleted`, `description`, `status`.
    pub(crate) info: Value,
    /// The chart: `metadata` and `values`.
    pub(crate) chart: Value,
    /// The values the user gave.
    pub(crate) config: Value,
    /// The rendered objects, as YAML documents.
    pub(crate) manifest: String,
    /// The revision, from 1.
    pub(crate) version: u64,
    /// The namespace.
    pub(crate) namespace: String,
}

impl Record {
    /// `deployed`, `superseded`, `pending-install`, `failed`...
    pub(crate) fn status(&self) -> &str {
        self.info["status"].as_str().unwrap_or_default()
    }

    /// Sets the status and says why.
    pub(crate) fn set_status(&mut self, status: &str, description: &str) {
        self.info["status"] = json!(status);
        self.info["description"] = json!(description);
    }

    /// `etcd-1.1.0`.
    pub(crate) fn chart_label(&self) -> String {
        let text = |field: &str| self.chart["metadata"][field].as_str().unwrap_or_default();
        format!("{}-{}", text("name"), text("version"))
    }

    /// The values that the templates saw: the chart's under the user's.
    pub(crate) fn computed(&self) -> Value {
        let mut values = self.chart["values"].clone();
        merge_values(&mut values, &self.config);
        values
    }

    /// The objects of the manifest.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let documents = self.manifest.split("\n---\n").map(|text| text.trim_start_matches("---\n"));
        documents.filter_map(|text| serde_yaml::from_str::<Value>(text).ok()).filter(Value::is_object).collect()
    }

    fn secret(&self) -> String {
        format!("sh.helm.release.v1.{}.v{}", self.name, self.version)
    }
}

/// All records of a namespace (of all namespaces if it is empty), by name and revision.
pub(crate) fn records(cluster: &Cluster, namespace: &str) -> Vec<Record> {
    let mut records: Vec<Record> = cluster
        .list("secrets")
        .filter(|(key, secret)| (namespace.is_empty() || key.1 == namespace) && secret["type"] == "helm.sh/release.v1")
        .filter_map(|(_, secret)| {
            serde_json::from_slice(&BASE64.decode(secret["data"]["release"].as_str()?).ok()?).ok()
        })
        .collect();
    records.sort_by(|a, b| (&a.namespace, &a.name, a.version).cmp(&(&b.namespace, &b.name, b.version)));
    records
}

/// Writes a record, new or known.
pub(crate) fn save(cluster: &mut Cluster, record: &Record) -> Result<(), Problem> {
    let payload = BASE64.encode(serde_json::to_vec(record).unwrap_or_default());
    let object = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {"name": record.secret(), "namespace": record.namespace, "labels": {
            "name": record.name, "owner": "helm", "status": record.status(), "version": record.version.to_string(),
        }},
        "data": {"release": payload},
    });
    let secret = key("secrets", &record.namespace, &record.secret());
    if cluster.get(&secret).is_some() {
        permit(cluster, &["update"], &secret)?;
        replace(cluster, &secret, object, false).map(drop)
    } else {
        permit(cluster, &["create"], &secret)?;
        create(cluster, &record.namespace, object).map(drop)
    }
}

/// Removes a record.
pub(crate) fn forget(cluster: &mut Cluster, record: &Record) -> Result<(), Problem> {
    let secret = key("secrets", &record.namespace, &record.secret());
    permit(cluster, &["delete"], &secret)?;
    delete(cluster, &secret, &DeleteOptions::default()).map(drop)
}
