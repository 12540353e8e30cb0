//! Helm's records of a release in a simulated cluster.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::stage::Stage;

const SECRETS: &str = "/api/v1/namespaces/common/secrets";

/// Leaves an upgrade of the release on the primary site unfinished, as revision 2.
pub(crate) async fn leave_upgrade_unfinished(stage: &Stage) {
    let mut secret = stage.api("primary", "GET", &format!("{SECRETS}/sh.helm.release.v1.common-etcd.v1"), None).await;
    let record = STANDARD.decode(secret["data"]["release"].as_str().unwrap()).unwrap();
    let mut record: Value = serde_json::from_slice(&record).unwrap();
    record["version"] = json!(2);
    record["info"]["status"] = json!("pending-upgrade");
    secret["metadata"] = json!({
        "name": "sh.helm.release.v1.common-etcd.v2",
        "labels": {"name": "common-etcd", "owner": "helm", "status": "pending-upgrade", "version": "2"},
    });
    secret["data"]["release"] = json!(STANDARD.encode(record.to_string()));
    stage.api("primary", "POST", SECRETS, Some(secret)).await;
}

/// Edits the record of the first revision of the release on the primary site.
pub(crate) async fn edit_release(stage: &Stage, edit: impl FnOnce(&mut Value)) {
    let path = format!("{SECRETS}/sh.helm.release.v1.common-etcd.v1");
    let mut secret = stage.api("primary", "GET", &path, None).await;
    let record = STANDARD.decode(secret["data"]["release"].as_str().unwrap()).unwrap();
    let mut record: Value = serde_json::from_slice(&record).unwrap();
    edit(&mut record);
    secret["data"]["release"] = json!(STANDARD.encode(record.to_string()));
    stage.api("primary", "PUT", &path, Some(secret)).await;
}
