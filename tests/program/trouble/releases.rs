//! Releases of Helm that are not what they seem.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::found;
use crate::support::play::Play;
use crate::support::stage::Stage;

const SECRETS: &str = "/api/v1/namespaces/common/secrets";

/// Leaves another revision of the release, in a state.
async fn revision(stage: &Stage, number: u64, status: &str, edit: impl FnOnce(&mut Value)) {
    let mut secret = stage.api("primary", "GET", &format!("{SECRETS}/sh.helm.release.v1.common-etcd.v1"), None).await;
    let record = STANDARD.decode(secret["data"]["release"].as_str().expect("a record")).expect("base64");
    let mut record: Value = serde_json::from_slice(&record).expect("JSON");
    record["version"] = json!(number);
    record["info"]["status"] = json!(status);
    edit(&mut record);
    secret["metadata"] = json!({
        "name": format!("sh.helm.release.v1.common-etcd.v{number}"),
        "labels": {"name": "common-etcd", "owner": "helm", "status": status, "version": number.to_string()},
    });
    secret["data"]["release"] = json!(STANDARD.encode(record.to_string()));
    stage.api("primary", "POST", SECRETS, Some(secret)).await;
}

#[tokio::test(start_paused = true)]
async fn a_release_whose_last_revision_is_not_the_one_that_runs_is_named() {
    for (status, words) in [
        ("failed", "revision 2 failed"),
        ("pending-upgrade", "common-etcd is pending-upgrade"),
        ("pending-rollback", "common-etcd is pending-rollback"),
        ("uninstalling", "common-etcd is uninstalling"),
    ] {
        let stage = Stage::prepared();
        revision(&stage, 2, status, |record| record["config"] = json!({"podManagementPolicy": "OrderedReady"})).await;
        let printed = found(&stage, &Play::cutover()).await;
        assert!(printed.contains(words), "{status}: {printed}");
    }
}
