//! The outage: when it begins and ends, in runs, resumptions and undos; and what is looked at again right before it.

use std::sync::Mutex;

use cutover_engine::event::{Event, EventKind};
use cutover_engine::execute::{Answer, Approver, Question, Unanswered};
use cutover_report::outage;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::json;

use crate::support::play::Play;
use crate::support::ran::{Ran, changed};
use crate::support::stage::Stage;
use crate::support::truth::Workload;
use crate::support::unharmed::undone;

const SETS: &str = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";
const NODE: &str = "/api/v1/nodes/worker02";
const GATE: &str = "stop-the-service/approve-the-outage";

/// What happens while somebody waits at the gate of the outage.
type Meanwhile = Box<dyn FnOnce(Stage) -> BoxFuture<'static, ()> + Send>;

/// Somebody who takes hours to answer, and then approves.
struct Slow {
    stage: Stage,
    meanwhile: Mutex<Option<Meanwhile>>,
}

impl Slow {
    fn new<F: Future<Output = ()> + Send + 'static>(
        stage: &Stage,
        meanwhile: impl FnOnce(Stage) -> F + Send + 'static,
    ) -> Self {
        let meanwhile: Meanwhile = Box::new(|stage| meanwhile(stage).boxed());
        Self { stage: Stage { world: stage.world.clone() }, meanwhile: Mutex::new(Some(meanwhile)) }
    }
}

impl Approver for Slow {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unanswered>> {
        let meanwhile = match question.path.to_string() == GATE {
            true => self.meanwhile.lock().unwrap().take(),
            false => None,
        };
        async move {
            if let Some(meanwhile) = meanwhile {
                meanwhile(Stage { world: self.stage.world.clone() }).await;
            }
            Ok(Answer { typed: question.confirm.clone(), by: "night shift".to_owned() })
        }
        .boxed()
    }
}

/// The course of the outage in events: `looked`, `answered`, `changed`, `begins`, `ends`.
fn course(events: &[Event]) -> Vec<&'static str> {
    let word = |event: &Event| match &event.kind {
        EventKind::LookedAgain { looks, .. } if looks.iter().any(|look| look.failure.is_some()) => Some("changed"),
        EventKind::LookedAgain { .. } => Some("looked"),
        EventKind::GateAnswered { path, .. } if path.to_string() == GATE => Some("answered"),
        EventKind::OutageBegan { .. } => Some("begins"),
        EventKind::OutageEnded { .. } => Some("ends"),
        _ => None,
    };
    events.iter().filter_map(word).collect()
}

/// The run was refused at the gate, with these words; nothing was stopped.
fn refused(ran: &Ran, words: &[&str]) {
    assert_eq!(ran.ending.exit_code, 3, "{}", ran.summary());
    assert!(ran.failed().is_some_and(|step| step == GATE), "{}", ran.summary());
    let printed = ran.words();
    assert!(words.iter().all(|words| printed.contains(words)), "{words:?}: {printed}");
    assert!(!changed(&ran.events).iter().any(|change| change.contains("scale")), "{:?}", changed(&ran.events));
    assert_eq!(outage(&ran.events), None);
}

