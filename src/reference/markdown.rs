//! The reference as a page: docs/modules.md.

use cutover_engine::module::{AnyModule, Registry};

use super::param::{Param, params, results};
use super::{as_step, requirement, sentence, targets};

/// The whole page.
pub(crate) fn markdown(registry: &Registry) -> String {
    let mut page = "<!-- Made by `cutover schema reference --write docs` from the modules themselves. Change those. -->\n\n\
                    # Modules\n\n\
                    What a step of a playbook can do. `cutover explain MODULE` shows the same on the terminal. Wherever a \
                    value is expected, a template such as `\"{{ pair.device }}\"` may stand instead.\n\n"
        .to_owned();
    page += "| Module | |\n|---|---|\n";
    for module in registry.0 {
        page += &format!("| [`{0}`](#{0}) | {1} |\n", module.name(), cell(sentence(module.summary())));
    }
    for module in registry.0 {
        page += &section(*module);
    }
    page
}

fn section(module: &dyn AnyModule) -> String {
    let mut text = format!("\n## {}\n\n{}.\n\n", module.name(), sentence(module.summary()));
    text += &format!("Works on {}.\n\n", targets(module));
    let params = params(module);
    if !params.rows.is_empty() {
        text += "| Parameter | Type | |\n|---|---|---|\n";
        text += &params.rows.iter().map(row).collect::<String>();
    }
    if !params.types.is_empty() {
        text.push('\n');
        text += &params.types.iter().map(|(name, meaning)| format!("- {name}: {meaning}\n")).collect::<String>();
    }
    let results = results(module);
    if !results.rows.is_empty() {
        text += "\n| Returns | Type | |\n|---|---|---|\n";
        text += &results.rows.iter().map(returned).collect::<String>();
    }
    text += &format!("\n```yaml\n{}```\n", as_step(module.example()));
    text
}

fn row(param: &Param) -> String {
    let mut description = cell(&param.description);
    for (choice, meaning) in &param.choices {
        description += &format!("<br>`{choice}`: {}", cell(meaning));
    }
    let requirement = requirement(param, |value| format!("`{value}`"));
    format!("| `{}` | {}{} | {description} |\n", param.name, cell(&param.kind), cell(&requirement))
}

fn returned(field: &Param) -> String {
    format!("| `{}` | {} | {} |\n", field.name, cell(&field.kind), cell(&field.description))
}

/// Escapes text for a table's cell.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
