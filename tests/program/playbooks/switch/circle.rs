//! The whole way round: the cutover, the loss of the active site, the return of the lost one, the switch home, the drill. After each of
//! them all keys are there, and only the side that serves has markers and Primaries.

use serde_json::json;

use super::{DRILL, FAILOVER, PURGE, REPROTECT, ROLLBACK, SITES, SWITCHOVER, Side, WORKERS, pass, site, write};

/// The other tests of the playbooks have DRBD 9; what they send of DRBD is the same.
#[tokio::test(start_paused = true)]
async fn what_follows_the_cutover_is_rehearsed_with_the_older_drbd_as_well() {
    let side = Side::with_the_older_drbd();
    let version = side.stage.must("primary", "worker01", "drbdadm --version").await;
    assert!(version.contains("DRBD_KERNEL_VERSION_CODE=0x08040b"), "{version}");
    side.run(PURGE, json!({})).await.well();
    let side = Side::with_the_older_drbd();
    side.run(ROLLBACK, json!({})).await.well();
}

#[tokio::test(start_paused = true)]
async fn the_service_goes_away_and_comes_home_with_every_key() {
    for side in [Side::new(0), Side::new(1), Side::with_the_older_drbd()] {
        write(&side.stage, "primary", "/acknowledged/before-the-loss").await;
        let truth = side.truth("primary").await;
        side.lose(site("primary")).await;
        side.run(FAILOVER, json!({})).await.well();
        side.serves_alone("standby", &["standby"], &truth).await;

        // What is written meanwhile goes home as well.
        write(&side.stage, "standby", "/acknowledged/on-the-standby").await;
        let truth = side.truth("standby").await;
        side.stage.world.bring_back(&site("primary"));
        pass(60).await;
        side.run(REPROTECT, json!({})).await.well();
        side.serves_alone("standby", &SITES, &truth).await;
        assert_eq!(side.roles(), "active: standby, passive: primary");

        // The same playbook as for the way there, with the roles turned.
        side.run(SWITCHOVER, json!({})).await.well();
        side.serves_alone("primary", &SITES, &truth).await;
        assert_eq!(side.roles(), "active: primary, passive: standby");

        side.run(DRILL, json!({})).await.well();
        side.serves_alone("primary", &SITES, &truth).await;
        assert_eq!(side.roles(), "active: primary, passive: standby");
    }
}

#[tokio::test(start_paused = true)]
async fn a_site_that_went_on_by_itself_is_saved_and_gets_the_survivors_data() {
    let side = Side::new(0);
    let truth = side.truth("primary").await;
    side.lose(site("primary")).await;
    side.run(FAILOVER, json!({})).await.well();
    // It boots without seeing the other side, and its platform makes it Primary again.
    for n in 1..=3 {
        side.stage.world.cut_link(&format!("172.16.1.{n}"), &format!("172.16.2.{n}"));
    }
    side.stage.world.bring_back(&site("primary"));
    pass(60).await;
    for worker in WORKERS {
        let number = worker.trim_start_matches("worker0").parse::<usize>().expect("a number") - 1;
        let mount_point = format!("/data/vmdata/hpvolumes/common-etcd-etcd-{number}");
        for line in
            ["drbdadm primary all", &format!("mount /dev/drbd0 {mount_point}"), &format!("touch {mount_point}/alone")]
        {
            side.stage.must("primary", worker, line).await;
        }
    }
    for n in 1..=3 {
        side.stage.world.heal_link(&format!("172.16.1.{n}"), &format!("172.16.2.{n}"));
    }
    pass(60).await;
    assert_eq!(side.stage.must("standby", "worker01", "drbdadm cstate etcd0").await, "StandAlone\n");

    side.run(REPROTECT, json!({"victim": "primary"})).await.well();
    side.serves_alone("standby", &SITES, &truth).await;
    for worker in WORKERS {
        let images = side.stage.must("primary", worker, "ls /data/vmdata/backup/r1").await;
        assert!(images.contains(".primary.") && images.contains(".sha256"), "{worker}: {images}");
    }
    side.run(SWITCHOVER, json!({})).await.well();
    side.serves_alone("primary", &SITES, &truth).await;
    for (number, worker) in WORKERS.into_iter().enumerate() {
        let line = format!("test -e /data/vmdata/hpvolumes/common-etcd-etcd-{number}/alone");
        assert!(!side.stage.line("primary", worker, &line).await.success(), "what was discarded is discarded");
    }
}

#[tokio::test(start_paused = true)]
async fn a_switchover_is_undone_until_it_is_committed() {
    let side = Side::new(1);
    let truth = side.truth("primary").await;
    let play = side.play(SWITCHOVER, json!({}));
    for step in [
        "promote-every-replica-at-once",
        "the-service-is-what-it-was/members-keys-and-hash-are-as-before",
        "resume-the-primary-role-after-a-reboot",
    ] {
        side.fails_and_is_undone(&play, step).await;
        pass(60).await;
        side.serves_alone("primary", &SITES, &truth).await;
    }
    side.run(SWITCHOVER, json!({})).await.well();
    side.serves_alone("standby", &SITES, &truth).await;
}
