//! Requests to API servers: what is lost and what was never sent, what is read of them, what servers warn of.

use cutover_engine::action::{Action, Done};
use cutover_engine::event::EventKind;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Class, Context, Diff, Facts, Module};
use cutover_engine::request::Request;
use cutover_engine::subject::Subject;
use cutover_engine::text::Text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::world::Strike;

/// Keeps a number in an API server.
#[derive(Clone, Copy)]
pub(crate) struct Remote;

/// What a playbook says to `remote`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    name: String,
    is: i64,
    #[serde(default)]
    once: bool,
}

impl Module for Remote {
    const NAME: &'static str = "remote";
    const SUMMARY: &'static str = "Keeps a number in an API server";
    const EXAMPLE: &'static str = "name: x\nremote: {name: x, is: 1}\n";
    type Params = Params;
    type State = Value;

    async fn probe(&self, cx: &Context, params: &Params) -> Result<Value, Failure> {
        let found = cx.get(cx.site()?, &format!("/numbers/{}", params.name)).await?;
        Ok(found.unwrap_or_default())
    }

    fn subjects(&self, _: &Facts, _: &Params) -> Option<Vec<Subject>> {
        None
    }

    fn result_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::default()
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &Value) -> Diff {
        if state["is"] == params.is {
            return Diff::InSync;
        }
        let request = Request {
            method: "PATCH".to_owned(),
            body: Some(json!({"is": params.is})),
            ..Request::get(facts.target().site().unwrap_or_default(), format!("/numbers/{}", params.name))
        };
        let class = if params.once { Class::AtMostOnce } else { Class::Idempotent };
        Diff::Change(vec![Change::new(class, "set", Text::verbatim("set it"), [Action::Request(request)])])
    }
}

fn bench(more: &str, strikes: &[(&'static str, Strike, usize)]) -> Bench {
    let step = format!("  - {{name: one, target: active, remote: {{name: x, is: 3{more}}}, timeout: 1m}}\n");
    let bench = Bench::steps(&step);
    bench.world.0.lock().unwrap().strikes.extend_from_slice(strikes);
    bench
}

#[tokio::test(start_paused = true)]
async fn what_an_api_server_warns_of_is_told_once() {
    let steps =
        ["x", "y"].map(|name| format!("  - {{name: {name}, target: active, remote: {{name: {name}, is: 3}}}}\n"));
    let bench = Bench::steps(&steps.concat());
    assert_eq!((bench.go().await.exit_code, bench.sets().len()), (0, 2));
    let notices = bench.events().into_iter().filter_map(|event| match event.kind {
        EventKind::Notice { message } => Some(message.to_string()),
        _ => None,
    });
    assert_eq!(notices.collect::<Vec<_>>(), ["here: the API server warns: numbers are deprecated"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_never_sent_is_sent_later_unless_it_must_happen_once() {
    let again = bench("", &[("PATCH", Strike::Unsent, 2)]);
    assert_eq!((again.go().await.exit_code, again.sets().len()), (0, 1));

    let gone = bench("", &[("PATCH", Strike::Unsent, 99)]);
    let ending = gone.go().await;
    assert_eq!((ending.exit_code, gone.sets().len()), (4, 0));
    assert!(ending.failure.unwrap().message.contains("connection refused"), "it is known that it was not made");

    let once = bench(", once: true", &[("PATCH", Strike::Unsent, 1)]);
    assert_eq!((once.go().await.exit_code, once.sets().len()), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lost_request_is_in_doubt_and_a_lost_question_is_not() {
    let lost = bench("", &[("PATCH", Strike::LoseAfter, 1)]);
    assert_eq!((lost.go().await.exit_code, lost.sets().len()), (0, 1));
    let once = bench(", once: true", &[("PATCH", Strike::LoseBefore, 1)]);
    let ending = once.go().await;
    assert_eq!((ending.exit_code, once.sets().len()), (1, 0));
    assert!(ending.failure.unwrap().message.contains("whether this was done is not known"));
    let question = bench("", &[("GET", Strike::LoseBefore, 1)]);
    assert_eq!(question.go().await.exit_code, 4, "nothing is unknown about it");
    let refused = bench("", &[("GET", Strike::Fail, 1)]);
    let failure = refused.go().await.failure.unwrap();
    assert_eq!(failure.message, "here: GET /numbers/x: out of luck (503)");
}

#[tokio::test(start_paused = true)]
async fn what_is_read_is_recorded_if_it_is_asked_for() {
    let reads = |bench: &Bench| -> Vec<Vec<(String, Done)>> {
        let events = bench.events().into_iter().filter_map(|event| match event.kind {
            EventKind::Probed { reads, .. } => Some(reads),
            _ => None,
        });
        events.map(|reads| reads.into_iter().map(|read| (read.sent, read.received)).collect()).collect()
    };
    let bench = bench("", &[]);
    bench.go().await;
    assert_eq!(reads(&bench), [[], []]);
    let mut bench = Bench { record_reads: true, ..bench };
    bench.world = Default::default();
    bench.journal = Default::default();
    bench.go().await;
    let read = |is: i64| vec![("here> GET /numbers/x".to_owned(), Done::Response(json!({"is": is})))];
    assert_eq!(reads(&bench), [read(0), read(3)]);
}

#[tokio::test(start_paused = true)]
async fn what_a_secret_step_reads_is_withheld() {
    let step = "  - {name: one, target: active, number: {name: x, is: 3}, secret: true}\n";
    let bench = Bench { record_reads: true, ..Bench::steps(step) };
    bench.go().await;
    let events = bench.events();
    let probed = events.iter().find_map(|event| match &event.kind {
        EventKind::Probed { reads, .. } => Some(reads),
        _ => None,
    });
    let Done::Output(output) = &probed.unwrap()[0].received else { panic!("no output") };
    assert_eq!(output.stdout, "***");
}
