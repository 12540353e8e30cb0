//! What an author promises of the world after any fault (`invariants`): held against the simulated world after each case of
//! `rehearse --faults`. A run does not look at it.

use super::decode::Decoder;
use crate::source::{Faults, Fields, Location, Node};

/// The names that an invariant knows beside parameters and the inventory's variables.
pub const NAMES: [&str; 3] = ["world", "before", "ended"];

/// A promise.
#[derive(Debug, Clone)]
pub struct Invariant {
    /// Its title.
    pub name: String,
    /// The condition.
    pub that: Node,
    /// Where it is written.
    pub at: Location,
}

/// Decodes one.
pub(super) fn decode(node: &Node, decoder: &Decoder<'_>, faults: &mut Faults) -> Option<Invariant> {
    let mut fields = Fields::of(node, "an invariant").map_err(|fault| faults.push(fault)).ok()?;
    let name = fields.required_text("name", faults);
    let that = decoder.expression(fields.node("that"), faults);
    if that.is_none() {
        faults.push(fields.missing("that"));
    }
    fields.finish(faults);
    Some(Invariant { name: name?, that: that?, at: node.at.clone() })
}
