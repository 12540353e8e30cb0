//! The schema of a module's parameters as an author may write them: with templates in place of values of any type.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::module::AnyModule;

/// The mark of a template in a text.
pub(super) const TEMPLATE_PATTERN: &str = r"\{\{";

/// The pattern of a text with a template.
fn template() -> Value {
    json!({"type": "string", "pattern": TEMPLATE_PATTERN})
}

/// The draft-07 schema of a module's parameters, with templates allowed.
pub fn authoring(module: &dyn AnyModule) -> Value {
    let mut generator = SchemaSettings::draft07().into_generator();
    let schema = module.schema(&mut generator);
    let mut root = schema.to_value();
    let definitions: Map<String, Value> = generator.take_definitions(true).into_iter().collect();
    if let Some(object) = root.as_object_mut() {
        object.insert("definitions".to_owned(), Value::Object(definitions));
    }
    if let Some(Value::Object(definitions)) = root.get_mut("definitions") {
        definitions.values_mut().for_each(|schema| allow_templates(schema, true));
    }
    allow_templates(&mut root, true);
    root
}

/// Rewrites a schema in place: `oneOf` of constants becomes `enum` (a better message), and everything but the top-level
/// mapping accepts a template as well.
fn allow_templates(schema: &mut Value, top: bool) {
    let Some(object) = schema.as_object_mut() else { return };
    for (key, value) in object.iter_mut() {
        match (key.as_str(), value) {
            ("properties" | "patternProperties", Value::Object(properties)) => {
                properties.values_mut().for_each(|schema| allow_templates(schema, false));
            }
            ("items" | "additionalProperties", schema) => allow_templates(schema, false),
            ("anyOf" | "oneOf" | "allOf", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(|schema| allow_templates(schema, true));
            }
            _ => {}
        }
    }
    constants_to_enum(object);
    let text_only = object.get("type") == Some(&json!("string"))
        && !["enum", "pattern", "format", "const"].iter().any(|key| object.contains_key(*key));
    if top || text_only || object.is_empty() {
        return;
    }
    let mut inner = std::mem::take(object);
    for key in ["description", "title", "default"] {
        if let Some(value) = inner.shift_remove(key) {
            object.insert(key.to_owned(), value);
        }
    }
    let only = inner.len() == 1;
    match inner.get_mut("anyOf") {
        Some(Value::Array(choices)) if only => {
            choices.push(template());
            object.insert("anyOf".to_owned(), inner.shift_remove("anyOf").unwrap_or_default());
        }
        _ => {
            object.insert("anyOf".to_owned(), json!([Value::Object(inner), template()]));
        }
    }
}

/// Rewrites a schema in place: `oneOf` of constants becomes `enum` wherever it stands.
pub(super) fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(tidy);
            constants_to_enum(object);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn constants_to_enum(object: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get("oneOf") else { return };
    let constants: Option<Vec<Value>> = choices
        .iter()
        .map(|choice| {
            choice.get("const").cloned().or_else(|| match choice.get("enum") {
                Some(Value::Array(values)) if values.len() == 1 => values.first().cloned(),
                _ => None,
            })
        })
        .collect();
    if let Some(constants) = constants {
        let descriptions: Vec<Value> =
            choices.iter().map(|choice| choice.get("description").cloned().unwrap_or_else(|| json!(""))).collect();
        object.shift_remove("oneOf");
        object.insert("enum".to_owned(), Value::Array(constants));
        // `enumDescriptions` is what editors show beside each choice.
        object.insert("enumDescriptions".to_owned(), Value::Array(descriptions));
    }
}
