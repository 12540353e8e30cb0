//! Renders trees, and evaluates expressions. A scalar that is exactly one `{{ expression }}` keeps its type.

use minijinja::{Error, ErrorKind};
use serde_json::{Map, Value};

use super::environment::{compile, compile_expression};
use super::json::json;
use super::span::locate;
use super::{Scope, names};
use crate::source::{Fault, Kind, Node, nearest};

/// Renders every template of a tree, keys included.
///
/// # Errors
/// The first template that cannot be rendered, with its place inside the scalar.
pub fn render(node: &Node, scope: &Scope) -> Result<Value, Fault> {
    match &node.kind {
        Kind::Str(text) => scalar(node, text, scope),
        Kind::Float(_, text) => Ok(node_number(node, text)),
        Kind::Seq(items) => items.iter().map(|item| render(item, scope)).collect(),
        Kind::Map(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let key_node = Node { at: key.at.clone(), kind: Kind::Str(key.name.clone()) };
                let name = render_text(&key_node, scope)?;
                map.insert(name, render(value, scope)?);
            }
            Ok(Value::Object(map))
        }
        _ => Ok(node.to_json()),
    }
}

/// Renders a scalar to text, whatever its type.
///
/// # Errors
/// As [`render`]; also a value that has no plain text form.
pub fn render_text(node: &Node, scope: &Scope) -> Result<String, Fault> {
    match &node.kind {
        Kind::Str(text) if !text.contains('{') => Ok(text.clone()),
        Kind::Str(text) => {
            let context = minijinja::Value::from_object(scope.clone());
            compile(text)
                .and_then(|template| template.render(context))
                .map_err(|error| fault(node, text, 0, &error, scope))
        }
        Kind::Float(_, text) => Ok(text.clone()),
        Kind::Int(number) => Ok(number.to_string()),
        Kind::Bool(flag) => Ok(flag.to_string()),
        _ => Err(Fault::at(&node.at, "text is needed here")),
    }
}

/// Evaluates a scalar as an expression without braces (`when`, `until`); braces around it are allowed.
///
/// # Errors
/// As [`render`].
pub fn evaluate(node: &Node, scope: &Scope) -> Result<Value, Fault> {
    match &node.kind {
        Kind::Str(text) => {
            let bare = single_expression(text).unwrap_or(text);
            expression(node, text, bare, scope)
        }
        _ => render(node, scope),
    }
}

