//! A run in lines: what is printed about each event. The plain reporter prints all of it; the live one leaves out what
//! its footer shows.

mod closing;
mod github;
mod opening;
mod task;

pub(super) use opening::params;

use std::collections::HashMap;

use cutover_protocol::event::{Event, EventKind, Outcome};
use cutover_protocol::path::Path;
use cutover_protocol::task::{ChangeId, TaskId};

use super::Style;
use super::clock::{coarse, exact, planned, since};
use super::line::{clean, count, first_line, lines, pad, pad_right};
use super::outcome::{tone, word};
use super::palette::{Palette, Tone};
use super::timeline::{Step, Stopping, Timeline, looked_again, over};

/// The columns that the words at the head of a line take.
const HEAD: usize = 11;

/// Narrates a run in lines.
pub(crate) struct Narration {
    style: Style,
    palette: Palette,
    /// Whether waiting is reported; a footer shows it better.
    waits: bool,
    reported: HashMap<TaskId, task::Reported>,
    group_open: bool,
    forecast_shown: bool,
    closed: bool,
    began: bool,
}

impl Narration {
    /// A narration; `waits` says whether waiting is reported.
    pub(crate) fn new(style: Style, waits: bool) -> Self {
        let palette = Palette { color: style.color };
        Self {
            style,
            palette,
            waits,
            reported: HashMap::new(),
            group_open: false,
            forecast_shown: false,
            closed: false,
            began: false,
        }
    }

    /// What is printed about an event that the timeline has taken in already.
    pub(crate) fn event(&mut self, timeline: &Timeline, event: &Event) -> Vec<String> {
        self.began = true;
        let output = self.tell(timeline, event);
        self.guarded(output)
    }

    fn tell(&mut self, timeline: &Timeline, event: &Event) -> Vec<String> {
        match &event.kind {
            EventKind::RunStarted { .. } => {
                self.closed = false;
                self.opening(timeline)
            }
            EventKind::PhaseStarted { .. } => self.phase_started(timeline),
            EventKind::PhaseFinished { index, .. } => self.phase_finished(timeline, *index),
            EventKind::SectionStarted { path, .. } => self.section_started(timeline, path),
            EventKind::StepFinished { path, .. } => {
                self.reported.clear();
                timeline.step(path).map_or_else(Vec::new, |step| self.step_finished(step))
            }
            EventKind::Waiting { task, waiting } if self.waits => self.waiting(timeline, task, waiting),
            EventKind::Retrying { task, .. } => self.retrying(timeline, task),
            EventKind::TaskFinished { task, .. } => self.task_finished(timeline, task),
            EventKind::Undone { number, .. } => self.undone(timeline, *number),
            EventKind::GateOpened { question, confirm, .. } => {
                let mut output = self.say(Tone::Active, "gate", question);
                output.push(self.below(&format!("type `{}` to go on", clean(confirm))));
                output
            }
            EventKind::GateAnswered { approved, by, reason, .. } => {
                let (tone, word) = if *approved { (Tone::Good, "approved") } else { (Tone::Bad, "REFUSED") };
                self.say(tone, word, &format!("by {by}: {reason}"))
            }
            EventKind::LookedAgain { answered, looks, took_ms, .. } => {
                let words = looked_again(looks, *answered, *took_ms);
                match looks.iter().any(|look| look.failure.is_some()) {
                    true => self.say(Tone::Bad, "CHANGED", &words),
                    false => self.say(Tone::Good, "looked", &words),
                }
            }
            EventKind::OutageBegan { .. } => {
                self.say(Tone::Warning, "OUTAGE", &format!("begins at {}", since(timeline.now_ms)))
            }
            EventKind::OutageEnded { .. } => {
                let words = timeline.outage_words().unwrap_or_default();
                self.say(Tone::Good, "OUTAGE", &format!("is over: {words}"))
            }
            EventKind::Stopping { at_once } => self.say(Tone::Warning, "STOPPING", Stopping::meaning(*at_once)),
            EventKind::Notice { message } => self.say(Tone::Active, "notice", &message.to_string()),
            EventKind::RunFinished { .. } => self.closing(timeline),
            EventKind::StepStarted { .. }
            | EventKind::SectionFinished { .. }
            | EventKind::TaskStarted { .. }
            | EventKind::Probed { .. }
            | EventKind::Applying { .. }
            | EventKind::Acted { .. }
            | EventKind::Applied { .. }
            | EventKind::NotSent { .. }
            | EventKind::DeclaredDone { .. }
            | EventKind::Registered { .. }
            | EventKind::Waiting { .. } => Vec::new(),
        }
    }

    /// What is printed when no event follows: the closing, for a run whose end was not seen.
    pub(crate) fn finish(&mut self, timeline: &Timeline) -> Vec<String> {
        let output = if self.began && !self.closed { self.closing(timeline) } else { Vec::new() };
        self.guarded(output)
    }

    fn phase_started(&mut self, timeline: &Timeline) -> Vec<String> {
        let Some(phase) = timeline.phase() else { return Vec::new() };
        let mut heading = format!("Phase {}/{}  {}", phase.index, phase.count, clean(&phase.name));
        if let Some(budget) = phase.budget_ms {
            heading += &format!("  (budget {})", planned(budget));
        }
        let mut output = vec![String::new()];
        output.extend(self.end_group());
        output.push(match self.style.github {
            true => self.begin_group(&heading),
            false => self.palette.paint(Tone::Strong, &heading),
        });
        if phase.point_of_no_return {
            output.extend(self.say(
                Tone::Warning,
                "!!",
                "POINT OF NO RETURN: this phase is declared as having no way back",
            ));
            output.extend(self.forecast(timeline));
        }
        output
    }

