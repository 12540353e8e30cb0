//! A committed list of shapes, each with the place where it is compared with the real thing. `UPDATE=1` rewrites it: new shapes
//! are marked `?` for a person to name the place, shapes that are no longer sent are removed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use super::rehearsed::root;
use super::shape::Shapes;

/// A list.
pub(crate) struct List {
    file: &'static str,
    /// The place of each shape, with the reason if there is one.
    pub(crate) entries: BTreeMap<String, (String, String)>,
}

impl List {
    /// Reads `tests/program/conformance/FILE`. A line is `WHERE SHAPE`, perhaps with `  # REASON`; other comments stand alone.
    pub(crate) fn read(file: &'static str) -> Self {
        let text = fs::read_to_string(root().join("tests/program/conformance").join(file)).unwrap();
        let entry = |line: &str| {
            let (line, reason) = line.split_once("  # ").unwrap_or((line, ""));
            let (place, shape) = line.trim().split_once(' ').unwrap_or_else(|| panic!("{file}: {line}"));
            (shape.trim().to_owned(), (place.to_owned(), reason.to_owned()))
        };
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { file, entries: lines.map(entry).collect() }
    }

    /// Updates the list if requested, and returns what is wrong with it: shapes that are sent and not listed, and shapes that are
    /// listed and never sent.
    pub(crate) fn held_against(&mut self, sent: &Shapes) -> Vec<String> {
        if std::env::var_os("UPDATE").is_some() {
            self.update(sent);
        }
        let unknown = sent.iter().filter(|(shape, _)| !self.entries.contains_key(*shape));
        let mut wrong: Vec<String> =
            unknown.map(|(shape, as_sent)| format!("not listed: {shape}\n    sent: {as_sent}")).collect();
        let gone = self.entries.keys().filter(|shape| !sent.contains_key(*shape));
        wrong.extend(gone.map(|shape| format!("listed, but never sent: {shape}")));
        wrong
    }

    fn update(&mut self, sent: &Shapes) {
        self.entries.retain(|shape, _| sent.contains_key(shape));
        for shape in sent.keys() {
            self.entries.entry(shape.clone()).or_insert_with(|| ("?".to_owned(), String::new()));
        }
        let path = root().join("tests/program/conformance").join(self.file);
        let text = fs::read_to_string(&path).unwrap();
        let mut made: String =
            text.lines().take_while(|line| line.starts_with('#')).map(|line| format!("{line}\n")).collect();
        for (shape, (place, reason)) in &self.entries {
            let reason = if reason.is_empty() { String::new() } else { format!("  # {reason}") };
            writeln!(made, "{place:<8}{shape}{reason}").unwrap();
        }
        fs::write(path, made).unwrap();
    }

    /// The shapes that are compared at a place.
    pub(crate) fn at(&self, place: &str) -> impl Iterator<Item = &str> {
        self.entries.iter().filter(move |(_, (known, _))| known == place).map(|(shape, _)| shape.as_str())
    }
}
