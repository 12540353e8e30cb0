//! Deletes what belonged to objects that are gone, and lets go of objects that waited for their dependents.

use std::collections::BTreeSet;

use super::deleting;
use crate::api::cluster::{Cluster, Key};
use crate::api::store::{self, DeleteOptions};

/// Deletes dependents whose owners are all gone, or are being deleted in the foreground.
pub(crate) fn reconcile(cluster: &mut Cluster) {
    let finalizer = |object: &serde_json::Value| {
        let list = object["metadata"]["finalizers"].as_array();
        list.is_some_and(|list| list.iter().any(|known| known == "foregroundDeletion"))
    };
    let mut alive = BTreeSet::new();
    let mut foreground = Vec::new();
    for (key, object) in &cluster.objects {
        let uid = super::uid(object).to_owned();
        if deleting(object) && finalizer(object) {
            foreground.push((key.clone(), uid));
        } else {
            alive.insert(uid);
        }
    }
    let owned =
        |object: &serde_json::Value| object["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
    let orphans: Vec<Key> = cluster
        .objects
        .iter()
        .filter(|(_, object)| !deleting(object))
        .filter(|(_, object)| {
            let owners = owned(object);
            !owners.is_empty() && !owners.iter().any(|owner| alive.contains(super::text(&owner["uid"])))
        })
        .map(|(key, _)| key.clone())
        .collect();
    for key in orphans {
        // It can only be gone already.
        let _ = store::delete(cluster, &key, &DeleteOptions::default());
    }
    for (key, uid) in foreground {
        let held = cluster.objects.values().any(|object| {
            owned(object).iter().any(|owner| owner["uid"] == uid.as_str() && owner["blockOwnerDeletion"] == true)
        });
        if !held {
            store::remove_finalizer(cluster, &key, "foregroundDeletion");
        }
    }
}
