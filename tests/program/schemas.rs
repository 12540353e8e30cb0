//! Generated files: they must be what the code generates. `UPDATE=1 cargo test --test program schemas` writes them.

use std::fs;

use cutover_engine::source::{SourceFile, parse};
use cutover_modules::REGISTRY;
use cutover_testkit::console::{root, run};
use serde_json::{Value, json};

fn same_as_made(directory: &str, file: &str, kind: &str) {
    let output = run(&root(), &["schema", kind]);
    assert!(output.status.success(), "{}", cutover_testkit::console::seen(&output));
    let made = String::from_utf8(output.stdout).expect("text");
    let path = root().join(directory).join(file);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(root().join(directory)).expect("a directory");
        fs::write(&path, &made).expect("a file");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let differs = committed.lines().zip(made.lines()).position(|(committed, made)| committed != made);
    let line = differs.unwrap_or_else(|| committed.lines().count().min(made.lines().count())) + 1;
    assert!(
        committed == made,
        "{directory}/{file} is not what the code makes (first difference in line {line}).\n\
         If the code is right: UPDATE=1 cargo test --test program schemas, and commit the file"
    );
}

#[test]
fn schemas_are_what_the_types_make() {
    same_as_made("schemas", "playbook.schema.json", "playbook");
    same_as_made("schemas", "inventory.schema.json", "inventory");
    same_as_made("schemas", "world.schema.json", "world");
    same_as_made("schemas", "event.schema.json", "event");
    same_as_made("schemas", "plan.schema.json", "plan");
}

#[test]
fn the_reference_is_what_the_modules_say() {
    same_as_made("docs", "modules.md", "reference");
}

#[test]
fn files_are_written_where_they_are_wanted() {
    let directory = tempfile::tempdir().expect("a directory");
    let output = run(directory.path(), &["schema", "--write", "a/b"]);
    let printed = String::from_utf8_lossy(&output.stdout);
    let kinds = ["playbook", "inventory", "world", "event", "plan"];
    assert_eq!(printed, kinds.map(|kind| format!("a/b/{kind}.schema.json\n")).concat());
    for line in printed.lines() {
        let text = fs::read_to_string(directory.path().join(line)).expect("a file");
        serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
    }
}

fn json_of(text: &str) -> Value {
    parse(&SourceFile::new("x.yml", text)).unwrap_or_else(|faults| panic!("{faults}\n{text}")).to_json()
}

fn validator(schema: &str) -> jsonschema::Validator {
    let text = fs::read_to_string(root().join("schemas").join(schema)).expect("a schema");
    jsonschema::draft7::new(&serde_json::from_str(&text).expect("JSON")).expect("a schema")
}

#[test]
fn the_schema_of_playbooks_knows_every_module_by_its_own_parameters() {
    let schema = validator("playbook.schema.json");
    let playbook = |step: Value| json!({"name": "x", "phases": [{"name": "x", "steps": [step]}]});
    for module in REGISTRY.0 {
        let mut step = json_of(module.example());
        let errors: Vec<String> = schema
            .iter_errors(&playbook(step.clone()))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "`{}`: {errors:#?}", module.name());
        step[module.name()] = json!(7);
        assert!(!schema.is_valid(&playbook(step)), "`{}` takes anything", module.name());
    }
    for (name, good) in [("good/one.yml", true), ("good/two.yml", true), ("faults/unknown_key.yml", false)] {
        let text = fs::read_to_string(root().join("tests/cases").join(name)).expect("a playbook");
        assert_eq!(schema.is_valid(&json_of(&text)), good, "{name}");
    }
}

#[test]
fn the_schema_of_events_describes_every_kind() {
    let schema = validator("event.schema.json");
    let journal = fs::read_to_string(root().join("examples/eventful.jsonl")).expect("a journal");
    for line in journal.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let errors: Vec<String> =
            schema.iter_errors(&event).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{line}: {errors:#?}");
        for (field, wrong) in
            [("v", json!(1)), ("kind", json!("teleported")), ("task", json!("x")), ("outcome", json!(7))]
        {
            let mut other = event.clone();
            if other.get(field).is_some() {
                other[field] = wrong;
                assert!(!schema.is_valid(&other), "`{field}` takes anything: {line}");
            }
        }
    }
}

#[test]
fn the_schema_of_plans_takes_a_plan() {
    let schema = validator("plan.schema.json");
    let output = run(&root(), &["plan", "playbooks/etcd-cutover.yml", "--sandbox", "--output", "json"]);
    let plan: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let errors: Vec<String> =
        schema.iter_errors(&plan).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let mut wrong = plan;
    wrong["phases"][0]["steps"][0]["verdict"] = json!("perhaps");
    assert!(!schema.is_valid(&wrong));
}

#[test]
fn the_schema_of_inventories_takes_the_example() {
    let schema = validator("inventory.schema.json");
    for (name, good) in [("inventories/example.yml", true), ("tests/cases/inventories/wrong_types.yml", false)] {
        let text = fs::read_to_string(root().join(name)).expect("an inventory");
        assert_eq!(schema.is_valid(&json_of(&text)), good, "{name}");
    }
}
