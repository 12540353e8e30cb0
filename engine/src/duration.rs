//! A duration as people write it in a playbook: `30s`, `5m`, `2h`, `1m 30s`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration written with units `ms`, `s`, `m` (minutes) or `h`. Longer units are refused: in a change window `5M` (five
/// months to the parser underneath) is a typing error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(pub Duration);

impl FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let units_known = text
            .split(|c: char| c.is_ascii_digit() || c.is_whitespace())
            .filter(|unit| !unit.is_empty())
            .all(|unit| matches!(unit, "ms" | "s" | "m" | "h"));
        let parsed = humantime::parse_duration(text).ok().filter(|_| units_known);
        parsed.map(Self).ok_or_else(|| format!("`{text}` is not a duration: write `30s`, `5m`, `2h` or `1m 30s`"))
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&humantime::format_duration(self.0), f)
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for HumanDuration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A duration: `30s`, `5m`, `2h`, `1m 30s` (units ms, s, m, h).",
            "pattern": r"^\s*(\d+\s*(ms|s|m|h)\s*)+$"
        })
    }
}
