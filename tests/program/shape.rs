//! The shape of the code itself: the rules of the house style about files, and the walls between the parts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cutover_engine::playbook;
use cutover_modules::REGISTRY;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where each member of the workspace is, from its root: `engine`, `library/report`; `.` is the program `cutover`.
fn members() -> Vec<String> {
    let manifest = text("Cargo.toml");
    let list = manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']')).expect("members").0;
    let members: Vec<String> = list.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(members.len() > 10, "{members:?}");
    members
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every Rust file of a member, its tests and examples too: its path from the root, and its text.
fn sources(member: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = match member {
        // Of the root only these are the program's; the other directories are members.
        "." => ["src", "tests", "examples", "benchmarks"].map(|directory| root().join(directory)).to_vec(),
        member => vec![root().join(member)],
    };
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
    assert!(!found.is_empty(), "{member}");
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
    for member in members() {
        all.extend(sources(&member).into_iter().map(|(path, text)| (text.lines().count(), path)));
    }
    all.sort();
    let (longest, path) = all.last().expect("files");
    assert!(*longest <= 500, "{} has {longest} lines; no file may have more than 500", path.display());
    let (median, ninth) = (all[all.len() / 2].0, all[all.len() * 9 / 10].0);
    assert!(median <= 150, "half of the files have more than {median} lines; it should be 150 at most");
    assert!(ninth <= 350, "a tenth of the files have more than {ninth} lines; it should be 350 at most");
}

#[test]
fn every_file_begins_with_what_it_is() {
    for member in members() {
        for (path, text) in sources(&member).into_iter().filter(|(path, _)| !path.ends_with("tests.rs")) {
            assert!(text.starts_with("//! "), "{} does not begin with what it is", path.display());
        }
    }
}

#[test]
fn every_module_is_registered() {
    let mut written = BTreeSet::new();
    for (path, text) in sources("modules") {
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
fn no_file_is_taken_from_another_crate() {
    for member in members() {
        for (path, text) in sources(&member) {
            let taken = text.lines().find(|line| line.trim_start().starts_with("#[path"));
            assert!(taken.is_none(), "{}: {taken:?}; use the crate that it is in", path.display());
        }
    }
}

/// The names in a directory, sorted; none where there is no such directory.
fn entries(directory: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root().join(directory)) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The binaries of integration tests that cargo finds in a crate: their paths from the root.
fn test_binaries(member: &str) -> Vec<String> {
    let directory = if member == "." { "tests".to_owned() } else { format!("{member}/tests") };
    let is_one = |name: &&String| name.ends_with(".rs") || root().join(&directory).join(name).join("main.rs").exists();
    entries(&directory).iter().filter(is_one).map(|name| format!("{directory}/{name}")).collect()
}

#[test]
fn tests_are_found_at_a_glance() {
    let below = entries("tests");
    assert!(below.len() <= 8, "{} entries are directly below tests; eight can be taken in: {below:?}", below.len());
    for member in members() {
        let binaries = test_binaries(&member);
        assert!(binaries.len() <= 1, "{member}: make one binary with modules of {binaries:?}");
    }
}

/// The parts between `](` and `)` of a cell.
fn links(cell: &str) -> Vec<&str> {
    cell.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

#[test]
fn every_module_of_tests_is_in_the_table_with_the_page_of_its_feature() {
    let page = text("docs/testing.md");
    let table = page.split_once("| feature | tests | page |\n|---|---|---|\n").expect("the table").1;
    let table = table.split("\n\n").next().unwrap_or_default();
    let mut linked = Vec::new();
    for row in table.lines() {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 3, "{row}");
        let (tests, pages) = (links(cells[1]), links(cells[2]));
        assert!(!tests.is_empty() && pages.len() == 1 && pages[0].contains(".md"), "{row}");
        linked.extend(tests.iter().filter_map(|link| link.strip_prefix("../")).map(str::to_owned));
    }
    let apart = ["main.rs", "snapshots", "support"];
    let modules = entries("tests/program").into_iter().filter(|name| !apart.contains(&name.as_str()));
    let own = modules.map(|name| format!("tests/program/{name}"));
    let others = members().into_iter().filter(|member| member != ".").flat_map(|member| test_binaries(&member));
    let there: Vec<String> = own.chain(others).collect();
    assert!(there.len() > 20, "{there:?}");
    for tests in &there {
        let rows = linked.iter().filter(|linked| *linked == tests).count();
        assert_eq!(rows, 1, "{tests} is in {rows} rows of the table in docs/testing.md; it has to be in one");
    }
}

/// Who may print, read the environment and exit: the two programs, the session, which is an execution at a terminal, and what is for
/// tests only.
const AT_A_TERMINAL: [&str; 4] = [".", "stand-in", "library/session", "testkit"];
/// Who may read the environment: secrets can be in it, and `~` is.
const IN_AN_ENVIRONMENT: [&str; 1] = ["library/files"];

#[test]
fn only_the_command_line_prints_reads_the_environment_and_exits() {
    let prints = ["println!", "eprintln!", "print!(", "process::exit", "stdout()", "stderr()"];
    let reads = ["std::env::", "env::var"];
    for member in members().iter().map(String::as_str).filter(|member| !AT_A_TERMINAL.contains(member)) {
        let mut forbidden = prints.to_vec();
        forbidden.extend(reads.iter().filter(|_| !IN_AN_ENVIRONMENT.contains(&member)));
        for (path, text) in sources(member) {
            for (number, line) in without_tests(&path, &text).lines().enumerate() {
                // Another process's output is not ours.
                let code =
                    line.split("//").next().unwrap_or_default().replace(".stdout()", "").replace(".stderr()", "");
                let found = forbidden.iter().find(|word| code.contains(**word));
                assert!(found.is_none(), "{}:{}: `{}`", path.display(), number + 1, found.copied().unwrap_or_default());
            }
        }
    }
}

/// Each crate, its dependencies, and those of its tests besides. A crate uses only those that stand above it, so there is no circle, and
/// nothing uses the two programs. `docs/architecture.md` draws it.
const USES: [(&str, &[&str], &[&str]); 13] = [
    ("protocol", &[], &[]),
    ("engine", &["protocol"], &[]),
    ("modules", &["engine"], &[]),
    ("sandbox", &["engine"], &[]),
    ("connections", &["engine"], &[]),
    ("report", &["protocol"], &["engine", "testkit"]),
    ("files", &["engine", "modules"], &[]),
    ("runs", &["engine", "files"], &[]),
    ("session", &["engine", "files", "modules", "report", "runs"], &[]),
    ("rehearsal", &["engine", "files", "modules", "sandbox"], &[]),
    (
        "cutover",
        &["connections", "engine", "files", "modules", "rehearsal", "report", "runs", "sandbox", "session"],
        &["testkit"],
    ),
    ("stand-in", &["sandbox"], &[]),
    ("testkit", &["engine", "modules", "sandbox"], &[]),
];

/// The name that a member goes by here: the last part of where it is.
fn short(member: &str) -> &str {
    if member == "." { "cutover" } else { member.rsplit('/').next().unwrap_or(member) }
}

/// The packages that a section of a manifest names.
fn named<'a>(manifest: &'a str, section: &str) -> Vec<&'a str> {
    let (start, end) = (format!("\n[{section}]\n"), "\n[");
    let part = manifest.split_once(&start).map_or("", |(_, rest)| rest.split(end).next().unwrap_or_default());
    part.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['.', ' ', '=']).next()).collect()
}

