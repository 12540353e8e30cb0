//! Documents made of a template: every value in them is escaped, and no control character gets into one.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use serde_json::Value;

use super::super::line::clean_text;
use super::RenderError;

/// Renders the first of the templates (name and text); the others are what it includes.
pub(super) fn rendered(
    templates: &[(&'static str, &'static str)],
    data: &impl Serialize,
) -> Result<String, RenderError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    for (name, text) in templates {
        environment.add_template(name, text)?;
    }
    let mut data = serde_json::to_value(data).map_err(RenderError::Document)?;
    clean(&mut data);
    Ok(environment.get_template(templates[0].0)?.render(Serde(data))?)
}

/// Takes escape sequences and other control characters out of all texts, and the two characters that XML forbids besides.
fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = clean_text(text).replace(['\u{FFFE}', '\u{FFFF}'], "\u{FFFD}"),
        Value::Array(values) => values.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
