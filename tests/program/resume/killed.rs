//! The controller killed at any moment, and the run resumed by another one that has only the journal.

use cutover_sandbox::WorldSpec;

use crate::support::play::Play;
use crate::support::stage::Stage;
use crate::support::truth::Workload;

/// Kills at every `stride`th event, just before it is written to the journal and just after, and resumes.
async fn kill(stage: Stage, play: &Play, (first, stride): (usize, usize)) {
    let workload = Workload::default();
    let truth = workload.truth(&stage, "primary").await;
    let mut n = 0;
    let pick = move |_: &_| {
        n += 1;
        n >= first && (n - first) % stride == 0
    };
    let moments = stage.execution(play).moments(pick).await;
    println!("{}: killed at {} moments, twice", play.playbook.name, moments.len());
    for moment in moments {
        let mut events = moment.events.clone();
        for written in [false, true] {
            if written {
                events.push(moment.next.clone());
            }
            // A run of which nothing is known is begun anew.
            let stage = Stage::from(&moment.snapshot);
            let ran = stage.resume(play, &events).await;
            assert_eq!(ran.ending.exit_code, 0, "killed at {:?}, written: {written}: {}", moment.next, ran.summary());
            workload.serves(&stage, "primary", &truth).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_cutover_goes_on_after_a_kill() {
    kill(Stage::prepared(), &Play::cutover(), (1, 23)).await;
}

#[tokio::test(start_paused = true)]
async fn the_preparation_goes_on_after_a_kill() {
    let play = Play::prepare();
    kill(Stage::new(&play, WorldSpec::default(), 1), &play, (1, 71)).await;
}
