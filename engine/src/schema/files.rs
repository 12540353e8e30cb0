//! The schemas of whole files: playbook, inventory, event stream and plan.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::authoring::{authoring, tidy};
use super::shapes::{expression, inline, steps, texts};
use crate::duration::HumanDuration;
use crate::event::{Event, VERSION};
use crate::inventory::InventoryFile;
use crate::module::{Registry, result_schemas};
use crate::plan::Plan;
use crate::playbook::Param;
use crate::playbook::option::OPTIONS;

const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// The schema of playbooks, with every module's parameters.
pub fn playbook(registry: &Registry) -> Value {
    let mut generator = SchemaSettings::draft07().into_generator();
    let mut definitions = Map::new();
    let step = step(registry, &mut generator, &mut definitions);
    let phase = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["name", "steps"],
        "properties": {
            "name": {"type": "string", "description": "The phase's title."},
            "budget": inline::<HumanDuration>(&mut generator, "The time the phase may take; a longer one is reported, not stopped."),
            "point_of_no_return": {"type": "boolean", "description": "The run cannot be undone once one of its steps is done: `undo` refuses."},
            "check_all": {"type": "boolean", "description": "Whether all steps run even if one fails, so that the phase ends with the whole list."},
            "when": expression("A condition; the phase is skipped if it does not hold."),
            "vars": {"type": "object", "description": "Variables for its steps."},
            "tags": texts("Tags that its steps inherit."),
            "steps": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/Step"}, "description": "Its steps, in order."},
        },
    });
    let param = inline::<Param>(&mut generator, "An input of the playbook.");
    let window = inline::<HumanDuration>(&mut generator, "The change window; its burn-down is shown.");
    definitions.extend(generator.take_definitions(true));
    definitions.values_mut().for_each(tidy);
    definitions.insert("Step".to_owned(), step);
    definitions.insert("Phase".to_owned(), phase);
    json!({
        "$schema": DRAFT,
        "title": "cutover playbook",
        "type": "object",
        "additionalProperties": false,
        "required": ["name", "phases"],
        "properties": {
            "name": {"type": "string", "description": "The playbook's title."},
            "description": {"type": "string", "description": "What it does, for people."},
            "window": window,
            "rehearse_after": before(),
            "invariants": invariants(),
            "params": {"type": "object", "additionalProperties": param, "description": "Typed inputs."},
            "vars": {"type": "object", "description": "Variables; templates allowed."},
            "phases": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/Phase"}, "description": "The phases, in order."},
        },
        "definitions": definitions,
    })
}

/// What holds in the world after any fault.
fn invariants() -> Value {
    let one = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["name", "that"],
        "properties": {
            "name": {"type": "string", "description": "Its title, by which a broken one is reported."},
            "that": {
                "description": "A condition, or a list of conditions, on `world`, on `before` (the world before the playbook) and on `ended` (`completed`, `undone` or `stopped`); parameters and the inventory's variables are known.",
                "anyOf": [{"type": ["string", "boolean"]}, {"type": "array", "items": {"type": ["string", "boolean"]}}],
            },
        },
    });
    json!({
        "type": "array",
        "items": one,
        "description": "What holds in the simulated world after each case of `rehearse --faults`. A run does not look at it.",
    })
}

/// What comes before in a rehearsal.
fn before() -> Value {
    let playbook =
        json!({"type": "string", "description": "The playbook that has to have run before, relative to this file."});
    let one = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["playbook"],
        "properties": {
            "playbook": playbook,
            "lose": texts("What is lost after it: `active`, `passive` or a site's name, `SITE/NODE`, or `link`, the network between the sites."),
            "bring_back": texts("What comes back after it, in the same words."),
        },
    });
    json!({
        "description": "The playbook that has to have run before; a rehearsal runs it first. Or a list of them, in their order: then only the first one brings those with it that it comes after itself.",
        "anyOf": [playbook, one, {"type": "array", "items": {"anyOf": [playbook, one]}}],
    })
}

fn step(registry: &Registry, generator: &mut SchemaGenerator, definitions: &mut Map<String, Value>) -> Value {
    let mut properties: Map<String, Value> =
        OPTIONS.iter().map(|option| (option.name.to_owned(), (option.schema)(generator))).collect();
    let Value::Object(kinds) = json!({
        "gate": {"type": "string", "description": "A question that a person answers; who and when is recorded."},
        "confirm": {"type": "string", "description": "The phrase that has to be typed at the gate."},
        "block": steps("Steps that belong together."),
        "rescue": steps("Steps that run if one of the block fails; the run then goes on."),
        "always": steps("Steps that run in any case after the block."),
        "include": {"type": "string", "description": "A file with a list of steps, relative to this one."},
    }) else {
        return Value::Null;
    };
    properties.extend(kinds);
    for module in registry.0 {
        let mut params = authoring(*module);
        // Every module has its own `Params`, so each gets its own names.
        qualify(&mut params, module.name());
        if let Some(object) = params.as_object_mut() {
            if let Some(Value::Object(inner)) = object.shift_remove("definitions") {
                definitions
                    .extend(inner.into_iter().map(|(name, schema)| (format!("{}.{name}", module.name()), schema)));
            }
            object.shift_remove("$schema");
        }
        let mut results = result_schemas();
        let mut returns = module.result_schema(&mut results);
        properties.insert(module.name().to_owned(), json!({"description": module.summary(), "allOf": [params]}));
        if let Some(property) = properties.get_mut(module.name()) {
            // The schema of the registered result. Editors ignore the key; programs that write playbooks can look it up.
            let definitions: Map<String, Value> = results.take_definitions(true).into_iter().collect();
            returns.insert("definitions".to_owned(), Value::Object(definitions));
            property["x-returns"] = returns.to_value();
        }
    }
    let kinds: Vec<Value> = ["gate", "block", "include"]
        .into_iter()
        .chain(registry.names())
        .map(|name| json!({"required": [name]}))
        .collect();
    json!({"type": "object", "additionalProperties": false, "properties": properties, "oneOf": kinds})
}

/// Puts a module's name before the names of the definitions that a schema refers to.
fn qualify(schema: &mut Value, module: &str) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                match value {
                    Value::String(path) if key == "$ref" => {
                        *path = path.replace("#/definitions/", &format!("#/definitions/{module}."));
                    }
                    value => qualify(value, module),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| qualify(item, module)),
        _ => {}
    }
}

/// The schema of inventories.
pub fn inventory() -> Value {
    file::<InventoryFile>("cutover inventory")
}

/// The schema of a file that decodes into a type.
pub fn file<T: JsonSchema>(title: &str) -> Value {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<T>().to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), json!(title));
    }
    tidy(&mut schema);
    schema
}

/// The schema of one line of the event stream (`events.jsonl`, `--output json`).
pub fn event() -> Value {
    let mut schema = file::<Event>("cutover event");
    schema["properties"]["v"] = json!({"const": VERSION, "description": "The format's version."});
    schema
}

/// The schema of a plan (`cutover plan --output json`).
pub fn plan() -> Value {
    file::<Plan>("cutover plan")
}
