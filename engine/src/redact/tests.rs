use crate::text::Text;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::action::Action;
use crate::change::Change;
use crate::event::{Event, EventKind, Outcome};
use crate::path::Path;
use crate::target::Target;
use crate::task::{ChangeId, TaskId};
use crate::world::{Command, Place};

fn secrets(values: &[(&str, Value)]) -> SecretValues {
    let mut secrets = SecretValues::default();
    values.iter().for_each(|(name, value)| secrets.add(name, value));
    secrets
}

fn event(kind: EventKind) -> Event {
    let at = jiff::Timestamp::UNIX_EPOCH;
    let (run, hidden) = ("r".to_owned(), Vec::new());
    Event { v: 2, seq: 1, at, elapsed_ms: 0, run, epoch: None, hidden, kind }
}

fn task() -> TaskId {
    TaskId { path: "phase/run-step".parse::<Path>().unwrap(), target: Target::Controller }
}

/// Redacts, serialises, deserialises and fills.
fn there_and_back(kind: EventKind, known: &SecretValues) -> (Event, Event) {
    let mut shown = event(kind);
    shown.hidden = Redactor::new(known).hide(&mut shown.kind);
    let line = serde_json::to_string(&shown).unwrap();
    let mut filled: Event = serde_json::from_str(&line).unwrap();
    assert_eq!(filled, shown);
    assert_eq!(fill(&mut filled, known), []);
    (shown, filled)
}

#[test]
fn secrets_are_hidden_wherever_they_stand() {
    let redactor = Redactor::new(secrets(&[("pw", json!("s3cr3t-pass")), ("pin", json!(987_654))]));
    let mut value = json!({
        "argv": ["mysql", "-ps3cr3t-pass", "--pin=987654"],
        "s3cr3t-pass": {"data": "czNjcjN0LXBhc3M="},
        "n": 3, "pin": 987_654, "pins": [987_654, 9_876_540],
    });
    redactor.value(&mut value);
    let expected = json!({
        "argv": ["mysql", "-p***", "--pin=***"], "***#1": {"data": "***"}, "n": 3, "pin": "***", "pins": ["***", 9_876_540]
    });
    assert_eq!(value, expected);
}

