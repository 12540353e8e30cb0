//! What a rehearsal does before a playbook (`rehearse_after`): other playbooks, and what is lost or comes back after each of them.

use crate::source::{Faults, Fields, Kind, Location, Node, wrong_type};

/// A playbook that a rehearsal executes before another one, and what happens to the world after it.
#[derive(Debug, Clone)]
pub struct Before {
    /// The playbook's path, relative to the file.
    pub playbook: String,
    /// What is lost then: a site (`active`, `passive`, its name), `SITE/NODE`, or `link`, all links between the two sites.
    pub lose: Vec<String>,
    /// What comes back then, in the same words.
    pub bring_back: Vec<String>,
    /// Where it is written.
    pub at: Location,
}

/// Decodes one of them or a list. The first of a list brings those with it that it comes after itself.
pub(super) fn decode(node: Option<&Node>, faults: &mut Faults) -> Vec<Before> {
    let items = match node.map(|node| &node.kind) {
        None => return Vec::new(),
        Some(Kind::Seq(items)) => items.as_slice(),
        Some(_) => node.map_or(&[][..], std::slice::from_ref),
    };
    items.iter().filter_map(|item| one(item, faults)).collect()
}

fn one(node: &Node, faults: &mut Faults) -> Option<Before> {
    if let Kind::Str(playbook) = &node.kind {
        let (playbook, at) = (playbook.clone(), node.at.clone());
        return Some(Before { playbook, lose: Vec::new(), bring_back: Vec::new(), at });
    }
    let Ok(mut fields) = Fields::of(node, "`rehearse_after`") else {
        faults.push(wrong_type(
            node,
            "`rehearse_after`",
            "a playbook, or a mapping with `playbook`, or a list of these",
        ));
        return None;
    };
    let playbook = fields.required_text("playbook", faults);
    let (lose, bring_back) = (fields.texts("lose", faults), fields.texts("bring_back", faults));
    fields.finish(faults);
    Some(Before { playbook: playbook?, lose, bring_back, at: node.at.clone() })
}
