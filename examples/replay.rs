//! Replays a recorded run through a reporter, faster than it was, or renders its report, for looking at reporters:
//!
//! ```text
//! cargo run --example replay -- live examples/eventful.jsonl 20
//! cargo run --example replay -- html examples/eventful.jsonl > report.html
//! ```

use std::io::{Write, stdout};
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use cutover_engine::event::Event;
use cutover_report::render::{ReportKind, render};
use cutover_report::{OutputKind, Style, Width, reporter};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: replay live|plain|json|text|markdown|html|junit FILE [SPEED]";
    let kind = arguments.next().context(usage)?;
    let file = arguments.next().context(usage)?;
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    let events: Vec<Event> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let speed = arguments.next().map_or(Ok(f64::INFINITY), |speed| speed.parse()).context(usage)?;
    let term = console::Term::stdout();
    let style = Style { color: term.is_term(), width: Width::Terminal(term), github: false };
    if let Ok(kind) = ReportKind::from_str(&kind, true) {
        stdout().write_all(render(kind, &events, &style)?.as_bytes())?;
        return Ok(());
    }
    let kind = OutputKind::from_str(&kind, true).ok().context(usage)?;
    let mut reporter = reporter(kind, Box::new(stdout()), style);
    let mut before = 0;
    for event in events {
        let pause = event.elapsed_ms.saturating_sub(before) as f64 / 1000.0 / speed;
        std::thread::sleep(Duration::from_secs_f64(pause));
        before = event.elapsed_ms;
        reporter.event(&event);
    }
    reporter.finish();
    Ok(())
}
