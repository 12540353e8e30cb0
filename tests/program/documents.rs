//! The documents: playbooks and inventories in them pass `check`, links lead somewhere, exit codes and ids are those of the
//! program. Their prose is for people to judge.

use std::fs;
use std::path::Path;

use cutover_testkit::console::{root, run, seen};

use crate::support::play::{CUTOVER, Play, example};

mod sessions;

const DOCUMENTS: &[&str] = &[
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/README.md",
    "docs/architecture.md",
    "docs/operations.md",
    "docs/tutorial.md",
    "docs/writing-a-playbook.md",
];

/// Documents of which only the links are followed.
const MORE: &[&str] = &[
    "docs/drbd-differences.md",
    "docs/measured.md",
    "docs/stand-in.md",
    "docs/testing.md",
    "tests/lab/README.md",
    "tests/lab/drbd/README.md",
    "tests/lab/kind/README.md",
];

fn text(document: &str) -> String {
    fs::read_to_string(root().join(document)).expect("a document")
}

/// The fenced blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match &mut open {
            Some(_) if line == "```" => found.extend(open.take()),
            Some(block) => *block += &format!("{line}\n"),
            None if line == format!("```{language}") => open = Some(String::new()),
            None => {}
        }
    }
    found
}

#[test]
fn playbooks_and_inventories_in_documents_pass_check() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut playbooks, mut inventories, mut lists) = (0, 0, 0);
    for document in DOCUMENTS {
        for block in blocks(&text(document), "yaml") {
            let file = directory.path().join("file.yml");
            let checked = if block.contains("\nphases:") {
                playbooks += 1;
                fs::write(&file, &block).expect("a file");
                run(directory.path(), &["check", "file.yml"])
            } else if block.contains("\nroles:") {
                inventories += 1;
                fs::write(&file, &block).expect("a file");
                run(directory.path(), &["check", "-i", "file.yml"])
            } else if block.starts_with("- ") {
                lists += 1;
                let names =
                    ["release", "namespace", "statefulset", "replicas", "keys_before", "accept_stale", "attestation"];
                let vars: String = names.iter().map(|name| format!("  {name}: [x]\n")).collect();
                let steps: String = block.lines().map(|line| format!("      {line}\n")).collect();
                let whole = format!("name: x\nvars:\n{vars}phases:\n  - name: x\n    steps:\n{steps}");
                fs::write(&file, whole).expect("a file");
                run(directory.path(), &["check", "file.yml"])
            } else {
                continue;
            };
            assert_eq!(checked.status.code(), Some(0), "{document}:\n{block}\n{}", seen(&checked));
        }
    }
    assert!(playbooks >= 3 && inventories >= 1 && lists >= 6, "{playbooks} {inventories} {lists}: were they found?");
}

/// The anchors of a document, as they are made of its headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| -> String {
        let slug = heading.trim_start_matches('#').trim().to_lowercase();
        let slug = slug.chars().filter(|char| char.is_alphanumeric() || [' ', '-', '_'].contains(char));
        slug.map(|char| if char == ' ' { '-' } else { char }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut anchored = 0;
    for document in DOCUMENTS.iter().chain(MORE) {
        let directory = root().join(document).parent().map(Path::to_path_buf).expect("a directory");
        let text = text(document);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http")) {
            let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
            let target = if path.is_empty() { root().join(document) } else { directory.join(path) };
            assert!(target.exists(), "{document}: {link}");
            if let Some(anchor) = anchor {
                let known = anchors(&fs::read_to_string(&target).expect("a document"));
                assert!(known.iter().any(|known| known == anchor), "{document}: {link}; there are {known:?}");
                anchored += 1;
            }
        }
    }
    assert!(anchored > 10, "{anchored}: were they found?");
}

#[test]
fn every_document_is_in_the_index() {
    let index = text("docs/README.md");
    for entry in fs::read_dir(root().join("docs")).expect("a directory") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(name == "README.md" || !name.ends_with(".md") || index.contains(&format!("]({name})")), "{name}");
    }
}

#[test]
fn exit_codes_are_those_of_the_program() {
    let help = String::from_utf8(run(&root(), &["--help"]).stdout).expect("text");
    let codes = help.split("Exit codes:\n").nth(1).expect("the codes");
    let codes: Vec<&str> = codes.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for document in ["README.md", "docs/architecture.md"] {
        let text = text(document);
        let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
        let listed: Vec<&str> = rows.filter(|cell| cell.parse::<u8>().is_ok()).collect();
        assert_eq!(listed, codes, "{document}");
    }
}

/// Gates are approved and steps made to fail by ids; those that documents and help texts speak of have to exist.
#[test]
fn ids_in_documents_and_help_are_those_of_the_shipped_playbooks() {
    let plan = run(&root(), &["plan", "--sandbox", "playbooks/etcd-cutover.yml", "--output", "json"]);
    let plan = String::from_utf8(plan.stdout).expect("text");
    let undone = Play::load(CUTOVER, &|text| text, &example());
    let undone: Vec<&str> = undone
        .playbook
        .steps()
        .into_iter()
        .flat_map(|step| step.undo.iter().flatten())
        .map(|step| step.id.as_str())
        .collect();
    let helps = ["rehearse", "run", "resume"].map(|command| {
        let output = run(&root(), &[command, "--help"]);
        (command, String::from_utf8(output.stdout).expect("text"))
    });
    let documents = ["docs/operations.md", "docs/tutorial.md"].map(|document| (document, text(document)));
    let mut found = 0;
    for (place, text) in helps.iter().chain(&documents) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for option in ["--approve ", "--fail "] {
            let words =
                text.split(option).skip(1).filter_map(|rest| rest.split([' ', '`', '\'', '=', '@', ':']).next());
            for id in words.filter(|word| word.contains('-') && !word.starts_with(['<', '-'])) {
                found += 1;
                // What is asked when a run is undone is in no plan.
                let planned = plan.contains(&format!("/{id}\"")) || plan.contains(&format!("\"{id}\""));
                let known = planned || undone.iter().any(|known| known.ends_with(&format!("/{id}")));
                assert!(known, "{place}: `{option}{id}`");
            }
        }
    }
    assert!(found >= 6, "{found}: were they found?");
}
