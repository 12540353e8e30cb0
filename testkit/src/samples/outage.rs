//! Runs with an outage: one that was refused at its gate, and one that was undone after it.

use cutover_engine::event::{Event, EventKind, Look, Outcome, Verb};
use cutover_engine::failure::{FailureClass, RecordedFailure};
use cutover_engine::text::Text;

use super::{Stream, members, path};

/// An outage that was refused once, took place, and began anew in the undo.
pub fn outage() -> Vec<Event> {
    let mut stream = Stream::new();
    stream.start(Some(7_200_000), &[("Stop <the> service", Some(60_000))]);
    stream.phase(1, 1, "Stop <the> service", Some(60_000));
    stream.step("stop/ask", "Approve the outage", "gate", &[]);
    stream.after(1_000).add(looked(false, false));
    stream.after(3_600_000).add(EventKind::GateAnswered {
        path: path("stop/ask"),
        approved: true,
        by: "alice@ops-1".into(),
        reason: "yes".into(),
    });
    stream.after(2_000).add(looked(true, true));
    stream.after(60_000).add(looked(true, false)).add(EventKind::OutageBegan { path: path("stop/ask") });
    stream.step_end("stop/ask", Outcome::InSync, 3_663_000, 1);
    stream.step("stop/start", "Start it elsewhere", "command", &members());
    stream.after(600_000).add(EventKind::OutageEnded { path: path("stop/start") });
    stream.step_end("stop/start", Outcome::Changed, 600_000, 1);
    stream.phase_end(1, "Stop <the> service", Outcome::Changed, 4_263_000, Some(60_000));
    stream.begin(Verb::Undo, Some(7_200_000), &[("Undo", None)]);
    stream.after(1_000).add(EventKind::OutageBegan { path: path("stop/start") });
    stream.after(30_000).notice("on the way back");
    stream.events
}

fn looked(answered: bool, changed: bool) -> EventKind {
    let failure = RecordedFailure {
        class: FailureClass::Blocked,
        message: Text::verbatim("etcd0 is <StandAlone>"),
        details: Vec::new(),
        help: None,
        place: None,
    };
    let look = |(index, target)| Look {
        path: path("check/sync"),
        name: "The replicas are in sync".into(),
        target: Some(target),
        failure: (changed && index == 0).then(|| failure.clone()),
    };
    let looks = members().into_iter().enumerate().map(look).collect();
    EventKind::LookedAgain { path: path("stop/ask"), answered, looks, took_ms: 1_000 }
}
