//! `cutover rehearse --faults`: the campaign, its progress, its table, and what it found.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use anyhow::Context as _;
use cutover_engine::world::quote;
use cutover_files::Extra;
use cutover_rehearsal::Rehearsal;
use cutover_rehearsal::faults::{Breach, Campaign, Order, Tried, Verdict};
use cutover_session::terminal;

use crate::args::RehearseArgs;
use crate::exit::Exit;

/// How many characters the progress bar has.
const BAR: usize = 40;

/// Tries all cases and reports; ends with 1 if a law was broken.
pub(super) fn run(args: &RehearseArgs, rehearsal: Rehearsal) -> anyhow::Result<Exit> {
    let order = Order {
        depth: args.faults.unwrap_or(1),
        samples: args.samples,
        every: args.every,
        budget: args.budget.map(|budget| budget.0),
        only: args.fault.clone(),
        tags: args.common.tags(),
        accepted_gaps: args.accept_unsimulated.clone(),
        threads: available_parallelism().map_or(1, usize::from),
    };
    let command = command(args, &rehearsal);
    let (bar, shown) = (std::io::stderr().is_terminal(), AtomicUsize::new(usize::MAX));
    let progress = |done: usize, all: usize| {
        let percent = done * 100 / all.max(1);
        if bar && shown.swap(percent, Ordering::Relaxed) != percent {
            let filled = percent * BAR / 100;
            let (full, empty) = ("#".repeat(filled), " ".repeat(BAR - filled));
            let end = if done == all { "\n" } else { "" };
            terminal::offer(&format!("\r[{full}{empty}] {done} of {all}{end}"));
        }
    };
    let campaign = Campaign::of(Arc::new(rehearsal), &order, &progress)?;
    let mut text = if args.fault.is_empty() { overview(&campaign) } else { String::new() };
    if !args.fault.is_empty() {
        campaign.cases.iter().for_each(|case| text += &course(case));
    }
    text += &unsafe_cases(&campaign, &command);
    if let Some(file) = &args.page {
        let title = format!("{}: a rehearsal of faults", campaign.playbook);
        let written = std::fs::write(file, campaign.page(&title, &command));
        written.with_context(|| format!("cannot write the page `{}`", file.display()))?;
        let _ = writeln!(text, "\na page to keep: {}", file.display());
    }
    terminal::print(&text)?;
    Ok(if campaign.is_unsafe() { Exit::Failed } else { Exit::Done })
}

/// The table, and how much was tried.
fn overview(campaign: &Campaign) -> String {
    let tried = campaign.cases.len() - campaign.count(Verdict::NotTried);
    let mut text = campaign.table();
    let _ = writeln!(
        text,
        "\n{tried} of {} cases tried, at {} calls; {} undos without a fault; {:.1} s",
        campaign.cases.len(),
        campaign.calls,
        campaign.undos.len(),
        campaign.took.as_secs_f64()
    );
    let partly = campaign.undos.iter().filter(|undo| !undo.whole).map(|undo| undo.step.as_str());
    if let Some(first) = partly.clone().next() {
        let _ = writeln!(
            text,
            "an undo without a fault does not undo everything from {first} on, at {} places",
            partly.count()
        );
    }
    text
}

/// Every case that broke a law, with the command that tries it again.
fn unsafe_cases(campaign: &Campaign, command: &str) -> String {
    let mut text = String::new();
    for breach in &campaign.undisturbed {
        text += &format!("\nUNSAFE without any fault\n{}", words(breach));
    }
    for undo in &campaign.undos {
        for breach in &undo.breaches {
            text += &format!("\nUNSAFE: undo without a fault, begun before {}\n{}", undo.step, words(breach));
        }
    }
    for case in campaign.cases.iter().filter(|case| !case.breaches.is_empty()) {
        text += &format!("\nUNSAFE: {}\n", strikes(case));
        case.breaches.iter().for_each(|breach| text += &words(breach));
        let _ = writeln!(text, "  again: {command}{}", case.options());
    }
    text
}

fn strikes(case: &Tried) -> String {
    case.fault.blows.iter().map(ToString::to_string).collect::<Vec<_>>().join(", then ")
}

/// What became of a case, part by part.
fn course(case: &Tried) -> String {
    let mut text = format!("{}\n", strikes(case));
    for (leg, words) in &case.course {
        let _ = writeln!(text, "  {leg}: {words}");
    }
    text
}

/// A breach as it is reported.
fn words(breach: &Breach) -> String {
    format!("  law:   {}\n  where: {}, in {}\n  seen:  {}\n", breach.law, breach.leg, breach.step, breach.seen)
}

/// The command line without the case. The values of secret parameters have to be typed again.
fn command(args: &RehearseArgs, rehearsal: &Rehearsal) -> String {
    let mut command = "cutover rehearse".to_owned();
    let mut add = |option: &str, value: &str| {
        // Writing to a `String` cannot fail.
        let _ = write!(command, "{option} {}", quote(value));
    };
    if let Some(playbook) = &args.playbook {
        add("", &playbook.display().to_string());
    }
    if let Some(inventory) = &args.common.on.inventory {
        add(" -i", &inventory.display().to_string());
    }
    let playbook = rehearsal.jobs.last().map(|job| &job.playbook);
    let secret = |key: &str| playbook.and_then(|known| known.params.get(key)).is_some_and(|param| param.secret);
    for extra in &args.common.extra {
        match extra {
            Extra::Value(key, _) if secret(key) => add(" -e", &format!("{key}=***")),
            Extra::Value(key, value) => add(" -e", &format!("{key}={value}")),
            Extra::File(file) => add(" -e", &format!("@{}", file.display())),
        }
    }
    for (option, tags) in [(" --tags", &args.common.tags), (" --skip-tags", &args.common.skip_tags)] {
        if !tags.is_empty() {
            add(option, &tags.join(","));
        }
    }
    for name in &args.accept_unsimulated {
        add(" --accept-unsimulated", name);
    }
    if let Some(world) = &args.world {
        add(" --world", &world.display().to_string());
    }
    if args.seed != 1 {
        add(" --seed", &args.seed.to_string());
    }
    command
}
