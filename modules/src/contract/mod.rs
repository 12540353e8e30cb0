//! What every module has to say of itself, asked of all of them. Each family has its rows in a file of its own.

mod drbd;
mod files;
mod kubernetes;
mod literals;

use cutover_engine::module::{Diff, TargetKind, result_schemas};
use serde_json::{Value, json};

use crate::testing;
use crate::{ALL, REGISTRY};

/// Parameters that a module takes.
pub(crate) struct Good {
    /// The module.
    module: &'static str,
    /// The kind of target.
    target: TargetKind,
    /// The parameters, with values in place of templates.
    params: Value,
    /// What it looks at and alters, as subjects are shown.
    subjects: &'static [&'static str],
}

/// What `check` has to refuse.
pub(crate) struct Bad {
    /// The module.
    module: &'static str,
    /// The kind of target.
    target: TargetKind,
    /// The parameters.
    params: Value,
    /// Where the refusal points to; empty if it is about the target.
    pointer: &'static str,
    /// Words of the refusal.
    words: &'static str,
}

fn good() -> Vec<Good> {
    files::good().into_iter().chain(drbd::good()).chain(kubernetes::good()).collect()
}

fn bad() -> Vec<Bad> {
    files::bad().into_iter().chain(drbd::bad()).chain(kubernetes::bad()).collect()
}

/// The changes' keys name what is changed: unique, in kebab-case, and of their own, not made from the sentence.
pub(crate) fn check_keys(diff: &Diff) {
    let (Diff::Change(changes) | Diff::Run(changes)) = diff else { return };
    let mut seen = Vec::new();
    for change in changes {
        let (name, of) = change.key.split_once(' ').unwrap_or((&change.key, "-"));
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        let kebab = !name.is_empty() && name.chars().all(plain) && !of.trim().is_empty();
        assert!(kebab && change.summary != change.key, "`{}` is not a key: {}", change.key, change.summary);
        assert!(change.summary.id().is_some(), "`{}` has no id", change.summary);
        assert!(!seen.contains(&&change.key), "`{}` is the key of two changes", change.key);
        seen.push(&change.key);
    }
}

#[test]
fn every_module_says_what_it_returns() {
    for module in ALL {
        let name = module.name();
        let mut generator = result_schemas();
        let schema = module.result_schema(&mut generator);
        let definitions = json!({"top": schema, "more": generator.take_definitions(true)});
        undescribed(name, "", &definitions);
    }
}

/// Every field of a result has a description: it becomes the reference.
fn undescribed(module: &str, at: &str, schema: &Value) {
    if let Some(properties) = schema["properties"].as_object() {
        for (field, value) in properties {
            // A variant of an enumeration is an object with one field, and described as a whole.
            let variant = schema.get("description").is_some() && properties.len() == 1;
            let described = variant || value.get("description").is_some() || value.get("$ref").is_some();
            assert!(described, "`{module}`: the field `{at}/{field}` of the result is not described");
        }
    }
    match schema {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| undescribed(module, &format!("{at}/{name}"), value))
        }
        Value::Array(items) => items.iter().for_each(|value| undescribed(module, at, value)),
        _ => {}
    }
}

#[test]
fn every_module_names_its_subjects() {
    let good = good();
    for module in ALL {
        assert!(good.iter().any(|row| row.module == module.name()), "no row for `{}`", module.name());
    }
    for Good { module, target, params, subjects } in good {
        let kind = REGISTRY.get(module).expect(module);
        kind.targets().accept(module, target).unwrap_or_else(|failure| panic!("{module}: {}", failure.message));
        let bound = kind.bind(params.clone());
        let bound = bound.unwrap_or_else(|failure| panic!("{module} {params}: {}", failure.message));
        let found = bound.subjects(&testing::on(target)).unwrap_or_else(|| panic!("`{module}` names no subjects"));
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), subjects, "{module} {params}");
    }
}

#[test]
fn what_can_never_be_done_is_refused_without_a_look() {
    let inventory = literals::inventory();
    for Bad { module, target, params, pointer, words } in bad() {
        let refusal = literals::checked(module, target, &params, &inventory).err();
        let refusal = refusal.unwrap_or_else(|| panic!("`{module}` takes {params} on {}", target.words()));
        assert_eq!(refusal.pointer.as_deref().unwrap_or_default(), pointer, "{module} {params}: {}", refusal.message);
        assert!(refusal.message.contains(words), "{module} {params}: {}", refusal.message);
    }
}
