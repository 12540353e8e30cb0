//! What is written out in parameters that have templates in other places. Such parameters cannot be judged as a whole, but whatever
//! the templates become, a value of the wrong type beside them stays one. So they are decoded with examples in place of the
//! templates, and a fault counts only if no template can be its cause. What a module would judge after that stays open.

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::module::AnyModule;
use crate::source::{Kind, Node};
use crate::template::is_expression;
use crate::text;

/// A template in parameters.
struct Unknown {
    /// Where it stands, as a JSON pointer.
    pointer: String,
    /// What it is whatever is in it, in serde's word and in words for people: text if it is not one expression alone.
    certain: Option<(&'static str, &'static str)>,
    /// What else it may become, the next one last.
    examples: Vec<Value>,
}

/// Finds a fault that does not depend on what the templates become; `None` if none is certain.
pub(super) fn fault(module: &dyn AnyModule, params: &Node) -> Option<Failure> {
    let (mut value, mut unknown) = (params.to_json(), Vec::new());
    if !find(params, "", &mut unknown) {
        return None;
    }
    for one in &mut unknown {
        put(&mut value, one)?;
    }
    // Each try uses up an example.
    loop {
        let failure = module.decode(value.clone()).err()?;
        let pointer = failure.pointer.clone().unwrap_or_default();
        let message = failure.message.to_string();
        let inside = unknown.iter_mut().find(|one| is_within(&pointer, &one.pointer));
        let Some(one) = inside else {
            let names_a_field = message.starts_with("unknown field") || message.starts_with("missing field");
            let wrong_container = match &params.deepest(&pointer).kind {
                Kind::Map(_) => message.starts_with("invalid type: map"),
                Kind::Seq(_) => message.starts_with("invalid type: sequence"),
                _ => false,
            };
            let mut beneath = unknown.iter_mut().filter(|one| is_within(&one.pointer, &pointer)).peekable();
            if names_a_field || wrong_container || beneath.peek().is_none() {
                return Some(failure);
            }
            put(&mut value, beneath.find(|one| !one.examples.is_empty())?)?;
            continue;
        };
        if let Some((word, words)) = one.certain
            && one.pointer == pointer
            && message.starts_with(&format!("invalid type: {word}"))
        {
            let expected = message.split_once("expected ").map_or("something else", |(_, expected)| expected);
            let message = text!(
                "engine.check.certain",
                "this is {words} whatever it is made of, expected {expected}",
                words,
                expected
            );
            return Some(Failure { message, ..failure });
        }
        put(&mut value, one)?;
    }
}

/// Puts the next example in a template's place; `None` if there is none left.
fn put(value: &mut Value, one: &mut Unknown) -> Option<()> {
    *value.pointer_mut(&one.pointer)? = one.examples.pop()?;
    Some(())
}

/// Whether a pointer leads to what another one leads to, or into it.
fn is_within(pointer: &str, other: &str) -> bool {
    pointer.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Finds the templates; false if there are some in keys.
fn find(node: &Node, pointer: &str, unknown: &mut Vec<Unknown>) -> bool {
    match &node.kind {
        Kind::Str(text) if text.contains("{{") || text.contains("{%") => {
            let certain = match (is_expression(text), is_condition(text)) {
                (false, _) => Some(("string", "text")),
                (true, true) => Some(("boolean", "true or false")),
                (true, false) => None,
            };
            let texts = ["1Gi", "1s", "1", "/a", "a"].map(Value::from);
            let others = [Value::Null, json!({}), json!([]), json!(["a"]), json!(true), json!(1)];
            let examples = match certain {
                Some(("string", _)) => texts.into(),
                Some(_) => vec![json!(false), json!(true)],
                None => others.into_iter().chain(texts).collect(),
            };
            unknown.push(Unknown { pointer: pointer.to_owned(), certain, examples });
            true
        }
        Kind::Seq(items) => {
            items.iter().enumerate().all(|(index, item)| find(item, &format!("{pointer}/{index}"), unknown))
        }
        Kind::Map(entries) => entries.iter().all(|(key, value)| {
            let name = key.name.replace('~', "~0").replace('/', "~1");
            !key.name.contains('{') && find(value, &format!("{pointer}/{name}"), unknown)
        }),
        _ => true,
    }
}

/// Whether an expression is true or false whatever is in it: each of its operands outside of brackets is compared or negated.
fn is_condition(text: &str) -> bool {
    const COMPARES: [&str; 8] = [" == ", " != ", " < ", " > ", " <= ", " >= ", " in ", " is "];
    let (mut depth, mut quote, mut outside) = (0_u32, None, String::new());
    for letter in text.trim().trim_start_matches("{{").trim_end_matches("}}").chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, _) if depth == 0 => outside.push(letter),
            (None, _) => {}
        }
    }
    let outside = format!(" {} ", outside.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut operands = outside.split(" and ").flat_map(|part| part.split(" or "));
    !outside.contains(" if ")
        && operands.all(|part| {
            format!(" {part} ").starts_with(" not ")
                || part.trim_start().starts_with("not ")
                || COMPARES.iter().any(|word| format!("{part} ").contains(word))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_a_condition_if_all_of_it_is_compared() {
        for text in [
            "{{ a == b }}",
            "{{ a == 1 and not b }}",
            "{{ (a or b) is defined }}",
            "{{ 'x' in list or a != 'b' }}",
            "{{ not a }}",
        ] {
            assert!(is_condition(text), "{text}");
        }
        for text in [
            "{{ a }}",
            "{{ a == b and c }}",
            "{{ [a == b] }}",
            "{{ x if a == b else y }}",
            "{{ 'a == b' }}",
            "{{ f(a == b) }}",
        ] {
            assert!(!is_condition(text), "{text}");
        }
    }
}
