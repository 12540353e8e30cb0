//! The report as one HTML page. The template escapes every value; the page loads nothing and runs nothing.

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

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
    Ok(environment.get_template("report.html")?.render(Value::from_serialize(Document::of(timeline)))?)
}
