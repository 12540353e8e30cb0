//! Sentences for people. A text is an id with arguments: programs compare ids, people read the English sentence that is built
//! where it is shown, and a translation needs nothing but the id and the arguments.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A sentence: its id, its English pattern, and the arguments that stand in the pattern's braces.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Text {
    /// Words that come from elsewhere and have no translation: a program's output, what a person typed.
    Verbatim(String),
    /// A sentence of cutover's.
    Message(Message),
}

/// A sentence of cutover's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// The sentence's name; the same in every version and language: `k8s_scale.scale`.
    pub id: Cow<'static, str>,
    /// The English sentence, with each argument's name in braces: `scale {title} from {from} to {to}`.
    pub text: Cow<'static, str>,
    /// The arguments by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub args: BTreeMap<Cow<'static, str>, Arg>,
}

/// An argument of a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Arg {
    /// A name, path, number or anything else that is the same in every language.
    Value(String),
    /// Several, joined with `; `.
    List(Vec<Arg>),
    /// Another message.
    Message(Box<Message>),
}

impl Text {
    /// Words that come from elsewhere.
    pub fn verbatim(words: impl Into<String>) -> Self {
        Self::Verbatim(words.into())
    }

    /// The id, for a sentence of cutover's.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Verbatim(_) => None,
            Self::Message(message) => Some(&message.id),
        }
    }

    /// Whether its English contains a text. For tests; programs compare ids.
    pub fn contains(&self, words: &str) -> bool {
        self.to_string().contains(words)
    }

    /// Its English.
    fn english(&self) -> Cow<'_, str> {
        match self {
            Self::Verbatim(words) => Cow::Borrowed(words),
            Self::Message(message) => Cow::Owned(message.to_string()),
        }
    }

    /// Used by [`text!`](crate::text!): a sentence without arguments.
    #[doc(hidden)]
    pub fn message(id: &'static str, text: &'static str) -> Self {
        Self::Message(Message { id: id.into(), text: text.into(), args: BTreeMap::new() })
    }

    /// Used by [`text!`](crate::text!): adds an argument.
    #[doc(hidden)]
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Arg>) -> Self {
        if let Self::Message(message) = &mut self {
            message.args.insert(name.into(), value.into());
        }
        self
    }
}

/// Makes a [`Text`](crate::text::Text): an id, the English sentence, and its arguments by name. A name alone takes the variable of
/// that name. The compiler checks that the sentence and the arguments match.
///
/// ```
/// # use cutover_protocol::text;
/// let (title, to) = ("StatefulSet common/etcd", 0);
/// let text = text!("k8s_scale.scale", "scale {title} from {from} to {to}", title, from = 3, to);
/// assert_eq!(text.to_string(), "scale StatefulSet common/etcd from 3 to 0");
/// ```
#[macro_export]
macro_rules! text {
    ($id:literal, $text:literal $(, $name:ident $(= $value:expr)?)* $(,)?) => {{
        if false {
            let _ = ::std::format_args!($text $(, $name = "")*);
        }
        $crate::text::Text::message($id, $text)$(.with(::std::stringify!($name), $crate::argument!($name $(= $value)?)))*
    }};
}

/// Used by [`text!`](crate::text!).
#[doc(hidden)]
#[macro_export]
macro_rules! argument {
    ($name:ident) => {
        $crate::text::Arg::from(&$name)
    };
    ($name:ident = $value:expr) => {
        $crate::text::Arg::from($value)
    };
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verbatim(words) => f.write_str(words),
            Self::Message(message) => message.fmt(f),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.text.as_ref();
        while let Some(at) = rest.find(['{', '}']) {
            f.write_str(&rest[..at])?;
            let brace = &rest[at..];
            if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
                f.write_str(&brace[..1])?;
                rest = after;
                continue;
            }
            let Some(end) = brace.find('}').filter(|_| brace.starts_with('{')) else { return f.write_str(brace) };
            match self.args.get(&brace[1..end]) {
                Some(value) => value.fmt(f)?,
                // Another version may have left an argument out: the braces then stay, so that a reader sees what is missing.
                None => f.write_str(&brace[..=end])?,
            }
            rest = &brace[end + 1..];
        }
        f.write_str(rest)
    }
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => f.write_str(value),
            Self::Message(message) => message.fmt(f),
            Self::List(items) => items.iter().enumerate().try_for_each(|(index, item)| {
                let between = if index == 0 { "" } else { "; " };
                write!(f, "{between}{item}")
            }),
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::Verbatim(String::new())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.english() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.english() == *other
    }
}

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        self.english() == *other
    }
}

impl From<Text> for Arg {
    fn from(text: Text) -> Self {
        match text {
            Text::Verbatim(words) => Self::Value(words),
            Text::Message(message) => Self::Message(Box::new(message)),
        }
    }
}

impl From<&Text> for Arg {
    fn from(text: &Text) -> Self {
        text.clone().into()
    }
}

impl<T: Into<Arg>> From<Vec<T>> for Arg {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

macro_rules! values {
    ($($type:ty),* $(,)?) => {$(
        impl From<$type> for Arg {
            fn from(value: $type) -> Self {
                Self::Value(value.to_string())
            }
        }
        impl From<&$type> for Arg {
            fn from(value: &$type) -> Self {
                Self::Value(value.to_string())
            }
        }
        impl From<&&$type> for Arg {
            fn from(value: &&$type) -> Self {
                Self::Value(value.to_string())
            }
        }
    )*};
}

values!(
    String,
    Cow<'_, str>,
    char,
    bool,
    u8,
    u16,
    u32,
    u64,
    usize,
    i32,
    i64,
    f64,
    crate::command::Command,
    crate::output::Exit,
    crate::path::Path,
    crate::place::Place,
    crate::subject::Subject,
    crate::target::Target,
    crate::task::TaskId,
    serde_json::Value,
    jiff::Timestamp,
);

impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Self::Value(value.to_owned())
    }
}

impl From<&&str> for Arg {
    fn from(value: &&str) -> Self {
        Self::Value((*value).to_owned())
    }
}

impl From<&&Text> for Arg {
    fn from(text: &&Text) -> Self {
        (*text).clone().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_shows_its_arguments_in_its_sentence() {
        let inner = text!("test.inner", "{count} pods are left", count = 2);
        let text = text!("test.outer", "cannot scale {title}: {why} {{as it is}}", title = "etcd", why = inner);
        assert_eq!(text.to_string(), "cannot scale etcd: 2 pods are left {as it is}");
        assert_eq!(text.id(), Some("test.outer"));
    }

    #[test]
    fn a_text_comes_back_from_json_as_it_was() {
        for text in [Text::verbatim("{as} it is"), text!("test.one", "a {b}", b = vec!["c", "d"])] {
            let json = serde_json::to_string(&text).unwrap();
            assert_eq!(serde_json::from_str::<Text>(&json).unwrap(), text, "{json}");
        }
        assert_eq!(serde_json::to_string(&Text::verbatim("x")).unwrap(), "\"x\"");
    }

    #[test]
    fn arguments_are_never_taken_for_patterns() {
        let text = text!("test.one", "a {b}", b = "{b} {{");
        assert_eq!(text.to_string(), "a {b} {{");
    }
}
