//! The report as one HTML page. The page loads nothing and runs nothing.

use super::super::timeline::Timeline;
use super::RenderError;
use super::document::Document;
use super::template::rendered;

/// The page of a run.
pub(super) fn html(timeline: &Timeline) -> Result<String, RenderError> {
    let templates = [("report.html", include_str!("report.html")), ("report.css", include_str!("report.css"))];
    rendered(&templates, &Document::of(timeline))
}
