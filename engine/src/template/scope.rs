//! The variables a template sees.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

/// Variables in layers: a later layer shadows an earlier one's names. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    layers: Vec<Arc<Map<String, Value>>>,
}

impl Scope {
    /// A scope of one layer.
    pub fn new(variables: Map<String, Value>) -> Self {
        Self { layers: vec![Arc::new(variables)] }
    }

    /// This scope with a layer on top.
    #[must_use]
    pub fn with(&self, variables: Map<String, Value>) -> Self {
        let mut scope = self.clone();
        scope.layers.push(Arc::new(variables));
        scope
    }

    /// This scope with a shared layer on top.
    #[must_use]
    pub(crate) fn with_shared(&self, variables: &Arc<Map<String, Value>>) -> Self {
        let mut scope = self.clone();
        scope.layers.push(Arc::clone(variables));
        scope
    }

    /// Looks up a variable.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.layers.iter().rev().find_map(|layer| layer.get(name))
    }

    /// All names, shadowed ones once.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.layers.iter().flat_map(|layer| layer.keys().map(String::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Sets a variable in the top layer.
    pub fn set(&mut self, name: impl Into<String>, value: Value) {
        if self.layers.is_empty() {
            self.layers.push(Arc::default());
        }
        if let Some(top) = self.layers.last_mut() {
            Arc::make_mut(top).insert(name.into(), value);
        }
    }
}

impl minijinja::value::Object for Scope {
    fn get_value(self: &Arc<Self>, key: &minijinja::Value) -> Option<minijinja::Value> {
        minijinja::Value::deserialize(self.get(key.as_str()?)?).ok()
    }
}
