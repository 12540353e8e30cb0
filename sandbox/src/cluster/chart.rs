//! A chart as a rehearsal knows it: its description and defaults as they are in its directory, and code that renders what its
//! templates do.

use std::sync::Arc;

use serde_json::{Map, Value};

/// What is on the controller where a chart is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChartAt {
    /// Nothing.
    Nowhere,
    /// The very chart that the sandbox renders.
    BuiltIn,
    /// Another one: its name, if it can be read.
    Other(Option<String>),
}

/// Finds out what is where helm, run in a directory, would look for a chart.
pub type ChartLook = Arc<dyn Fn(Option<&str>, &str) -> ChartAt + Send + Sync>;

/// A chart.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    /// `Chart.yaml`.
    pub(crate) metadata: Value,
    /// `values.yaml`.
    pub(crate) values: Value,
    /// Its templates.
    pub(crate) templates: Templates,
}

/// Renders templates: file names and objects, in the order helm applies them.
pub(crate) type Templates = fn(&Release<'_>) -> Vec<(String, Value)>;

/// What templates see.
#[derive(Debug)]
pub(crate) struct Release<'a> {
    /// `etcd-1.1.0`: the chart's name and version.
    pub(crate) chart: String,
    /// The release's name.
    pub(crate) name: &'a str,
    /// The namespace.
    pub(crate) namespace: &'a str,
    /// The values.
    pub(crate) values: &'a Value,
}

impl Chart {
    /// A chart whose files have this text.
    pub(crate) fn new(metadata: &str, values: &str, templates: Templates) -> Self {
        let yaml = |text: &str| serde_yaml::from_str(text).unwrap_or_default();
        Self { metadata: yaml(metadata), values: yaml(values), templates }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.metadata["name"].as_str().unwrap_or_default()
    }

    /// Finds a chart by what helm was given: a path or a reference that ends in the chart's name.
    pub(crate) fn find(charts: &[Self], reference: &str) -> Option<Self> {
        let name = reference.trim_end_matches('/').rsplit('/').next()?;
        let name = name.strip_suffix(".tgz").and_then(|file| file.rsplit_once('-')).map_or(name, |(name, _)| name);
        charts.iter().find(|chart| chart.name() == name).cloned()
    }

    /// Renders the templates: file names and objects, in the order helm applies them.
    pub(crate) fn render(&self, name: &str, namespace: &str, values: &Value) -> Vec<(String, Value)> {
        let chart = format!("{}-{}", self.name(), self.metadata["version"].as_str().unwrap_or_default());
        (self.templates)(&Release { chart, name, namespace, values })
    }
}

/// Lays values over others as helm does: maps merge, null removes, everything else replaces.
pub(crate) fn merge_values(under: &mut Value, over: &Value) {
    match (under, over) {
        (_, Value::Null) => {}
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    under.shift_remove(key);
                } else {
                    merge_values(under.entry(key.clone()).or_insert(Value::Object(Map::new())), value);
                }
            }
        }
        (under, over) => *under = over.clone(),
    }
}