/// Evaluates a condition: an expression, or a list of expressions that must all hold. It must be boolean, not truthy.
///
/// # Errors
/// As [`render`]; also a value that is not a boolean.
pub fn condition(node: &Node, scope: &Scope) -> Result<bool, Fault> {
    if let Kind::Seq(items) = &node.kind {
        for item in items {
            if !condition(item, scope)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    match evaluate(node, scope)? {
        Value::Bool(flag) => Ok(flag),
        other => {
            Err(Fault::at(&node.at, format!("a condition must be true or false, and this is {}", kind_of(&other)))
                .help("compare it: `x == \"value\"`, `x | length > 0`, `x is defined`"))
        }
    }
}

/// Checks the syntax of every template of a tree without rendering it, and that its filters and tests exist.
pub fn syntax(node: &Node, as_expression: bool) -> Vec<Fault> {
    let empty = Scope::default();
    let check = |text: &str| -> Vec<Fault> {
        let (bare, failed) = match as_expression {
            true => {
                let bare = single_expression(text).unwrap_or(text);
                (bare, compile_expression(bare).err())
            }
            false => (text, compile(text).err()),
        };
        let offset = offset_of(text, bare);
        if let Some(error) = failed {
            return vec![fault(node, text, offset, &error, &empty)];
        }
        let as_fault = |unknown: names::Unknown| {
            let at = locate(node, text, unknown.range.start + offset..unknown.range.end + offset);
            Fault::at(&at, format!("unknown {} `{}`", unknown.what, &bare[unknown.range]))
        };
        names::unknown(bare, as_expression).into_iter().map(as_fault).collect()
    };
    match &node.kind {
        Kind::Str(text) if as_expression || text.contains('{') => check(text),
        Kind::Seq(items) => items.iter().flat_map(|item| syntax(item, as_expression)).collect(),
        Kind::Map(entries) => entries
            .iter()
            .flat_map(|(key, value)| {
                let key = Node { at: key.at.clone(), kind: Kind::Str(key.name.clone()) };
                let mut faults = syntax(&key, false);
                faults.extend(syntax(value, as_expression));
                faults
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn scalar(node: &Node, text: &str, scope: &Scope) -> Result<Value, Fault> {
    let Some(bare) = single_expression(text) else { return render_text(node, scope).map(Value::String) };
    match expression(node, text, bare, scope)? {
        // A newline after the expression is part of the text. After a list or mapping it is dropped: they have no text form.
        Value::String(_) | Value::Number(_) | Value::Bool(_) if text.ends_with('\n') => {
            render_text(node, scope).map(Value::String)
        }
        value => Ok(value),
    }
}

fn expression(node: &Node, text: &str, bare: &str, scope: &Scope) -> Result<Value, Fault> {
    let offset = offset_of(text, bare);
    let as_fault = |error: Error| fault(node, text, offset, &error, scope);
    let compiled = compile_expression(bare).map_err(as_fault)?;
    let value = compiled.eval(minijinja::Value::from_object(scope.clone())).map_err(as_fault)?;
    if value.is_undefined() {
        // Strict mode accepts an undefined result and only refuses its use, so it is refused here.
        let missing = bare.trim();
        let at = locate(node, text, offset + (bare.len() - bare.trim_start().len())..offset + bare.trim_end().len());
        return Err(undefined(Fault::at(&at, format!("`{missing}` is undefined")), missing, scope));
    }
    json(&value).map_err(|error| Fault::at(&node.at, error.detail().unwrap_or("it has no JSON form").to_owned()))
}

/// The expression of a scalar that is exactly one `{{ expression }}`.
pub(super) fn single_expression(text: &str) -> Option<&str> {
    let bare = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let bare = bare.strip_prefix('-').unwrap_or(bare);
    let bare = bare.strip_suffix('-').unwrap_or(bare);
    // `{{ a }} {{ b }}` also begins and ends with braces, but does not compile.
    compile_expression(bare).is_ok().then_some(bare)
}

/// Whether text is one expression in braces and nothing else, so that it becomes a value of any type.
pub(crate) fn is_expression(text: &str) -> bool {
    single_expression(text).is_some()
}

fn offset_of(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len())
}

fn node_number(node: &Node, text: &str) -> Value {
    // A version such as `1.20` must not become 1.2: where a number does not print as it was written, the text is kept.
    match node.to_json() {
        Value::Number(number) if number.to_string() == text => Value::Number(number),
        Value::Number(number) if text.contains(['e', 'E']) => Value::Number(number),
        _ => Value::String(text.to_owned()),
    }
}

fn fault(node: &Node, text: &str, offset: usize, error: &Error, scope: &Scope) -> Fault {
    // An error at the end of the text points to the last character, not to the newlines after it.
    let last = text.trim_end().char_indices().last().map_or(0..0, |(at, last)| at..at + last.len_utf8());
    let range = error.range().map(|range| range.start + offset..range.end + offset);
    let range = range.map(|range| if range.start > last.start { last } else { range });
    let at = range.clone().map_or_else(|| node.at.clone(), |range| locate(node, text, range));
    let what = match error.kind() {
        ErrorKind::UndefinedError => {
            let named = range.and_then(|range| text.get(range)).unwrap_or_default().trim().to_owned();
            if named.is_empty() {
                return Fault::at(&at, "undefined value in a template");
            }
            return undefined(Fault::at(&at, format!("`{named}` is undefined")), &named, scope);
        }
        kind => match error.detail() {
            Some(detail) => format!("template: {kind}: {detail}"),
            None => format!("template: {kind}"),
        },
    };
    Fault::at(&at, what)
}

fn undefined(fault: Fault, named: &str, scope: &Scope) -> Fault {
    let root = named.split(|c: char| !c.is_alphanumeric() && c != '_').find(|word| !word.is_empty());
    let Some(root) = root else { return fault };
    if scope.get(root).is_some() {
        return fault;
    }
    match nearest(root, scope.names()) {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None => fault,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}