#[tokio::test(start_paused = true)]
async fn it_goes_from_the_approval_of_the_stop_to_that_of_the_writes() {
    let stage = Stage::prepared();
    let ran = stage.run(&Play::cutover()).await.well();
    assert_eq!(course(&ran.events), ["looked", "answered", "looked", "begins", "ends"]);
    let at = |wanted: fn(&EventKind) -> bool| ran.events.iter().find(|event| wanted(&event.kind)).unwrap().elapsed_ms;
    let began = at(|kind| matches!(kind, EventKind::OutageBegan { .. }));
    let ended = at(|kind| matches!(kind, EventKind::OutageEnded { .. }));
    assert!(ended - began > 60_000);
    assert_eq!(outage(&ran.events), Some((ended - began, false)));
    let looked = ran.events.iter().find_map(|event| match &event.kind {
        EventKind::LookedAgain { looks, .. } => Some(looks),
        _ => None,
    });
    let mut names: Vec<&str> = looked.unwrap().iter().map(|look| look.name.as_str()).collect();
    names.dedup();
    assert!(names.contains(&"The replicas are in sync on both sides") && names.len() >= 14, "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn what_changes_while_the_gate_waits_is_found_after_the_answer_and_asked_again_on_resume() {
    let stage = Stage::prepared();
    let play = Play::cutover();
    let cordon = |on: bool| json!({"spec": {"unschedulable": on}});
    let slow = Slow::new(&stage, move |stage| async move {
        stage.api("primary", "PATCH", NODE, Some(cordon(true))).await;
        stage.must("primary", "worker03", "drbdadm disconnect etcd2").await;
    });
    let ran = stage.execution(&play).answered_by(slow).go().await;
    assert_eq!(course(&ran.events), ["looked", "answered", "changed"]);
    let words =
        ["the outage does not begin: 2 of", "The replicas are in sync", "etcd2", "The planned nodes", "worker02"];
    refused(&ran, &words);

    // Nothing is repaired: it does not even ask.
    let again = stage.execution(&play).after(&ran.events).go().await;
    assert_eq!(course(again.own()), ["changed"]);
    refused(&again, &["2 of"]);

    stage.api("primary", "PATCH", NODE, Some(cordon(false))).await;
    stage.must("primary", "worker03", "drbdadm connect etcd2").await;
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    let ran = stage.execution(&play).after(&again.events).go().await.well();
    assert_eq!(course(ran.own()), ["looked", "answered", "looked", "begins", "ends"], "the old answer does not count");
}

#[tokio::test(start_paused = true)]
async fn a_result_that_the_run_has_worked_with_has_to_be_the_same() {
    let stage = Stage::prepared();
    let slow = Slow::new(&stage, |stage| async move {
        let patch = json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 3}}}});
        stage.api("standby", "PATCH", SETS, Some(patch)).await;
    });
    let ran = stage.execution(&Play::cutover()).answered_by(slow).go().await;
    refused(&ran, &["What the new set is like", "/value/template/spec/terminationGracePeriodSeconds was", "is 3"]);
    undone(&stage, &ran).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_stopped_before_anything_was_changed_in_it_goes_back_to_the_gate() {
    let (stage, events) = Stage::before("stop-the-service/keep-the-old-volumes-whatever-happens-to-their-claims");
    assert_eq!(course(events), ["looked", "answered", "looked", "begins"]);
    stage.api("primary", "PATCH", NODE, Some(json!({"spec": {"unschedulable": true}}))).await;
    let ran = stage.execution(&Play::cutover()).after(events).go().await;
    assert_eq!(course(ran.own()), ["changed"]);
    stage.api("primary", "PATCH", NODE, Some(json!({"spec": {"unschedulable": false}}))).await;
    let ran = stage.execution(&Play::cutover()).after(&ran.events).go().await.well();
    assert_eq!(course(ran.own()), ["looked", "answered", "looked", "begins", "ends"]);
    let before_the_stop = |event: &Event| match &event.kind {
        EventKind::StepFinished { path, reason, .. } => {
            path.id().ends_with("right-before-the-stop") && reason.is_none()
        }
        _ => false,
    };
    assert!(ran.own().iter().any(before_the_stop), "what was recorded before the stop is recorded again");
}

#[tokio::test(start_paused = true)]
async fn once_something_was_changed_in_it_a_resumed_run_goes_on_and_the_clock_too() {
    let (stage, events) = Stage::before("stop-the-service/scale-to-zero");
    tokio::time::sleep(std::time::Duration::from_secs(1800)).await;
    let ran = stage.execution(&Play::cutover()).after(events).go().await.well();
    assert_eq!(course(ran.own()), ["ends"]);
    let (took_ms, goes_on) = outage(&ran.events).unwrap();
    assert!(took_ms > 1_800_000 && !goes_on, "{took_ms}");
}

