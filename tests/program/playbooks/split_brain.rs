//! Both sides of a pair went on by themselves: one of them is named as the victim, saved, and gets the other's data. Nothing is
//! given up while the victim is in use, while there is no room for its image, or by mistake.

use std::path::Path;
use std::time::Duration;

use cutover_engine::event::EventKind;
use cutover_engine::module::{Change, Class};
use cutover_engine::playbook;
use cutover_modules::REGISTRY;
use cutover_sandbox::{At, Strike, StrikeKind, WorldSpec};
use serde_json::Value;

use crate::support::play::{CUTOVER, Play, example};
use crate::support::ran::{Ran, changed};
use crate::support::stage::{Stage, prepared};

const RESOLVE: &str = r#"
name: The old side gives its changes up
phases:
  - name: Resolve
    steps:
      - name: The old side gives its changes up
        target: active.pairs
        drbd_split_brain: {victim: active, backup: "/data/vmdata/backup/{{ run.id }}"}
        register: resolved
      - name: Both sides hold the same blocks
        target: [active.pairs, passive.pairs]
        drbd_sync: {until: up_to_date}
        timeout: 1h
"#;

const SITES: [(&str, &str); 2] = [("primary", "victim"), ("standby", "survivor")];
const MARKER: &str = "/etc/drbd.d/cke_etcd0.primary";

fn play(edit: &dyn Fn(&str) -> String) -> Play {
    Play::load(CUTOVER, &|_| edit(RESOLVE), &example())
}

