//! Every step and mark of a shipped playbook that changes nothing is needed: for each there is a bad world in which the playbook without it
//! does harm, or proves less, and the whole one does not. The worlds are in `tests/cases/guards`, a file for each playbook.
//!
//! `GUARD=WORDS cargo test --test program guards:: -- --nocapture` tries the guards with these words in their names alone, and shows what came of
//! each.

mod case;
mod deed;
mod good;
mod guard;
mod harm;
mod laws;
mod trial;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use case::{Case, cases};
use guard::{Guard, guards};

/// Tries every guard of a playbook.
fn every_guard_is_needed(playbook: &str) {
    let good = good::good(playbook, &good::plain(), &good::plain());
    let found = guards(&good.play.playbook, &good.events);
    let cases = cases(playbook);
    let names: BTreeSet<String> = found.iter().map(ToString::to_string).collect();
    let mut wrong: Vec<String> = Vec::new();
    let strange = cases.iter().filter(|case| !names.contains(&case.guard));
    wrong.extend(strange.map(|case| format!("{}: it is not a guard of {playbook}", case.guard)));
    let mut work: Vec<(&Guard, &Case)> = Vec::new();
    for guard in &found {
        match cases.iter().find(|case| case.guard == guard.to_string()) {
            Some(case) => work.push((guard, case)),
            None => wrong.push(format!("{guard}: no bad world is known in which it is needed")),
        }
    }
    let only = std::env::var("GUARD").ok();
    work.retain(|(guard, _)| only.as_ref().is_none_or(|only| guard.to_string().contains(only.as_str())));
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = || {
        while let Some((guard, case)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
            let tried = AssertUnwindSafe(|| trial::tried(playbook, guard, case));
            let result = catch_unwind(tried).unwrap_or_else(|_| Err("the world could not be made so".to_owned()));
            results.lock().unwrap().push((guard, result));
        }
    };
    let count = thread::available_parallelism().map_or(2, Into::into);
    thread::scope(|scope| (0..count).for_each(|_| drop(scope.spawn(worker))));
    for (guard, result) in results.into_inner().unwrap() {
        match result {
            Ok(words) => println!("{guard}\n    {words}"),
            Err(words) => wrong.push(format!("{guard}: {words}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), found.len(), wrong.join("\n"));
}

#[test]
fn every_guard_of_the_preparation_is_needed() {
    every_guard_is_needed("etcd-prepare.yml");
}

#[test]
fn every_guard_of_the_cutover_is_needed() {
    every_guard_is_needed("etcd-cutover.yml");
}

#[test]
fn every_guard_of_the_failover_is_needed() {
    every_guard_is_needed("etcd-failover.yml");
}

#[test]
fn every_guard_of_the_switchover_is_needed() {
    every_guard_is_needed("etcd-switchover.yml");
}

#[test]
fn every_guard_of_the_protection_is_needed() {
    every_guard_is_needed("etcd-reprotect.yml");
}

#[test]
fn every_guard_of_the_way_back_is_needed() {
    every_guard_is_needed("etcd-rollback.yml");
}

#[test]
fn every_guard_of_the_removal_is_needed() {
    every_guard_is_needed("etcd-purge.yml");
}

#[test]
fn every_guard_of_the_drill_is_needed() {
    every_guard_is_needed("etcd-drill.yml");
}
