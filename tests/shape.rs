//! The shape of the code itself: what the house style says about files, and what keeps the parts apart.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cutover_engine::playbook;
use cutover_modules::REGISTRY;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a directory of the repository: its path from the root, and its text.
fn sources(directory: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(directory)];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("text");
                found.push((path.strip_prefix(root()).expect("a path below").to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// A file without its tests: neither the module `tests` at its end nor a file that is nothing else.
fn without_tests(path: &Path, text: &str) -> String {
    let only_tests = path.components().any(|part| part.as_os_str() == "tests")
        || ["tests.rs", "testing.rs"].iter().any(|name| path.ends_with(name));
    if only_tests {
        String::new()
    } else {
        text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
    }
}

#[test]
fn files_are_short() {
    let mut all = Vec::new();
    for directory in ["src", "engine/src", "modules/src", "sandbox/src", "testkit", "tests"] {
        all.extend(sources(directory).into_iter().map(|(path, text)| (text.lines().count(), path)));
    }
    all.sort();
    let (longest, path) = all.last().expect("files");
    assert!(*longest <= 500, "{} has {longest} lines; no file may have more than 500", path.display());
    let (median, ninth) = (all[all.len() / 2].0, all[all.len() * 9 / 10].0);
    assert!(median <= 150, "half of the files have more than {median} lines; it should be 150 at most");
    assert!(ninth <= 350, "a tenth of the files have more than {ninth} lines; it should be 350 at most");
}

#[test]
fn every_file_says_what_it_is() {
    for directory in ["src", "engine/src", "modules/src", "sandbox/src", "testkit", "tests"] {
        for (path, text) in sources(directory).into_iter().filter(|(path, _)| !path.ends_with("tests.rs")) {
            assert!(text.starts_with("//! "), "{} does not begin with what it is", path.display());
        }
    }
}

#[test]
fn every_module_is_registered() {
    let mut written = BTreeSet::new();
    for (path, text) in sources("modules/src") {
        let text = without_tests(&path, &text);
        let implementations = text.matches("impl Module for ").count();
        let names: Vec<&str> =
            text.split("const NAME: &'static str = \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(names.len(), implementations, "{}: each module has one NAME, written as text", path.display());
        written.extend(names.into_iter().map(str::to_owned));
    }
    let registered: BTreeSet<String> = REGISTRY.names().map(str::to_owned).collect();
    assert_eq!(registered, written, "left: in `ALL` of modules/src/lib.rs; right: written in modules/src");
    assert_eq!(registered.len(), REGISTRY.0.len(), "two modules have the same name");
}

#[test]
fn every_example_is_a_step_that_check_accepts() {
    for module in REGISTRY.0 {
        let step = module.example().trim().lines().map(|line| format!("        {line}\n")).collect::<String>();
        let text = format!("name: x\nphases:\n  - name: x\n    steps:\n      -\n{step}");
        let name = format!("the example of `{}`", module.name());
        // The variables of an example are its reader's.
        let loaded = playbook::load(Path::new(&name), &REGISTRY, &|_: &Path| Ok(text.clone()));
        let playbook = loaded.unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        let steps = playbook.steps();
        let uses = |step: &&playbook::Step| matches!(&step.kind, playbook::StepKind::Module { module: used, .. } if used == module.name());
        assert!(steps.iter().any(uses), "{name} does not use it");
    }
}

#[test]
fn only_the_command_line_prints_reads_the_environment_and_exits() {
    let forbidden =
        ["println!", "eprintln!", "print!(", "std::env::", "env::var", "process::exit", "stdout()", "stderr()"];
    for directory in ["engine/src", "modules/src", "sandbox/src"] {
        for (path, text) in sources(directory) {
            for (number, line) in without_tests(&path, &text).lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                let found = forbidden.iter().find(|word| code.contains(**word));
                assert!(found.is_none(), "{}:{}: `{}`", path.display(), number + 1, found.copied().unwrap_or_default());
            }
        }
    }
}

#[test]
fn dependencies_point_one_way() {
    let allowed = [
        ("protocol", vec![]),
        ("engine", vec!["cutover-protocol"]),
        ("modules", vec!["cutover-engine"]),
        ("sandbox", vec!["cutover-engine"]),
        ("connections", vec!["cutover-engine"]),
    ];
    for (part, allowed) in allowed {
        let manifest = fs::read_to_string(root().join(part).join("Cargo.toml")).expect("a manifest");
        let names = manifest.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
        let used: Vec<&str> = names.clone().filter(|name| name.starts_with("cutover-")).collect();
        assert_eq!(used, allowed, "{part}");
        // Requests are data everywhere else.
        let waist = ["kube", "http", "http-body-util", "tower", "k8s-openapi", "hyper"];
        let wire: Vec<&str> = names.clone().filter(|name| waist.contains(name)).collect();
        assert!(part == "connections" || wire.is_empty(), "{part}: {wire:?}");
        let runtime: Vec<&str> = names.filter(|name| name.starts_with("tokio")).collect();
        assert!(part != "protocol" || runtime.is_empty(), "{part}: {runtime:?}");
    }
}

#[test]
fn a_command_is_declared_read_only_by_authors_alone() {
    let mut declared = Vec::new();
    for directory in ["engine/src", "modules/src", "sandbox/src", "connections/src", "src"] {
        for (path, text) in sources(directory) {
            let code = without_tests(&path, &text);
            for line in code.lines().filter(|line| line.contains("ReadOnly::declared(")) {
                assert!(line.contains(", params.read_only)"), "{}: {line}", path.display());
                declared.push(path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned());
            }
        }
    }
    declared.sort();
    assert_eq!(declared, ["command.rs", "k8s_exec.rs"]);
}
