//! The help of `rehearse --fail`, with all that can go wrong.

use cutover_sandbox::StrikeKind;

/// The help of `--fail`, with all kinds.
pub(super) fn help() -> String {
    let mut text = "Let a step fail: its path as `cutover plan` shows it, the end of the path, or its title; with `@TARGET`, on \
                    one target; may be repeated\n\n\
                    With `=KIND` the first thing that the step changes is struck, in one of these ways. `STEP:look` strikes what \
                    it reads first, `STEP:look.3` the third thing, `STEP:KEY` a change by its key. Calls by number, and what \
                    needs more than a word, are written into a world file (`strikes`).\n"
        .to_owned();
    for (word, meaning) in StrikeKind::WORDS {
        text += &format!("\n- {word}: {meaning}");
    }
    text
}
