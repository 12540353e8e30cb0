//! Owners and permission bits as authors write them.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Permission bits, written as an octal string: `"0640"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode(pub(crate) u32);

impl Mode {
    /// The bits for chmod.
    pub(crate) fn exact(self) -> String {
        exact(&self.to_string())
    }
}

/// Octal permission bits for chmod, which leaves setuid and setgid of a directory as they are unless there are five digits.
pub(crate) fn exact(bits: &str) -> String {
    format!("{bits:0>5}")
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Mode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("permission bits as an octal string, for example \"0640\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Mode, E> {
                let digits = (3..=4).contains(&text.len()) && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
                let bits = u32::from_str_radix(text, 8).ok().filter(|_| digits);
                bits.map(Mode)
                    .ok_or_else(|| E::custom(format!("`{text}` is not a mode: write it in octal, as \"0640\"")))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl JsonSchema for Mode {
    fn schema_name() -> Cow<'static, str> {
        "Mode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Permission bits as an octal string: `\"0640\"`.",
            "pattern": "^[0-7]{3,4}$"
        })
    }
}

/// A user or group: a name, or a number (as number or string).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal(pub(crate) String);

impl Serialize for Principal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Principal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Principal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a number")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Principal, E> {
                let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
                if text.is_empty() || text.starts_with('-') || !text.chars().all(plain) {
                    return Err(E::custom(format!("`{text}` is not a user or group")));
                }
                Ok(Principal(text.to_owned()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Principal, E> {
                Ok(Principal(number.to_string()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl JsonSchema for Principal {
    fn schema_name() -> Cow<'static, str> {
        "Principal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "A user or group, by name or number."
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn modes_are_octal_strings() {
        let mode =
            |value| serde_json::from_value::<Mode>(value).map(|mode| mode.to_string()).map_err(|e| e.to_string());
        assert_eq!(mode(json!("0640")).as_deref(), Ok("0640"));
        assert_eq!(mode(json!("2750")).as_deref(), Ok("2750"));
        for bad in [json!("640x"), json!("0o640"), json!("+644"), json!("99"), json!("0888"), json!("00640")] {
            assert!(mode(bad.clone()).unwrap_err().contains("is not a mode"), "{bad}");
        }
        assert!(mode(json!(640)).unwrap_err().contains("octal string"));
    }

    #[test]
    fn principals_are_names_or_numbers() {
        let id = |value| serde_json::from_value::<Principal>(value).map(|id| id.0);
        assert_eq!(id(json!("etcd")).unwrap(), "etcd");
        assert_eq!(id(json!(1001)).unwrap(), "1001");
        for bad in [json!(""), json!("-R"), json!("a:b"), json!("a b"), json!(-1), json!(null)] {
            assert!(id(bad.clone()).is_err(), "{bad}");
        }
    }
}
