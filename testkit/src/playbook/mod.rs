//! Generated playbooks: a tree of phases and steps, and its text. How they are generated is in `generate`.

mod constructs;
mod context;
mod generate;
mod leaves;
mod nests;
mod shrink;
mod text;

pub use constructs::{CONSTRUCTS, Construct, used};
pub use generate::generate;
pub use nests::{nestings, possible_nestings};
pub use shrink::smaller;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::driver::Case;

/// A generated playbook, with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Playbook {
    /// `params`: name to declaration.
    pub params: Map<String, Value>,
    /// `vars` of the playbook.
    pub vars: Map<String, Value>,
    /// Its phases.
    pub phases: Vec<Phase>,
    /// The parameters from the command line.
    pub provided: Map<String, Value>,
    /// The inventory's secret.
    pub password: String,
    /// `--tags`.
    pub only: Vec<String>,
    /// `--skip-tags`.
    pub skip: Vec<String>,
}

/// A phase.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// Everything but its steps.
    pub options: Map<String, Value>,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// A step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Everything but the steps in it; a module is one of these.
    pub options: Map<String, Value>,
    /// The steps in it.
    pub inner: Inner,
    /// Its `undo:` steps.
    pub undo: Option<Vec<Step>>,
}

/// The steps in a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Inner {
    /// None: a module or a gate.
    None,
    /// A file that is included.
    Include(Vec<Step>),
    /// A block.
    Block {
        /// Its steps.
        block: Vec<Step>,
        /// Those that run if one fails.
        rescue: Vec<Step>,
        /// Those that run in any case.
        always: Vec<Step>,
    },
}

impl Step {
    /// The lists of steps in it, each with its kind.
    pub fn sections(&self) -> Vec<(&'static str, &Vec<Step>)> {
        let mut sections = match &self.inner {
            Inner::None => Vec::new(),
            Inner::Include(steps) => vec![("include", steps)],
            Inner::Block { block, rescue, always } => vec![("block", block), ("rescue", rescue), ("always", always)],
        };
        sections.extend(self.undo.iter().map(|undo| ("undo", undo)));
        sections
    }

    pub(crate) fn sections_mut(&mut self) -> Vec<&mut Vec<Step>> {
        let mut sections = match &mut self.inner {
            Inner::None => Vec::new(),
            Inner::Include(steps) => vec![steps],
            Inner::Block { block, rescue, always } => vec![block, rescue, always],
        };
        sections.extend(self.undo.iter_mut());
        sections
    }
}

impl Playbook {
    /// The texts to run.
    pub fn case(&self) -> Case {
        let (text, files): (String, BTreeMap<String, String>) = text::of(self);
        Case {
            text,
            files,
            params: self.provided.clone(),
            password: self.password.clone(),
            only: self.only.clone(),
            skip: self.skip.clone(),
        }
    }
}

impl std::fmt::Display for Playbook {
    /// The texts, for people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let case = self.case();
        write!(f, "{}", case.text)?;
        for (name, text) in &case.files {
            write!(f, "# {name}\n{text}")?;
        }
        if !case.params.is_empty() {
            writeln!(f, "# -e {}", Value::Object(case.params))?;
        }
        if !case.only.is_empty() || !case.skip.is_empty() {
            writeln!(f, "# --tags {:?} --skip-tags {:?}", case.only, case.skip)?;
        }
        writeln!(f, "# the inventory's secret is {:?}", case.password)
    }
}
