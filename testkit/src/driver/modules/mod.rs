//! Modules for tests, besides some of the real ones: one of each kind that the engine distinguishes.

mod note;
mod numbers;
mod remote;
mod sent;

use std::sync::LazyLock;

use cutover_engine::action::Action;
use cutover_engine::failure::Failure;
use cutover_engine::module::{BoxedModule, Facts, Registry};
use cutover_engine::query::ReadOnly;
use cutover_engine::text::Text;
use cutover_engine::world::Command;

/// The modules of the program that generated playbooks use.
const REAL: [&str; 4] = ["command", "assert", "set_fact", "pause"];

/// The modules for tests, and `command`, `assert`, `set_fact` and `pause` of the program.
pub fn registry() -> Registry {
    static ALL: LazyLock<Vec<BoxedModule>> = LazyLock::new(|| {
        let real = REAL.iter().filter_map(|name| cutover_modules::REGISTRY.get(name));
        let numbers: [BoxedModule; 5] =
            [&numbers::Number, &numbers::Keep, &numbers::Once, &numbers::Vague, &numbers::Peek];
        let others: [BoxedModule; 4] = [&sent::Unseen, &sent::Send, &note::Note, &remote::Remote];
        numbers.into_iter().chain(others).chain(real).collect()
    });
    Registry(ALL.as_slice())
}

/// A command that only reads in the model world.
fn reads<const N: usize>(words: [&str; N]) -> Result<ReadOnly, Failure> {
    let command = ReadOnly::declared(Command::new(words), true);
    command.ok_or_else(|| Failure::failed(Text::verbatim("not declared")))
}

/// The command that sets a number.
fn set(facts: &Facts, name: &str, is: i64) -> Action {
    let command = Command::new(["set", name, &is.to_string()]).gives_up("no answer within");
    Action::Exec { place: facts.place(), command }
}
