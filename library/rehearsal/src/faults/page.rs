//! A campaign as a page of HTML: the same table, and under it every case that broke a law.

use std::fmt::Write as _;

use super::campaign::Campaign;
use super::case::{Tried, Verdict};
use super::law::Breach;
use super::table::{cell, meaning};

const STYLE: &str = "body{font-family:sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:2px 6px;\
                     font-size:85%;text-align:left}td.unsafe{background:#f4b6b6}td.undone{background:#fbe3b5}td.stopped{background:#e3ecfb}\
                     td.well{background:#def3de}code{font-size:95%}";

impl Campaign {
    /// The page; `again` is the command that tries a case again, without the case.
    pub fn page(&self, title: &str, again: &str) -> String {
        let (columns, cells) = (self.columns(), self.cells());
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title><style>{STYLE}</style></head>\n\
             <body><h1>{0}</h1>\n",
            escaped(title)
        );
        let mut add = |text: std::fmt::Arguments<'_>| {
            // Writing to a `String` cannot fail.
            let _ = page.write_fmt(text);
        };
        add(format_args!("<table><tr><th>step</th>"));
        columns.iter().for_each(|column| add(format_args!("<th>{}</th>", escaped(column))));
        add(format_args!("</tr>\n"));
        for step in &self.steps {
            add(format_args!("<tr><td>{}</td>", escaped(step)));
            for column in &columns {
                let cases = cells.get(&(step.as_str(), column.clone()));
                let worst = cases.and_then(|cases| cases.iter().map(|case| case.verdict).max());
                let class = worst.map_or("", class);
                let words = worst.map_or("", meaning);
                let text = cases.map_or(String::new(), |cases| cell(cases));
                add(format_args!("<td class=\"{class}\" title=\"{}\">{}</td>", escaped(words), escaped(&text)));
            }
            add(format_args!("</tr>\n"));
        }
        add(format_args!("</table>\n"));
        self.undisturbed.iter().for_each(|breach| add(format_args!("<h2>Without any fault</h2>{}", shown(breach))));
        for case in self.cases.iter().filter(|case| !case.breaches.is_empty()) {
            add(format_args!("<h2>{}</h2>\n", escaped(&named(case))));
            case.breaches.iter().for_each(|breach| add(format_args!("{}", shown(breach))));
            add(format_args!("<p>Again: <code>{}{}</code></p>\n", escaped(again), escaped(&case.options())));
        }
        add(format_args!("</body></html>\n"));
        page
    }
}

impl Tried {
    /// The options with which it is tried again.
    pub fn options(&self) -> String {
        let option = |blow: &super::Blow| format!(" --fault {}", cutover_engine::world::quote(&blow.to_string()));
        self.fault.blows.iter().map(option).collect()
    }
}

fn named(case: &Tried) -> String {
    case.fault.blows.iter().map(ToString::to_string).collect::<Vec<_>>().join(", then ")
}

fn shown(breach: &Breach) -> String {
    let [law, step, seen] =
        [breach.law.to_string(), breach.step.clone(), breach.seen.clone()].map(|text| escaped(&text));
    format!("<p><b>{law}</b> ({}, in {step}): {seen}</p>\n", breach.leg)
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unsafe => "unsafe",
        Verdict::Undone => "undone",
        Verdict::Resumed => "stopped",
        Verdict::Retried | Verdict::NoEffect => "well",
        Verdict::NeverFired | Verdict::NotTried => "",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