#[tokio::test(start_paused = true)]
async fn an_undo_ends_it_when_the_service_is_back() {
    let (stage, events) = Stage::before("bring-each-replica-s-data-to-its-new-node");
    let play = Play::cutover();
    let ran = stage.execution(&play).after(events).undo().await;
    assert_eq!(course(ran.own()), ["ends"]);
    let ended = ran.own().iter().find_map(|event| match &event.kind {
        EventKind::OutageEnded { path } => Some(path.to_string()),
        _ => None,
    });
    assert_eq!(ended.as_deref(), Some("stop-the-service/keep-the-old-volumes-whatever-happens-to-their-claims"));
    let truth = Workload::default().truth(&Stage::prepared(), "primary").await;
    Workload::default().serves(&stage, "primary", &truth).await;

    // Nothing was stopped yet: it is over at once.
    let (stage, events) = Stage::before("stop-the-service/keep-the-old-volumes-whatever-happens-to-their-claims");
    let ran = stage.execution(&play).after(events).undo().await;
    assert_eq!(course(ran.own()), ["ends"]);
}

/// A playbook whose outage is over long before its last change.
const SHORT: &str = "\
name: Short
phases:
  - name: p
    steps:
      - {name: ask, gate: \"Now?\", outage: begins}
      - {name: stop, file: {path: /srv/down, state: touch}, target: active.nodes, run_once: true}
      - {name: start, file: {path: /srv/up, state: touch}, target: active.nodes, run_once: true, outage: ends}
      - {name: later, file: {path: /srv/later, state: touch}, target: active.nodes, run_once: true}
";

#[tokio::test(start_paused = true)]
async fn an_undo_after_it_begins_it_anew() {
    let play = Play::load(crate::support::play::CUTOVER, &|_| SHORT.to_owned(), &crate::support::play::example());
    let stage = Stage::prepared();
    stage.must("primary", "worker01", "mkdir -p /srv").await;
    let ran = stage.run(&play).await.well();
    assert_eq!(course(&ran.events), ["begins", "ends"]);
    let undone = stage.execution(&play).after(&ran.events).undo().await;
    assert_eq!(undone.ending.exit_code, 7, "{}", undone.summary());
    let words: Vec<String> = undone.own().iter().filter_map(word).collect();
    assert_eq!(words, ["later", "begins", "start", "stop", "ends"]);
}

fn word(event: &Event) -> Option<String> {
    match &event.kind {
        EventKind::Undone { task, .. } => Some(task.path.id().trim_start_matches("p/").to_owned()),
        EventKind::OutageBegan { .. } => Some("begins".to_owned()),
        EventKind::OutageEnded { .. } => Some("ends".to_owned()),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_marks_it_and_forecasts_it_by_the_budgets() {
    let plan = Stage::prepared().plan(&Play::cutover()).await;
    let outage = plan.outage.as_ref().expect("an outage");
    let name = |number: usize| plan.steps().find(|step| step.number == number).unwrap().name.as_str();
    assert_eq!(
        (name(outage.begins), name(outage.ends.unwrap())),
        ("Approve the outage", "Approve that clients write again")
    );
    // Stop 1m, back up 6m, copy 5m, rebuild 5m, prove 5m, last 3m; that clients write again has no budget.
    assert_eq!((outage.budget_ms, outage.phases, outage.unbudgeted), (25 * 60_000, 7, 1));
    let within: Vec<&str> = plan.steps().filter(|step| step.in_outage).map(|step| step.name.as_str()).collect();
    assert!(within.contains(&"Scale to zero") && !within.contains(&"Approve the outage"), "{within:?}");
    assert!(plan.steps().any(|step| step.before_outage && step.name == "The service may be stopped"));
}
