//! Deletes what belonged to objects that are gone, and lets go of objects that waited for their dependents.

use serde_json::Value;

use super::{Touched, deleting, text, uid};
use crate::cluster::api::store::{self, DeleteOptions};
use crate::cluster::state::{Cluster, Key};

/// Deletes dependents whose owners are all gone, or are being deleted in the foreground.
pub(crate) fn reconcile(cluster: &mut Cluster, touched: &Touched) {
    let (there, gone): (Vec<&Key>, Vec<&Key>) = touched.0.iter().partition(|key| cluster.objects.contains(key));
    let waits = |key: &&Key| cluster.get(key).is_some_and(|object| in_foreground(object));
    // Who belonged to them, and who waited for them, is known by looking at everybody.
    let everybody = !gone.is_empty() || there.iter().any(waits);
    let orphans: Vec<Key> = if !everybody {
        there
            .into_iter()
            .filter(|key| cluster.get(key).is_some_and(|object| orphaned(cluster, object)))
            .cloned()
            .collect()
    } else {
        let all = cluster.objects.iter().filter(|(_, object)| orphaned(cluster, object));
        all.map(|(key, _)| key.clone()).collect()
    };
    for key in orphans {
        // It can only be gone already.
        let _ = store::delete(cluster, &key, &DeleteOptions::default());
    }
    if !everybody {
        return;
    }
    let waiting: Vec<(Key, String)> = cluster
        .objects
        .iter()
        .filter(|(_, object)| in_foreground(object))
        .map(|(key, object)| (key.clone(), uid(object).to_owned()))
        .collect();
    for (key, uid) in waiting {
        let blocks = |owner: &Value| owner["uid"] == uid.as_str() && owner["blockOwnerDeletion"] == true;
        if !cluster.objects.iter().any(|(_, object)| owners(object).any(blocks)) {
            store::remove_finalizer(cluster, &key, "foregroundDeletion");
        }
    }
}

fn owners(object: &Value) -> impl Iterator<Item = &Value> {
    object["metadata"]["ownerReferences"].as_array().into_iter().flatten()
}

/// Whether an object waits for its dependents to be gone first.
fn in_foreground(object: &Value) -> bool {
    let finalizers = object["metadata"]["finalizers"].as_array();
    deleting(object) && finalizers.is_some_and(|list| list.iter().any(|known| known == "foregroundDeletion"))
}

/// Whether an object had owners, and none is left that stays.
fn orphaned(cluster: &Cluster, object: &Value) -> bool {
    let stays = |owner: &Value| {
        let key = cluster.objects.key_of(text(&owner["uid"]));
        key.and_then(|key| cluster.get(key)).is_some_and(|owner| !in_foreground(owner))
    };
    let mut all = owners(object).peekable();
    !deleting(object) && all.peek().is_some() && !all.any(stays)
}
