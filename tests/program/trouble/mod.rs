//! Worlds in which something is not as it should be, a file for each kind of trouble: the cutover names it before the outage and touches
//! nothing, or goes through with it if it does no harm.

mod claims;
mod hostile;
mod nodes;
mod pods;
mod releases;
mod volumes;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::play::Play;
use crate::support::ran::changed;
use crate::support::stage::Stage;

/// The service's set on a cluster.
pub(crate) const SET: &str = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";

/// What somebody does on a cluster: the site, the method and path of the request, and its body.
pub(crate) type Deed<'a> = (&'a str, &'a str, &'a str, Value);

/// The world after the preparation and after what somebody did in it.
pub(crate) async fn spoilt(deeds: &[Deed<'_>]) -> Stage {
    let stage = Stage::prepared();
    for (site, method, path, body) in deeds {
        stage.api(site, method, path, Some(body.clone())).await;
    }
    stage
}

/// Lets the controllers do what follows: pods are replaced one by one.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_secs(300)).await;
}

/// All that the cutover finds before it touches anything.
pub(crate) async fn found(stage: &Stage, play: &Play) -> String {
    let ran = stage.run(play).await;
    assert!(matches!(ran.ending.exit_code, 1 | 3), "{}", ran.summary());
    assert_eq!(changed(ran.own()), [""; 0], "{}", ran.failures());
    ran.failures()
}

/// The cutover names each trouble with these words.
pub(crate) async fn named(deeds: &[Deed<'_>], words: &[&str]) {
    let printed = found(&spoilt(deeds).await, &Play::cutover()).await;
    for words in words {
        assert!(printed.contains(words), "{deeds:?}: `{words}` is not in\n{printed}");
    }
}

/// A change of the set, as the API server would take it from an editor.
pub(crate) async fn edit_set(stage: &Stage, site: &str, edit: impl FnOnce(&mut Value)) {
    let mut set = stage.api(site, "GET", SET, None).await;
    edit(&mut set);
    stage.api(site, "PUT", SET, Some(set)).await;
    settle().await;
}

/// The world in which somebody has made the set anew, otherwise than it was.
pub(crate) async fn made_anew(edit: impl FnOnce(&mut Value)) -> Stage {
    let stage = Stage::prepared();
    let mut set = stage.api("primary", "GET", SET, None).await;
    stage.api("primary", "PATCH", SET, Some(json!({"spec": {"replicas": 0}}))).await;
    settle().await;
    stage.api("primary", "DELETE", SET, None).await;
    settle().await;
    for field in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
        set["metadata"].as_object_mut().expect("metadata").shift_remove(field);
    }
    set.as_object_mut().expect("a set").shift_remove("status");
    edit(&mut set);
    stage.api("primary", "POST", "/apis/apps/v1/namespaces/common/statefulsets", Some(set)).await;
    settle().await;
    stage
}
