//! Resolves a playbook's parameters: provided, default, or missing; of the right type.

use serde_json::{Map, Value};

use super::{Param, ParamType, Playbook};
use crate::duration::HumanDuration;
use crate::source::{Fault, Faults, nearest};

/// Resolves every parameter. Texts from the command line become numbers and booleans where the type demands it.
///
/// # Errors
/// Unknown parameters, wrong types, values that are not among the choices, missing required ones.
pub fn resolve_params(playbook: &Playbook, provided: &Map<String, Value>) -> Result<Map<String, Value>, Faults> {
    let mut faults = Faults::default();
    for name in provided.keys().filter(|name| !playbook.params.contains_key(*name)) {
        let fault = Fault::bare(format!("`{}` has no parameter `{name}`", playbook.source.path.display()));
        let known = playbook.params.keys().map(String::as_str);
        faults.push(match nearest(name, known) {
            Some(near) => fault.help(format!("did you mean `{near}`?")),
            None => fault
                .help(format!("its parameters are {}", playbook.params.keys().cloned().collect::<Vec<_>>().join(", "))),
        });
    }
    let mut values = Map::new();
    for (name, param) in &playbook.params {
        let kind = param.kind.or_else(|| param.default.as_ref().map(type_of));
        let value = match (provided.get(name), &param.default) {
            (Some(value), _) => coerce(value, kind, &shown(value, param)),
            (None, Some(default)) => coerce(default, kind, &shown(default, param)),
            (None, None) if param.required => {
                let what = param.description.as_deref().unwrap_or("no description");
                faults.push(
                    Fault::bare(format!("parameter `{name}` is required ({what})"))
                        .help(format!("pass it: -e {name}=...")),
                );
                continue;
            }
            (None, None) => Ok(Value::Null),
        };
        match value.and_then(|value| chosen(value, param)) {
            Ok(value) => drop(values.insert(name.clone(), value)),
            Err(why) => faults.push(Fault::bare(format!("parameter `{name}`: {why}"))),
        }
    }
    faults.into_result(values)
}

fn chosen(value: Value, param: &Param) -> Result<Value, String> {
    let number = value.as_f64();
    if let Some(least) = param.minimum.filter(|least| number.is_some_and(|number| number < *least)) {
        return Err(format!("{} is less than {least}, the smallest that is allowed", shown(&value, param)));
    }
    if let Some(most) = param.maximum.filter(|most| number.is_some_and(|number| number > *most)) {
        return Err(format!("{} is more than {most}, the largest that is allowed", shown(&value, param)));
    }
    if param.choices.is_empty() || param.choices.contains(&value) {
        return Ok(value);
    }
    let choices = param.choices.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
    Err(format!("{} is none of {choices}", shown(&value, param)))
}

/// A value as messages show it.
fn shown(value: &Value, param: &Param) -> String {
    if param.secret { "the value (it is secret, so it is not shown)".to_owned() } else { value.to_string() }
}

fn type_of(value: &Value) -> ParamType {
    match value {
        Value::Bool(_) => ParamType::Boolean,
        Value::Number(number) if number.is_f64() => ParamType::Number,
        Value::Number(_) => ParamType::Integer,
        Value::Array(_) => ParamType::List,
        Value::Object(_) => ParamType::Map,
        Value::String(_) | Value::Null => ParamType::String,
    }
}

/// Whether a text is an absolute path that names something below `/`, and one thing only.
fn is_path(text: &str) -> bool {
    let mut parts = text.split('/');
    let rooted = parts.next() == Some("");
    rooted && text.len() > 1 && parts.all(|part| !matches!(part, "" | "." | "..") && !part.contains(char::is_control))
}

