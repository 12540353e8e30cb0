//! Amounts of data and rates, as people write them: `20GiB`, `100MB/s`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Units in bytes; the longer names first, so that `MiB` is not read as `M`.
const UNITS: [(&str, u64); 12] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("Mbit", 125_000),
    ("Gbit", 125_000_000),
    ("B", 1),
];

/// The most that is taken for an amount: 1 EiB. No file system of these nodes is larger, so more is a slip.
const MOST: u64 = 1 << 60;

/// Reads `1.5GiB` as bytes; nothing if it is not an amount, or one that no disk has.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, factor) = match UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor))) {
        Some(found) => found,
        None => (text, 1),
    };
    let number = number.trim();
    let plain = !number.is_empty() && number.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
    let value: f64 = if plain { number.parse().ok()? } else { return None };
    // Exact up to 2^53 bytes, which is 8 PiB.
    let bytes = value * factor as f64;
    (bytes <= MOST as f64).then(|| bytes.round() as u64)
}

/// Writes bytes with the largest decimal unit that leaves a number of at least one.
pub(crate) fn human(bytes: u64) -> String {
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(factor, _)| bytes >= *factor) {
        Some((factor, unit)) if bytes.is_multiple_of(factor) => format!("{}{unit}", bytes / factor),
        Some((factor, unit)) => format!("{:.2}{unit}", bytes as f64 / factor as f64),
        None => format!("{bytes}B"),
    }
}

/// An amount of data in bytes, written with a unit (`kB`, `MB`, `GB`, `KiB`, `MiB`, `GiB` ...) or as a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bytes(pub(crate) u64);

/// A rate in bytes per second, written `100MB/s`, `1Gbit/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rate(pub(crate) u64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = bytes(text).filter(|_| !text.contains("bit"));
        found.map(Self).ok_or_else(|| {
            format!("`{text}` is not an amount of data: write `20GiB`, `500MB` or a number of bytes, up to 1 EiB")
        })
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = text.trim().strip_suffix("/s").and_then(bytes);
        found.map(Self).ok_or_else(|| format!("`{text}` is not a rate: write `100MB/s` or `1Gbit/s`"))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&human(self.0))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", human(self.0))
    }
}

/// What a file may hold: a number or a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Number(number) => number.to_string().parse().map_err(serde::de::Error::custom),
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "An amount of data: `20GiB`, `500MB`, or a number of bytes.",
            "pattern": r"^\s*\d+(\.\d+)?\s*(B|[kKMGT]B|[KMGT]iB)?\s*$",
            "minimum": 0
        })
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A rate: `100MB/s`, `1Gbit/s`.",
            "pattern": r"^\s*\d+(\.\d+)?\s*(B|[kKMGT]B|[KMGT]iB|[MG]bit)/s\s*$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Rate};

    #[test]
    fn amounts_and_rates_are_read_and_written() {
        let amounts = [("20GiB", 21_474_836_480), ("1.5 MB", 1_500_000), ("4096", 4096), ("7B", 7), ("1kB", 1000)];
        for (text, bytes) in amounts {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for (text, bytes) in [("100MB/s", 100_000_000), ("1Gbit/s", 125_000_000), ("10 MiB/s", 10 << 20)] {
            assert_eq!(text.parse(), Ok(Rate(bytes)), "{text}");
        }
        let most = 1_u64 << 60;
        assert_eq!(most.to_string().parse(), Ok(Bytes(most)));
        let more = ["2000000TB", "18446744073709551615", "99999999999999999999999999TiB"];
        for text in ["", "GB", "-1GB", "1e3", "5 apples", "1Gbit", "10MB/s", "1..2B"].into_iter().chain(more) {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
        for text in ["100MB", "/s", "fast/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        assert_eq!(Bytes(21_474_836_480).to_string(), "21.47GB");
        assert_eq!(Rate(50_000_000).to_string(), "50MB/s");
    }
}