#[test]
fn dependencies_point_one_way() {
    let known: BTreeSet<&str> = USES.iter().map(|(name, ..)| *name).collect();
    let members = members();
    assert_eq!(known, members.iter().map(|member| short(member)).collect(), "left: here; right: in Cargo.toml");
    let ours = |names: &[&str]| -> Vec<String> {
        let ours = names.iter().filter_map(|name| name.strip_prefix("cutover-"));
        ours.map(|name| if name == "drbd-stand-in" { "stand-in" } else { name }.to_owned()).collect()
    };
    for member in &members {
        let manifest = text(&format!("{member}/Cargo.toml"));
        assert!(manifest.contains("\n[lints]\nworkspace = true\n"), "{member} does not take the lints of all");
        let name = short(member);
        let row = USES.iter().position(|(known, ..)| *known == name).expect("in the table");
        let (_, uses, in_tests) = USES[row];
        let above: Vec<&str> = USES[..row].iter().map(|(name, ..)| *name).collect();
        let below = uses.iter().find(|used| !above.contains(used) || ["cutover", "stand-in"].contains(used));
        assert_eq!(below, None, "{name}");
        let (used, for_tests) = (named(&manifest, "dependencies"), named(&manifest, "dev-dependencies"));
        assert_eq!(ours(&used), *uses, "{name}");
        assert_eq!(ours(&for_tests), *in_tests, "{name}, for its tests");
        assert_eq!(named(&manifest, "build-dependencies"), [""; 0], "{name}");
        // Requests are data everywhere else.
        let waist = ["kube", "http", "http-body-util", "tower", "k8s-openapi", "hyper"];
        let all = || used.iter().chain(&for_tests).copied();
        let wire: Vec<&str> = all().filter(|name| waist.contains(name)).collect();
        assert!(name == "connections" || wire.is_empty(), "{name}: {wire:?}");
        // Views and data of a run wait for nothing, so they need no runtime.
        let runtime: Vec<&str> = all().filter(|name| name.starts_with("tokio")).collect();
        assert!(!["protocol", "report"].contains(&name) || runtime.is_empty(), "{name}: {runtime:?}");
    }
}

#[test]
fn the_architecture_draws_what_may_use_what() {
    let page = text("docs/architecture.md");
    let table = page.split_once("| crate | may use |\n|---|---|\n").expect("the table").1.split("\n\n").next();
    let rows = USES.map(|(name, uses, _)| {
        let uses: Vec<String> = uses.iter().map(|used| format!("`{used}`")).collect();
        format!("| `{name}` | {} |", uses.join(", ")).replace("|  |", "| |")
    });
    assert_eq!(table.map(str::trim_end), Some(rows.join("\n").as_str()), "left: the page; right: what is so");
}

#[test]
fn a_command_is_declared_read_only_by_authors_alone() {
    let mut declared = Vec::new();
    // The test kit declares the read-only commands of its model world.
    for member in members().into_iter().filter(|member| member != "testkit") {
        for (path, text) in sources(&member) {
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
