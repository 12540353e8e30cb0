//! What is printed at the beginning of a run.

use serde_json::Value;

use super::{Narration, Timeline, Tone, clean, planned};

impl Narration {
    pub(super) fn opening(&self, timeline: &Timeline) -> Vec<String> {
        let Some(header) = &timeline.header else { return Vec::new() };
        let title = format!("{}: {} (run {})", header.verb, clean(&header.playbook), clean(&header.run));
        let mut output = vec![self.palette.paint(Tone::Strong, &title)];
        let mut field = |name: &str, value: &str| output.push(format!("  {name:<10} {}", clean(value)));
        field("playbook", &format!("{} ({})", header.playbook_file.0, header.playbook_file.1));
        field("inventory", &format!("{} ({})", header.inventory_file.0, header.inventory_file.1));
        if let Some(operator) = &header.operator {
            field("operator", operator);
        }
        let began = header.again.last().map_or(&header.started, |(_, at)| at);
        field("started", &format!("{began:.0} by cutover {}, seed {}", header.version, header.seed));
        if let Some(window) = header.window_ms {
            let budgets = header.planned.iter().filter_map(|phase| phase.budget_ms).sum::<u64>();
            let budgets = if budgets > 0 { format!("; budgets {}", planned(budgets)) } else { String::new() };
            let from = header.window_from.map_or_else(String::new, |from| format!("; counted from {from:.0}"));
            field("window", &format!("{}{budgets}{from}", planned(window)));
        }
        for (index, (name, value)) in params(&header.params).into_iter().enumerate() {
            field(if index == 0 { "params" } else { "" }, &format!("{name}={value}"));
        }
        output
    }
}

/// Parameters as `name` and value; strings without quotes.
pub(crate) fn params(params: &Value) -> Vec<(String, String)> {
    let words = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    params.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), words(value))).collect()
}
