//! The registered results of steps, as far as their modules declare them: a missing field is found before anything runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::names::Known;
use super::{Checker, target};
use crate::module::{AnyModule, TargetKind, result_schemas};
use crate::source::{Fault, nearest};
use crate::template::Mention;
use crate::walk::StepVisit;

/// The shape of a module's result.
struct Fields {
    module: &'static str,
    schema: Value,
    definitions: Map<String, Value>,
}

/// The shape of a registered result.
#[derive(Clone)]
pub(super) struct Shape {
    fields: Arc<Fields>,
    /// Whether it is a list, one result for each task; `None` if that is not known before templates are rendered.
    plural: Option<bool>,
}

impl Shape {
    /// The shape of a step's registered result, from that of one task's result.
    pub(super) fn of(one: Self, visit: &StepVisit<'_>) -> Self {
        let step = visit.step;
        let target = step.target.as_ref().or(visit.environment.target);
        let plural = match target::kinds(target) {
            _ if step.run_once => Some(false),
            _ if step.loop_over.is_some() => Some(true),
            Some(kinds) => Some(kinds.len() != 1 || matches!(kinds[0], TargetKind::Node | TargetKind::Pair)),
            None => None,
        };
        Self { plural, ..one }
    }

    /// Whether two steps that register the same name leave results of the same shape.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.fields.module == other.fields.module && self.plural == other.plural
    }

    /// The shape of one task's result.
    fn single(module: &dyn AnyModule) -> Self {
        let mut generator = result_schemas();
        let schema = module.result_schema(&mut generator).to_value();
        let definitions = generator.take_definitions(true).into_iter().collect();
        let fields = Arc::new(Fields { module: module.name(), schema, definitions });
        Self { fields, plural: Some(false) }
    }

    /// Looks a field up by its dotted path; if it does not exist, returns the part that is wrong and the fields that exist.
    fn find(&self, path: &[&str]) -> Result<(), Missing> {
        let mut level = vec![&self.fields.schema];
        for (depth, field) in path.iter().enumerate() {
            let level_now: Vec<&Value> = level.iter().flat_map(|schema| self.flattened(schema)).collect();
            if level_now.iter().any(|schema| is_open(schema)) {
                return Ok(());
            }
            let next: Vec<&Value> =
                level_now.iter().filter_map(|schema| schema.get("properties")?.get(*field)).collect();
            if next.is_empty() {
                let fields = |schema: &&Value| schema.get("properties").and_then(Value::as_object).cloned();
                let fields =
                    level_now.iter().filter_map(fields).flat_map(|fields| fields.into_iter().map(|(key, _)| key));
                let is_list = level_now.iter().any(|schema| schema["type"] == "array");
                return Err(Missing { depth, fields: fields.collect(), is_list });
            }
            level = next;
        }
        Ok(())
    }

    /// A schema with references followed and alternatives side by side.
    fn flattened<'s>(&'s self, schema: &'s Value) -> Vec<&'s Value> {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let name = reference.rsplit('/').next().unwrap_or_default();
            return self.fields.definitions.get(name).map(|schema| self.flattened(schema)).unwrap_or_default();
        }
        let choices = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|key| schema.get(key)?.as_array());
        let inner: Vec<&Value> = choices.flatten().flat_map(|schema| self.flattened(schema)).collect();
        if schema.get("properties").is_some() || inner.is_empty() { [vec![schema], inner].concat() } else { inner }
    }
}

/// A field that does not exist.
struct Missing {
    /// The part of the path that is wrong.
    depth: usize,
    /// The fields that exist.
    fields: Vec<String>,
    /// Whether the value is a list.
    is_list: bool,
}

/// Whether a schema allows fields that it does not name.
fn is_open(schema: &Value) -> bool {
    let Some(object) = schema.as_object() else { return *schema == Value::Bool(true) };
    let typed = object.contains_key("type") || object.contains_key("properties") || object.contains_key("enum");
    let more = object.get("additionalProperties").is_some_and(|more| *more != Value::Bool(false));
    !typed || more || object.get("type").is_some_and(|kind| *kind == "object") && !object.contains_key("properties")
}

/// The shapes of one task's result, by module, each computed once.
#[derive(Default)]
pub(super) struct Shapes(BTreeMap<&'static str, Shape>);

impl Shapes {
    /// The shape of one task's result of a module.
    pub(super) fn single(&mut self, module: &dyn AnyModule) -> Shape {
        self.0.entry(module.name()).or_insert_with(|| Shape::single(module)).clone()
    }
}

impl Checker<'_> {
    /// Reports a field of a registered result that does not exist.
    pub(super) fn field(&mut self, mention: &Mention, known: &Known) {
        let Some(shape) = known.shape(mention.root()) else { return };
        let parts: Vec<&str> = mention.path.split('.').collect();
        let Some((name, path)) = parts.split_first().filter(|(_, path)| !path.is_empty()) else { return };
        // A skipped step registers only this field.
        if path == ["skipped"] || shape.plural.is_none() {
            return;
        }
        let module = shape.fields.module;
        let fault = if shape.plural == Some(true) {
            Fault::at(&mention.at, format!("`{name}` is a list of results of `{module}`, one for each task"))
                .help(format!("take one, as in `{name}[0].{}`, or loop over it", path.join(".")))
        } else {
            let Err(missing) = shape.find(path) else { return };
            let whole: Vec<&str> = std::iter::once(*name).chain(path[..missing.depth].iter().copied()).collect();
            let (outer, field) = (whole.join("."), path[missing.depth]);
            let fault =
                Fault::at(&mention.at, format!("`{outer}` has no field `{field}`: it is the result of `{module}`"));
            let fields = missing.fields.iter().map(String::as_str);
            match nearest(field, fields) {
                _ if missing.is_list => {
                    fault.help(format!("`{outer}` is a list: take one, as in `{outer}[0].{field}`"))
                }
                Some(near) => fault.help(format!("did you mean `{outer}.{near}`?")),
                None if missing.fields.is_empty() => fault.help(format!("`{outer}` has no fields")),
                None => fault.help(format!("its fields are {}", missing.fields.join(", "))),
            }
        };
        self.faults.push(fault);
    }
}