#[test]
fn the_lines_of_a_key_file_and_the_escapes_of_json_are_hidden_too() {
    let key = "-----BEGIN KEY-----\nabcdefghijkl\n";
    let redactor = Redactor::new(secrets(&[("key", json!(key)), ("pw", json!("say \"x\""))]));
    assert_eq!(redactor.text("read abcdefghijkl from the file"), "read *** from the file");
    assert_eq!(redactor.text(r#"{"pw": "say \"x\""}"#), r#"{"pw": "***"}"#);
}

#[test]
fn structure_stays_as_it_is_whatever_the_secrets_are() {
    let kind = || EventKind::TaskFinished {
        task: task(),
        outcome: Outcome::Changed,
        attempts: 1,
        took_ms: 1,
        result: Some(json!({"run": 1, "step": "a step of the run", "e": "e"})),
        failure: None,
    };
    let before = serde_json::to_value(event(kind())).unwrap();
    for secret in
        ["run", "step", "e", "1", "task_finished", "controller", "phase/run-step", "changed", "*", "***", "kind"]
    {
        let known = secrets(&[("s", json!(secret))]);
        let (shown, filled) = there_and_back(kind(), &known);
        let json = serde_json::to_value(&shown).unwrap();
        for field in ["kind", "task", "outcome", "attempts", "took_ms", "run", "seq", "v"] {
            assert_eq!(json[field], before[field], "{secret}: {field}");
        }
        assert_eq!(filled, event(kind()), "{secret}");
    }
}

#[test]
fn a_changes_key_keeps_its_first_word_and_loses_what_is_secret_in_the_rest() {
    let action = Action::Exec { place: Place::Controller, command: Command::new(["mkdir", "/srv/run"]) };
    let change = Change::idempotent("run /srv/run", Text::verbatim("make it"), [action]);
    let kind = EventKind::Applying { task: task(), number: ChangeId(1), change };
    let (shown, filled) = there_and_back(kind.clone(), &secrets(&[("pw", json!("run"))]));
    let EventKind::Applying { change, .. } = shown.kind else { panic!() };
    assert_eq!(change.key, "run /srv/***");
    assert_eq!(filled.kind, kind);
}

#[test]
fn stars_of_somebody_elses_are_not_taken_for_secrets() {
    let known = secrets(&[("pw", json!("hunter2"))]);
    let kind = EventKind::Notice { message: Text::verbatim("*** managed *** hunter2 ***") };
    let (shown, filled) = there_and_back(kind.clone(), &known);
    assert_eq!(shown.kind, EventKind::Notice { message: Text::verbatim("*** managed *** *** ***") });
    assert_eq!((shown.hidden.len(), shown.hidden[0].offset, shown.hidden[0].secret.as_str()), (1, 16, "pw"));
    assert_eq!(filled.kind, kind);
    let (shown, _) = there_and_back(EventKind::Notice { message: Text::verbatim("***") }, &known);
    assert_eq!(shown.hidden, []);
}

#[test]
fn a_secret_that_is_missing_or_changed_is_named_and_nothing_is_made_up() {
    let known = secrets(&[("pw", json!("hunter2")), ("token", json!("t0ken"))]);
    let value = json!({"both": "hunter2 t0ken", "pw": "hunter2", "hunter2": 1});
    let kind = EventKind::Registered { path: task().path, name: "x".into(), value, withheld: false };
    let mut shown = event(kind);
    shown.hidden = Redactor::new(&known).hide(&mut shown.kind);
    let mut one = shown.clone();
    assert_eq!(fill(&mut one, &secrets(&[("pw", json!("hunter2"))])), [Lack::Missing("token".into())]);
    let EventKind::Registered { value, .. } = &one.kind else { panic!() };
    assert_eq!(value, &json!({"both": "*** ***", "pw": "hunter2", "hunter2": 1}));
    assert!(one.hidden.iter().all(|hidden| hidden.at == "/value/both") && one.hidden.len() == 2);
    let mut changed = known.clone();
    changed.set_changed("pw");
    let mut two = shown.clone();
    assert_eq!(fill(&mut two, &changed), [Lack::Changed("pw".into())]);
    let words = Lack::Changed("pw".into()).to_string();
    assert_eq!(words, "the secret `pw` is not what it was when the run began");
}

#[test]
fn keys_stay_apart_and_come_back() {
    let known = secrets(&[("a", json!("aaa")), ("b", json!("bbb"))]);
    let value = json!({"x-aaa": {"aaa": "bbb"}, "x-bbb": [{"bbb/~": 1}], "x-***": 2, "x-***#1": 3});
    let kind = EventKind::Registered { path: task().path, name: "x".into(), value, withheld: false };
    let (shown, filled) = there_and_back(kind.clone(), &known);
    let EventKind::Registered { value, .. } = shown.kind else { panic!() };
    let expected = json!({"x-***#2": {"***#1": "***"}, "x-***#3": [{"***/~#1": 1}], "x-***": 2, "x-***#1": 3});
    assert_eq!(value.to_string(), expected.to_string());
    assert_eq!(filled.kind, kind);
    let EventKind::Registered { value: back, .. } = filled.kind else { panic!() };
    let EventKind::Registered { value, .. } = kind else { panic!() };
    assert_eq!(back.to_string(), value.to_string(), "in the same order");
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..30_i64).prop_map(Value::from),
        "[ab*1#/~\"\n]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[ab*1#/~]{0,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_hidden_comes_back_and_no_secret_is_left(
        value in json_value(),
        texts in prop::collection::vec("[ab*1#/~\"\n]{1,3}", 1..4),
        number in 0..30_i64,
    ) {
        let mut known = secrets(&[("n", json!(number))]);
        texts.iter().enumerate().for_each(|(index, text)| known.add("s", &json!({index.to_string(): text})));
        let kind = EventKind::Registered { path: task().path, name: "x".into(), value, withheld: false };
        let (shown, filled) = there_and_back(kind.clone(), &known);
        prop_assert_eq!(&filled.kind, &kind);
        let EventKind::Registered { value, .. } = &shown.kind else { panic!() };
        // A secret made of stars or digits may appear anew in the placeholders themselves.
        let marks = |text: &str| text.chars().all(|c| "*#1".contains(c));
        let all = value.to_string().replace("false", "");
        for text in texts.iter().filter(|text| text.chars().all(|c| "ab".contains(c)) && !marks(text)) {
            prop_assert!(!all.contains(text.as_str()), "{} in {}", text, all);
        }
    }
}

#[test]
fn secrets_are_hidden_as_command_lines_and_tojson_write_them() {
    let redactor = Redactor::new(secrets(&[("pw", json!("it's-R&D"))]));
    assert_eq!(redactor.text(r"echo 'it'\''s-R&D'"), "echo '***'");
    assert_eq!(redactor.text(r#""it\u0027s-R\u0026D""#), "\"***\"");
}
