//! Secrets are in no event, whatever they are, and what is known of a run is whole with them and without.

use cutover_engine::event::{Event, EventKind};
use cutover_engine::redact::{Lack, filled};
use cutover_testkit::driver::{Bench, Case};
use cutover_testkit::model::Blow;
use serde_json::{Map, Value, json};

use crate::registered;

fn with(pw: Value, steps: &str) -> Bench {
    let kind = match &pw {
        Value::Number(_) => "integer",
        Value::Object(_) => "map",
        _ => "string",
    };
    let head = format!("name: Test\nparams: {{pw: {{secret: true, required: true, type: {kind}}}}}\n");
    let text = format!("{head}phases:\n- name: Only\n  steps:\n{steps}");
    Bench::of(&Case { params: Map::from_iter([("pw".to_owned(), pw)]), ..Case::text(text) })
}

/// Resumes a bench's run with the secrets at hand.
async fn resume(bench: &Bench) -> u8 {
    let (_, lacks) = filled(&bench.events(), &bench.bound().secrets);
    assert_eq!(lacks, []);
    bench.resume(None).await.code()
}

fn set_text(bench: &Bench, text: &str) {
    bench.model().state.texts.insert(("controller".to_owned(), "x".to_owned()), text.to_owned());
}

fn text(bench: &Bench, name: &str) -> String {
    bench.model().state.texts[&("controller".to_owned(), name.to_owned())].clone()
}

const WRITE: &str = "  - {name: Write the note, note: {name: x, text: \"pw={{ pw }}\"}}\n";

#[tokio::test(start_paused = true)]
async fn a_text_with_stars_in_it_can_be_undone() {
    let bench = with(json!("s3cr3t"), "  - {name: Write, note: {name: x, text: plain}}\n");
    set_text(&bench, "*** managed by hand ***");
    assert_eq!(bench.run(None).await.code(), 0);
    assert_eq!((bench.undo(None).await.code(), text(&bench, "x").as_str()), (7, "*** managed by hand ***"));
}

#[tokio::test(start_paused = true)]
async fn what_had_a_secret_in_it_is_undone_with_the_secret_and_not_without() {
    let mut bench = with(json!("s3cr3t"), "  - {name: Write, note: {name: x, text: plain}}\n");
    set_text(&bench, "*** old s3cr3t");
    assert_eq!(bench.run(None).await.code(), 0);
    let journal = serde_json::to_string(&bench.events()).unwrap();
    assert!(!journal.contains("s3cr3t"), "{journal}");
    // As it is when the journal is read without the secrets.
    bench.forgets_secrets = true;
    let ending = bench.undo(None).await;
    assert_eq!((ending.code(), text(&bench, "x").as_str()), (8, "plain"));
    let failure = ending.failed().to_string();
    assert!(
        failure.contains("needs secrets that are missing, or are not what they were (pw): write plain"),
        "{failure}"
    );
    bench.forgets_secrets = false;
    assert_eq!((bench.undo(None).await.code(), text(&bench, "x").as_str()), (7, "*** old s3cr3t"));
}

#[tokio::test(start_paused = true)]
async fn an_at_most_once_change_with_a_secret_in_it_is_known_again() {
    for once in [", once: true", ""] {
        let step = WRITE.replace("}\"}", &format!("}}\"{once}}}"));
        let mut bench = with(json!("s3cr3t"), &step);
        bench.model().strike("put", Blow::LoseBefore, 1);
        let before = bench.run(None).await.code();
        assert_eq!((before, bench.sent().len()), if once.is_empty() { (0, 1) } else { (1, 0) });
        let code = resume(&bench).await;
        assert_eq!(code, if once.is_empty() { 0 } else { 1 }, "in doubt is in doubt");
        // The same without the secrets: values that look alike are treated alike.
        bench.forgets_secrets = true;
        assert_eq!(bench.resume(None).await.code(), code);
        assert_eq!(bench.sent().len(), usize::from(once.is_empty()));
    }
}

