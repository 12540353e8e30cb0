//! Names that templates mention, and whether somebody sets them.

use std::collections::BTreeSet;

use super::Checker;
use crate::source::{Fault, Node, nearest};
use crate::template::{self, Mention};

/// The names that are known at a place.
#[derive(Clone)]
pub(super) struct Known(BTreeSet<String>);

impl Known {
    pub(super) fn new(common: &BTreeSet<String>) -> Self {
        Self(common.clone())
    }

    pub(super) fn learn<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        self.0.extend(names.into_iter().map(str::to_owned));
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

impl Checker<'_> {
    /// Variables in their order: later ones may use earlier ones.
    pub(super) fn vars(&mut self, vars: &[(String, Node)], known: &mut Known) {
        for (name, node) in vars {
            self.mentions(node, false, known);
            known.learn([name.as_str()]);
        }
    }

    pub(super) fn mentions(&mut self, node: &Node, expression: bool, known: &Known) {
        for mention in template::mentions(node, expression) {
            if !known.has(mention.root()) {
                let fault = self.unknown(&mention, known);
                self.faults.push(fault);
            }
        }
    }

    fn unknown(&self, mention: &Mention, known: &Known) -> Fault {
        let name = mention.root();
        let fault = Fault::at(&mention.at, format!("unknown variable `{name}`"));
        match nearest(name, known.0.iter().map(String::as_str)) {
            Some(near) => fault.help(format!("did you mean `{near}`?")),
            None if self.inventory.is_none() => {
                fault.help("it is no parameter, variable or earlier result; if the inventory sets it, add -i INVENTORY")
            }
            None => fault.help("it is no parameter, variable, inventory variable or result of an earlier step"),
        }
    }
}
