//! A plan as text: phases, steps, verdicts, and the exact commands and requests of each change.

use std::fmt::Write as _;

use console::style;
use cutover_engine::action::Action;
use cutover_engine::change::{Change, Class};
use cutover_engine::path::Path;
use cutover_engine::plan::{Plan, PlannedOutage, PlannedStep, PlannedTask, Verdict};
use cutover_engine::playbook::Outage;
use cutover_engine::task::TaskId;
use cutover_rehearsal::Rehearsed;
use cutover_report::clean;

/// The text of a plan.
pub(crate) struct Shown<'a> {
    /// The plan.
    pub(crate) plan: &'a Plan,
    /// The changes that a rehearsal made.
    pub(crate) rehearsed: &'a [Rehearsed],
    /// Whether the commands of the probes are shown as well.
    pub(crate) reads: bool,
}

/// The plan as text.
pub(crate) fn text(shown: &Shown<'_>) -> String {
    let plan = shown.plan;
    let mut text = format!("{}\n", style(clean(&plan.playbook)).bold());
    for (index, phase) in plan.phases.iter().enumerate() {
        let budget = phase.budget_ms.map(|ms| format!(", budget {}", span(ms))).unwrap_or_default();
        let point = if phase.point_of_no_return { ", point of no return" } else { "" };
        let _ =
            writeln!(text, "\n{}", style(format!("Phase {}: {}{budget}{point}", index + 1, clean(&phase.name))).bold());
        for planned in &phase.steps {
            step(&mut text, planned, shown);
        }
    }
    if let Some(outage) = &plan.outage {
        let _ = writeln!(text, "\n{}", clean(&self::outage(plan, outage)));
    }
    let _ = writeln!(text, "\n{}", summary(plan));
    text
}

fn step(text: &mut String, step: &PlannedStep, shown: &Shown<'_>) {
    let mark = match (step.outage, step.in_outage, step.before_outage) {
        (Some(Outage::Begins), ..) => "  [the outage begins]",
        (Some(Outage::Ends), true, _) => "  [the outage ends]",
        (_, true, _) => "  [in the outage]",
        (_, _, true) => "  [again right before the outage]",
        _ => "",
    };
    let (word, path) = (word(&step.verdict), style(&step.path).dim());
    let _ = writeln!(text, "  {word} {}  {path}{}", clean(&step.name), style(mark).magenta());
    if let Some(note) = &step.note {
        let _ = writeln!(text, "      {}", clean(&note.to_string()));
    }
    if let Verdict::Depends { number, on } = &step.verdict {
        let _ = writeln!(text, "      depends on step {number} ({on})");
    }
    let later = matches!(step.verdict, Verdict::Depends { .. } | Verdict::BlockedNow | Verdict::Wait);
    let rehearsed = if later { of_step(shown.rehearsed, &step.path) } else { Vec::new() };
    for task in &step.tasks {
        // A refusal that earlier changes will lift is left out where the rehearsal shows what will be done.
        self::task(text, task, shown.reads, rehearsed.is_empty());
    }
    if !rehearsed.is_empty() {
        let _ = writeln!(text, "      {}", style("as rehearsed:").dim());
    }
    for made in rehearsed {
        change(text, &made.change, &prefix(&made.task));
    }
}

/// The changes that the rehearsal made in a step.
fn of_step<'a>(rehearsed: &'a [Rehearsed], step: &Path) -> Vec<&'a Rehearsed> {
    rehearsed.iter().filter(|made| made.task.path.step() == *step).collect()
}

fn task(text: &mut String, task: &PlannedTask, reads: bool, reasons: bool) {
    let of = prefix(&task.task);
    for reason in task.reasons.iter().filter(|_| reasons) {
        let _ = writeln!(text, "      {of}{}", below(reason));
    }
    if let Some(failure) = &task.failure {
        let _ = writeln!(text, "      {of}{}", below(&failure.message));
        failure.details.iter().for_each(|line| {
            let _ = writeln!(text, "        {}", below(line));
        });
        if let Some(help) = &failure.help {
            let _ = writeln!(text, "        help: {}", below(help));
        }
    }
    if reads {
        task.reads.iter().for_each(|line| {
            let _ = writeln!(text, "      {}", style(format!("? {}", below(line))).dim());
        });
    }
    for made in &task.changes {
        change(text, made, &of);
    }
}

