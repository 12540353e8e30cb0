//! A bad world for a guard, as `tests/cases/guards` names it.

use std::path::Path;

use cutover_engine::source::{SourceFile, parse};
use serde_json::{Map, Value};

use super::harm::Harm;

/// A bad world, and what comes of it without the guard.
#[derive(Debug)]
pub(super) struct Case {
    /// The guard, as it is displayed.
    pub(super) guard: String,
    /// The playbook that begins here, in place of the good one's world: the world before another playbook.
    pub(super) world_of: Option<String>,
    /// The step that the world is spoiled before; the guard's own if absent.
    pub(super) at: Option<String>,
    /// What is done to it.
    pub(super) does: Vec<Value>,
    /// What is done before the run is undone: a person follows the advice of its refusal.
    pub(super) mends: Vec<Value>,
    /// What somebody does at later calls of the run.
    pub(super) strikes: Vec<Value>,
    /// The step that fails on purpose, after which the run is undone.
    pub(super) fails_in: Option<String>,
    /// The gate at which a person says no.
    pub(super) no_at: Option<String>,
    /// The world and the parameters from the beginning.
    pub(super) spec: Value,
    /// The parameters.
    pub(super) params: Value,
    /// What comes of it, or in place of all: what `check` says of the playbook without the guard.
    pub(super) without: Without,
}

/// What comes of a playbook without a guard.
#[derive(Debug)]
pub(super) enum Without {
    /// It is not even loaded: these words are in what `check` says.
    Check(String),
    /// Nothing: it is in a file that this other playbook includes as well, and changes something there.
    Shared(String),
    /// It does this harm.
    Harm(Harm),
    /// It does the same harm, only later.
    Later,
}

/// The cases of a playbook, in the order of their file.
pub(super) fn cases(playbook: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/guards").join(playbook);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = SourceFile::new(&path, text);
    let tree = parse(&file).unwrap_or_else(|faults| panic!("{faults}")).to_json();
    let Value::Object(cases) = tree else { panic!("{}: no mapping", path.display()) };
    cases.into_iter().map(|(guard, case)| of(guard, case)).collect()
}

fn of(guard: String, case: Value) -> Case {
    let Value::Object(mut case) = case else { panic!("{guard}: no mapping") };
    let mut text = |name: &str| case.shift_remove(name).map(|value| value.as_str().expect("a text").to_owned());
    let _ = text("why");
    let (check, harm, shared) = (text("check"), text("harm"), text("shared"));
    let (world_of, at, no_at, fails_in) = (text("world_of"), text("at"), text("no_at"), text("fails_in"));
    let mut list = |name: &str| match case.shift_remove(name) {
        Some(Value::Array(list)) => list,
        Some(other) => panic!("{guard}: {name}: not a list: {other}"),
        None => Vec::new(),
    };
    let does = list("does");
    let (strikes, mends) = (list("strikes"), list("mends"));
    let mut map = |name: &str| case.shift_remove(name).unwrap_or_else(|| Value::Object(Map::new()));
    let (spec, params) = (map("spec"), map("params"));
    assert!(case.is_empty(), "{guard}: what is {case:?}?");
    let without = match (check, harm, shared) {
        (Some(words), None, None) => Without::Check(words),
        (None, Some(harm), None) => Harm::named(&harm).map_or(Without::Later, Without::Harm),
        (None, None, Some(playbook)) => Without::Shared(playbook),
        _ => panic!("{guard}: write `check`, `harm` or `shared`"),
    };
    Case { guard, world_of, at, does, mends, strikes, fails_in, no_at, spec, params, without }
}
