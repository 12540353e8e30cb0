//! The parameters of a module as rows, derived from its schema. Nested ones follow their parent: `ping`, `ping.count`.

use std::collections::BTreeMap;

use cutover_engine::module::{AnyModule, result_schemas};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// One row: a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Param {
    /// Its name, prefixed with its parents'.
    pub(super) name: String,
    /// Its type: `text`, `list of whole numbers`.
    pub(super) kind: String,
    /// Whether it is required (if its parent is there).
    pub(super) required: bool,
    /// Its default, as YAML.
    pub(super) default: Option<String>,
    /// Its description.
    pub(super) description: String,
    /// Its choices with their descriptions; only if at least one has a description.
    pub(super) choices: Vec<(String, String)>,
}

/// The parameters of a module, and the named types among them.
pub(super) struct Params {
    /// In the order in which they are declared.
    pub(super) rows: Vec<Param>,
    /// Types that are texts of a certain form, by name: `duration`, `bytes`.
    pub(super) types: BTreeMap<String, String>,
}

/// Reads the parameters of a module.
pub(super) fn params(module: &dyn AnyModule) -> Params {
    let mut generator = SchemaSettings::draft07().into_generator();
    let schema = module.schema(&mut generator).to_value();
    let definitions: Map<String, Value> = generator.take_definitions(true).into_iter().collect();
    let mut reader = Reader { definitions, rows: Vec::new(), types: BTreeMap::new() };
    reader.object(&schema, "");
    Params { rows: reader.rows, types: reader.types }
}

/// Reads the result of a module.
pub(super) fn results(module: &dyn AnyModule) -> Params {
    let mut generator = result_schemas();
    let schema = module.result_schema(&mut generator).to_value();
    let definitions: Map<String, Value> = generator.take_definitions(true).into_iter().collect();
    let mut reader = Reader { definitions, rows: Vec::new(), types: BTreeMap::new() };
    reader.object(&schema, "");
    Params { rows: reader.rows, types: reader.types }
}

struct Reader {
    definitions: Map<String, Value>,
    rows: Vec<Param>,
    types: BTreeMap<String, String>,
}

impl Reader {
    /// Follows a reference; also through the wrapper that carries a description beside it.
    fn resolved(&self, schema: &Value) -> Value {
        match name(schema).and_then(|name| self.definitions.get(name)) {
            Some(found) => self.resolved(found),
            None => schema.clone(),
        }
    }

    /// Adds the properties of a mapping.
    fn object(&mut self, schema: &Value, prefix: &str) {
        let schema = self.resolved(schema);
        let required: Vec<&str> = list(&schema, "required").iter().filter_map(Value::as_str).collect();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let name = format!("{prefix}{name}");
            let own = required.iter().any(|required| name.strip_prefix(prefix) == Some(required));
            self.property(name, property, own);
        }
        let open = schema.get("additionalProperties");
        if schema.get("properties").is_none() && open.is_some_and(|open| *open != Value::Bool(false)) {
            let kind = open.map_or_else(|| "anything".to_owned(), |open| self.kind(open));
            let description = text(&schema, "description");
            let name = format!("{prefix}<name>");
            self.rows.push(Param { name, kind, required: false, default: None, description, choices: Vec::new() });
        }
    }

    fn property(&mut self, name: String, property: &Value, required: bool) {
        let description = match text(property, "description") {
            words if words.is_empty() => text(&self.resolved(property), "description"),
            words => words,
        };
        let default = property.get("default").filter(|value| !value.is_null()).map(bare);
        let choices = self.choices(property);
        let choices = if choices.iter().any(|(_, meaning)| !meaning.is_empty()) { choices } else { Vec::new() };
        let kind = self.kind(property);
        self.rows.push(Param { name: name.clone(), kind, required, default, description, choices });
        for (inner, suffix) in self.mappings(property) {
            self.object(&inner, &format!("{name}{suffix}."));
        }
    }

    /// The mappings that a value may be or contain, whose own parameters get a row: `[]` marks elements of a list.
    fn mappings(&self, schema: &Value) -> Vec<(Value, &'static str)> {
        let schema = self.resolved(schema);
        if schema.get("properties").is_some() {
            return vec![(schema, "")];
        }
        let elements = schema.get("items").map(|items| self.mappings(items)).unwrap_or_default();
        let elements = elements.into_iter().map(|(inner, _)| (inner, "[]"));
        let variants = variants(&schema).iter().flat_map(|variant| self.mappings(variant));
        elements.chain(variants).collect()
    }

    /// The values of an enumeration, each with its description.
    fn choices(&self, schema: &Value) -> Vec<(String, String)> {
        let schema = self.resolved(schema);
        let meaning = text(&schema, "description");
        if let Some(value) = schema.get("const") {
            return vec![(bare(value), meaning)];
        }
        match list(&schema, "enum") {
            [] => variants(&schema).iter().flat_map(|variant| self.choices(variant)).collect(),
            [only] => vec![(bare(only), meaning)],
            several => several.iter().map(|value| (bare(value), String::new())).collect(),
        }
    }

    /// A type, as text.
    fn kind(&mut self, schema: &Value) -> String {
        let name = name(schema);
        let schema = self.resolved(schema);
        let choices = self.choices(&schema);
        let alternatives = variants(&schema);
        if !choices.is_empty()
            && alternatives.iter().all(|variant| is_null(variant) || !self.choices(variant).is_empty())
        {
            return choices.into_iter().map(|(choice, _)| choice).collect::<Vec<_>>().join(" | ");
        }
        if !alternatives.is_empty() {
            let mut kinds: Vec<String> = Vec::new();
            for kind in alternatives.iter().filter(|variant| !is_null(variant)).map(|variant| self.kind(variant)) {
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            return kinds.join(" or ");
        }
        // A text with a format of its own is shown by its name: duration, bytes, rate, mode.
        if let Some(name) = name.filter(|_| schema.get("pattern").is_some()) {
            let name = name.to_lowercase();
            self.types.insert(name.clone(), text(&schema, "description"));
            return name;
        }
        let types = match schema.get("type") {
            Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => vec![one.as_str()],
            _ => return "anything".to_owned(),
        };
        let words = types.into_iter().filter(|kind| *kind != "null").map(|kind| match kind {
            "string" => "text".to_owned(),
            "integer" => "whole number".to_owned(),
            "boolean" => "true or false".to_owned(),
            "object" => "mapping".to_owned(),
            "array" => match schema.get("items") {
                Some(items) => format!("list of {}", plural(&self.kind(items))),
                None => "list".to_owned(),
            },
            other => other.to_owned(),
        });
        words.collect::<Vec<_>>().join(" or ")
    }
}

/// The definition that a schema refers to, directly or through the wrapper that adds a description to the reference.
fn name(schema: &Value) -> Option<&str> {
    match list(schema, "allOf") {
        [only] => name(only),
        _ => schema.get("$ref")?.as_str()?.rsplit('/').next(),
    }
}

/// `whole numbers`; alternatives are put into parentheses instead.
fn plural(kind: &str) -> String {
    match kind {
        "text" => "texts".to_owned(),
        _ if kind.contains(" or ") || kind.contains('|') => format!("({kind})"),
        _ if kind.ends_with('s') || kind == "anything" => kind.to_owned(),
        _ => format!("{kind}s"),
    }
}

fn variants(schema: &Value) -> &[Value] {
    match list(schema, "anyOf") {
        [] => list(schema, "oneOf"),
        found => found,
    }
}

fn list<'a>(schema: &'a Value, key: &str) -> &'a [Value] {
    schema.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

fn text(schema: &Value, key: &str) -> String {
    schema.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
