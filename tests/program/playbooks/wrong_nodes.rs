//! Nodes and API servers that go away, or are not who they should be.

use std::time::Duration;

use cutover_engine::event::{Event, EventKind};
use cutover_engine::record::Reader;
use cutover_sandbox::{Sandbox, Strike, StrikeKind};
use serde_json::json;

use crate::support::play::{PREPARE, Play, example};
use crate::support::ran::changed;
use crate::support::stage::Stage;
use crate::support::truth::Workload;
use crate::support::unharmed::{caught_and_undone, stopped, undone};

/// The first step of each phase.
const PHASES: &[&str] = &[
    "the-replicas-are-in-sync-on-both-sides",
    "there-is-room-for-the-backups",
    "the-replicated-disk-is-primary-here",
    "scale-to-zero",
    "make-the-backup-directory",
    "bring-each-replica-s-data-to-its-new-node",
    "uninstall-the-release",
    "every-replica-gets-its-own-node-and-disk",
    "mount-at-boot-wherever-the-node-is-to-be-primary",
];

/// Where the pods of the new release run: one on a dead node is not gone before the node is back.
const PODS: usize = 7;

#[tokio::test(start_paused = true)]
async fn a_node_that_dies_in_any_phase_stops_it_and_the_service_comes_back() {
    // The node of a pair, an old node, and a node of the standby; with an old node the service needs it back.
    for (site, node, needed) in
        [("primary", "worker01", PODS), ("primary", "worker04", 0), ("standby", "worker01", PHASES.len())]
    {
        for (index, step) in PHASES.iter().enumerate() {
            let (stage, events) = Stage::before(step);
            assert!(stage.world.power_off(site, node));
            let ran = stage.execution(&Play::cutover()).after(events).go().await;
            if node == "worker04" && index > 5 {
                // What was on it has been copied from it.
                assert_eq!(ran.ending.exit_code, 0, "{step}: {}", ran.summary());
                continue;
            }
            // At the gate of the outage it is one of several checks that do not hold any more.
            let at_the_gate = ran.failed().is_some_and(|failed| failed.ends_with("approve-the-outage"));
            let codes: &[u8] = if at_the_gate { &[3] } else { &[1, 4] };
            assert!(codes.contains(&ran.ending.exit_code), "{step}: {}", ran.summary());
            assert!(ran.words().contains(node), "{step}: {}", ran.summary());
            if index >= needed {
                stage.world.power_on(site, node);
                tokio::time::sleep(Duration::from_secs(120)).await;
            }
            undone(&stage, &ran).await;
        }
    }
}

/// Lets an API server fail for a while as soon as a step waits.
struct Outage {
    world: Sandbox,
    step: &'static str,
}

impl Reader for Outage {
    fn event(&mut self, event: &Event) {
        if let EventKind::Waiting { task, .. } = &event.kind
            && task.path.id().ends_with(self.step)
        {
            self.step = "over";
            // At 0.5 s, 0.75 s, 1.1 s ... between two looks: for about 20 s.
            self.world.inject(Strike { times: 8, ..Strike::text("primary> GET", StrikeKind::Fails(503)) });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_fails_for_a_while_is_waited_for() {
    let truth = Workload::default().truth(&Stage::prepared(), "primary").await;
    for step in ["scale-to-zero", "every-replica-is-ready"] {
        let (stage, events) = Stage::before(step);
        let outage = Outage { world: stage.world.clone(), step };
        stage.execution(&Play::cutover()).after(events).watched(outage).go().await.well();
        Workload::default().serves(&stage, "primary", &truth).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_with_another_hostname_is_refused() {
    let other =
        example().replace("worker02: {address: 172.16.1.2}", "worker02: {address: 172.16.1.2, hostname: db-two}");
    assert_ne!(other, example());
    let play = Play::load(PREPARE, &|text| text, &other);
    let stage = Stage::new(&Play::prepare(), Default::default(), 1);
    let ran = stage.run(&play).await;
    stopped(&ran, "write-the-resource-create-its-metadata-bring-it-up", &["worker02", "db-two"]);
    assert!(!changed(ran.own()).iter().any(|change| change.starts_with("primary/worker02")), "it is let alone");
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_is_primary_stops_it_at_once() {
    let stage = Stage::prepared();
    stage.must("primary", "worker02", "drbdadm secondary etcd1").await;
    stage.must("standby", "worker02", "drbdadm primary etcd1").await;
    caught_and_undone(&stage, &[], "the-active-side-is-primary", &["Primary"]).await;
    let ran = stage.run(&Play::prepare()).await;
    stopped(&ran, "promote-the-active-side-for-the-first-time", &["worker02"]);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_its_own_values_tie_to_its_old_nodes_is_not_stopped() {
    let stage = Stage::prepared();
    for node in ["worker04", "worker05", "worker06"] {
        let labels = json!({"metadata": {"labels": {"old-node": "true"}}});
        stage.api("primary", "PATCH", &format!("/api/v1/nodes/{node}"), Some(labels)).await;
    }
    // The standby's set, made when preparing, is not.
    let set = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";
    let tied = json!({"spec": {"template": {"spec": {"nodeSelector": {"old-node": "true"}}}}});
    stage.api("primary", "PATCH", set, Some(tied)).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    let ran = stage.run(&Play::cutover()).await;
    let step = "the-planned-nodes-are-ready-and-labelled-and-the-pods-may-run-there";
    stopped(&ran, step, &["old-node=true"]);
    assert_eq!(changed(ran.own()), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_release_tied_to_its_old_nodes_is_refused_before_a_disk_is_written_to() {
    let selector = json!({"nodeSelector": {"old-node": "true"}});
    let requirement = json!({"key": "old-node", "operator": "Exists"});
    let terms = json!({"nodeSelectorTerms": [{"matchExpressions": [requirement]}]});
    let affinity = json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}});
    for spec in [selector, affinity] {
        let stage = Stage::new(&Play::prepare(), Default::default(), 1);
        for node in ["worker04", "worker05", "worker06"] {
            let labels = json!({"metadata": {"labels": {"old-node": "true"}}});
            stage.api("primary", "PATCH", &format!("/api/v1/nodes/{node}"), Some(labels)).await;
        }
        let set = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";
        stage.api("primary", "PATCH", set, Some(json!({"spec": {"template": {"spec": spec}}}))).await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        let ran = stage.run(&Play::prepare()).await;
        stopped(&ran, "its-pods-may-run-on-the-planned-nodes", &["the pods do not select it"]);
        assert_eq!(changed(ran.own()), [""; 0]);
    }
}