    fn phase_finished(&mut self, timeline: &Timeline, index: usize) -> Vec<String> {
        let Some(phase) = timeline.phases.iter().rev().find(|phase| phase.index == index) else { return Vec::new() };
        let actual = phase.actual_ms(timeline.now_ms);
        let mut text = format!("phase {}/{}", phase.index, phase.count);
        match (phase.budget_ms, over(phase.spent_ms(timeline.now_ms), phase.budget_ms)) {
            (Some(budget), Some(over)) => {
                text += &format!(" OVER its budget of {} by {}", planned(budget), exact(over))
            }
            (Some(budget), None) => text += &format!(" within its budget of {}", planned(budget)),
            (None, _) => {}
        }
        text += &format!("; {}", since(timeline.now_ms));
        if let Some(window) = timeline.window(timeline.now_ms) {
            text += &match window.left_ms {
                Some(left) => format!(", window {} left", coarse(left)),
                None => format!(", window EXCEEDED by {}", coarse(window.exceeded_ms)),
            };
        }
        let outcome = phase.outcome.map_or("ended", word);
        let head = self.head(tone(phase.outcome), outcome, actual);
        let mut output = vec![format!("{head}  {text}")];
        if !self.forecast_shown {
            output.extend(self.forecast(timeline));
        }
        output.extend(self.end_group());
        output
    }

    /// The warning that what is still to come does not fit the window any more.
    fn forecast(&mut self, timeline: &Timeline) -> Vec<String> {
        let Some((window, over)) = timeline.window(timeline.now_ms).and_then(|w| Some((w, w.over_ms?))) else {
            return Vec::new();
        };
        self.forecast_shown = true;
        let unbudgeted = match window.unbudgeted {
            0 => String::new(),
            n => format!("; {} ahead without a budget not counted", count(n, "phase")),
        };
        let text = format!(
            "the budgets of what is still to come ({}) exceed the window by {}{unbudgeted}",
            planned(window.budgeted_ms),
            coarse(over)
        );
        self.say(Tone::Warning, "WARNING", &text)
    }

    /// That a block went on with its `rescue` or `always` steps, and why.
    fn section_started(&self, timeline: &Timeline, block: &Path) -> Vec<String> {
        let Some(section) = timeline.section(block) else { return Vec::new() };
        let mut text = section.name.clone();
        if let Some(why) = &section.reason {
            text += &format!(", because: {}", first_line(why));
        }
        self.say(Tone::Warning, "goes on", &text)
    }

    /// How a step ended, and what went wrong if it was none of its tasks.
    fn step_finished(&mut self, step: &Step) -> Vec<String> {
        let mut output = Vec::new();
        if let Some(failure) = &step.failure {
            output = self.failure(&clean(&step.name), failure, step.outcome, 1, step.took_ms.unwrap_or(0));
        }
        output.push(self.step_line(step));
        output
    }

    fn step_line(&self, step: &Step) -> String {
        let narrow = self.style.width.columns() < 80;
        let actual = step.took_ms.unwrap_or(0);
        let word = match step.outcome {
            Some(Outcome::Changed) if step.undoes() => "undone",
            outcome => outcome.map_or("ended", word),
        };
        let head = self.head(tone(step.outcome), word, actual);
        let targets = match step.targets.len() {
            _ if narrow => String::new(),
            0 => format!("{}  ", pad("", 10)),
            n => format!("{}  ", pad(&count(n, "target"), 10)),
        };
        let mut line = format!("{head}  {targets}{}{}", "  ".repeat(step.depth), clean(&step.name));
        if step.outcome == Some(Outcome::FailedAllowed) {
            line += " (failed; the run goes on)";
        }
        if step.attempts > 1 {
            line += &format!(" ({} attempts)", step.attempts);
        }
        if let (Some(budget), Some(over)) = (step.budget_ms, over(step.spent_ms(actual), step.budget_ms)) {
            let text = format!(" OVER its budget of {} by {}", planned(budget), exact(over));
            line += &self.palette.paint(Tone::Warning, &text);
        }
        match &step.reason {
            Some(reason) => format!("{line}: {}", clean(&reason.to_string())),
            None => line,
        }
    }

    /// That a change was undone, and what did it.
    fn undone(&self, timeline: &Timeline, number: ChangeId) -> Vec<String> {
        let Some((made, undo)) = timeline.change(number).and_then(|made| Some((made, made.undo.as_ref()?))) else {
            return Vec::new();
        };
        let text = format!("{} on {}: {}", made.step, made.task.target, made.change.summary);
        let mut output = vec![format!("{}  {}", self.head(Tone::Warning, "undone", undo.took_ms), clean(&text))];
        output.extend(timeline.undone_by(made).iter().map(|line| self.below(&clean(line))));
        output
    }

    /// The head of a line: a word and a duration.
    fn head(&self, tone: Tone, word: &str, ms: u64) -> String {
        format!("{} [{}]", self.palette.paint(tone, &pad_right(word, HEAD)), pad_right(&exact(ms), 7))
    }

    /// Says a text under a word; further lines of the text stand below it.
    fn say(&self, tone: Tone, word: &str, text: &str) -> Vec<String> {
        let mut texts = lines(text);
        let first = texts.next().unwrap_or_default();
        let mut output = vec![format!("{}  {first}", self.palette.paint(tone, &pad_right(word, HEAD)))];
        output.extend(texts.map(|line| self.below(&line)));
        output
    }

    /// A line below another.
    fn below(&self, text: &str) -> String {
        format!("{}  {}", " ".repeat(HEAD), self.disarm(text))
    }
}
