//! The old volumes after the cutover: the service goes back to them while nothing was written since; days later they are removed, and not
//! before the cutover is committed, or while anything uses them.

use serde_json::json;

use super::{CUT_OVER, PLATFORMS, PURGE, ROLLBACK, SITES, Side, pass, write};
use crate::support::play::Play;
use crate::support::ran::changed;
use crate::support::stage::Stage;
use crate::support::truth::Workload;

const OLD: [&str; 3] = ["worker04", "worker05", "worker06"];

/// The directories of the old volumes, and of the backups.
async fn left(stage: &Stage) -> (usize, usize) {
    let mut left = (0, 0);
    for node in OLD {
        left.0 += stage.must("primary", node, "ls /data/vmdata/hpvolumes").await.matches("pvc-").count();
        left.1 += stage.must("primary", node, "ls /data/vmdata/backup").await.matches("r1").count();
    }
    left
}

/// The service is on its old volumes.
async fn on_old_volumes(side: &Side) -> bool {
    let volumes = Workload::default().volumes(&side.stage, "primary").await;
    volumes.iter().zip(OLD).all(|((name, node, path), old)| {
        name.starts_with("pvc-") && node == old && path.starts_with("/data/vmdata/hpvolumes/pvc-")
    })
}

#[tokio::test(start_paused = true)]
async fn old_volumes_and_backups_are_removed_and_the_service_goes_on() {
    let side = Side::new(0);
    let truth = side.truth("primary").await;
    assert_eq!(left(&side.stage).await, (3, 3));
    side.run(PURGE, json!({})).await.well();
    assert_eq!(left(&side.stage).await, (0, 0));
    let volumes = side.stage.api("primary", "GET", "/api/v1/persistentvolumes", None).await;
    assert_eq!(volumes["items"].as_array().expect("a list").len(), 3, "those of the replicated disks");
    side.serves_alone("primary", &SITES, &truth).await;
    side.refused(PURGE, json!({}), &["ConfigMap common/common-etcd-etcd-cutover"]).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_removed_before_the_commit() {
    let stage = Stage::prepared();
    let cutover = Play::cutover();
    let side = Side { stage, platform: 0 };
    side.refused(PURGE, json!({}), &["ConfigMap common/common-etcd-etcd-cutover"]).await;

    let ran = side.stage.execution(&cutover).fail("record-that-it-is-committed").go().await;
    assert_eq!(ran.ending.exit_code, 1, "{}", ran.summary());
    let words = "the cutover of run r1 is not committed: its old volumes are the way back (`cutover undo r1`)";
    side.refused(PURGE, json!({}), &[words]).await;
    // Nor is the commit of an earlier cutover, from which the service went back, one of this.
    let earlier = json!({"data": {"committed": "r0"}});
    let record = "/api/v1/namespaces/common/configmaps/common-etcd-etcd-cutover";
    side.stage.api("primary", "PATCH", record, Some(earlier)).await;
    side.refused(PURGE, json!({}), &[words]).await;
    assert_eq!(left(&side.stage).await, (3, 3));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_removed_while_it_may_be_needed() {
    // One side alone: the old volumes may be the only copy beside it.
    let side = Side::new(0);
    side.lose(cutover_sandbox::Part::Link("primary".to_owned(), "standby".to_owned())).await;
    side.refused(PURGE, json!({}), &["etcd0 on primary/worker01 is Connecting"]).await;

    // Somebody has bound a claim to one of them.
    let side = Side::new(0);
    let record =
        side.stage.api("primary", "GET", "/api/v1/namespaces/common/configmaps/common-etcd-etcd-cutover", None).await;
    let volumes: serde_json::Value =
        serde_json::from_str(record["data"]["volumes"].as_str().expect("text")).expect("JSON");
    let (volume, path) = (volumes[1]["pv"].as_str().expect("a name"), volumes[1]["path"].as_str().expect("a path"));
    let free = json!({"spec": {"claimRef": {"uid": null, "resourceVersion": null, "name": "other"}}});
    side.stage.api("primary", "PATCH", &format!("/api/v1/persistentvolumes/{volume}"), Some(free)).await;
    side.refused(PURGE, json!({}), &[volume]).await;
    assert!(side.stage.world.effects().iter().all(|text| !text.contains(&format!("rm -r {path}"))));
    assert_eq!(left(&side.stage).await, (3, 3));
}

#[tokio::test(start_paused = true)]
async fn the_service_goes_back_to_its_old_volumes_if_nothing_was_written() {
    for platform in 0..PLATFORMS.len() {
        let side = Side::new(platform);
        let truth = side.truth("primary").await;
        assert!(!on_old_volumes(&side).await);
        side.run(ROLLBACK, json!({})).await.well();
        Workload::default().serves(&side.stage, "primary", &truth).await;
        assert!(on_old_volumes(&side).await);
        // They are in use: they are not removed.
        let ran = side.run(PURGE, json!({})).await;
        assert_eq!(ran.ending.exit_code, 3, "{}", ran.summary());
        assert_eq!(changed(ran.own()), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn one_write_more_and_there_is_no_way_back() {
    let side = Side::new(0);
    write(&side.stage, "primary", "/acknowledged/after-the-cutover").await;
    side.refused(ROLLBACK, json!({}), &["what was written since would be lost on the old volumes"]).await;

    // While people wait at the gate.
    let side = Side::new(0);
    let play = side.play(ROLLBACK, json!({}));
    let ran = side.stage.execution(&play).fail("what-the-service-says-right-before-the-stop").go().await;
    write(&side.stage, "primary", "/acknowledged/at-the-gate").await;
    let again = side.stage.execution(&play).after(&ran.events).go().await;
    assert_eq!(again.ending.exit_code, 3, "{}", again.summary());
    assert!(again.failed().is_some_and(|step| step.ends_with("nothing-was-written-meanwhile")), "{}", again.summary());
    assert_eq!(changed(again.own()), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_way_back_can_be_undone_until_clients_write() {
    let side = Side { stage: Stage::from(&CUT_OVER[0]), platform: 0 };
    let truth = side.truth("primary").await;
    let play = side.play(ROLLBACK, json!({}));
    for step in ["free-the-old-volumes", "members-keys-and-hash-are-as-before"] {
        side.fails_and_is_undone(&play, step).await;
        pass(60).await;
        side.serves_alone("primary", &SITES, &truth).await;
        assert!(!on_old_volumes(&side).await);
    }
}
