//! Checks a module's parameters as written, before anything is rendered: every value that is no text may also be a template.

use std::collections::BTreeMap;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError, Validator};

use crate::module::{AnyModule, Registry};
use crate::schema::{TEMPLATE_PATTERN, authoring};
use crate::source::{Fault, Faults, Key, Node, unknown_key};

/// Validators by module, made when first needed.
pub(super) struct ParamsChecker {
    validators: BTreeMap<&'static str, Option<(serde_json::Value, Validator)>>,
}

impl ParamsChecker {
    pub(super) fn new(_registry: &Registry) -> Self {
        Self { validators: BTreeMap::new() }
    }

    /// Adds the faults of one step's parameters.
    pub(super) fn check(&mut self, module: &dyn AnyModule, key: &Key, params: &Node, faults: &mut Faults) {
        let entry = self.validators.entry(module.name()).or_insert_with(|| {
            let schema = authoring(module);
            jsonschema::draft7::new(&schema).ok().map(|validator| (schema, validator))
        });
        let Some((schema, validator)) = entry else { return };
        let json = params.to_json();
        for error in validator.iter_errors(&json) {
            for error in meant(&error) {
                faults.0.extend(as_faults(error, module, schema, key, params));
            }
        }
    }
}

/// Of a value that fits none of several schemas, the errors of the one its author most likely meant: not the one for
/// templates, not the one for null, and the one that got furthest into the value.
fn meant<'e>(error: &'e ValidationError<'e>) -> Vec<&'e ValidationError<'e>> {
    let ValidationErrorKind::AnyOf { context } = error.kind() else { return vec![error] };
    let depth = |errors: &[ValidationError<'static>]| {
        errors.iter().map(|error| error.instance_path().as_str().len()).max().unwrap_or(0)
    };
    let likely = |errors: &&Vec<ValidationError<'static>>| {
        !errors.iter().any(|error| match error.kind() {
            ValidationErrorKind::Pattern { pattern } => pattern == TEMPLATE_PATTERN,
            ValidationErrorKind::Type { kind } => {
                matches!(kind, TypeKind::Single(JsonType::Null))
                    || matches!(kind, TypeKind::Single(JsonType::String))
                        && error.schema_path().as_str().ends_with("/type")
                        && context.len() > 1
                        && !error.instance().is_string()
                        && error.instance_path() == errors[0].instance_path()
            }
            _ => false,
        })
    };
    let best = context.iter().filter(likely).max_by_key(|errors| depth(errors)).or_else(|| context.first());
    match best {
        Some(errors) => errors.iter().flat_map(meant).collect(),
        None => vec![error],
    }
}

fn as_faults(
    error: &ValidationError<'_>,
    module: &dyn AnyModule,
    schema: &serde_json::Value,
    key: &Key,
    params: &Node,
) -> Vec<Fault> {
    let node = params.deepest(error.instance_path().as_str());
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = known_keys(schema, error.schema_path().as_str());
            let what = format!("`{}`", module.name());
            let as_fault = |name: &String| {
                let at = node.entries().iter().find(|(key, _)| key.name == *name).map_or(key, |(key, _)| key);
                unknown_key(at, &what, known.iter().map(String::as_str))
            };
            unexpected.iter().map(as_fault).collect()
        }
        ValidationErrorKind::Required { property } => {
            let at = node.entries().first().map_or(&key.at, |(key, _)| &key.at);
            let name = property.as_str().unwrap_or_default();
            vec![Fault::at(at, format!("`{}` needs `{name}`", module.name()))]
        }
        _ => vec![Fault::at(&node.at, format!("`{}`: {error}", module.name()))],
    }
}

/// The properties known where `additionalProperties` was violated.
fn known_keys(schema: &serde_json::Value, schema_path: &str) -> Vec<String> {
    let parent = schema_path.strip_suffix("/additionalProperties").unwrap_or_default();
    // A path through `$ref` does not resolve literally; its last definition does.
    let found = schema.pointer(parent).or_else(|| {
        let at = parent.rfind("/definitions/").or_else(|| parent.rfind("/$defs/"))?;
        schema.pointer(&parent[at..])
    });
    let properties = found.unwrap_or(schema).get("properties").and_then(|properties| properties.as_object());
    properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
}
