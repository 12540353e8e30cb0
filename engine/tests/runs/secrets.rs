//! Secrets are in no event, whatever they are, and what is known of a run is whole with them and without.

use cutover_engine::action::Action;
use cutover_engine::event::{Event, EventKind};
use cutover_engine::execute::Past;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Class, Context, Diff, Facts, Module};
use cutover_engine::redact::{Lack, filled};
use cutover_engine::subject::Subject;
use cutover_engine::text::Text;
use cutover_engine::world::Command;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::bench::Bench;
use crate::world::{Strike, reads};

/// Keeps a text.
#[derive(Clone, Copy)]
pub(crate) struct Note;

/// What a playbook says to `note`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    name: String,
    text: String,
    #[serde(default)]
    once: bool,
}

impl Module for Note {
    const NAME: &'static str = "note";
    const SUMMARY: &'static str = "Keeps a text";
    const EXAMPLE: &'static str = "name: x\nnote: {name: x, text: y}\n";
    type Params = Params;
    type State = Value;

    async fn probe(&self, cx: &Context, params: &Params) -> Result<Value, Failure> {
        let output = cx.read(&reads(["show", &params.name])).await?;
        let number = output.stdout.parse::<i64>().ok();
        Ok(json!({"text": output.stdout, "number": number, (output.stdout.clone()): true}))
    }

    fn subjects(&self, _: &Facts, _: &Params) -> Option<Vec<Subject>> {
        None
    }

    fn result_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::default()
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &Value) -> Diff {
        if state["text"] == params.text.as_str() {
            return Diff::InSync;
        }
        let put =
            |text: &str| Action::Exec { place: facts.place(), command: Command::new(["put", &params.name, text]) };
        let key = format!("write {}", params.text);
        let class = if params.once { Class::AtMostOnce } else { Class::Idempotent };
        let before = state["text"].as_str().unwrap_or_default();
        let change = Change::new(class, &key, Text::verbatim(&key), [put(&params.text)]);
        Diff::Change(vec![change.undo([put(before)])])
    }
}

fn with(pw: Value, steps: &str) -> Bench {
    let kind = match &pw {
        Value::Number(_) => "integer",
        Value::Object(_) => "map",
        _ => "string",
    };
    let head = format!("name: Test\nparams: {{pw: {{secret: true, required: true, type: {kind}}}}}\n");
    Bench::with(&format!("{head}phases:\n- name: Only\n  steps:\n{steps}"), Map::from_iter([("pw".to_owned(), pw)]))
}

/// Goes on with what a bench has done so far; the secrets are given again.
async fn resume(bench: &mut Bench) -> u8 {
    let (events, lacks) = filled(&bench.events(), &bench.run.secrets);
    assert_eq!(lacks, []);
    bench.past = Past::of(&events);
    bench.go().await.exit_code
}

fn set_text(bench: &Bench, text: &str) {
    bench.world.0.lock().unwrap().texts.insert("x".to_owned(), text.to_owned());
}

fn text(bench: &Bench) -> String {
    bench.world.0.lock().unwrap().texts["x"].clone()
}

const WRITE: &str = "  - {name: Write the note, note: {name: x, text: \"pw={{ pw }}\"}}\n";

#[tokio::test(start_paused = true)]
async fn a_text_with_stars_in_it_can_be_undone() {
    let bench = with(json!("s3cr3t"), "  - {name: Write, note: {name: x, text: plain}}\n");
    set_text(&bench, "*** managed by hand ***");
    assert_eq!(bench.go().await.exit_code, 0);
    assert_eq!((bench.undo().await.exit_code, text(&bench).as_str()), (7, "*** managed by hand ***"));
}

