//! Loading and checking playbooks: one file with ten different faults reports all ten.

use std::path::Path;

use insta::assert_snapshot;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::*;
use crate::check::check_file;
use crate::failure::Failure;
use crate::module::{Context, Diff, Facts, Module, Registry};
use crate::subject::Subject;

#[derive(Clone, Copy)]
struct Scale;

/// Parameters.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ScaleParams {
    /// The replicas.
    replicas: u32,
    /// The kind.
    #[serde(default)]
    kind: Option<Kind>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
enum Kind {
    /// A stateful set.
    StatefulSet,
    /// A deployment.
    Deployment,
}

impl Module for Scale {
    const NAME: &'static str = "k8s_scale";
    const SUMMARY: &'static str = "Scales";
    const EXAMPLE: &'static str = "k8s_scale: {replicas: 0}";
    type Params = ScaleParams;
    type State = ();

    async fn probe(&self, _: &Context, _: &ScaleParams) -> Result<(), Failure> {
        Ok(())
    }

    fn subjects(&self, _: &Facts, _: &ScaleParams) -> Option<Vec<Subject>> {
        None
    }

    fn result_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::default()
    }

    fn diff(&self, _: &Facts, _: &ScaleParams, _: &()) -> Diff {
        Diff::InSync
    }
}

const REGISTRY: Registry = Registry(&[&Scale]);

fn files<'a>(files: &'a [(&'a str, &'a str)]) -> impl Fn(&Path) -> std::io::Result<String> + 'a {
    |path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }
}

fn faults(text: &str) -> String {
    let files = [("p.yml", text)];
    let (_, faults) = check_file(Path::new("p.yml"), None, &REGISTRY, &self::files(&files));
    let lines = faults.0.iter().map(|fault| {
        let at = fault.at.as_ref().map(ToString::to_string).unwrap_or_default();
        let help = fault.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{at}: {fault}{help}\n")
    });
    lines.collect()
}

