//! Validates a tree against a schema and reports what does not fit, as faults with their places. Not what the values mean.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError, Validator};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::authoring::{TEMPLATE_PATTERN, tidy};
use crate::source::{Fault, Location, Node, nearest, unknown_key, wrong_type};

/// A compiled schema.
pub(crate) struct Judge {
    schema: Value,
    validator: Validator,
}

/// The subject of the faults' messages.
struct Subject<'a> {
    /// `mount`, `a parameter`.
    what: &'a str,
    root: &'a Node,
    /// Where to point if the value is empty: its key.
    beside: &'a Location,
}

impl Judge {
    /// Compiles a schema; `None` if it is not valid.
    pub(crate) fn new(schema: Value) -> Option<Self> {
        let validator = jsonschema::draft7::new(&schema).ok()?;
        Some(Self { schema, validator })
    }

    /// Compiles the schema of a type.
    pub(crate) fn of<T: JsonSchema>() -> Option<Self> {
        let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<T>().to_value();
        tidy(&mut schema);
        Self::new(schema)
    }

    /// All faults. `what` names the whole in messages; an empty tree's faults point to `beside`.
    pub(crate) fn faults(&self, tree: &Node, what: &str, beside: &Location) -> Vec<Fault> {
        let (json, subject) = (tree.to_json(), Subject { what, root: tree, beside });
        let errors: Vec<ValidationError<'_>> = self.validator.iter_errors(&json).collect();
        errors.iter().flat_map(|error| meant(error)).flat_map(|error| self.as_faults(error, &subject)).collect()
    }

    fn as_faults(&self, error: &ValidationError<'_>, subject: &Subject<'_>) -> Vec<Fault> {
        let path = error.instance_path().as_str();
        let node = subject.root.deepest(path);
        let field = dotted(path);
        let place = if node.at.range.is_empty() { subject.beside } else { &node.at };
        // "`replicas` of `k8s_scale`" helps the author; "`sites` of an inventory" is only longer.
        let within = match (field.is_empty(), subject.what.contains('`')) {
            (true, _) => subject.what.to_owned(),
            (false, true) => format!("`{field}` of {}", subject.what),
            (false, false) => format!("`{field}`"),
        };
        let placed = Node { at: place.clone(), kind: node.kind.clone() };
        let value_is = |wanted: &str| wrong_type(&placed, &within, wanted);
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let known = self.properties(error.schema_path().as_str());
                let entry = |name: &String| node.entries().iter().find(|(key, _)| key.name == *name);
                let found = unexpected.iter().filter_map(entry);
                found.map(|(key, _)| unknown_key(key, &within, known.iter().map(String::as_str))).collect()
            }
            ValidationErrorKind::Required { property } => {
                let known = self.properties(error.schema_path().as_str());
                let misspelt = |name: &str| {
                    !known.iter().any(|known| known == name) && nearest(name, [bare(property).as_str()]).is_some()
                };
                if node.entries().iter().any(|(key, _)| misspelt(&key.name)) {
                    return Vec::new();
                }
                let at = node.entries().first().map_or(place, |(key, _)| &key.at);
                vec![Fault::at(at, format!("{within} needs `{}`", bare(property)))]
            }
            ValidationErrorKind::Type { kind } => match self.form(error) {
                Some(form) => vec![value_is(&form)],
                None => vec![value_is(&types(kind))],
            },
            ValidationErrorKind::Enum { options } => {
                let options: Vec<String> = options.as_array().into_iter().flatten().map(bare).collect();
                let known = format!("`{}`", options.join("`, `"));
                let Some(text) = node.as_str() else { return vec![value_is(&format!("one of {known}"))] };
                let fault = Fault::at(place, format!("{within} must be one of {known}, and this is `{text}`"));
                match nearest(text, options.iter().map(String::as_str)) {
                    Some(near) => vec![fault.help(format!("did you mean `{near}`?"))],
                    None => vec![fault],
                }
            }
            ValidationErrorKind::Pattern { .. } => match (self.form(error), node.as_str()) {
                (Some(form), Some(text)) => {
                    vec![Fault::at(place, format!("{within} must be {form}, and this is `{text}`"))]
                }
                _ => vec![Fault::at(place, format!("{within}: {error}"))],
            },
            _ => vec![Fault::at(place, format!("{within}: {error}"))],
        }
    }

    /// The schema that contains a keyword. A path through `$ref` does not resolve literally; its last definition does.
    fn holder(&self, schema_path: &str) -> Option<&Value> {
        let (parent, _) = schema_path.rsplit_once('/')?;
        self.schema.pointer(parent).or_else(|| {
            let at = parent.rfind("/definitions/").or_else(|| parent.rfind("/$defs/"))?;
            self.schema.pointer(&parent[at..])
        })
    }

    /// The properties known where `additionalProperties` was violated.
    fn properties(&self, schema_path: &str) -> Vec<String> {
        let holder = self.holder(schema_path).unwrap_or(&self.schema);
        let properties = holder.get("properties").and_then(Value::as_object);
        properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
    }

    /// The description of a text of a certain form, phrased for a sentence: `a duration: ...`.
    fn form(&self, error: &ValidationError<'_>) -> Option<String> {
        let (literal, through) = (error.schema_path().as_str(), error.evaluation_path().as_str());
        let holder = self.holder(literal).or_else(|| self.holder(through))?;
        holder.get("pattern")?;
        let words = holder.get("description")?.as_str()?.trim_end_matches('.');
        let mut letters = words.chars();
        let first = letters.next()?.to_lowercase();
        Some(first.chain(letters).collect())
    }
}

