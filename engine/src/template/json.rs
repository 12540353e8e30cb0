//! From the value of a template to JSON, within bounds: a value may be a list that was joined lazily and is longer than memory.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

/// How many values and keys there may be in one.
const MOST_VALUES: usize = 200_000;
/// How deep they may be nested.
const DEEPEST: usize = 100;

/// The JSON of a value.
///
/// # Errors
/// It has none, or is too large or too deep.
pub(super) fn json(value: &Value) -> Result<serde_json::Value, Error> {
    let mut left = MOST_VALUES;
    measure(value, DEEPEST, &mut left)?;
    serde_json::to_value(value).map_err(|error| refused(format!("this value has no JSON form: {error}")))
}

fn measure(value: &Value, depth: usize, left: &mut usize) -> Result<(), Error> {
    *left = left.checked_sub(1).ok_or_else(|| {
        refused(format!("it has more than {MOST_VALUES} values, which are not allowed in one result"))
    })?;
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable) {
        return Ok(());
    }
    let deeper = depth.checked_sub(1).ok_or_else(|| refused(format!("it is nested deeper than {DEEPEST} levels")))?;
    let is_map = value.kind() == ValueKind::Map;
    for item in value.try_iter()? {
        if is_map {
            measure(&value.get_item(&item)?, deeper, left)?;
        } else {
            measure(&item, deeper, left)?;
        }
    }
    Ok(())
}

fn refused(why: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}
