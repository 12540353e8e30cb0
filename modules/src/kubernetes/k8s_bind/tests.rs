//! What `k8s_bind` decides, for objects as data.

use super::*;
use crate::testing;

fn volume(reference: Value) -> Value {
    json!({
        "metadata": {"name": "pv-0", "uid": "v-0"},
        "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "hostpath",
            "persistentVolumeReclaimPolicy": "Retain", "claimRef": reference,
        },
    })
}

fn claim(volume: &str, phase: &str) -> Value {
    json!({"metadata": {"name": "data-0", "uid": "c-1"}, "spec": {"volumeName": volume}, "status": {"phase": phase}})
}

fn held(name: &str, uid: &str) -> Value {
    json!({"namespace": "common", "name": name, "uid": uid})
}

fn look(claim: Option<Value>, volume: Option<Value>) -> String {
    let params = json!({"namespace": "common", "volumes": [
        {"claim": "data-0", "pv": "pv-0", "pv_uid": "v-0", "path": "/data/pv-0", "node": "n0", "ordinal": 0},
    ]});
    let params: Params = serde_json::from_value(params).unwrap();
    let state = State { claims: vec![claim], volumes: vec![volume] };
    format!("--\n{}", testing::show(&K8sBind.diff(testing::pair_context().facts(), &params, &state)))
}

#[test]
fn a_claim_leads_to_its_old_volume_or_is_refused() {
    let mut other = volume(Value::Null);
    other["metadata"]["uid"] = json!("v-9");
    let mut going = claim("pv-0", "Bound");
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let shown = [
        look(Some(claim("pv-0", "Bound")), Some(volume(held("data-0", "c-1")))),
        look(None, Some(volume(held("data-0", "c-0")))),
        look(Some(claim("", "Pending")), Some(volume(held("data-0", "c-0")))),
        look(Some(claim("pv-0", "Pending")), Some(volume(held("data-0", "c-1")))),
        look(Some(going), Some(volume(held("data-0", "c-1")))),
        look(Some(claim("pv-7", "Bound")), Some(volume(held("data-0", "c-0")))),
        look(None, Some(volume(held("data-8", "c-8")))),
        look(None, Some(other)),
        look(None, None),
    ];
    insta::assert_snapshot!(shown.concat());
}
