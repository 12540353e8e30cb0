//! `assert`: conditions that must hold. Looks at nothing but the values it is given.

use std::fmt;

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Context, Diff, Facts, Module};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct Assert;

/// Parameters of `assert`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// Conditions, all of which must hold.
    pub(crate) that: Vec<Condition>,
    /// Reported first when one of them does not hold.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) message: Option<String>,
}

/// A condition: a boolean, or one with words for when it does not hold.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used: decoding must say where the fault is")]
enum ConditionSchema {
    /// An expression in braces that is true or false: `"{{ after.revision >= before.revision }}"`.
    Check(bool),
    /// The same with a message.
    Explained(Explained),
}

/// A condition with words for when it does not hold.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Explained {
    /// An expression in braces that is true or false: `"{{ after.revision >= before.revision }}"`.
    check: bool,
    /// Reported when it does not hold; may show the values: `"the revision went back to {{ after.revision }}"`.
    message: String,
}

/// A condition, decoded.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(with = "ConditionSchema")]
pub(crate) struct Condition(Explained);

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Condition;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a boolean (an expression in braces), or `check` and `message`")
            }

            fn visit_bool<E>(self, check: bool) -> Result<Condition, E> {
                Ok(Condition(Explained { check, message: String::new() }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Condition, A::Error> {
                Explained::deserialize(MapAccessDeserializer::new(map)).map(Condition)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// What became of the conditions.
#[derive(Debug, Serialize)]
pub(crate) struct State {
    /// How many conditions hold.
    held: usize,
    /// What is reported about those that do not.
    unmet: Vec<Text>,
}

/// What `assert` returns.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Returned {
    /// How many conditions hold: all of them, or the step is refused.
    held: usize,
}

impl Module for Assert {
    const NAME: &'static str = "assert";
    const SUMMARY: &'static str = "Stops the run unless conditions hold, and says which do not";
    const EXAMPLE: &'static str = r#"
name: Nothing was lost
assert:
  that:
    - check: "{{ after.json == before.json }}"
      message: "the hash was {{ before.stdout }} and is {{ after.stdout }}"
"#;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        if params.that.is_empty() {
            return Err(
                Failure::invalid(text!("assert.empty", "`that` is empty: nothing is asserted")).pointer("/that")
            );
        }
        Ok(())
    }

    async fn probe(&self, _cx: &Context, params: &Params) -> Result<State, Failure> {
        let unmet = params.that.iter().enumerate().filter(|(_, condition)| !condition.0.check);
        let words = |(index, condition): (usize, &Condition)| match condition.0.message.as_str() {
            "" => {
                let (number, count) = (index + 1, params.that.len());
                text!("assert.unmet", "condition {number} of {count} does not hold", number, count)
            }
            message => Text::verbatim(message),
        };
        let unmet: Vec<Text> = unmet.map(words).collect();
        Ok(State { held: params.that.len() - unmet.len(), unmet })
    }

    fn subjects(&self, _facts: &Facts, _params: &Params) -> Option<Vec<Subject>> {
        Some(Vec::new())
    }

    fn diff(&self, _facts: &Facts, params: &Params, state: &State) -> Diff {
        if state.unmet.is_empty() {
            return Diff::InSync;
        }
        let message = params.message.as_ref().map(Text::verbatim);
        Diff::refused(message.into_iter().chain(state.unmet.iter().cloned()))
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Returned>()
    }

    fn result(&self, _: &Facts, _: &Params, state: &State, _: &[Done]) -> Value {
        serde_json::to_value(Returned { held: state.held }).unwrap_or(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_condition_is_a_boolean_alone_or_with_a_message() {
        let decode = |value| serde_json::from_value::<Params>(value).map_err(|error| error.to_string());
        let params = decode(json!({"that": [true, {"check": false, "message": "no"}]})).unwrap();
        assert!(params.that[0].0.check && !params.that[1].0.check);
        assert!(decode(json!({"that": ["true"]})).unwrap_err().contains("expected a boolean"));
        assert!(decode(json!({"that": [{"check": 1, "message": "m"}]})).unwrap_err().contains("expected a boolean"));
        assert!(
            decode(json!({"that": [{"chek": true, "message": "m"}]})).unwrap_err().contains("unknown field `chek`")
        );
    }
}
