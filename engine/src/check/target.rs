//! Checks targets as they are written.

use super::Checker;
use crate::inventory::Inventory;
use crate::module::TargetKind;
use crate::source::{Fault, Kind, Node, nearest};
use crate::target::Target;
use crate::walk::resolve;

/// The kinds of target that a text or list of texts names; `None` if that is not known before templates are rendered.
pub(super) fn kinds(target: Option<&Node>) -> Option<Vec<TargetKind>> {
    let Some(node) = target else { return Some(vec![TargetKind::Controller]) };
    let texts: Vec<&str> = match &node.kind {
        Kind::Seq(items) => items.iter().map(Node::as_str).collect::<Option<_>>()?,
        _ => vec![node.as_str()?],
    };
    let kind = |text: &str| match text.split_once('.') {
        _ if text.contains("{{") => None,
        None if text == "controller" => Some(TargetKind::Controller),
        None => Some(TargetKind::Site),
        Some((_, "nodes")) => Some(TargetKind::Node),
        Some((_, "pairs")) => Some(TargetKind::Pair),
        Some(_) => None,
    };
    texts.into_iter().map(kind).collect()
}

/// A text without templates.
pub(super) fn literal(node: &Node) -> Option<&str> {
    node.as_str().filter(|text| !text.contains("{{"))
}

/// The targets that a text or list of texts names; none if that is not known before templates are rendered.
pub(super) fn written_out(target: Option<&Node>, inventory: &Inventory) -> Vec<Target> {
    let Some(node) = target else { return vec![Target::Controller] };
    let texts = match &node.kind {
        Kind::Seq(items) => items.iter().map(Node::as_str).collect(),
        _ => Some(node.as_str().into_iter().collect::<Vec<_>>()),
    };
    let found = texts.unwrap_or_default().into_iter().filter_map(|text| resolve(text, inventory).ok());
    found.flat_map(|(targets, _)| targets).collect()
}

impl Checker<'_> {
    /// Reports pairs that the inventory does not have.
    fn some_pair(&mut self, node: &Node, text: &str) {
        let Some(inventory) = self.inventory.filter(|_| text.ends_with(".pairs")) else { return };
        if let Err(why) = resolve(text, inventory) {
            self.faults.push(Fault::at(&node.at, why));
        }
    }

    /// Reports a node to delegate to that no site of the step's targets has.
    pub(super) fn delegate(&mut self, node: &Node, target: Option<&Node>) {
        let (Some(name), Some(inventory)) = (literal(node), self.inventory) else { return };
        let targets = written_out(target, inventory);
        let site = |target: &Target| target.site().and_then(|site| inventory.sites.get(site));
        if targets.is_empty()
            || targets.iter().any(|target| site(target).is_some_and(|site| site.nodes.contains_key(name)))
        {
            return;
        }
        let nodes: Vec<&str> =
            targets.iter().filter_map(site).flat_map(|site| site.nodes.keys()).map(String::as_str).collect();
        let fault = Fault::at(&node.at, format!("no target of this step is at a site that has a node `{name}`"));
        self.faults.push(match nearest(name, nodes.iter().copied()) {
            Some(near) => fault.help(format!("did you mean `{near}`?")),
            None => fault,
        });
    }

    /// Reports a target that does not exist.
    pub(super) fn target(&mut self, node: &Node) {
        if let Kind::Seq(items) = &node.kind {
            items.iter().for_each(|item| self.target(item));
            return;
        }
        let Some(text) = node.as_str() else {
            self.faults.push(Fault::at(&node.at, "a target is text or a list of texts"));
            return;
        };
        if text.contains("{{") {
            return;
        }
        let (site, rest) = text.split_once('.').map_or((text, None), |(site, rest)| (site, Some(rest)));
        let mut known: Vec<&str> = vec!["active", "passive", "controller"];
        known.extend(self.inventory.iter().flat_map(|inventory| inventory.sites.keys().map(String::as_str)));
        let site_known = known.contains(&site) || self.inventory.is_none() && nearest(site, known.clone()).is_none();
        let rest_known = matches!(rest, None | Some("nodes" | "pairs")) && !(site == "controller" && rest.is_some());
        if site_known && rest_known {
            self.some_pair(node, text);
            return;
        }
        let fault = Fault::at(&node.at, format!("unknown target `{text}`"));
        let candidates: Vec<String> = known
            .iter()
            .flat_map(|site| [(*site).to_owned(), format!("{site}.nodes"), format!("{site}.pairs")])
            .filter(|candidate| !candidate.starts_with("controller."))
            .collect();
        self.faults.push(match nearest(text, candidates.iter().map(String::as_str)) {
            Some(near) => fault.help(format!("did you mean `{near}`?")),
            None => fault.help("a target is a role, a site, one of these with `.nodes` or `.pairs`, or `controller`"),
        });
    }
}
