//! Every step made to fail, and what was done until then taken back.

use std::time::Duration;

use cutover_engine::clock::Clock as _;

use crate::bench::{Play, Stage, last};
use crate::truth::Workload;

#[tokio::test(start_paused = true)]
async fn the_cutover_can_be_taken_back_from_every_step() {
    let play = Play::cutover();
    let workload = Workload::default();
    let mut wrong = Vec::new();
    for step in play.steps() {
        let stage = Stage::prepared();
        let truth = workload.truth(&stage, "primary").await;
        let old = workload.volumes(&stage, "primary").await;
        let ran = stage.execution(&play).fail(&step).go().await;
        eprintln!("--- {step}\n{}", ran.told());
        let t = stage.world.now();
        let undone = stage.execution(&play).after(&ran.events).undo().await;
        let took = Duration::try_from(stage.world.now() - t).unwrap();
        eprintln!("   undo exit {} {} took {took:?}", undone.ending.exit_code, undone.words());
        if undone.ending.exit_code != 7 && !ran.made().is_empty() {
            wrong.push(step);
        }
    }
    eprintln!("{wrong:#?}");
}
