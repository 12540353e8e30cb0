//! A campaign as a table for a terminal: a row for each step, a column for each kind of strike.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::campaign::Campaign;
use super::case::{Tried, Verdict};
use super::fault;

/// The letters of a cell, worst last.
const LETTERS: &[(Verdict, char, &str)] = &[
    (Verdict::NotTried, '-', "not tried: the budget was used up"),
    (Verdict::NeverFired, '?', "the call never came"),
    (Verdict::NoEffect, '=', "struck, and nothing was otherwise"),
    (Verdict::Retried, '.', "the engine dealt with it"),
    (Verdict::Resumed, 'r', "stopped; resume completes it, and undo undoes it wherever it can without a fault"),
    (Verdict::Undone, 'u', "stopped; resume does not complete it, undo undoes it"),
    (Verdict::Unsafe, 'X', "UNSAFE: a law was broken"),
];

impl Campaign {
    /// The columns that have cases, in their order.
    pub(super) fn columns(&self) -> Vec<String> {
        let mut columns = fault::columns();
        for case in &self.cases {
            let column = case.fault.column();
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns.retain(|column| self.cases.iter().any(|case| case.fault.column() == *column));
        columns
    }

    /// The cases by step and column.
    pub(super) fn cells(&self) -> BTreeMap<(&str, String), Vec<&Tried>> {
        let mut cells: BTreeMap<(&str, String), Vec<&Tried>> = BTreeMap::new();
        for case in &self.cases {
            cells.entry((case.fault.step.as_str(), case.fault.column())).or_default().push(case);
        }
        cells
    }

    /// How many cases ended so.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.cases.iter().filter(|case| case.verdict == verdict).count()
    }

    /// The table with its legend, for a terminal.
    pub fn table(&self) -> String {
        let (columns, cells) = (self.columns(), self.cells());
        let width = self.steps.iter().map(|step| step.chars().count()).max().unwrap_or(0).clamp(4, 60);
        let mut text = format!("{:<width$}", "step");
        for column in &columns {
            let _ = write!(text, "  {column:>9}");
        }
        text.push('\n');
        for step in &self.steps {
            let _ = write!(text, "{:<width$}", shortened(step, width));
            for column in &columns {
                let cell = cells.get(&(step.as_str(), column.clone())).map_or(String::new(), |cases| cell(cases));
                let _ = write!(text, "  {cell:>9}");
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text.push('\n');
        for (verdict, letter, words) in LETTERS {
            let count = self.count(*verdict);
            if count > 0 {
                let _ = writeln!(text, "{count:>6} {letter}  {words}");
            }
        }
        text
    }
}

/// The letter of a verdict.
pub(super) fn letter(verdict: Verdict) -> char {
    LETTERS.iter().find(|(known, _, _)| *known == verdict).map_or(' ', |(_, letter, _)| *letter)
}

/// The words of a verdict.
pub(super) fn meaning(verdict: Verdict) -> &'static str {
    LETTERS.iter().find(|(known, _, _)| *known == verdict).map_or("", |(_, _, words)| *words)
}

/// How many cases ended in which way, worst first: `3r 12.`.
pub(super) fn cell(cases: &[&Tried]) -> String {
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    cases.iter().for_each(|case| *counts.entry(case.verdict).or_default() += 1);
    let parts: Vec<String> =
        counts.iter().rev().map(|(verdict, count)| format!("{count}{}", letter(*verdict))).collect();
    parts.join(" ")
}

/// The end of a path that is too long.
fn shortened(step: &str, width: usize) -> String {
    let length = step.chars().count();
    if length <= width {
        step.to_owned()
    } else {
        format!("…{}", step.chars().skip(length - width + 1).collect::<String>())
    }
}