/// The target, with the pass of the step's own loop.
fn prefix(task: &TaskId) -> String {
    let pass = task.path.item().map(|item| format!(" [{}]", item.position)).unwrap_or_default();
    format!("{}{pass}: ", task.target)
}

fn change(text: &mut String, change: &Change, prefix: &str) {
    let once = match (change.class, &change.undo) {
        (Class::AtMostOnce, _) => "  (at most once)",
        (Class::Idempotent, None) => "  (cannot be undone by itself)",
        (Class::Idempotent, Some(_)) | (Class::Transient, _) => "",
    };
    let _ = writeln!(text, "      {prefix}{}{}", below(&change.summary), style(once).yellow());
    for action in &change.actions {
        let _ = writeln!(text, "        {}", style(line(action)).cyan());
    }
    for line in change.preview.iter().flat_map(|preview| preview.lines()) {
        let line = clean(line);
        let line = match line.chars().next() {
            Some('+') => style(line).green(),
            Some('-') => style(line).red(),
            _ => style(line),
        };
        let _ = writeln!(text, "          {line}");
    }
}

fn line(action: &Action) -> String {
    below(action)
}

/// Words of others, safe on a terminal; lines after the first are set in.
fn below(words: &impl ToString) -> String {
    words.to_string().lines().map(clean).collect::<Vec<_>>().join("\n        ")
}

fn word(verdict: &Verdict) -> String {
    let (word, styled) = match verdict {
        Verdict::Skipped => ("skipped", style("skipped").dim()),
        Verdict::InSync => ("in sync", style("in sync").green()),
        Verdict::Gate => ("gate", style("gate").magenta()),
        Verdict::Wait => ("waits", style("waits").cyan()),
        Verdict::Change => ("changes", style("changes").yellow()),
        Verdict::Run => ("runs", style("runs").yellow()),
        Verdict::Depends { .. } => ("later", style("later").cyan()),
        Verdict::BlockedNow => ("not yet", style("not yet").cyan()),
        Verdict::Blocked => ("blocked", style("blocked").red().bold()),
        Verdict::Unreachable => ("unreachable", style("unreachable").red().bold()),
        Verdict::Failed => ("failed", style("failed").red().bold()),
    };
    format!("{}{styled}", " ".repeat(11_usize.saturating_sub(word.len())))
}

/// From where to where the outage goes, and how long the budgets let it be.
fn outage(plan: &Plan, outage: &PlannedOutage) -> String {
    let name = |number: usize| plan.steps().find(|step| step.number == number).map_or("", |step| step.name.as_str());
    let ends = match outage.ends {
        Some(ends) => format!("to `{}`", name(ends)),
        None => "to the end of the playbook".to_owned(),
    };
    let steps = plan.steps().filter(|step| step.in_outage).count();
    let budget = match outage.budget_ms {
        0 => String::new(),
        ms => format!("; budgeted with at most {}", span(ms)),
    };
    let unbudgeted = match outage.unbudgeted {
        0 => String::new(),
        n => format!("; {n} of its phases without a budget not counted"),
    };
    format!(
        "Outage: from `{}` {ends}, {steps} steps in {} phases{budget}{unbudgeted}.",
        name(outage.begins),
        outage.phases
    )
}

fn summary(plan: &Plan) -> String {
    let count = |wanted: fn(&Verdict) -> bool| plan.steps().filter(|step| wanted(&step.verdict)).count();
    let changes = count(|verdict| matches!(verdict, Verdict::Change | Verdict::Run));
    let in_sync = count(|verdict| *verdict == Verdict::InSync);
    let later = count(|verdict| matches!(verdict, Verdict::Depends { .. } | Verdict::BlockedNow | Verdict::Wait));
    let refused = count(|verdict| matches!(verdict, Verdict::Blocked | Verdict::Unreachable | Verdict::Failed));
    let gates = count(|verdict| *verdict == Verdict::Gate);
    format!(
        "{} steps: {changes} change something, {in_sync} in sync, {later} depend on earlier ones, {gates} gates, \
         {refused} refused or out of reach. Nothing was changed.",
        plan.steps().count()
    )
}

fn span(ms: u64) -> String {
    cutover_engine::duration::HumanDuration(std::time::Duration::from_millis(ms)).to_string()
}
