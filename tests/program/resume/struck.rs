//! Every call of the cutover has a name, and at each of them the controller can be killed: another one goes on with the journal
//! in the same world, and in the end everything was done that the undisturbed cutover does, and what may be done only once was
//! done once.

use std::collections::{BTreeMap, BTreeSet};

use cutover_engine::event::{Event, EventKind};
use cutover_engine::module::Class;
use cutover_sandbox::{At, Ended, Received, Strike, StrikeKind};

use crate::support::play::Play;
use crate::support::stage::Stage;
use crate::support::truth::Workload;

/// The words with which a change is refused that may have been made.
const IN_DOUBT: &str = "begun before the run was interrupted, and no sign that it was done";

/// How often each change was made, by what it sends.
fn made(calls: &[Received]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    // What an object was is read once more in the change that deletes it.
    for call in calls.iter().filter(|call| !call.reads && !call.text.contains("> GET ")) {
        if let Ended::Answered(code) | Ended::LostAfter(code) = call.ended
            && (code == 0 || (200..300).contains(&code))
        {
            *counts.entry(call.text.as_str()).or_default() += 1;
        }
    }
    counts
}

/// The names of the changes that may be made only once, without the numbers of their calls.
fn once(events: &[Event]) -> BTreeSet<String> {
    let name = |event: &Event| match &event.kind {
        EventKind::Applying { task, change, .. } if change.class == Class::AtMostOnce => {
            Some(format!("{task}:{}", change.key))
        }
        _ => None,
    };
    events.iter().filter_map(name).collect()
}

#[tokio::test(start_paused = true)]
async fn every_call_has_a_name_of_its_own_and_the_same_seed_makes_the_same_names() {
    let play = Play::cutover();
    let mut lists = Vec::new();
    for _ in 0..2 {
        let stage = Stage::prepared();
        stage.world.begin_run();
        stage.run(&play).await.well();
        lists.push(stage.world.calls());
    }
    assert!(lists[0] == lists[1]);
    let calls = &lists[0];
    assert!(calls.len() > 400, "{}", calls.len());
    assert!(calls.iter().zip(1..).all(|(call, ordinal)| call.ordinal == ordinal));
    let names: BTreeSet<&str> = calls.iter().map(|call| call.name.as_str()).collect();
    assert_eq!(names.len(), calls.len(), "names are unique");
    for name in
        ["stop-the-service/scale-to-zero@primary:set-replicas.1", "stop-the-service/scale-to-zero@primary:look.1"]
    {
        assert!(names.contains(name), "{name}");
    }
    // Nothing is sent outside of a task here, and what changes something is known from what reads.
    assert!(names.iter().all(|name| !name.starts_with('@')));
    assert!(calls.iter().filter(|call| call.name.contains(":look.")).all(|call| call.reads));
    // Each name selects its call and no other.
    for call in calls.iter().step_by(97) {
        let stage = Stage::prepared();
        stage.world.begin_run();
        stage.world.inject(Strike::new(At::Name(call.name.parse().expect("a name")), StrikeKind::KilledBefore));
        assert!(stage.execution(&play).go_until_killed().await.is_err(), "{}", call.name);
        let struck = stage.world.struck();
        assert_eq!((struck[0].ordinal, struck[0].name.as_str()), (call.ordinal, call.name.as_str()));
    }
}

#[tokio::test(start_paused = true)]
async fn the_controller_is_killed_at_calls_all_over_the_cutover() {
    let (play, workload) = (Play::cutover(), Workload::default());
    let undisturbed = Stage::prepared();
    let truth = workload.truth(&undisturbed, "primary").await;
    undisturbed.world.begin_run();
    let ran = undisturbed.run(&play).await;
    let (calls, once) = (undisturbed.world.calls(), once(&ran.events));
    ran.well();
    let wanted = made(&calls);
    assert!(once.len() >= 3, "{once:?}");
    let (mut killed, mut refused) = (0, 0);
    for (index, ordinal) in (1..=calls.len() as u64).step_by(29).enumerate() {
        let kind = if index % 2 == 0 { StrikeKind::KilledAfter } else { StrikeKind::KilledBefore };
        let stage = Stage::prepared();
        // Time passes while the truth is read, and the undisturbed run began after that.
        workload.truth(&stage, "primary").await;
        stage.world.begin_run();
        let what = format!("{kind} {ordinal}: {}", calls[ordinal as usize - 1].name);
        stage.world.inject(Strike::new(At::Ordinal(ordinal), kind));
        let Err(events) = stage.execution(&play).go_until_killed().await else { panic!("{what}: not killed") };
        killed += 1;
        stage.world.revive();
        let mut ran = stage.execution(&play).after(&events).go().await;
        if ran.ending.exit_code != 0 {
            assert!(ran.words().starts_with(IN_DOUBT), "{what}: {}", ran.summary());
            refused += 1;
            ran = stage.resume(&play, &ran.events).await;
        }
        assert_eq!(ran.ending.exit_code, 0, "{what}: {}", ran.summary());
        let calls = stage.world.calls();
        workload.serves(&stage, "primary", &truth).await;
        let done = made(&calls);
        let (done_texts, wanted_texts): (BTreeSet<_>, BTreeSet<_>) = (done.keys().collect(), wanted.keys().collect());
        assert_eq!(done_texts, wanted_texts, "{what}");
        for call in calls.iter().filter(|call| once.iter().any(|name| call.name.starts_with(&format!("{name}.")))) {
            if let Some(count) = done.get(call.text.as_str()) {
                assert_eq!(*count, wanted[call.text.as_str()], "{what}: {}", call.text);
            }
        }
    }
    println!("killed at {killed} calls of {}, {refused} times in doubt", calls.len());
}
