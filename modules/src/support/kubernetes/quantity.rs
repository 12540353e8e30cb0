//! Kubernetes quantities: `20Gi` and `21474836480` are the same amount. Not the units that authors write in other modules.

use serde_json::Value;

/// Nanounits in one unit: the finest that Kubernetes keeps (`apimachinery/pkg/api/resource`).
const NANO: i128 = 1_000_000_000;

/// Reads a quantity as nanounits; `None` if it is none, or too large to count.
pub(crate) fn nanos(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => parse(&number.to_string()),
        Value::String(text) => parse(text),
        _ => None,
    }
}

/// Writes an amount as people do: `1500m`, `8Gi`, `3`.
pub(crate) fn written(nanos: i128) -> String {
    if nanos % NANO != 0 {
        return format!("{}m", nanos / 1_000_000);
    }
    let whole = nanos / NANO;
    let binary =
        [("Gi", 30), ("Mi", 20), ("Ki", 10)].into_iter().find(|(_, bits)| whole != 0 && whole % (1 << bits) == 0);
    match binary {
        Some((suffix, bits)) => format!("{}{suffix}", whole >> bits),
        None => whole.to_string(),
    }
}

fn parse(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c)).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    // In nanounits, so that `n` is one.
    let (multiply, divide): (i128, i128) = match suffix {
        "" => (NANO, 1),
        "n" => (1, 1),
        "u" => (1_000, 1),
        "m" => (1_000_000, 1),
        "k" => (NANO * 1_000, 1),
        "M" => (NANO * 1_000_000, 1),
        "G" => (NANO * 1_000_000_000, 1),
        "T" => (NANO * 1_000_000_000_000, 1),
        "P" => (NANO * 1_000_000_000_000_000, 1),
        "E" => (NANO * 1_000_000_000_000_000_000, 1),
        "Ki" => (NANO << 10, 1),
        "Mi" => (NANO << 20, 1),
        "Gi" => (NANO << 30, 1),
        "Ti" => (NANO << 40, 1),
        "Pi" => (NANO << 50, 1),
        "Ei" => (NANO << 60, 1),
        exponent => {
            let power: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
            let factor = 10i128.checked_pow(power.unsigned_abs())?;
            if power < 0 { (NANO, factor) } else { (NANO.checked_mul(factor)?, 1) }
        }
    };
    let (negative, digits) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if (whole.is_empty() && fraction.is_empty()) || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let scale = 10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let amount: i128 = format!("{whole}{fraction}").parse().ok()?;
    let nanos = amount.checked_mul(multiply)?.checked_div(divide.checked_mul(scale)?)?;
    Some(if negative { -nanos } else { nanos })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_the_same_however_they_are_written() {
        for (a, b) in [
            (json!("20Gi"), json!("21474836480")),
            (json!("20Gi"), json!(21474836480u64)),
            (json!("0.5"), json!("500m")),
            (json!("1k"), json!("1e3")),
            (json!("1.5Gi"), json!("1536Mi")),
            (json!(2), json!("2")),
            (json!("100m"), json!("1E-1")),
            (json!("1E"), json!("1000P")),
        ] {
            assert_eq!(nanos(&a).unwrap(), nanos(&b).unwrap(), "{a} {b}");
        }
        for text in ["1500m", "3", "8Gi", "1536Mi", "100Ki", "0", "1000"] {
            assert_eq!(written(nanos(&json!(text)).unwrap()), text);
        }
        assert_ne!(nanos(&json!("20G")), nanos(&json!("20Gi")));
        assert_eq!(nanos(&json!("-1")), Some(-NANO));
        for bad in [json!(""), json!("Gi"), json!("1Xi"), json!("1.2.3"), json!("abc"), json!(true), json!("1e99")] {
            assert_eq!(nanos(&bad), None, "{bad}");
        }
    }
}
