//! The difference of two texts, as a unified diff for people to read.

use diffy::{DiffOptions, Patch};

/// The lines that differ, each with three lines around it; empty if nothing differs.
pub(crate) fn lines(from: &str, to: &str) -> String {
    hunks(&DiffOptions::new().create_patch(from, to))
}

/// The same below the names of both; empty if nothing differs.
pub(crate) fn named_lines((from_name, from): (&str, &str), (to_name, to): (&str, &str)) -> String {
    match lines(from, to) {
        same if same.is_empty() => same,
        lines => format!("--- {from_name}\n+++ {to_name}\n{lines}"),
    }
}

/// A patch without its header, which names files.
fn hunks(patch: &Patch<'_, str>) -> String {
    let whole = patch.to_string();
    let begin = whole.find("@@ ").unwrap_or(whole.len());
    whole[begin..].to_owned()
}
