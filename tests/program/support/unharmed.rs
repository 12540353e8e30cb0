//! Assertions for a cutover that refuses to go on: it reports where and why, and nothing is lost by it.

use cutover_engine::event::Event;

use crate::support::play::Play;
use crate::support::ran::Ran;
use crate::support::stage::Stage;
use crate::support::truth::Workload;

/// Words of commands and requests that destroy something.
const DESTROYS: &[&str] = &["$ mkfs", "create-md", " uninstall ", "> DELETE ", "--force", "$ rm ", "wipefs -a"];

/// Goes on with the cutover; it must stop in a step, with these words.
pub(crate) async fn caught(stage: &Stage, events: &[Event], step: &str, words: &[&str]) -> Ran {
    let ran = stage.execution(&Play::cutover()).after(events).go().await;
    stopped(&ran, step, words);
    ran
}

/// Everything that a cutover has done can be undone, and the service has the data it had before.
pub(crate) async fn undone(stage: &Stage, ran: &Ran) {
    let undone = stage.execution(&Play::cutover()).after(&ran.events).undo().await;
    assert_eq!(undone.ending.exit_code, 7, "after {}: {}", ran.summary(), undone.summary());
    let truth = Workload::default().truth(&Stage::prepared(), "primary").await;
    Workload::default().serves(stage, "primary", &truth).await;
}

/// It must have stopped in a step, with these words.
pub(crate) fn stopped(ran: &Ran, step: &str, words: &[&str]) {
    assert!(matches!(ran.ending.exit_code, 1 | 3 | 4 | 8), "{}", ran.summary());
    assert!(ran.failed().is_some_and(|id| id.ends_with(step)), "not in {step}: {}", ran.summary());
    let printed = ran.words();
    assert!(words.iter().all(|words| printed.contains(words)), "{words:?}: {printed}");
}

/// The same, with nothing destroyed after it; and then everything can be undone.
pub(crate) async fn caught_and_undone(stage: &Stage, events: &[Event], step: &str, words: &[&str]) {
    let known = stage.world.effects().len();
    let ran = caught(stage, events, step, words).await;
    let effects = stage.world.effects().split_off(known);
    let destroyed: Vec<_> = effects.iter().filter(|text| DESTROYS.iter().any(|words| text.contains(words))).collect();
    assert!(destroyed.is_empty(), "{destroyed:?}");
    undone(stage, &ran).await;
}
