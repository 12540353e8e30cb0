//! Campaigns of small playbooks: what they must find, and what they must not.

use std::fs;
use std::sync::Arc;

use cutover_engine::change::Class;
use cutover_engine::event::{Event, EventKind};
use cutover_files::{Chosen, INVENTORY};
use serde_json::Map;

use super::campaign::bench;
use super::case::{Bench, Tried, Verdict};
use super::fault;
use super::judge::Eye;
use super::law::{Law, Leg};
use super::{Blow, Campaign, Order};
use crate::Rehearsal;

/// Writes a mark on a node, once, and then looks at it.
const MARK: &str = "\
name: Mark
phases:
  - name: P
    steps:
      - {name: Mark, target: active.pairs, when: pair.ordinal == 0, command: {argv: [touch, /root/mark]}, undo: []}
      - {name: Look, target: active.pairs, when: pair.ordinal == 0, command: {argv: [stat, -c, '%F', /root/mark], read_only: true}}
";

fn rehearsal(playbook: &str) -> Arc<Rehearsal> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("playbook.yml");
    fs::write(&path, playbook).expect("written");
    let inventory = Chosen { path: INVENTORY.into(), shipped: true };
    let loaded = Rehearsal::load(&Chosen::named(&path), &inventory, &Ok(Map::new()), None, 1);
    Arc::new(loaded.unwrap_or_else(|faults| panic!("{faults}")))
}

fn order() -> Order {
    Order { depth: 1, every: 1, threads: 2, ..Order::default() }
}

fn campaign(playbook: &str, order: &Order) -> Campaign {
    Campaign::of(rehearsal(playbook), order, &|_, _| {}).unwrap_or_else(|error| panic!("{error:#}"))
}

/// An undisturbed run with the undo from each of its moments.
fn prepared(playbook: &str) -> Bench {
    let mut bench = bench(rehearsal(playbook), &order()).expect("an undisturbed run");
    let undone = |moment| {
        let undone = async { bench.undo_from(moment, &Eye::default()).await };
        Arc::new(Rehearsal::runtime().expect("a runtime").block_on(undone).0)
    };
    bench.backs = (0..bench.undisturbed.moments.len()).map(undone).collect();
    bench
}

/// Tries one case by hand.
fn tried(bench: &Bench, blow: &str) -> Tried {
    let blow: Blow = blow.parse().expect("a strike");
    let fault = fault::single(&bench.undisturbed.calls, |ordinal| bench.undisturbed.step_of(ordinal));
    let fault = fault.into_iter().find(|fault| fault.blows == [blow.clone()]);
    let fault = fault.unwrap_or_else(|| panic!("no case {blow}"));
    Rehearsal::runtime().expect("a runtime").block_on(bench.try_case(fault, &Eye::default()))
}

const KILLED: &str = "p/mark@primary/worker01:run.1=killed-after";

#[test]
fn what_is_done_once_is_not_done_again_and_that_is_seen_where_the_journal_has_lost_it() {
    let mut bench = prepared(MARK);
    let good = tried(&bench, KILLED);
    assert_eq!((good.verdict, good.breaches.len()), (Verdict::Resumed, 0), "{good:?}");
    // Without the record that was written before the command was sent, nothing keeps the engine from sending it again.
    bench.scene.forgets =
        |event: &Event| matches!(&event.kind, EventKind::Applying { change, .. } if change.class == Class::AtMostOnce);
    let bad = tried(&bench, KILLED);
    assert_eq!(bad.verdict, Verdict::Unsafe, "{bad:?}");
    let broken: Vec<(&Law, Leg)> = bad.breaches.iter().map(|breach| (&breach.law, breach.leg)).collect();
    assert!(broken.contains(&(&Law::Once, Leg::Resume)), "{broken:?}");
}

#[test]
fn every_case_of_a_sound_playbook_is_tried_and_none_is_unsafe() {
    let found = campaign(MARK, &order());
    assert!(!found.is_unsafe(), "{found:#?}");
    assert_eq!(found.count(Verdict::NotTried), 0);
    assert!(found.cases.len() >= 15 && found.count(Verdict::Resumed) > 0, "{}", found.table());
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let seen = |threads: usize| {
        let found = campaign(MARK, &Order { threads, ..order() });
        found.cases.into_iter().map(|case| (case.fault.blows, case.verdict, case.course)).collect::<Vec<_>>()
    };
    assert_eq!(seen(1), seen(3));
}

#[test]
fn without_time_nothing_is_tried_and_that_is_shown() {
    let found = campaign(MARK, &Order { budget: Some(std::time::Duration::ZERO), ..order() });
    assert_eq!(found.count(Verdict::NotTried), found.cases.len());
    assert!(found.table().contains("not tried"), "{}", found.table());
}

#[test]
fn an_invariant_that_is_broken_is_found_in_each_end_that_it_speaks_of() {
    let promise = |that: &str| format!("{MARK}invariants:\n  - {{name: The promise, that: \"{that}\"}}\n");
    let of = |that: &str| campaign(&promise(that), &order());
    assert!(!of("world.sites.primary.statefulsets['common/common-etcd-etcd'].spec.replicas == 3").is_unsafe());
    assert!(of("world == before").is_unsafe(), "a world that has lost a node is not as before");
    let broken = of("ended != 'stopped' or world.sites.primary.nodes.worker01.up");
    let broken: Vec<&Tried> = broken.cases.iter().filter(|case| case.verdict == Verdict::Unsafe).collect();
    assert!(!broken.is_empty(), "a node that has lost its power is not up");
    assert!(broken.iter().all(|case| case.fault.column().starts_with("node-lost")), "{broken:#?}");
    assert!(broken.iter().all(|case| case.breaches.iter().all(|breach| breach.law == Law::Own("The promise".into()))));
}

#[test]
fn pairs_are_drawn_by_the_seed() {
    let order = Order { depth: 2, samples: 20, ..order() };
    let (first, second) = (campaign(MARK, &order), campaign(MARK, &order));
    let blows = |found: &Campaign| found.cases.iter().map(|case| case.fault.blows.clone()).collect::<Vec<_>>();
    assert_eq!(blows(&first), blows(&second));
    assert!(first.cases.iter().all(|case| case.fault.blows.len() == 2));
    assert!(
        !first.is_unsafe(),
        "{:#?}",
        first.cases.iter().filter(|case| !case.breaches.is_empty()).collect::<Vec<_>>()
    );
}
