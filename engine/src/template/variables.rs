//! Lists the variables that a template mentions, without rendering it.

use std::collections::BTreeSet;

use super::environment::{compile, compile_expression, is_function};
use super::render::single_expression;
use crate::source::{Kind, Location, Node};

/// A variable that a scalar mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Its dotted path: `old.volumes`.
    pub path: String,
    /// Where it is mentioned.
    pub at: Location,
}

impl Mention {
    /// The variable's name: the path's first part.
    pub fn root(&self) -> &str {
        self.path.split('.').next().unwrap_or(&self.path)
    }
}

/// Lists the variables that a tree mentions; `expression` says that its scalars are expressions without braces (`when`).
/// Scalars that do not compile mention nothing.
pub fn mentions(node: &Node, expression: bool) -> Vec<Mention> {
    let mut found = Vec::new();
    collect(node, expression, &mut found);
    found
}

fn collect(node: &Node, expression: bool, found: &mut Vec<Mention>) {
    match &node.kind {
        Kind::Str(text) => {
            for path in paths(text, expression) {
                let at = text.find(&path).map_or_else(
                    || node.at.clone(),
                    |start| super::span::locate(node, text, start..start + path.len()),
                );
                found.push(Mention { path, at });
            }
        }
        Kind::Seq(items) => items.iter().for_each(|item| collect(item, expression, found)),
        Kind::Map(entries) => {
            for (key, value) in entries {
                let as_node = Node { at: key.at.clone(), kind: Kind::Str(key.name.clone()) };
                collect(&as_node, false, found);
                collect(value, expression, found);
            }
        }
        _ => {}
    }
}

fn paths(text: &str, expression: bool) -> BTreeSet<String> {
    if !expression && !text.contains('{') {
        return BTreeSet::new();
    }
    let mut found = undeclared(text, expression);
    // `range(3)` is a function of the language; a variable may have the same name (`namespace`).
    let function = |path: &str| text.contains(&format!("{path}(")) && is_function(path);
    found.retain(|path| !function(path));
    found
}

fn undeclared(text: &str, expression: bool) -> BTreeSet<String> {
    let bare = if expression { Some(text) } else { single_expression(text) };
    if let Some(Ok(compiled)) = bare.map(compile_expression) {
        return compiled.undeclared_variables(true).into_iter().collect();
    }
    match compile(text) {
        Ok(template) if !expression => template.undeclared_variables(true).into_iter().collect(),
        _ => BTreeSet::new(),
    }
}