/// Picks the branch of an `anyOf` that the author most likely meant, and returns its errors: not the branch for templates, not
/// the one for null, and the one that matches furthest into the value.
fn meant<'e>(error: &'e ValidationError<'e>) -> Vec<&'e ValidationError<'e>> {
    let (ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }) = error.kind() else {
        return vec![error];
    };
    let depth = |errors: &[ValidationError<'static>]| {
        errors.iter().map(|error| error.instance_path().as_str().len()).max().unwrap_or(0)
    };
    let likely = |errors: &&Vec<ValidationError<'static>>| {
        !errors.iter().any(|error| match error.kind() {
            ValidationErrorKind::Pattern { pattern } => pattern == TEMPLATE_PATTERN,
            ValidationErrorKind::Type { kind } => {
                matches!(kind, TypeKind::Single(JsonType::Null))
                    || matches!(kind, TypeKind::Single(JsonType::String))
                        && error.schema_path().as_str().ends_with("/type")
                        && context.len() > 1
                        && !error.instance().is_string()
                        && error.instance_path() == errors[0].instance_path()
            }
            _ => false,
        })
    };
    let best = context.iter().filter(likely).max_by_key(|errors| depth(errors)).or_else(|| context.first());
    match best {
        Some(errors) => errors.iter().flat_map(meant).collect(),
        None => vec![error],
    }
}

/// Formats `/tcp/0` as people write it: `tcp[0]`.
fn dotted(pointer: &str) -> String {
    pointer.split('/').skip(1).fold(String::new(), |path, part| {
        let part = part.replace("~1", "/").replace("~0", "~");
        match (part.parse::<usize>(), path.is_empty()) {
            (Ok(index), _) => format!("{path}[{index}]"),
            (Err(_), true) => part,
            (Err(_), false) => format!("{path}.{part}"),
        }
    })
}

fn types(kind: &TypeKind) -> String {
    let word = |kind: JsonType| match kind {
        JsonType::Array => Some("a list"),
        JsonType::Boolean => Some("true or false"),
        JsonType::Integer => Some("a whole number"),
        JsonType::Number => Some("a number"),
        JsonType::Object => Some("a mapping"),
        JsonType::String => Some("text"),
        JsonType::Null => None,
    };
    let words: Vec<&str> = match kind {
        TypeKind::Single(kind) => word(*kind).into_iter().collect(),
        TypeKind::Multiple(kinds) => kinds.iter().filter_map(word).collect(),
    };
    words.join(" or ")
}

fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