/// Whether a text is the name of an object, as Kubernetes takes it.
fn is_name(text: &str) -> bool {
    let edge =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    let part = |part: &str| {
        edge(part.chars().next())
            && edge(part.chars().last())
            && part.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

/// Whether a text is the name of a label, as Kubernetes takes it.
fn is_label(text: &str) -> bool {
    let edge = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(is_name)
        && name.len() <= 63
        && edge(name.chars().next())
        && edge(name.chars().last())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
}

/// Whether a text is an amount of data, as Kubernetes or the modules write it, from one byte to 1 EiB.
fn is_size(text: &str) -> bool {
    const UNITS: [(&str, u32, u32); 12] = [
        ("", 10, 0),
        ("k", 10, 3),
        ("K", 10, 3),
        ("M", 10, 6),
        ("G", 10, 9),
        ("T", 10, 12),
        ("P", 10, 15),
        ("Ki", 2, 10),
        ("Mi", 2, 20),
        ("Gi", 2, 30),
        ("Ti", 2, 40),
        ("Pi", 2, 50),
    ];
    let split = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = unit.strip_suffix('B').unwrap_or(unit);
    let known = UNITS.iter().find(|(name, ..)| *name == unit);
    let bytes = known
        .zip(number.parse::<f64>().ok())
        .map(|((_, base, power), number)| number * f64::from(*base).powf(f64::from(*power)));
    bytes.is_some_and(|bytes| (1.0..=f64::from(2).powf(60.0)).contains(&bytes))
}

fn coerce(value: &Value, kind: Option<ParamType>, shown: &str) -> Result<Value, String> {
    let Some(kind) = kind else { return Ok(value.clone()) };
    let text = value.as_str();
    let wrong = |wanted: &str| Err(format!("{shown} is not {wanted}"));
    match kind {
        ParamType::String => match value {
            Value::String(_) => Ok(value.clone()),
            Value::Number(_) | Value::Bool(_) => Ok(Value::String(value.to_string())),
            _ => wrong("text"),
        },
        ParamType::Boolean => match (value, text) {
            (Value::Bool(_), _) => Ok(value.clone()),
            (_, Some("true")) => Ok(Value::Bool(true)),
            (_, Some("false")) => Ok(Value::Bool(false)),
            _ => wrong("a boolean (true or false)"),
        },
        ParamType::Integer => match (value.as_i64(), text.and_then(|text| text.parse::<i64>().ok())) {
            (Some(number), _) | (None, Some(number)) => Ok(number.into()),
            _ => wrong("a whole number"),
        },
        ParamType::Number => match (value.as_f64(), text.and_then(|text| text.parse::<f64>().ok())) {
            (Some(number), _) | (None, Some(number)) => Ok(number.into()),
            _ => wrong("a number"),
        },
        ParamType::Duration => match text.map(str::parse::<HumanDuration>) {
            Some(Ok(_)) => Ok(value.clone()),
            _ => wrong("a duration: write `30s`, `5m`, `2h` or `1m 30s`"),
        },
        ParamType::Path => match text {
            Some(path) if is_path(path.trim_end_matches('/')) => {
                Ok(Value::String(path.trim_end_matches('/').to_owned()))
            }
            _ => Err(format!("{shown} is not a path: write an absolute one below `/`, without `.` and `..`")),
        },
        ParamType::Size => match text.map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string())) {
            Some(text) if is_size(&text) => Ok(Value::String(text)),
            _ => Err(format!("{shown} is not a size that a disk has: write `20Gi` or `500MB`")),
        },
        ParamType::Name => match text {
            Some(name) if is_name(name) => Ok(value.clone()),
            _ => wrong("a name in Kubernetes: small letters, digits, `-` and `.`, with a letter or digit at both ends"),
        },
        ParamType::Label => match text {
            Some(label) if is_label(label) => Ok(value.clone()),
            _ => wrong("the name of a label: write `app` or `example.com/tenant`, without a value"),
        },
        ParamType::List | ParamType::Map => {
            let parsed = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
            let value = parsed.as_ref().unwrap_or(value);
            match (kind, value) {
                (ParamType::List, Value::Array(_)) | (ParamType::Map, Value::Object(_)) => Ok(value.clone()),
                (ParamType::List, _) => wrong("a list; on the command line write it as JSON"),
                _ => wrong("a mapping; on the command line write it as JSON"),
            }
        }
    }
}
