//! The one template environment: strict about undefined names, typed where it can be, and silent about values.
//!
//! Whatever a template is, it ends soon, and what it makes is bounded. Fuel alone does not see to that: lists are joined lazily and for
//! nothing, so what goes round in a loop could double each time, and what is nested deep enough ends the program when it is printed.
//! So nothing goes round: there are no macros, no recursive loops, and no `namespace`; and what one text may join and nest is counted.

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
/// How often a text may add or multiply. Beyond 32 lists that are joined one after the other minijinja copies them.
const MOST_SUMS: usize = 30;
/// How many brackets a text may have in its statements and expressions: none of what it makes is nested deeper.
const MOST_BRACKETS: usize = 1000;
/// The longest list that `range` makes.
const LONGEST_RANGE: i64 = 10_000;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    // By default minijinja strips a trailing newline, so a text with a template would lose what a plain text keeps.
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_formatter(format);
    environment.remove_global("namespace");
    environment.add_function("range", range);
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
    let mut signs = Signs::default();
    signs.count(text)?;
    ENVIRONMENT.compile_expression(text)
}

/// Compiles a text with templates in it.
///
/// # Errors
/// One of them is wrong, or too long, or there are too many.
pub(super) fn compile<'t>(text: &'t str) -> Result<Template<'t, 't>, Error> {
    let (mut statements, mut at, mut signs) = (0_usize, 0, Signs::default());
    while let Some((start, close)) = opening(text, at) {
        if close == "#}" {
            at = start + 2;
            continue;
        }
        statements += usize::from(close == "%}");
        let length = text[start..].find(close).unwrap_or(text.len() - start);
        bounded(length)?;
        let code = text[start + 2..start + length.max(2)].trim_matches(['-', '+', ' ']);
        if close == "%}" {
            permitted(code)?;
        }
        signs.count(code)?;
        at = start + length;
    }
    if statements > MOST_STATEMENTS {
        return Err(refused(format!("it has {statements} statements, and {MOST_STATEMENTS} are allowed")));
    }
    ENVIRONMENT.template_from_str(text)
}

/// Refuses statements that would let something go round.
fn permitted(code: &str) -> Result<(), Error> {
    let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    match first {
        "macro" | "call" | "block" | "extends" | "include" | "import" | "from" => {
            Err(refused(format!("`{first}` is not a part of this language")))
        }
        "for" if words.any(|word| word == "recursive") => {
            Err(refused("`recursive` is not a part of this language".to_owned()))
        }
        _ => Ok(()),
    }
}

/// The signs of a text that make something larger or deeper, outside of quotes.
#[derive(Default)]
struct Signs {
    sums: usize,
    brackets: usize,
}

impl Signs {
    fn count(&mut self, code: &str) -> Result<(), Error> {
        let mut quote = None;
        let mut characters = code.chars();
        while let Some(c) = characters.next() {
            match (quote, c) {
                (Some(_), '\\') => {
                    characters.next();
                }
                (Some(open), _) if open == c => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(c),
                (None, '+' | '*') => self.sums += 1,
                (None, '(' | '[' | '{') => self.brackets += 1,
                (None, _) => {}
            }
        }
        for (what, count, most) in
            [("additions", self.sums, MOST_SUMS), ("opening brackets", self.brackets, MOST_BRACKETS)]
        {
            if count > most {
                return Err(refused(format!("it has {count} {what}, and {most} are allowed")));
            }
        }
        Ok(())
    }
}

/// `range` of Jinja, with shorter lists.
fn range(lower: i64, upper: Option<i64>, step: Option<i64>) -> Result<Vec<i64>, Error> {
    let wrong = |why: String| Err(Error::new(ErrorKind::InvalidOperation, why));
    let (lower, upper) = upper.map_or((0, lower), |upper| (lower, upper));
    let step = step.unwrap_or(1);
    if step == 0 {
        return wrong("a range cannot have the step 0".to_owned());
    }
    let length = (i128::from(upper) - i128::from(lower)) / i128::from(step);
    if length > i128::from(LONGEST_RANGE) {
        return wrong(format!("a range of more than {LONGEST_RANGE} numbers"));
    }
    let goes_on = |number: &i64| if step > 0 { *number < upper } else { *number > upper };
    Ok(std::iter::successors(Some(lower), |number| number.checked_add(step)).take_while(goes_on).collect())
}

/// Functions that every template knows.
pub(super) fn is_function(name: &str) -> bool {
    ENVIRONMENT.globals().any(|(known, _)| known == name)
}

/// The compiler recurses into each operand: an expression of a thousand `not` is still compiled, one of twenty thousand would end
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
