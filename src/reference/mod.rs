//! The reference of the modules, for people: `explain` on the terminal and docs/modules.md, both from the modules' own schemas,
//! so that they cannot drift apart.

mod markdown;
mod param;

pub(crate) use markdown::markdown;

use cutover_engine::module::{AnyModule, Registry, TargetKind};
use cutover_sandbox::UNSIMULATED;

use param::{Param, params, results};

/// All modules, a line each.
pub(crate) fn table(registry: &Registry) -> String {
    let width = registry.names().map(str::len).max().unwrap_or_default();
    let lines = registry.0.iter().map(|module| format!("{:width$}  {}\n", module.name(), sentence(module.summary())));
    lines.collect::<String>() + "\n`cutover explain MODULE` shows one in detail.\n"
}

/// The limits of the sandbox, area by area.
pub(crate) fn sandbox() -> String {
    let mut text = "A rehearsal proves the playbook, the engine and every command. It does not simulate:\n".to_owned();
    let mut area = "";
    for gap in UNSIMULATED {
        if gap.area != area {
            area = gap.area;
            text += &format!("\n{}\n", console::style(area).bold());
        }
        text += &format!("  {}\n      {}\n", gap.name, gap.words);
    }
    text + "\nA rehearsal that needs anything it does not know fails with \"the sandbox does not simulate ...\" and code 9.\n"
}

/// One module: what it does, its parameters, an example.
pub(crate) fn explained(module: &dyn AnyModule) -> String {
    let mut text = format!("{}\n  {}\n", console::style(module.name()).bold(), sentence(module.summary()));
    text += &format!("  Works on {}.\n", targets(module));
    text += &format!("\n{}\n", console::style("Parameters").bold());
    let params = params(module);
    text += &params.rows.iter().map(in_words).collect::<String>();
    if !params.types.is_empty() {
        text += &format!("\n{}\n", console::style("Types").bold());
        text += &params.types.iter().map(|(name, meaning)| format!("  {name}: {meaning}\n")).collect::<String>();
    }
    let results = results(module);
    if !results.rows.is_empty() {
        text += &format!("\n{}\n", console::style("Returns (`register`)").bold());
        text += &results.rows.iter().map(returned).collect::<String>();
    }
    text += &format!("\n{}\n{}", console::style("Example").bold(), indented(&as_step(module.example()), "  "));
    text
}

/// The kinds of target that a module works on, as text.
fn targets(module: &dyn AnyModule) -> String {
    let kinds = module.targets().kinds();
    if kinds.len() == TargetKind::ALL.len() {
        return "any target".to_owned();
    }
    let words: Vec<&str> = kinds.iter().map(|kind| kind.words()).collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// A field of a result, as text.
fn returned(field: &Param) -> String {
    let mut text = format!("  {}: {}\n", console::style(&field.name).bold(), field.kind);
    text += &indented(&field.description, "      ");
    text
}

/// A summary without its full stop, if it has one.
fn sentence(summary: &str) -> &str {
    summary.trim_end_matches('.')
}

fn in_words(param: &Param) -> String {
    let name = console::style(&param.name).bold();
    let mut text = format!("  {name}: {}{}\n", param.kind, requirement(param, |value| value.to_owned()));
    text += &indented(&param.description, "      ");
    for (choice, meaning) in &param.choices {
        let meaning = meaning.lines().collect::<Vec<_>>().join(" ");
        text += &format!("        {choice}: {meaning}\n");
    }
    text
}

/// `, required`, `, default 10` or nothing.
fn requirement(param: &Param, shown: impl Fn(&str) -> String) -> String {
    match (&param.default, param.required) {
        (_, true) => ", required".to_owned(),
        (Some(default), false) => format!(", default {}", shown(default)),
        (None, false) => String::new(),
    }
}

/// A module's example as an item of a list of steps.
fn as_step(example: &str) -> String {
    let mut lines = example.trim().lines();
    let first = lines.next().map(|line| format!("- {line}\n")).unwrap_or_default();
    first + &indented(&lines.collect::<Vec<_>>().join("\n"), "  ")
}

fn indented(text: &str, margin: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{margin}{line}\n") }).collect()
}
