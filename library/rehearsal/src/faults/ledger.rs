//! The laws about what was done and what was recorded: at most once, and that journal and world agree.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use cutover_engine::change::Class;
use cutover_engine::event::{Event, EventKind};
use cutover_engine::task::TaskId;
use cutover_sandbox::{Ended, Received};

use super::judge::Judge;
use super::law::Law;

/// Whether a call had its effect.
fn took_effect(call: &Received) -> bool {
    match call.ended {
        Ended::Answered(code) | Ended::LostAfter(code) => code == 0 || (200..300).contains(&code),
        _ => false,
    }
}

/// A call's name without its number: the task and its part.
fn caller(call: &Received) -> &str {
    call.name.rsplit_once('.').map_or(call.name.as_str(), |(caller, _)| caller)
}

/// By which change what was altered, and how often, of the changes that may be made once.
pub(super) fn made_once(events: &[Event], calls: &[Received]) -> BTreeMap<String, usize> {
    let once = |event: &Event| match &event.kind {
        EventKind::Applying { task, change, .. } if change.class == Class::AtMostOnce => {
            Some(format!("{task}:{}", change.key))
        }
        _ => None,
    };
    let once: BTreeSet<String> = events.iter().filter_map(once).collect();
    // Some changes read once more before they write; a probe sends nothing but what reads.
    let reads: HashSet<&str> = calls.iter().filter(|call| call.reads).map(|call| call.text.as_str()).collect();
    let mut made = BTreeMap::new();
    for call in calls.iter().filter(|call| took_effect(call) && !reads.contains(call.text.as_str())) {
        if !call.text.contains("> GET ") && once.contains(caller(call)) {
            *made.entry(format!("{}: {}", caller(call), call.text)).or_default() += 1;
        }
    }
    made
}

/// Holds a case to the law that nothing is done twice.
pub(super) fn once(judge: &Judge, events: &[Event], calls: &[Received], undisturbed: &BTreeMap<String, usize>) {
    for (text, times) in made_once(events, calls) {
        let usual = undisturbed.get(&text).copied().unwrap_or(1);
        if times > usual {
            judge.find(Law::Once, format!("done {times} times: {text}"));
        }
    }
}

/// Holds a case to the law that journal and world agree.
pub(super) fn agree(judge: &Judge, events: &[Event], calls: &[Received]) {
    let mut announced: BTreeSet<String> = BTreeSet::new();
    let mut keys = BTreeMap::new();
    for event in events {
        if let EventKind::Applying { task, number, change } = &event.kind {
            announced.insert(format!("{task}:{}", change.key));
            announced.insert(format!("{task}:undo {}", change.key));
            keys.insert(*number, (change.key.clone(), change.actions.len()));
        }
    }
    let done: BTreeSet<&str> = calls.iter().filter(|call| took_effect(call)).map(caller).collect();
    for call in calls.iter().filter(|call| !call.reads && took_effect(call) && !call.name.starts_with('@')) {
        if !announced.contains(caller(call)) {
            judge.find(Law::Journal, format!("done and not announced in the journal: {}", call.text));
        }
    }
    for event in events {
        if let EventKind::Applied { task, number } = &event.kind
            && let Some((key, actions)) = keys.get(number)
            && *actions > 0
            && !done.contains(format!("{task}:{key}").as_str())
        {
            judge.find(Law::Journal, format!("recorded as made and not done: {key} of {task}"));
        }
    }
}

/// The tasks in doubt whose change has truly been made: all of its actions.
pub(super) fn truly_made(events: &[Event], calls: &[Received], task: &TaskId) -> bool {
    let last = events.iter().rev().find_map(|event| match &event.kind {
        EventKind::Applying { task: own, change, .. } if own == task && change.class == Class::AtMostOnce => {
            Some(change)
        }
        _ => None,
    });
    let Some(change) = last else { return false };
    let name = format!("{task}:{}", change.key);
    let made: BTreeSet<&str> =
        calls.iter().filter(|call| took_effect(call) && caller(call) == name).map(|call| call.text.as_str()).collect();
    !change.actions.is_empty() && made.len() >= change.actions.len()
}