#[test]
fn ten_faults_in_one_file_are_ten_messages() {
    let text = r#"
name: Ten faults
windo: 2h
params:
  release: {default: etcd}
phases:
  - name: First
    budget: 5M
    steps:
      - name: Unknown module
        k8s_scal: {replicas: 0}
      - name: Unknown option
        timout: 3m
        k8s_scale: {replicas: 0}
      - name: Unknown parameter
        k8s_scale: {replicas: 0, replica: 1}
      - name: Wrong type
        k8s_scale: {replicas: many}
      - name: Not a choice
        k8s_scale: {replicas: 0, kind: Statefulset}
      - name: Unknown variable
        when: relase == "x"
        k8s_scale: {replicas: "{{ release | length }}"}
      - name: Broken template
        k8s_scale: {replicas: "{{ release | }}"}
      - name: Unknown target
        target: activ.pairs
        k8s_scale: {replicas: 0}
      - name: Includes nothing
        include: missing.yml
"#;
    assert_snapshot!(faults(text), @r##"
    p.yml:3:1: unknown key `windo` in a playbook (did you mean `window`?)
    p.yml:8:13: `5M` is not a duration: write `30s`, `5m`, `2h` or `1m 30s`
    p.yml:11:9: unknown module `k8s_scal` (did you mean `k8s_scale`?)
    p.yml:13:9: unknown key `timout` in a step (did you mean `timeout`?)
    p.yml:16:34: unknown key `replica` in `k8s_scale` (did you mean `replicas`?)
    p.yml:18:31: `replicas` of `k8s_scale` must be a whole number, and this is text
    p.yml:20:40: `kind` of `k8s_scale` must be one of `StatefulSet`, `Deployment`, and this is `Statefulset` (did you mean `StatefulSet`?)
    p.yml:22:15: unknown variable `relase` (did you mean `release`?)
    p.yml:25:45: template: syntax error: unexpected end of variable block, expected identifier
    p.yml:27:17: unknown target `activ.pairs` (did you mean `active.pairs`?)
    p.yml:30:18: cannot read `missing.yml`: entity not found
    "##);
}

#[test]
fn a_step_does_exactly_one_thing() {
    let text = "
name: x
phases:
  - name: a
    steps:
      - {name: none}
      - {gate: 'Go?', k8s_scale: {replicas: 1}}
";
    assert_snapshot!(faults(text), @r##"
    p.yml:6:9: this step does nothing: it names no module, `gate`, `block` or `include` (`cutover explain` lists the modules)
    p.yml:7:23: a step does one thing, and this one has `gate` and `k8s_scale` (make it two steps)
    "##);
}

#[test]
fn includes_are_put_in_place_and_cycles_are_refused() {
    let files = [
        ("d/p.yml", "name: x\nphases:\n- name: Stop\n  steps:\n  - {include: tasks/a.yml, vars: {who: me}}\n"),
        ("d/tasks/a.yml", "- {name: One, k8s_scale: {replicas: 0}}\n- {name: One, k8s_scale: {replicas: 1}}\n"),
        ("d/cycle.yml", "name: x\nphases:\n- name: Stop\n  steps:\n  - {include: loop.yml}\n"),
        ("d/loop.yml", "- {include: loop.yml}\n"),
    ];
    let playbook = load(Path::new("d/p.yml"), &REGISTRY, &self::files(&files)).expect("a playbook");
    let ids: Vec<&str> = playbook.steps().iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["stop/tasks-a-yml", "stop/tasks-a-yml/one", "stop/tasks-a-yml/one-2"]);
    let fault = load(Path::new("d/cycle.yml"), &REGISTRY, &self::files(&files)).expect_err("a cycle");
    assert_eq!(fault.to_string(), "d/loop.yml:1:13: `d/loop.yml` includes itself");
}

#[test]
fn parameters_take_their_types_from_defaults_and_refuse_other_values_than_the_choices() {
    let text = "
name: x
params:
  replicas: {default: 3}
  mode: {default: a, choices: [a, b]}
  name: {required: true, description: the name}
phases: [{name: a, steps: [{k8s_scale: {replicas: 1}}]}]
";
    let files = [("p.yml", text)];
    let playbook = load(Path::new("p.yml"), &REGISTRY, &self::files(&files)).expect("a playbook");
    let provided = |json: serde_json::Value| json.as_object().cloned().unwrap_or_default();
    let good = resolve_params(&playbook, &provided(serde_json::json!({"replicas": "5", "name": "n"}))).expect("values");
    assert_eq!(serde_json::Value::Object(good).to_string(), r#"{"replicas":5,"mode":"a","name":"n"}"#);
    let bad = resolve_params(&playbook, &provided(serde_json::json!({"replicas": "x", "mode": "c", "nam": 1})));
    assert_snapshot!(bad.expect_err("faults"), @r##"
    `p.yml` has no parameter `nam`
    parameter `replicas`: "x" is not a whole number
    parameter `mode`: "c" is none of "a", "b"
    parameter `name` is required (the name)
    "##);
}

#[test]
fn paths_and_sizes_that_nobody_means_are_refused() {
    let text = "
name: x
params:
  dir: {type: path, default: /data}
  size: {type: size, default: 20Gi}
phases: [{name: a, steps: [{k8s_scale: {replicas: 1}}]}]
";
    let files = [("p.yml", text)];
    let playbook = load(Path::new("p.yml"), &REGISTRY, &self::files(&files)).expect("a playbook");
    let resolved = |name: &str, value: serde_json::Value| {
        let arguments = [(name.to_owned(), value)].into_iter().collect();
        resolve_params(&playbook, &arguments)
            .map(|values| values[name].to_string())
            .map_err(|faults| faults.to_string())
    };
    for path in ["", "/", "//", " ", "data", "/data/../etc", "/data//x", "/a\nb", "."] {
        let fault = resolved("dir", path.into()).expect_err(path);
        assert!(fault.contains("parameter `dir`") && fault.contains("path: write an absolute one"), "{fault}");
    }
    assert_eq!(resolved("dir", "/data/x y/".into()).as_deref(), Ok(r#""/data/x y""#));
    for size in ["", "0", "-1Gi", "20Gib", "20 Gi", "2000Pi", "1e30", "many", "0.2"] {
        assert!(resolved("size", size.into()).is_err(), "{size}");
    }
    for (size, value) in [("20Gi", r#""20Gi""#), ("500MB", r#""500MB""#), ("1.5Ti", r#""1.5Ti""#)] {
        assert_eq!(resolved("size", size.into()).as_deref(), Ok(value));
    }
    assert_eq!(resolved("size", 4096.into()).as_deref(), Ok(r#""4096""#));
}

#[test]
fn names_labels_and_numbers_that_cannot_be_meant_are_refused() {
    let text = "
name: x
params:
  name: {type: name, default: common}
  label: {type: label, default: app}
  count: {type: integer, default: 3, minimum: 1, maximum: 99}
  pin: {type: integer, default: 3000, minimum: 1000, secret: true}
phases: [{name: a, steps: [{k8s_scale: {replicas: 1}}]}]
";
    let files = [("p.yml", text)];
    let playbook = load(Path::new("p.yml"), &REGISTRY, &self::files(&files)).expect("a playbook");
    let resolved = |name: &str, value: serde_json::Value| {
        let arguments = [(name.to_owned(), value)].into_iter().collect();
        resolve_params(&playbook, &arguments).map(drop).map_err(|faults| faults.to_string())
    };
    for name in ["", "Common", "a_b", "-a", "a.", "a..b", "a/b", "a b", &"x".repeat(254)] {
        assert!(resolved("name", name.into()).is_err(), "{name}");
    }
    for label in ["", "app=etcd", "a/b/c", "/app", "app/", "Ex.com/app", "-app", &"x".repeat(64)] {
        assert!(resolved("label", label.into()).is_err(), "{label}");
    }
    for (name, value) in [("name", "etcd-0.common"), ("label", "example.com/App_1"), ("count", "99")] {
        assert_eq!(resolved(name, value.into()), Ok(()), "{name} {value}");
    }
    assert_eq!(
        resolved("count", 0.into()).unwrap_err(),
        "parameter `count`: 0 is less than 1, the smallest that is allowed"
    );
    assert!(resolved("count", 100.into()).unwrap_err().contains("is more than 99"));
    let secret = resolved("pin", 12.into()).unwrap_err();
    assert!(secret.contains("less than 1000") && !secret.contains("12"), "{secret}");
}

#[test]
fn a_default_is_held_to_its_own_rules() {
    for param in [
        "{type: path, default: /}",
        "{type: size, default: many}",
        "{default: 0, minimum: 1}",
        "{default: c, choices: [a]}",
    ] {
        let text = format!(
            "name: x\nparams: {{p: {param}}}\nphases: [{{name: a, steps: [{{k8s_scale: {{replicas: 1}}}}]}}]\n"
        );
        let files = [("p.yml", text.as_str())];
        let playbook = load(Path::new("p.yml"), &REGISTRY, &self::files(&files)).expect("a playbook");
        assert!(resolve_params(&playbook, &serde_json::Map::new()).is_err(), "{param}");
    }
}
