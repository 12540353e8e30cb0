//! The primary site is lost, and not all of its replicas were in contact until then: the standby's are of different moments, or
//! unknown moments. They are not promoted together unless somebody states a reason, and that stays on record.

use std::time::Duration;

use cutover_engine::event::EventKind;
use serde_json::{Value, json};

use crate::support::play::{CUTOVER, Play, example};
use crate::support::ran::{Ran, changed};
use crate::support::stage::Stage;

/// Takes the standby's replicas into use.
const TAKE_OVER: &str = r#"
name: Take the standby's replicas into use
params:
  accept: {default: null, description: "Why replicas of different age are good enough"}
phases:
  - name: Promote
    steps:
      - name: The replicas are of the same moment
        target: passive
        drbd_freshness: {accept_stale: "{{ accept }}"}
        register: fresh
      - name: The standby is Primary
        target: passive.pairs
        drbd_role: {role: primary, fenced: "J. Doe: the site is without power"}
"#;

const WORKERS: [&str; 3] = ["worker01", "worker02", "worker03"];

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// The primary site's workers die at one stroke; after half a minute everybody has noticed.
async fn lose_the_primary(stage: &Stage) {
    for worker in WORKERS {
        assert!(stage.world.power_off("primary", worker));
    }
    pass(30).await;
}

async fn take_over(stage: &Stage, accept: Value) -> Ran {
    let play = Play::load(CUTOVER, &|_| TAKE_OVER.to_owned(), &example()).provided(json!({"accept": accept}));
    stage.run(&play).await
}

/// What was registered as `fresh`.
fn fresh(ran: &Ran) -> Value {
    let registered = |event: &cutover_engine::event::Event| match &event.kind {
        EventKind::Registered { name, value, .. } if name == "fresh" => Some(value.clone()),
        _ => None,
    };
    ran.own().iter().find_map(registered).expect("it was registered")
}

#[tokio::test(start_paused = true)]
async fn replicas_that_were_lost_at_one_stroke_are_promoted() {
    let stage = Stage::prepared();
    lose_the_primary(&stage).await;
    let ran = take_over(&stage, Value::Null).await.well();
    let fresh = fresh(&ran);
    assert_eq!((&fresh["fresh"], &fresh["accepted"]), (&json!(true), &Value::Null));
    // Each notices by itself.
    assert!(fresh["spread_seconds"].as_u64().unwrap() <= 11, "{fresh}");
    assert_eq!(changed(ran.own()).len(), 3, "three promotions: {:?}", changed(ran.own()));
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_lost_contact_an_hour_earlier_is_not_promoted_with_the_others() {
    let stage = Stage::prepared();
    stage.world.cut_link("172.16.1.2", "172.16.2.2");
    pass(3600).await;
    lose_the_primary(&stage).await;
    let ran = take_over(&stage, Value::Null).await;
    assert_eq!(ran.ending.exit_code, 3, "{}", ran.summary());
    let words = ran.words();
    for expected in ["the replicas are 1h", "acceptable are 30s", "etcd1 on standby/worker02 at ", "before the newest"]
    {
        assert!(words.contains(expected), "no `{expected}` in: {words}");
    }
    for other in ["etcd0 on standby/worker01 at 20", "etcd2 on standby/worker03 at 20"] {
        assert!(words.contains(other), "no `{other}` in: {words}");
    }
    assert_eq!(changed(ran.own()), [""; 0]);
    for worker in WORKERS {
        let role = stage.must("standby", worker, "drbdadm cstate all").await;
        assert_eq!(role, "Connecting\n", "nothing was touched");
    }

    let why = "J. Doe, ticket 7: etcd1 is wiped and added anew afterwards";
    let ran = take_over(&stage, json!(why)).await.well();
    let fresh = fresh(&ran);
    assert_eq!((&fresh["fresh"], &fresh["accepted"]), (&json!(false), &json!(why)));
    assert!((3598..=3602).contains(&fresh["spread_seconds"].as_u64().unwrap()), "{fresh}");
    let reported = ran.own().iter().any(|event| match &event.kind {
        EventKind::Applying { change, .. } => {
            change.summary.contains(why) && change.summary.contains("the replicas are 1h")
        }
        _ => false,
    });
    assert!(reported, "the journal records what was accepted, and why");
    assert_eq!(changed(ran.own()).len(), 3, "three promotions: {:?}", changed(ran.own()));
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_was_down_when_the_primary_died_does_not_know_its_age() {
    let stage = Stage::prepared();
    assert!(stage.world.power_off("standby", "worker02"));
    pass(60).await;
    lose_the_primary(&stage).await;
    assert!(stage.world.power_on("standby", "worker02"));
    stage.must("standby", "worker02", "drbdadm adjust etcd1").await;
    let ran = take_over(&stage, Value::Null).await;
    assert_eq!(ran.ending.exit_code, 3, "{}", ran.summary());
    let words = ran.words();
    assert!(
        words.contains("when etcd1 on standby/worker02 last had contact with primary/worker02 is not known"),
        "{words}"
    );
    assert!(words.contains("does not have them part: the node went down in between"), "{words}");

    // Once it has seen its peer again, it knows: the journal has outlived the boot.
    let stage = Stage::prepared();
    stage.world.cut_link("172.16.1.2", "172.16.2.2");
    pass(60).await;
    assert!(stage.world.power_off("standby", "worker02"));
    assert!(stage.world.power_on("standby", "worker02"));
    stage.must("standby", "worker02", "drbdadm adjust etcd1").await;
    lose_the_primary(&stage).await;
    let words = take_over(&stage, Value::Null).await.words();
    assert!(words.contains("etcd1 on standby/worker02 at 20") && words.contains("the replicas are 1m"), "{words}");
}
