//! The one template environment: strict about undefined names, typed where it can be, and silent about values.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Expression, Output, State, Template, UndefinedBehavior, Value};

use super::names::opening;

/// Steps of evaluation after which a template is taken for a runaway loop.
const FUEL: u64 = 1_000_000;
/// The longest expression or statement, in bytes.
const LONGEST: usize = 4096;
/// How many statements (`{% %}`) a text may have.
const MOST_STATEMENTS: usize = 1000;

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

/// Compiles an expression.
///
/// # Errors
/// It is wrong, or too long.
pub(super) fn compile_expression<'t>(text: &'t str) -> Result<Expression<'t, 't>, Error> {
    bounded(text.len())?;
    ENVIRONMENT.compile_expression(text)
}

/// Compiles a text with templates in it.
///
/// # Errors
/// One of them is wrong, or too long, or there are too many.
pub(super) fn compile<'t>(text: &'t str) -> Result<Template<'t, 't>, Error> {
    let (mut statements, mut at) = (0_usize, 0);
    while let Some((start, close)) = opening(text, at) {
        if close == "#}" {
            at = start + 2;
            continue;
        }
        statements += usize::from(close == "%}");
        let length = text[start..].find(close).unwrap_or(text.len() - start);
        bounded(length)?;
        at = start + length;
    }
    if statements > MOST_STATEMENTS {
        return Err(refused(format!("it has {statements} statements, and {MOST_STATEMENTS} are allowed")));
    }
    ENVIRONMENT.template_from_str(text)
}

/// Functions that every template knows.
pub(super) fn is_function(name: &str) -> bool {
    ENVIRONMENT.globals().any(|(known, _)| known == name)
}

/// The compiler recurses into each operand: an expression of a thousand terms is still compiled, one of twenty thousand would end
/// the program.
fn bounded(length: usize) -> Result<(), Error> {
    match length > LONGEST {
        true => Err(refused(format!("it is {length} bytes long, and {LONGEST} are allowed"))),
        false => Ok(()),
    }
}

fn refused(why: String) -> Error {
    Error::new(ErrorKind::SyntaxError, why)
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
