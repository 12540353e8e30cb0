//! Every shipped playbook as it is meant: checked, planned, run, and run again.

use std::sync::Arc;

use cutover_engine::clock::Clock as _;
use cutover_engine::execute::Tags;
use cutover_engine::plan::{Verdict, plan};
use cutover_engine::run::Run;
use cutover_modules::REGISTRY;
use cutover_sandbox::WorldSpec;

use crate::bench::{Play, Stage};
use crate::truth::{Workload, files};

#[tokio::test(start_paused = true)]
async fn the_preparation_changes_nothing_the_second_time() {
    let play = Play::prepare();
    let stage = Stage::new(&play, WorldSpec::default(), 1);
    let truth = Workload::default().truth(&stage, "primary").await;
    stage.run(&play).await.well();
    let second = stage.run(&play).await.well();
    assert_eq!(second.changes(), [""; 0], "the second time everything is in sync at once");
    Workload::default().serves(&stage, "primary", &truth).await;
}

#[tokio::test(start_paused = true)]
async fn the_cutover_keeps_every_key_and_every_file() {
    let play = Play::cutover();
    let stage = Stage::prepared();
    let workload = Workload::default();
    let truth = workload.truth(&stage, "primary").await;
    let old = workload.volumes(&stage, "primary").await;
    let ran = stage.run(&play).await.well();
    workload.serves(&stage, "primary", &truth).await;
    let new = workload.volumes(&stage, "primary").await;
    eprintln!("{old:?}\n{new:?}\n{:#?}", ran.changes());
    let again = stage.run(&play).await;
    eprintln!("{}", again.told());
    eprintln!("{:#?}", again.changes());
}

#[tokio::test(start_paused = true)]
async fn timing() {
    for _ in 0..5 {
        let t = std::time::Instant::now();
        let play = Play::cutover();
        let stage = Stage::prepared();
        eprintln!("stage {:?}", t.elapsed());
        let ran = stage.run(&play).await.well();
        eprintln!("{:?} {} events", t.elapsed(), ran.events.len());
    }
}
