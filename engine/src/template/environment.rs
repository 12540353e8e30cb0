//! The one template environment: strict about undefined names, typed where it can be, and silent about values.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};

/// Steps of evaluation after which a template is taken for a runaway loop.
const FUEL: u64 = 1_000_000;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    // By default minijinja strips a trailing newline, so a text with a template would lose what a plain text keeps.
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_formatter(format);
    environment.add_filter("basename", |path: &str| path.trim_end_matches('/').rsplit('/').next().map(str::to_owned));
    environment.add_filter("dirname", |path: &str| {
        let path = path.trim_end_matches('/');
        match path.rsplit_once('/') {
            Some(("", _)) => "/".to_owned(),
            Some((parent, _)) => parent.to_owned(),
            None => ".".to_owned(),
        }
    });
    environment.add_filter("from_json", |text: &str| {
        serde_json::from_str::<Value>(text)
            .map_err(|error| Error::new(ErrorKind::InvalidOperation, format!("not JSON: {error}")))
    });
    environment
});

/// The environment. It is immutable once it is built.
pub(super) fn environment() -> &'static Environment<'static> {
    &ENVIRONMENT
}

/// Formats a value inside text: booleans as YAML writes them; a value without a plain text form is an error, not Python's `repr`.
fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let refuse = |what: &str| {
        Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("{what} in the middle of text; use `| tojson` or `| join`"),
        ))
    };
    match value.kind() {
        ValueKind::Bool => out.write_str(if value.is_true() { "true" } else { "false" }).map_err(Error::from),
        ValueKind::None => refuse("null"),
        ValueKind::Seq | ValueKind::Iterable => refuse("a list"),
        ValueKind::Map => refuse("a mapping"),
        _ => minijinja::escape_formatter(out, state, value),
    }
}