#[tokio::test(start_paused = true)]
async fn registered_values_and_results_have_their_secrets_back_when_a_run_goes_on() {
    let steps = "  - {name: Write, register: seen, note: {name: x, text: \"{{ pw.key }}\"}}
  - {name: Each, register: each, note: {name: \"{{ item }}\", text: \"{{ item }}-{{ pw.key }}\"}, loop: [a, b]}
  - {name: Use, note: {name: y, text: \"{{ seen.text }} {{ seen.keys() | list | length }} {{ each | map(attribute='text') | join(',') }}\"}}
";
    for strike in ["put b", "put y"] {
        let bench = with(json!({"key": "s3cr3t"}), &steps.replace("{{ seen.keys() | list | length }} ", ""));
        bench.model().strike(strike, Blow::Fail, 1);
        assert_eq!(bench.run(None).await.code(), 1);
        let (_, lacks) = filled(&bench.events(), &Default::default());
        assert_eq!(lacks, [Lack::Missing("pw.key".to_owned())]);
        assert_eq!(resume(&bench).await, 0);
        assert_eq!(text(&bench, "y"), "s3cr3t a-s3cr3t,b-s3cr3t");
        assert_eq!(bench.sent().len(), 4, "nothing twice");
        let journal = serde_json::to_string(&bench.events()).unwrap();
        assert!(!journal.contains("s3cr3t"), "{journal}");
    }
}

/// An event without its texts that come from elsewhere.
fn skeleton(event: &Event) -> String {
    fn strip(value: &mut Value) {
        let foreign = "hidden state done result value params name change summary message details reason playbook";
        match value {
            Value::Object(map) => {
                map.retain(|key, _| !foreign.split(' ').any(|word| word == key));
                map.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(event).unwrap();
    strip(&mut value);
    value.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_a_word_of_the_journals_own_leaves_it_whole() {
    let steps = "  - {name: Write the step, register: step, note: {name: x, text: \"the run, step {{ pw }}\"}}
  - {name: Send it, send: {name: e, is: 1}}
  - {name: Fail, send: {name: z, is: 2}}
";
    let played = async |secret: Value| {
        let bench = with(secret, steps);
        bench.model().strike("set z", Blow::Fail, 1);
        assert_eq!(bench.run(None).await.code(), 1);
        assert_eq!(resume(&bench).await, 0);
        assert_eq!(bench.sent().len(), 3, "{:?}", bench.sent());
        bench.events()
    };
    let plain: Vec<String> = played(json!("Xq7-nothing-like-it")).await.iter().map(skeleton).collect();
    for secret in
        ["run", "step", "e", "write", "kind", "controller", "changed", "only/send-it", "task_finished", "2", "*", " "]
    {
        let events = played(json!(secret)).await;
        assert_eq!(events.len(), plain.len(), "{secret}");
        for (event, plain) in events.iter().zip(&plain) {
            assert_eq!(skeleton(event), *plain, "{secret}");
            let line = serde_json::to_string(event).unwrap();
            assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), *event);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_number_is_hidden_where_it_is_a_number_too() {
    let bench = with(json!(987_654), "  - {name: Write, register: x, note: {name: x, text: \"{{ pw | string }}\"}}\n");
    assert_eq!(bench.run(None).await.code(), 0);
    let journal = serde_json::to_string(&bench.events()).unwrap();
    assert!(!journal.contains("987654"), "{journal}");
    let value = registered(&bench, "x");
    assert_eq!(value, json!({"text": "***", "number": "***", "***#1": true}));
    let (events, _) = filled(&bench.events(), &bench.bound().secrets);
    let registered = events.iter().find_map(|event| match &event.kind {
        EventKind::Registered { value, .. } => Some(value.clone()),
        _ => None,
    });
    assert_eq!(registered, Some(json!({"text": "987654", "number": 987_654, "987654": true})));
    assert!(!format!("{:?}", bench.bound()).contains("987654"));
}

#[tokio::test(start_paused = true)]
async fn a_result_whose_secret_is_missing_is_not_known() {
    let steps = "  - {name: Write, register: seen, note: {name: x, text: \"{{ pw }}\"}}
  - {name: Each, register: each, note: {name: \"{{ item }}\", text: \"{{ item }}-{{ pw }}\"}, loop: [a, b]}
  - {name: Use, note: {name: y, text: \"{{ USED }}\"}}
";
    // All of it was registered, or one of two tasks had come to its end.
    for (used, strike, wanted) in
        [("seen.text", "put y", "s3cr3t"), ("each[0].text", "put y", "a-s3cr3t"), ("each[0].text", "put b", "a-s3cr3t")]
    {
        let mut bench = with(json!("s3cr3t"), &steps.replace("USED", used));
        bench.model().strike(strike, Blow::Fail, 1);
        assert_eq!(bench.run(None).await.code(), 1);
        bench.forgets_secrets = true;
        let end = bench.resume(None).await;
        assert_eq!((end.code(), bench.sent().len()), (3, 3), "{used}, {strike}");
        assert!(end.failed().message.contains("journals do not store secrets"), "{used}, {strike}");
        if strike == "put y" {
            bench.forgets_secrets = false;
            assert_eq!(resume(&bench).await, 0);
            assert_eq!(text(&bench, "y"), wanted);
        }
    }
}
