//! Requests to API servers: what is lost and what was never sent, what is read of them, what servers warn of.

use std::time::Duration;

use cutover_engine::action::Done;
use cutover_engine::event::EventKind;
use cutover_testkit::driver::Bench;
use cutover_testkit::model::Blow;
use serde_json::json;
use tokio::time::Instant;

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
    let question = bench("", &[("GET", Blow::LoseBefore, 99)]);
    assert_eq!(question.run(None).await.code(), 4, "nothing is unknown about it");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_in_trouble_is_waited_for_from_a_steps_first_look_on() {
    for blow in [Blow::Fail, Blow::LoseBefore, Blow::Busy] {
        let bench = bench("", &[("GET", blow, 4)]);
        let began = Instant::now();
        assert_eq!((bench.run(None).await.code(), bench.sent().len()), (0, 1), "{blow:?}");
        let waited = began.elapsed() >= Duration::from_secs(4 * 7);
        assert_eq!(waited, blow == Blow::Busy, "{blow:?}: as long as it asks for, four times");
    }
    let gone = bench("", &[("GET", Blow::Fail, 99)]);
    let began = Instant::now();
    let ending = gone.run(None).await;
    assert_eq!((ending.code(), gone.sent().len()), (4, 0));
    let failure = ending.failed();
    assert_eq!(failure.message, "not done after 1m: here: GET /numbers/x: out of luck (503)");
    assert!(failure.help.is_some_and(|help| help.contains("/readyz")), "with what to look at");
    let took = began.elapsed().as_secs();
    assert!((60..62).contains(&took), "the step's timeout, and no longer: {took}");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_turned_away_is_sent_later_even_if_it_must_happen_once() {
    for more in ["", ", once: true"] {
        let bench = bench(more, &[("PATCH", Blow::Busy, 5)]);
        let began = Instant::now();
        assert_eq!((bench.run(None).await.code(), bench.sent().len()), (0, 1), "{more}");
        assert!(began.elapsed() >= Duration::from_secs(5 * 7), "{more}: as long as it asks for, five times");
        let kinds = bench.events().into_iter().map(|event| event.kind);
        assert_eq!(kinds.filter(|kind| matches!(kind, EventKind::NotSent { .. })).count(), 5, "{more}");

        let gone = self::bench(more, &[("PATCH", Blow::Busy, 99)]);
        let ending = gone.run(None).await;
        assert_eq!((ending.code(), gone.sent().len()), (4, 0), "{more}");
        let failure = ending.failed();
        assert!(failure.message.contains("not done after 1m: here: PATCH /numbers/x: slow down (429)"), "{failure}");
        assert!(failure.details.is_empty(), "{more}: it is known that it was not made: {failure}");
        assert!(gone.standing().is_empty(), "{more}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_an_api_server_in_trouble_answers_is_looked_for() {
    let again = bench("", &[("PATCH", Blow::Fail, 6)]);
    assert_eq!((again.run(None).await.code(), again.sent().len()), (0, 1));
    let once = bench(", once: true", &[("PATCH", Blow::Fail, 1)]);
    let ending = once.run(None).await;
    assert_eq!((ending.code(), once.sent().len()), (1, 0), "it is not sent again");
    let failure = ending.failed();
    assert!(failure.message.contains("whether this was done is not known"), "{failure}");
    assert!(failure.details[0].contains("out of luck (503)"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_turns_a_command_away_is_asked_again() {
    for (kind, line) in [("once", "get"), ("once", "set"), ("number", "set")] {
        let step = format!("  - {{name: one, target: active, {kind}: {{name: x, is: 3}}, timeout: 5m}}\n");
        let bench = Bench::steps(&step);
        bench.model().strike(line, Blow::Busy, 3);
        assert_eq!((bench.run(None).await.code(), bench.sent().len()), (0, 1), "{kind} {line}");
        bench.model().state.numbers.clear();
        bench.model().strike(line, Blow::Busy, 99);
        let began = Instant::now();
        let ending = bench.run(None).await;
        assert_eq!((ending.code(), bench.sent().len()), (4, 1), "{kind} {line}");
        let took = began.elapsed().as_secs();
        assert!((60..80).contains(&took), "{kind} {line}: not for the whole of its time: {took}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_whose_effect_cannot_be_seen_is_sent_again_where_it_was_turned_away() {
    let step = "  - {name: one, target: active, send: {name: x, is: 3}, timeout: 1m}\n";
    let bench = Bench::steps(step);
    bench.model().strike("set", Blow::Busy, 3);
    assert_eq!((bench.run(None).await.code(), bench.sent().len()), (0, 1));
    let gone = Bench::steps(step);
    gone.model().strike("set", Blow::Busy, 99);
    assert_eq!((gone.run(None).await.code(), gone.sent().len()), (4, 0));
    assert!(gone.standing().is_empty(), "nothing of it was sent");
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
