//! From a place in a template to a place in the file that holds it: over quotes, escapes and block indentation.

use std::ops::Range;

use crate::source::{Location, Node};

/// Maps a byte range of a scalar's value to the file. If the range cannot be found there (an escape within it), returns the
/// whole scalar.
pub(super) fn locate(node: &Node, value: &str, range: Range<usize>) -> Location {
    let raw = node.at.text();
    let Some(fragment) = value.get(range.clone()) else { return node.at.clone() };
    // The fragment's first line identifies it: later lines are indented differently in a block scalar.
    let first = fragment.lines().next().unwrap_or_default();
    if first.is_empty() {
        return node.at.clone();
    }
    // The same text may occur more than once: the ordinal selects the right one.
    let ordinal = value[..range.start].matches(first).count();
    match raw.match_indices(first).nth(ordinal) {
        Some((at, _)) => {
            let start = node.at.range.start + at;
            Location::new(&node.at.file, start..start + first.len())
        }
        None => node.at.clone(),
    }
}