#[tokio::test(start_paused = true)]
async fn what_had_a_secret_in_it_is_undone_with_the_secret_and_not_without() {
    let bench = with(json!("s3cr3t"), "  - {name: Write, note: {name: x, text: plain}}\n");
    set_text(&bench, "*** old s3cr3t");
    assert_eq!(bench.go().await.exit_code, 0);
    let journal = serde_json::to_string(&bench.events()).unwrap();
    assert!(!journal.contains("s3cr3t"), "{journal}");
    // As it is when the journal is read without the secrets.
    let ending = bench.undo_as_recorded().await;
    assert_eq!((ending.exit_code, text(&bench).as_str()), (8, "plain"));
    let failure = ending.failure.unwrap().to_string();
    assert!(
        failure.contains("needs secrets that are not given, or are not what they were (pw): write plain"),
        "{failure}"
    );
    assert_eq!((bench.undo().await.exit_code, text(&bench).as_str()), (7, "*** old s3cr3t"));
}

#[tokio::test(start_paused = true)]
async fn an_at_most_once_change_with_a_secret_in_it_is_known_again() {
    for once in [", once: true", ""] {
        let step = WRITE.replace("}\"}", &format!("}}\"{once}}}"));
        let mut bench = with(json!("s3cr3t"), &step);
        bench.world.0.lock().unwrap().strikes.push(("put", Strike::LoseBefore, 1));
        let before = bench.go().await.exit_code;
        assert_eq!((before, bench.sets().len()), if once.is_empty() { (0, 1) } else { (1, 0) });
        let code = resume(&mut bench).await;
        assert_eq!(code, if once.is_empty() { 0 } else { 1 }, "in doubt is in doubt");
        // Also without the secrets: what cannot be told apart is the same.
        bench.past = Past::of(&bench.events());
        assert_eq!(bench.go().await.exit_code, code);
        assert_eq!(bench.sets().len(), usize::from(once.is_empty()));
    }
}

#[tokio::test(start_paused = true)]
async fn registered_values_and_results_have_their_secrets_back_when_a_run_goes_on() {
    let steps = "  - {name: Write, register: seen, note: {name: x, text: \"{{ pw.key }}\"}}
  - {name: Each, register: each, note: {name: \"{{ item }}\", text: \"{{ item }}-{{ pw.key }}\"}, loop: [a, b]}
  - {name: Use, note: {name: y, text: \"{{ seen.text }} {{ seen.keys() | list | length }} {{ each | map(attribute='text') | join(',') }}\"}}
";
    for strike in ["put b", "put y"] {
        let mut bench = with(json!({"key": "s3cr3t"}), &steps.replace("{{ seen.keys() | list | length }} ", ""));
        bench.world.0.lock().unwrap().strikes.push((strike, Strike::Fail, 1));
        assert_eq!(bench.go().await.exit_code, 1);
        let (_, lacks) = filled(&bench.events(), &Default::default());
        assert_eq!(lacks, [Lack::Missing("pw.key".to_owned())]);
        assert_eq!(resume(&mut bench).await, 0);
        assert_eq!(bench.world.0.lock().unwrap().texts["y"], "s3cr3t a-s3cr3t,b-s3cr3t");
        assert_eq!(bench.sets().len(), 4, "nothing twice");
        let journal = serde_json::to_string(&bench.events()).unwrap();
        assert!(!journal.contains("s3cr3t"), "{journal}");
    }
}

/// What is left of an event without its texts that come from elsewhere.
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
        let mut bench = with(secret, steps);
        bench.world.0.lock().unwrap().strikes.push(("set z", Strike::Fail, 1));
        assert_eq!(bench.go().await.exit_code, 1);
        assert_eq!(resume(&mut bench).await, 0);
        assert_eq!(bench.sets().len(), 3, "{:?}", bench.sets());
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
    assert_eq!(bench.go().await.exit_code, 0);
    let journal = serde_json::to_string(&bench.events()).unwrap();
    assert!(!journal.contains("987654"), "{journal}");
    let value = bench.registered("x");
    assert_eq!(value, json!({"text": "***", "number": "***", "***#1": true}));
    let (events, _) = filled(&bench.events(), &bench.run.secrets);
    let registered = events.iter().find_map(|event| match &event.kind {
        EventKind::Registered { value, .. } => Some(value.clone()),
        _ => None,
    });
    assert_eq!(registered, Some(json!({"text": "987654", "number": 987_654, "987654": true})));
    assert!(!format!("{:?}", bench.run).contains("987654"));
}
