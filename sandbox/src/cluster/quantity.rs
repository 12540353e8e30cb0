//! Quantities of resources, in thousandths: what nodes give, pods ask for and quotas allow.

use serde_json::Value;

/// Reads a quantity, in thousandths; 0 for what is none.
pub(crate) fn thousandths(value: &Value) -> i128 {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return 0,
    };
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: i128 = whole.parse().unwrap_or(0);
    let fraction: i128 = format!("{fraction:0<3}").get(..3).and_then(|digits| digits.parse().ok()).unwrap_or(0);
    let amount = whole * 1000 + fraction;
    match suffix {
        "m" => amount / 1000,
        "k" => amount * 1000,
        "M" => amount * 1_000_000,
        "G" => amount * 1_000_000_000,
        "T" => amount * 1_000_000_000_000,
        "Ki" => amount << 10,
        "Mi" => amount << 20,
        "Gi" => amount << 30,
        "Ti" => amount << 40,
        _ => amount,
    }
}

/// Writes one, in whole units or in thousandths.
pub(crate) fn written(thousandths: i128) -> String {
    match thousandths % 1000 {
        0 => (thousandths / 1000).to_string(),
        _ => format!("{thousandths}m"),
    }
}

/// What a pod asks for of a resource, or may use of it at most (`section`: `requests` or `limits`).
pub(crate) fn of_pod(pod: &Value, section: &str, resource: &str) -> i128 {
    let of = |container: &Value| {
        let resources = &container["resources"];
        let amount = &resources[section][resource];
        thousandths(if amount.is_null() && section == "requests" { &resources["limits"][resource] } else { amount })
    };
    let sum = |field: &str| pod["spec"][field].as_array().into_iter().flatten().map(of).sum::<i128>();
    let first = pod["spec"]["initContainers"].as_array().into_iter().flatten().map(of).max().unwrap_or(0);
    sum("containers").max(first)
}
