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

/// Which characters stand in a URL as they are, beside letters and digits, and which letters the others are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct UrlEscapes {
    /// What stands as it is.
    pub plain: UrlPlain,
    /// The letters of the digits.
    pub letters: Letters,
}

/// Which characters stand in a URL as they are, beside letters, digits, `-`, `.` and `_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UrlPlain {
    /// `~`: all that is not reserved.
    Unreserved,
    /// `~` and `/`: Python.
    Slash,
    /// `~`, `!`, `*`, `'` and parentheses: JavaScript.
    Component,
    /// `~`, `$`, `&`, `+`, `,`, `;` and `=`: the password of a URL as Go writes it.
    Password,
    /// `~`, `$`, `&`, `+`, `:`, `=` and `@`: a path as Go writes it.
    Path,
    /// `*`, and a space is `+`: a form.
    Form,
    /// Nothing more, and a space is `+`: PHP.
    Strict,
}

/// Letters of hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Letters {
    /// `2f`
    Small,
    /// `2F`
    Capital,
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
    /// With the escapes of a JSON string, as Go writes it.
    GoJson,
    /// With the escapes of a JSON string in ASCII.
    AsciiJson,
    /// In a JSON string that stands in a JSON string.
    JsonTwice,
    /// With its apostrophes quoted as Python does for a command line.
    ShellPython,
    /// With a backslash before each character that a shell would interpret.
    ShellBackslash,
    /// With the escapes of a shell's double quotes.
    ShellDouble,
    /// With its apostrophes doubled, as in YAML and SQL.
    DoubledApostrophes,
    /// With the escapes of a URL.
    Url(UrlEscapes),
    /// In hexadecimal digits, in small or capital letters.
    Hex(Letters),
    /// Encoded in base64 without padding.
    Base64Bare,
    /// Encoded in base64 with a newline after it.
    Base64Newline,
    /// The digits of base64 that depend on it alone where it is encoded as a part of something longer (`user:password`): a third, by
    /// the number of bytes before it modulo 3.
    Base64Part(u8),
    /// The same with the digits that stand in URLs and names of files.
    Base64UrlPart(u8),
    /// The same of its form in a JSON string.
    Base64JsonPart(u8),
    /// The same of the same, as the password of a registry in a Kubernetes Secret: the third of the inner and of the outer one.
    Base64PartTwice(u8, u8),
    /// One of the lines of so many digits into which its base64 is broken, counted from 0.
    Base64Line(u8, usize),
    /// Broken up by control characters or escape sequences. It is not put back.
    Broken,
    /// One of its lines, counted from 0.
    Line(usize),
    /// As a JSON number.
    Number,
}