fn resolve() -> Play {
    play(&|text| text.to_owned())
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Each side of etcd0 writes a file named for what it is, without the other; then they meet. Both are mounted.
async fn split(stage: Stage) -> Stage {
    stage.world.cut_link("172.16.1.1", "172.16.2.1");
    pass(30).await;
    for (site, file) in SITES {
        for line in
            ["drbdadm primary etcd0", "mkdir -p /mnt/x", "mount /dev/drbd0 /mnt/x", &format!("touch /mnt/x/{file}")]
        {
            stage.must(site, "worker01", line).await;
        }
    }
    stage.world.heal_link("172.16.1.1", "172.16.2.1");
    pass(10).await;
    assert_eq!(states(&stage).await, ["StandAlone\n", "StandAlone\n"]);
    stage
}

/// As [`split`], the victim out of use.
async fn ready() -> Stage {
    let stage = split(Stage::prepared()).await;
    stage.must("primary", "worker01", "umount /mnt/x").await;
    stage
}

async fn states(stage: &Stage) -> [String; 2] {
    let state = async |site: &str| stage.must(site, "worker01", "drbdadm cstate etcd0").await;
    [state("primary").await, state("standby").await]
}

fn registered(ran: &Ran) -> Value {
    let value = ran.own().iter().find_map(|event| match &event.kind {
        EventKind::Registered { name, value, .. } if name == "resolved" => Some(value.clone()),
        _ => None,
    });
    value.expect("it was registered")
}

/// What is on both sides, once the survivor has stepped back.
async fn ends_with_the_survivors_data(stage: &Stage) {
    assert_eq!(stage.must("standby", "worker01", "ls /mnt/x").await, "lost+found\nsurvivor\n");
    for line in ["umount /mnt/x", "drbdadm secondary etcd0"] {
        stage.must("standby", "worker01", line).await;
    }
    for line in ["drbdadm primary etcd0", "mount /dev/drbd0 /mnt/x"] {
        stage.must("primary", "worker01", line).await;
    }
    assert_eq!(stage.must("primary", "worker01", "ls /mnt/x").await, "lost+found\nsurvivor\n");
}

async fn refused(stage: &Stage, play: &Play, words: &[&str]) {
    let ran = stage.run(play).await;
    assert_eq!(ran.ending.exit_code, 3, "{}", ran.summary());
    for word in words {
        assert!(ran.words().contains(word), "no `{word}` in: {}", ran.words());
    }
    assert_eq!(changed(ran.own()), [""; 0]);
    assert_eq!(states(stage).await, ["StandAlone\n", "StandAlone\n"], "nothing was touched");
}

#[tokio::test(start_paused = true)]
async fn both_sides_end_with_the_survivors_data_and_the_victims_is_saved() {
    let stage = ready().await;
    let before = stage.must("primary", "worker01", "drbdadm get-gi etcd0").await;
    let planned = stage.plan(&resolve()).await;
    let changes = planned.steps().flat_map(|step| &step.tasks).flat_map(|task| &task.changes);
    let words = |change: &Change| format!("{}\n{}\n", change.summary, change.preview.as_deref().unwrap_or_default());
    let plan: String = changes.map(words).collect();
    for words in [
        "give up what was written to etcd0 on primary/worker01",
        "- primary/worker01 loses its changes: ",
        "+ standby/worker01 keeps its own: Primary",
    ] {
        assert!(plan.contains(words), "no `{words}` in {plan}");
    }
    // Both generations are there to be looked at.
    let after = stage.must("standby", "worker01", "drbdadm get-gi etcd0").await;
    for end in [before, after] {
        let current = &end.trim()[1..15];
        assert!(plan.to_lowercase().contains(&current.to_lowercase()), "no {current} in {plan}");
    }

    let ran = stage.run(&resolve()).await.well();
    let made = changed(ran.own());
    assert_eq!(made.len(), 3, "two ends of one pair, and no other: {made:?}");
    let once = ran.own().iter().filter(|event| match &event.kind {
        EventKind::Applying { change, .. } => change.class == Class::AtMostOnce,
        _ => false,
    });
    assert_eq!(once.count(), 1);
    let resolved = &registered(&ran)[0];
    assert_eq!((&resolved["victim"], &resolved["survivor"]), (&"primary/worker01".into(), &"standby/worker01".into()));
    assert_eq!((&resolved["changed"], &resolved["backup"]["made"]), (&true.into(), &true.into()));
    let image = resolved["backup"]["image"].as_str().expect("an image");
    assert!(image.starts_with("/data/vmdata/backup/r1/etcd0.primary.worker01."), "{image}");
    let image_files = stage.must("primary", "worker01", &format!("cat {image}")).await;
    assert!(image_files.contains("/victim ") && !image_files.contains("/survivor "), "{image_files}");
    let sum = stage.must("primary", "worker01", &format!("cat {image}.sha256")).await;
    assert!(sum.starts_with(resolved["backup"]["sha256"].as_str().expect("a sum")), "{sum}");

    let again = stage.run(&resolve()).await.well();
    assert_eq!(changed(again.own()), [""; 0]);
    assert_eq!(registered(&again)[0]["backup"], Value::Null);
    ends_with_the_survivors_data(&stage).await;
}

#[tokio::test(start_paused = true)]
async fn a_victim_that_is_in_use_is_not_touched() {
    let stage = split(Stage::prepared()).await;
    stage.must("primary", "worker01", &format!("touch {MARKER}")).await;
    let mounted = "/dev/drbd0 of etcd0 is mounted on primary/worker01 at /mnt/x";
    refused(&stage, &resolve(), &[mounted, &format!("{MARKER} is on primary/worker01")]).await;
    stage.must("primary", "worker01", "umount /mnt/x").await;
    refused(&stage, &resolve(), &[&format!("{MARKER} is on primary/worker01")]).await;
    stage.must("primary", "worker01", &format!("rm {MARKER}")).await;
    stage.run(&resolve()).await.well();
    ends_with_the_survivors_data(&stage).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_given_up_without_room_for_its_image() {
    // The disk of the backups has 200 GiB.
    let spec = WorldSpec { disk_bytes: 210 << 30, ..WorldSpec::default() };
    let stage = split(Stage::from(&prepared(&Play::prepare(), spec, 1))).await;
    stage.must("primary", "worker01", "umount /mnt/x").await;
    refused(&stage, &resolve(), &["the image of etcd0 needs", "make room, or say another directory in `backup`"]).await;
}

#[tokio::test(start_paused = true)]
async fn the_victim_is_not_named_by_mistake() {
    let stage = ready().await;
    let wrong = play(&|text| text.replace("victim: active", "victim: passive"));
    let ran = stage.run(&wrong).await;
    assert_ne!(ran.ending.exit_code, 0);
    assert!(ran.words().contains("`victim: passive` is standby, but the step's target is"), "{}", ran.words());
    assert_eq!(changed(ran.own()), [""; 0]);

    // The parameter accepts no other word.
    let text = RESOLVE.replace("victim: active", "victim: primary");
    let read = |_: &Path| Ok(text.clone());
    let faults = playbook::load(Path::new("resolve.yml"), &REGISTRY, &read).expect_err("a fault").to_string();
    assert!(faults.contains("primary") && faults.contains("active"), "{faults}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_given_up_twice_after_a_lost_connection() {
    for kind in [StrikeKind::LostBefore, StrikeKind::LostAfter] {
        let stage = ready().await;
        let when = vec!["drbdadm connect --discard-my-data".to_owned()];
        stage.world.inject(Strike { at: At::Text(when), skip: 0, times: 1, kind: kind.clone() });
        let ran = stage.run(&resolve()).await;
        match kind {
            StrikeKind::LostAfter => drop(ran.well()),
            _ => {
                assert!(ran.words().contains("whether this was done is not known"), "{}", ran.summary());
                // It was not: the victim is StandAlone, which a person sees, too.
                let resumed = stage.resume(&resolve(), &ran.events).await.well();
                assert!(registered(&resumed)[0]["backup"]["made"] == false, "the image is the first one");
            }
        }
        ends_with_the_survivors_data(&stage).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_resolved_without_a_split_brain() {
    let stage = Stage::prepared();
    stage.must("standby", "worker02", "drbdadm disconnect etcd1").await;
    let ran = stage.run(&resolve()).await;
    assert_eq!(ran.ending.exit_code, 3, "{}", ran.summary());
    let words = "etcd1 is StandAlone on standby/worker02, but this is not a split brain";
    assert!(ran.words().contains(words), "{}", ran.words());
    assert_eq!(changed(ran.own()), [""; 0]);
}
