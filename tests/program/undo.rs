//! Every step made to fail, and everything before it undone.

use std::time::Duration;

use cutover_engine::clock::Clock as _;
use cutover_engine::event::{EventKind, Outcome};
use cutover_sandbox::{Strike, StrikeKind, WorldSpec};

use crate::support::play::Play;
use crate::support::ran::{Ran, changed};
use crate::support::stage::{Stage, cutover};
use crate::support::truth::{Truth, Workload};

/// The longest that undoing the cutover may take in simulated time, in seconds.
const LONGEST: u64 = 60;

/// A step whose condition does not hold cannot be made to fail.
fn skipped(ran: &Ran, step: &str) -> bool {
    ran.own().iter().any(|event| match &event.kind {
        EventKind::StepFinished { path, outcome, .. } => path.to_string() == step && *outcome == Outcome::Skipped,
        _ => false,
    })
}

/// A step that was made to fail must report that, with all changes so far.
fn failed_on_purpose(ran: &Ran, step: &str) {
    assert_eq!(ran.ending.exit_code, 1, "{step}: {}", ran.summary());
    assert_eq!(ran.failed().as_deref(), Some(step));
    assert_eq!(ran.words(), "made to fail on purpose (--fail)");
    assert_eq!(ran.standing(), changed(&ran.events), "{step}");
}

/// Keys and volumes before anything began.
async fn before_anything() -> (Truth, Vec<(String, String, String)>) {
    let (stage, workload) = (Stage::prepared(), Workload::default());
    (workload.truth(&stage, "primary").await, workload.volumes(&stage, "primary").await)
}

fn is_block(play: &Play, step: &str) -> bool {
    !play.steps().iter().any(|known| known == step)
}

/// The service is where it was before anything began, with everything it had.
async fn as_before(stage: &Stage, truth: &Truth, old: &[(String, String, String)]) {
    let workload = Workload::default();
    workload.serves(stage, "primary", truth).await;
    assert_eq!(workload.volumes(stage, "primary").await, old);
    for node in ["worker01", "worker02", "worker03"] {
        let mounts = stage.must("primary", node, "findmnt -n -o SOURCE").await;
        assert!(!mounts.contains("drbd"), "{node}: {mounts}");
        assert!(stage.must("primary", node, "drbdadm role all").await.starts_with("Primary"), "{node}");
    }
}

/// Whether a step comes after the gate that lets clients write.
fn committed(step: &str) -> bool {
    step.starts_with("let-clients-write-again/") && !step.ends_with("/approve-that-clients-write-again")
}

#[tokio::test(start_paused = true)]
async fn the_cutover_can_be_undone_from_every_step() {
    let play = Play::cutover();
    let mut longest = Duration::ZERO;
    let (truth, old) = before_anything().await;
    for (step, moment) in cutover().filter(|(step, _)| !is_block(&play, step)) {
        let stage = Stage::from(&moment.snapshot);
        let ran = stage.execution(&play).after(&moment.events).fail(&step).go().await;
        if skipped(&ran, &step) {
            continue;
        }
        failed_on_purpose(&ran, &step);
        let began = stage.world.now();
        let undone = stage.execution(&play).after(&ran.events).undo().await;
        if committed(&step) {
            assert_eq!(undone.ending.exit_code, 3, "{step}: {}", undone.summary());
            assert!(undone.words().contains("has passed its point of no return"), "{}", undone.words());
            continue;
        }
        assert_eq!(undone.ending.exit_code, 7, "{step}: {}", undone.summary());
        assert_eq!(undone.standing(), [""; 0]);
        longest = longest.max(Duration::try_from(stage.world.now() - began).unwrap());
        as_before(&stage, &truth, &old).await;
    }
    println!("taking the cutover back takes {longest:?} at most");
    assert!(longest < Duration::from_secs(LONGEST));
}

#[tokio::test(start_paused = true)]
async fn after_it_was_undone_the_cutover_can_be_done() {
    let (play, workload) = (Play::cutover(), Workload::default());
    let stage = Stage::prepared();
    let first = stage.execution(&play).fail("the-canary-is-what-was-written").go().await;
    let undone = stage.execution(&play).after(&first.events).undo().await;
    assert_eq!(undone.ending.exit_code, 7, "{}", undone.summary());
    let truth = workload.truth(&stage, "primary").await;
    stage.execution(&play).named("r2").go().await.well();
    workload.serves(&stage, "primary", &truth).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_undone_in_part_does_not_go_on() {
    let play = Play::cutover();
    let (truth, old) = before_anything().await;
    let (stage, events) = Stage::before("no-marker-on-the-standby");
    stage.world.inject(Strike::text(" rollback ", StrikeKind::Fails(1)));
    let undone = stage.execution(&play).after(events).undo().await;
    assert_eq!(undone.ending.exit_code, 8, "{}", undone.summary());
    let ran = stage.execution(&play).after(&undone.events).go().await;
    assert_eq!((ran.ending.exit_code, changed(ran.own())), (3, Vec::new()), "{}", ran.summary());
    let undone = stage.execution(&play).after(&ran.events).undo().await;
    assert_eq!(undone.ending.exit_code, 7, "{}", undone.summary());
    as_before(&stage, &truth, &old).await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_undo_is_repeated_to_its_end() {
    let play = Play::cutover();
    let (truth, old) = before_anything().await;
    for kind in [StrikeKind::LostBefore, StrikeKind::LostAfter, StrikeKind::Fails(1)] {
        for (when, times) in [("umount ", 1), ("umount ", 30), (" rollback ", 9), ("persistentvolumeclaims", 60)] {
            let (stage, events) = Stage::before("no-marker-on-the-standby");
            stage.world.inject(Strike { times, ..Strike::text(when, kind.clone()) });
            let mut undone = stage.execution(&play).after(events).undo().await;
            // Each attempt meets some of the faults: as many as there are requests, one by one at worst.
            for _ in 0..times {
                if undone.ending.exit_code == 7 {
                    break;
                }
                assert!(!undone.words().is_empty());
                undone = stage.execution(&play).after(&undone.events).undo().await;
            }
            assert_eq!(undone.ending.exit_code, 7, "{kind:?} {when} {times}: {}", undone.summary());
            as_before(&stage, &truth, &old).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_preparation_can_fail_anywhere_and_be_run_again() {
    let play = Play::prepare();
    let workload = Workload::default();
    // Steps that the platform leaves out.
    let left_out = |step: &String| step.ends_with("/label-the-nodes");
    for step in play.steps().into_iter().filter(|step| !left_out(step)) {
        let stage = Stage::new(&play, WorldSpec::default(), 1);
        let truth = workload.truth(&stage, "primary").await;
        let ran = stage.execution(&play).fail(&step).go().await;
        failed_on_purpose(&ran, &step);
        let undone = stage.execution(&play).after(&ran.events).undo().await;
        // Metadata and file systems are not taken off the disks again.
        assert!(matches!(undone.ending.exit_code, 7 | 3), "{step}: {}", undone.summary());
        stage.run(&play).await.well();
        workload.serves(&stage, "primary", &truth).await;
    }
}
