//! The report as one HTML page. The template escapes every value; the page loads nothing and runs nothing.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::Value;

use super::super::line::clean_text;
use super::super::timeline::Timeline;
use super::RenderError;
use super::document::Document;

/// The page of a run.
pub(super) fn html(timeline: &Timeline) -> Result<String, RenderError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_template("report.css", include_str!("report.css"))?;
    environment.add_template("report.html", include_str!("report.html"))?;
    let mut document = serde_json::to_value(Document::of(timeline)).map_err(RenderError::Document)?;
    clean(&mut document);
    Ok(environment.get_template("report.html")?.render(Serde(document))?)
}

/// Takes escape sequences and other control characters out of all texts: HTML allows none.
fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = clean_text(text),
        Value::Array(values) => values.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
