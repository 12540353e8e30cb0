//! JSON in the layout of util-linux: three spaces, one member a line, arrays of objects opened beneath their brackets.

use serde_json::Value;

/// Prints a value, with a line feed at the end.
pub(crate) fn print(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    text + "\n"
}

fn write(value: &Value, depth: usize, text: &mut String) {
    let indent = |depth: usize| "   ".repeat(depth);
    match value {
        Value::Object(members) => {
            text.push_str("{\n");
            for (index, (name, member)) in members.iter().enumerate() {
                let comma = if index == 0 { "" } else { ",\n" };
                *text += &format!("{comma}{}\"{name}\": ", indent(depth + 1));
                write(member, depth + 1, text);
            }
            *text += &format!("\n{}}}", indent(depth));
        }
        Value::Array(items) if items.iter().all(Value::is_object) => {
            text.push_str("[\n");
            for (index, item) in items.iter().enumerate() {
                *text += if index == 0 { "" } else { "," };
                *text += &indent(if index == 0 { depth + 1 } else { 0 });
                write(item, depth + 1, text);
            }
            *text += &format!("\n{}]", indent(depth));
        }
        Value::Array(items) => {
            text.push_str("[\n");
            for (index, item) in items.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                *text += &format!("{comma}{} {item}\n", indent(depth + 1));
            }
            *text += &format!("{}]", indent(depth));
        }
        other => *text += &other.to_string(),
    }
}
