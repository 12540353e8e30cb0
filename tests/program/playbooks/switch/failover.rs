//! The active site is lost. The standby takes over with every key; not while anything of the lost site answers, not with replicas of
//! different age, and not without a way back before the commit.

use cutover_sandbox::Part;
use serde_json::json;

use super::{FAILOVER, SITES, Side, WORKERS, pass, site};
use crate::support::ran::changed;

#[tokio::test(start_paused = true)]
async fn the_standby_takes_over_with_every_key() {
    for platform in [0, 1] {
        let side = Side::new(platform);
        let truth = side.truth("primary").await;
        side.lose(site("primary")).await;
        let ran = side.run(FAILOVER, json!({})).await.well();
        side.serves_alone("standby", &["standby"], &truth).await;
        assert_eq!(side.roles(), "active: standby, passive: primary");
        let took = ran.own().last().expect("events").at.duration_since(ran.own()[0].at);
        assert!(took.as_secs() < 60, "{took:?}");
        // Promoted side by side: three at a time take as long as one.
        let promotions = changed(ran.own()).iter().filter(|line| line.contains("promote etcd")).count();
        assert_eq!(promotions, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_taken_over_while_anything_answers() {
    let side = Side::new(0);
    let alive = [
        "primary is not lost: the API server of primary: it answers with status 200",
        "primary is not lost: the node primary/worker06: it runs commands",
        "primary is not lost: the DRBD link of etcd0 from standby/worker01",
    ];
    side.refused(FAILOVER, json!({}), &alive).await;

    // Only the API server is left.
    let nodes = (1..=6).map(|n| Part::Node("primary".to_owned(), format!("worker0{n}")));
    nodes.for_each(|node| side.stage.world.lose(&node));
    pass(60).await;
    side.refused(FAILOVER, json!({}), &["the API server of primary: it answers"]).await;

    // Only one node is left, and not one with a replica.
    side.lose(site("primary")).await;
    side.stage.world.bring_back(&Part::Node("primary".to_owned(), "worker05".to_owned()));
    pass(60).await;
    let ran = side.refused(FAILOVER, json!({}), &["the node primary/worker05: it runs commands"]).await;
    assert!(
        ran.failures().contains("primary/worker05 as standby/worker01 sees it: it answers a ping"),
        "{}",
        ran.failures()
    );
    assert!(!ran.failures().contains("worker06"), "{}", ran.failures());

    // Nothing is.
    side.stage.world.lose(&Part::Node("primary".to_owned(), "worker05".to_owned()));
    side.run(FAILOVER, json!({})).await.well();
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_lost_contact_earlier_is_not_promoted_with_the_others() {
    let side = Side::new(0);
    side.stage.world.cut_link("172.16.1.2", "172.16.2.2");
    pass(3600).await;
    side.lose(site("primary")).await;
    side.refused(FAILOVER, json!({}), &["the replicas are 1h", "etcd1 on standby/worker02"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_not_whole_is_not_promoted() {
    let side = Side::new(0);
    side.stage.must("standby", "worker02", "drbdadm invalidate etcd1").await;
    side.lose(site("primary")).await;
    side.refused(FAILOVER, json!({}), &["the disk of etcd1 on standby/worker02 is Inconsistent"]).await;
    // A word for the age of the replicas is not one for half of a disk.
    let ran = side.run(FAILOVER, json!({"accept_stale": "J. Doe: it must do"})).await;
    assert_eq!(ran.ending.exit_code, 3, "{}", ran.summary());
    assert!(
        ran.failures().contains("the disk of etcd1 on standby/worker02 is Inconsistent, not UpToDate"),
        "{}",
        ran.failures()
    );
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_left_its_primary_wants_an_approval_of_its_own() {
    let side = Side::new(0);
    side.stage.must("standby", "worker02", "drbdadm disconnect etcd1").await;
    pass(60).await;
    side.lose(site("primary")).await;
    let outdated =
        "the disk of etcd1 on standby/worker02 is Outdated, not UpToDate: it left while primary/worker02 was Primary";
    let lacks = "lacks all that was written there since 2026-";
    side.refused(FAILOVER, json!({}), &[outdated, lacks]).await;
    let stale = json!({"accept_stale": "J. Doe: it must do"});
    let ran = side.run(FAILOVER, stale).await;
    assert_eq!(ran.ending.exit_code, 3, "{}", ran.summary());
    assert!(ran.failures().contains("to promote what it holds, say why in `accept_data_loss`"), "{}", ran.failures());
    let both = json!({"accept_stale": "J. Doe: it must do", "accept_data_loss": "J. Doe: ticket 7"});
    let ran = side.run(FAILOVER, both).await;
    assert!(changed(ran.own()).iter().any(|line| line.contains("promote etcd1")), "{}", ran.summary());
    let asked = serde_json::to_string(&ran.events).expect("events");
    let question = "Not UpToDate: etcd1 on standby/worker02 (Outdated, last in contact 2026-";
    assert!(asked.contains(question) && asked.contains("standby may lack writes"), "{asked}");
    assert!(asked.contains("data may be lost (disk {disk}): {words}"), "{asked}");

    // With 8.4 it is not outdated by that, and its age alone is what speaks against it.
    let side = Side::with_the_older_drbd();
    side.stage.must("standby", "worker02", "drbdadm disconnect etcd1").await;
    pass(600).await;
    side.lose(site("primary")).await;
    let ran = side.refused(FAILOVER, json!({}), &["the replicas are 1"]).await;
    assert!(!ran.failures().contains("Outdated"), "{}", ran.failures());
}

#[tokio::test(start_paused = true)]
async fn until_the_commit_it_can_be_undone() {
    let side = Side::new(0);
    side.lose(site("primary")).await;
    let play = side.play(FAILOVER, json!({}));
    let ran = side.stage.execution(&play).fail("commit-the-roles/write-down-which-site-is-active").go().await;
    assert_eq!(ran.ending.exit_code, 1, "{}", ran.summary());
    let undone = side.stage.execution(&play).after(&ran.events).undo().await;
    assert_eq!(undone.ending.exit_code, 3, "clients may have written: {}", undone.summary());

    let side = Side::new(0);
    side.lose(site("primary")).await;
    side.fails_and_is_undone(&play, "resume-the-primary-role-after-a-reboot").await;
    for worker in WORKERS {
        let role = side.stage.must(SITES[1], worker, "drbdadm role all").await;
        assert!(role.starts_with("Secondary"), "{worker}: {role}");
    }
    // The same again, and to its end.
    side.run(FAILOVER, json!({})).await.well();
}

#[tokio::test(start_paused = true)]
async fn a_site_that_comes_back_while_people_wait_is_not_taken_over_from() {
    let side = Side::new(0);
    side.lose(site("primary")).await;
    let play = side.play(FAILOVER, json!({}));
    let ran = side.stage.execution(&play).fail("nothing-of-the-lost-site-answers-after-all").go().await;
    assert_eq!(changed(ran.own()), [""; 0]);
    side.stage.world.bring_back(&site("primary"));
    pass(60).await;
    let again = side.stage.execution(&play).after(&ran.events).go().await;
    assert_eq!(again.ending.exit_code, 3, "{}", again.summary());
    assert!(again.failed().is_some_and(|step| step.ends_with("answers-after-all")), "{}", again.summary());
}
