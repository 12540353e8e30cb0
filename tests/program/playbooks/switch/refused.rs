//! Each wrong use of a switch ends with exit code 3 and the reason, and touches nothing.

use cutover_sandbox::Part;
use serde_json::json;

use super::{DRILL, FAILOVER, REPROTECT, ROLES, SWITCHOVER, Side, WORKERS, pass, site};

fn link() -> Part {
    Part::Link("primary".to_owned(), "standby".to_owned())
}

#[tokio::test(start_paused = true)]
async fn nothing_is_switched_while_the_link_is_down() {
    let side = Side::new(0);
    side.lose(link()).await;
    for name in [SWITCHOVER, DRILL] {
        side.refused(name, json!({}), &["etcd0 on primary/worker01 is Connecting", "etcd2 on primary/worker03 is"])
            .await;
    }
    side.stage.world.bring_back(&link());
    pass(60).await;
    side.run(DRILL, json!({})).await.well();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_switched_to_a_standby_that_is_not_up_to_date() {
    let side = Side::new(0);
    side.stage.must("standby", "worker02", "drbdadm invalidate etcd1").await;
    for name in [SWITCHOVER, DRILL] {
        side.refused(name, json!({}), &["etcd1 on standby/worker02"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_whole_is_not_drilled() {
    let side = Side::new(0);
    side.lose(Part::Node("primary".to_owned(), "worker03".to_owned())).await;
    for name in [DRILL, SWITCHOVER] {
        let ran = side.run(name, json!({})).await;
        assert_eq!(ran.ending.exit_code, 3, "{}", ran.summary());
        // All that is wrong with it, not the first alone.
        for words in ["unreachable: primary/worker03", "2 of 3 replicas of common/common-etcd-etcd are ready"] {
            assert!(ran.failures().contains(words), "{name}: no `{words}` in: {}", ran.failures());
        }
    }
    let side = Side::new(0);
    let pod = "/api/v1/namespaces/common/pods/common-etcd-etcd-2";
    side.stage.api("primary", "DELETE", pod, None).await;
    side.refused(DRILL, json!({}), &["2 of 3 replicas of common/common-etcd-etcd are ready on primary"]).await;

    // Nor with a standby that could not take over.
    let side = Side::new(0);
    let node = "/api/v1/nodes/worker01";
    let labels = json!({"metadata": {"labels": {"cnp.inspurcloud.cn/etcd-tenant": null}}});
    side.stage.api("standby", "PATCH", node, Some(labels)).await;
    let ran = side.run(DRILL, json!({})).await;
    assert!(matches!(ran.ending.exit_code, 1 | 3), "{}", ran.summary());
    assert_eq!(crate::support::ran::changed(ran.own()), [""; 0]);
}

/// After a failover, with the lost site back.
async fn returned() -> Side {
    let side = Side::new(0);
    side.lose(site("primary")).await;
    side.run(FAILOVER, json!({})).await.well();
    side.stage.world.bring_back(&site("primary"));
    pass(60).await;
    side
}

#[tokio::test(start_paused = true)]
async fn the_wrong_victim_is_not_given_up() {
    let side = returned().await;
    let named = ["the victim is to be standby, and the passive site is primary"];
    side.refused(REPROTECT, json!({"victim": "standby"}), &named).await;

    // Somebody has put the old roles back, or works with a copy of the inventory from before.
    for worker in WORKERS {
        assert!(side.stage.must("primary", worker, "drbdadm role all").await.starts_with("Secondary"));
    }
    let play = side.play(REPROTECT, json!({}));
    let turned = cutover_engine::inventory::Roles { active: "primary".to_owned(), passive: "standby".to_owned() };
    let inventory = (*play.inventory).clone().in_roles(turned).expect("sites");
    let play = crate::support::play::Play { inventory: std::sync::Arc::new(inventory), ..play };
    let ran = side.stage.run(&play).await;
    assert_eq!(ran.ending.exit_code, 3, "{}", ran.summary());
    let words = "etcd0 is Secondary on primary/worker01, which the roles call active: it is not the survivor";
    assert!(ran.failures().contains(words), "{}", ran.failures());
    assert_eq!(crate::support::ran::changed(ran.own()), [""; 0]);

    assert!(side.stage.world.controllers_file(ROLES).is_some());
    side.run(REPROTECT, json!({"victim": "primary"})).await.well();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_switched_before_the_service_is_protected_again() {
    let side = returned().await;
    // The pods of the old site still want to run: it is not a standby yet.
    let ran = side.run(SWITCHOVER, json!({})).await;
    assert_ne!(ran.ending.exit_code, 0, "{}", ran.summary());
    assert_eq!(crate::support::ran::changed(ran.own()), [""; 0]);
}
