//! Requests to API servers: what is lost and what was never sent, what is read of them, what servers warn of.

use cutover_engine::action::Done;
use cutover_engine::event::EventKind;
use cutover_testkit::driver::Bench;
use cutover_testkit::model::Blow;
use serde_json::json;

fn bench(more: &str, strikes: &[(&str, Blow, usize)]) -> Bench {
    let step = format!("  - {{name: one, target: active, remote: {{name: x, is: 3{more}}}, timeout: 1m}}\n");
    let bench = Bench::steps(&step);
    strikes.iter().for_each(|(line, blow, times)| bench.model().strike(*line, *blow, *times));
    bench
}

#[tokio::test(start_paused = true)]
async fn a_warning_of_an_api_server_is_reported_once() {
    let steps =
        ["x", "y"].map(|name| format!("  - {{name: {name}, target: active, remote: {{name: {name}, is: 3}}}}\n"));
    let bench = Bench::steps(&steps.concat());
    assert_eq!((bench.run(None).await.code(), bench.sent().len()), (0, 2));
    let notices = bench.events().into_iter().filter_map(|event| match event.kind {
        EventKind::Notice { message } => Some(message.to_string()),
        _ => None,
    });
    assert_eq!(notices.collect::<Vec<_>>(), ["here: the API server warns: numbers are deprecated"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_never_sent_is_sent_later_unless_it_must_happen_once() {
    let again = bench("", &[("PATCH", Blow::Unsent, 2)]);
    assert_eq!((again.run(None).await.code(), again.sent().len()), (0, 1));

    let gone = bench("", &[("PATCH", Blow::Unsent, 99)]);
    let ending = gone.run(None).await;
    assert_eq!((ending.code(), gone.sent().len()), (4, 0));
    assert!(ending.failed().message.contains("connection refused"), "it is known that it was not made");

    let once = bench(", once: true", &[("PATCH", Blow::Unsent, 1)]);
    assert_eq!((once.run(None).await.code(), once.sent().len()), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lost_request_is_in_doubt_and_a_lost_question_is_not() {
    let lost = bench("", &[("PATCH", Blow::LoseAfter, 1)]);
    assert_eq!((lost.run(None).await.code(), lost.sent().len()), (0, 1));
    let once = bench(", once: true", &[("PATCH", Blow::LoseBefore, 1)]);
    let ending = once.run(None).await;
    assert_eq!((ending.code(), once.sent().len()), (1, 0));
    assert!(ending.failed().message.contains("whether this was done is not known"));
    let question = bench("", &[("GET", Blow::LoseBefore, 1)]);
    assert_eq!(question.run(None).await.code(), 4, "nothing is unknown about it");
    let refused = bench("", &[("GET", Blow::Fail, 1)]);
    let failure = refused.run(None).await.failed();
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
    bench.run(None).await;
    assert_eq!(reads(&bench), [[], []]);
    let mut bench = bench.fresh();
    bench.record_reads = true;
    bench.run(None).await;
    let read = |is: i64| vec![("here> GET /numbers/x".to_owned(), Done::Response(json!({"is": is})))];
    assert_eq!(reads(&bench), [read(0), read(3)]);
}

#[tokio::test(start_paused = true)]
async fn what_a_secret_step_reads_is_withheld() {
    let step = "  - {name: one, target: active, number: {name: x, is: 3}, secret: true}\n";
    let mut bench = Bench::steps(step);
    bench.record_reads = true;
    bench.run(None).await;
    let events = bench.events();
    let probed = events.iter().find_map(|event| match &event.kind {
        EventKind::Probed { reads, .. } => Some(reads),
        _ => None,
    });
    let Done::Output(output) = &probed.unwrap()[0].received else { panic!("no output") };
    assert_eq!(output.stdout, "***");
}
