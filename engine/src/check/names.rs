//! The names that templates mention, and whether anything sets them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Checker;
use super::results::Shape;
use crate::source::{Fault, Node, nearest};
use crate::template::{self, Mention};

/// The names in scope at a place, and the shapes of the results among them.
#[derive(Clone)]
pub(super) struct Known {
    names: BTreeSet<Arc<str>>,
    shapes: Arc<BTreeMap<String, Shape>>,
}

impl Known {
    pub(super) fn new(common: &BTreeSet<Arc<str>>) -> Self {
        Self { names: common.clone(), shapes: Arc::default() }
    }

    pub(super) fn learn<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        for name in names {
            // A variable shadows a result of the same name.
            if self.shapes.contains_key(name) {
                Arc::make_mut(&mut self.shapes).remove(name);
            }
            if !self.names.contains(name) {
                self.names.insert(name.into());
            }
        }
    }

    pub(super) fn learn_shapes(&mut self, shapes: &Arc<BTreeMap<String, Shape>>) {
        if self.shapes.is_empty() {
            self.shapes = Arc::clone(shapes);
        } else if !shapes.is_empty() && !Arc::ptr_eq(&self.shapes, shapes) {
            let shapes = shapes.iter().map(|(name, shape)| (name.clone(), shape.clone()));
            Arc::make_mut(&mut self.shapes).extend(shapes);
        }
    }

    /// Adds the shape of a result.
    pub(super) fn learn_shape(&mut self, name: &str, shape: Shape) {
        Arc::make_mut(&mut self.shapes).insert(name.to_owned(), shape);
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.names.remove(name);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    pub(super) fn shape(&self, name: &str) -> Option<&Shape> {
        self.shapes.get(name)
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
            if known.has(mention.root()) {
                self.field(&mention, known);
            } else {
                let fault = self.unknown(&mention, known);
                self.faults.push(fault);
            }
        }
    }

    fn unknown(&self, mention: &Mention, known: &Known) -> Fault {
        let name = mention.root();
        let fault = Fault::at(&mention.at, format!("unknown variable `{name}`"));
        match nearest(name, known.names.iter().map(|name| &**name)) {
            Some(near) => fault.help(format!("did you mean `{near}`?")),
            None if self.inventory.is_none() => fault
                .help("it is not a parameter, variable or earlier result; if the inventory sets it, add -i INVENTORY"),
            None => fault.help("it is not a parameter, variable, inventory variable or result of an earlier step"),
        }
    }
}
