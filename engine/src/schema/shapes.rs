//! Shapes that occur in several schemas.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

/// A type's schema with a sentence of its own.
pub(crate) fn inline<T: JsonSchema>(generator: &mut SchemaGenerator, description: &str) -> Value {
    let mut schema = generator.subschema_for::<T>().to_value();
    if schema.get("$ref").is_some() {
        // Beside a `$ref` draft-07 ignores everything, so the description needs a wrapper.
        schema = json!({"allOf": [schema]});
    }
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), json!(description));
    }
    schema
}

/// A text, or a list of texts.
pub(crate) fn texts(description: &str) -> Value {
    json!({"description": description, "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
}

/// A condition, or a list of conditions.
pub(crate) fn expression(description: &str) -> Value {
    json!({
        "description": description,
        "anyOf": [{"type": "boolean"}, {"type": "string"}, {"type": "array", "items": {"type": ["string", "boolean"]}}],
    })
}

/// A list of steps.
pub(crate) fn steps(description: &str) -> Value {
    json!({"type": "array", "items": {"$ref": "#/definitions/Step"}, "description": description})
}
