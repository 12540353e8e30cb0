//! Checks a module's parameters as written, before anything is rendered: any value of another type than text may be a template.

use std::collections::BTreeMap;

use crate::module::AnyModule;
use crate::schema::{Judge, authoring};
use crate::source::{Faults, Key, Node};

/// Judges by module, made when first needed.
#[derive(Default)]
pub(super) struct ParamsChecker {
    judges: BTreeMap<&'static str, Option<Judge>>,
}

impl ParamsChecker {
    /// Adds the faults of one step's parameters.
    pub(super) fn check(&mut self, module: &dyn AnyModule, key: &Key, params: &Node, faults: &mut Faults) {
        let judge = self.judges.entry(module.name()).or_insert_with(|| Judge::new(authoring(module)));
        if let Some(judge) = judge {
            faults.0.extend(judge.faults(params, &format!("`{}`", module.name()), &key.at));
        }
    }
}
