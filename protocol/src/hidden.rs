//! Where secrets stood in an event. The event shows `***` in their place; with the secrets at hand they can be put back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The text that replaces a secret. A text may also contain it by itself: only a place that is listed as hidden is a secret's.
pub const MARK: &str = "***";

/// Where a secret stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hidden {
    /// The leaf, as a JSON pointer into the event.
    pub at: String,
    /// The offset in the leaf, in bytes, of the `***` that stands for it.
    pub offset: usize,
    /// The secret's name: a parameter or a secret of the inventory, with the way into it (`tls.key`, `users[0]`).
    pub secret: String,
    /// The form in which it stood there.
    pub form: Form,
    /// Whether it stood in the leaf's key, which then ends in `#` and a number that keeps it apart from others.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub key: bool,
}

/// A form in which a secret can stand in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Unchanged.
    Plain,
    /// Encoded in base64, as in a Kubernetes Secret.
    Base64,
    /// With the escapes of a JSON string.
    Json,
    /// With its apostrophes quoted as on a command line.
    Shell,
    /// With the escapes of a JSON string, and its apostrophes quoted as on a command line.
    ShellJson,
    /// With the escapes of a JSON string that can stand in HTML, as the filter `tojson` writes it.
    HtmlJson,
    /// One of its lines, counted from 0.
    Line(usize),
    /// As a JSON number.
    Number,
}
