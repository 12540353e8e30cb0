//! The commands over run directories made by hand.

use std::fs;
use std::path::Path;

use cutover_report::render::ReportKind;
use cutover_report::{Style, Width};
use cutover_runs::RunStore;
use cutover_testkit::samples;

use super::{report, runs};

const JOURNAL: &str = include_str!("../../examples/eventful.jsonl");

fn store(root: &Path, id: &str, journal: &str) {
    fs::create_dir_all(root.join(id)).unwrap();
    fs::write(root.join(id).join("events.jsonl"), journal).unwrap();
}

fn reported(root: &Path, run: &str, kind: ReportKind) -> Result<String, String> {
    let style = Style { color: false, width: Width::Columns(100), github: false };
    let mut out = Vec::new();
    report::run(&RunStore::new(root), run, kind, None, &style, &mut out).map_err(|error| format!("{error:#}"))?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn runs_are_listed_with_what_can_be_resumed() {
    let root = tempfile::tempdir().unwrap();
    store(root.path(), "20260314-220000-k3x", JOURNAL);
    let lines: Vec<&str> = JOURNAL.lines().collect();
    let cut = lines[..20].join("\n") + "\n{\"v\":1,\"se";
    store(root.path(), "20260315-010000-abc", &cut.replace("2026-03-14T", "2026-03-15T"));
    let rehearsal = JOURNAL.replace("\"verb\":\"run\"", "\"verb\":\"rehearse\"").replace("2026-03-14T", "2026-03-13T");
    store(root.path(), "20260313-220000-zzz", &rehearsal);
    fs::create_dir(root.path().join("empty")).unwrap();
    for (id, events) in [("20260316-und", samples::undone()), ("20260317-part", samples::partly_undone())] {
        let lines = events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n");
        store(root.path(), id, &lines.collect::<String>());
    }
    insta::assert_snapshot!(runs::run(&RunStore::new(root.path()), 140).unwrap());
    assert_eq!(runs::run(&RunStore::new(&root.path().join("empty")), 100).unwrap().lines().count(), 1);
    assert!(runs::run(&RunStore::new(&root.path().join("absent")), 100).unwrap().starts_with("no runs in "));
}

#[test]
fn a_run_is_found_by_id_beginning_path_and_latest() {
    let root = tempfile::tempdir().unwrap();
    store(root.path(), "20260314-220000-k3x", JOURNAL);
    store(root.path(), "20260315-220000-abc", &JOURNAL.replace("2026-03-14T", "2026-03-15T"));
    let started = |run: &str| -> Result<String, String> {
        let text = reported(root.path(), run, ReportKind::Text)?;
        Ok(text.lines().find(|line| line.starts_with("  started")).unwrap()[13..23].to_owned())
    };
    let path = root.path().join("20260314-220000-k3x");
    assert_eq!(started("20260314-220000-k3x"), Ok("2026-03-14".to_owned()));
    assert_eq!(started("20260315"), Ok("2026-03-15".to_owned()));
    assert_eq!(started("latest"), Ok("2026-03-15".to_owned()));
    assert_eq!(started(path.to_str().unwrap()), Ok("2026-03-14".to_owned()));
    let wrong = |run: &str| started(run).unwrap_err().replace(root.path().to_str().unwrap(), "ROOT");
    assert_eq!(wrong("2027"), "there is no run `2027` in ROOT");
    let both = "`2026` could be any of 2 runs: type more of it";
    assert_eq!(wrong("2026"), both);
    assert!(wrong("ROOT/nowhere").starts_with("there is no journal at ROOT/nowhere"));
    store(root.path(), "void", "");
    assert_eq!(wrong("void"), "ROOT/void/events.jsonl holds no events");
}

#[test]
fn a_report_goes_to_a_file_and_tells_of_a_torn_line() {
    let root = tempfile::tempdir().unwrap();
    let torn = JOURNAL.lines().take(12).collect::<Vec<_>>().join("\n") + "\n{\"v\":1,\"se";
    store(root.path(), "r", &torn);
    let style = Style { color: false, width: Width::Columns(100), github: false };
    let (file, mut out) = (root.path().join("report.html"), Vec::new());
    report::run(&RunStore::new(root.path()), "r", ReportKind::Html, Some(&file), &style, &mut out).unwrap();
    let page = fs::read_to_string(&file).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("last line was cut off after 10 bytes"), "{page}");
    assert!(out.is_empty());
    assert!(reported(root.path(), "r", ReportKind::Junit).unwrap().starts_with("<?xml"));
}
