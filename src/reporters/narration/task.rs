//! What is said about one task: that it waits, tries again, or failed.

use cutover_engine::event::{Outcome, TaskId};
use cutover_engine::module::Waiting;

use super::super::outcome::{class, is_good};
use super::super::timeline::Task;
use super::{Narration, Step, Timeline, Tone, clean, coarse, count, lines};

/// Waiting is told again after so long, in event time.
const AGAIN_MS: u64 = 30_000;
/// Or when the percentage passes a multiple of this.
const PERCENT_STEP: f64 = 25.0;

/// What was last said about a waiting task.
pub(super) struct Said {
    at_ms: u64,
    part: u32,
    why: String,
}

impl Narration {
    pub(super) fn waiting(&mut self, timeline: &Timeline, id: &TaskId, waiting: &Waiting) -> Vec<String> {
        let Some((step, task)) = timeline.task(id) else { return Vec::new() };
        let now = timeline.now_ms;
        let part = waiting.progress.map_or(0, |progress| (progress.percent / PERCENT_STEP) as u32);
        let fresh = |said: &Said| now.saturating_sub(said.at_ms) < AGAIN_MS;
        let quiet = match self.said.get(id) {
            Some(said) => fresh(said) && part <= said.part,
            // Many targets that wait for the same thing are told once.
            None => part == 0 && self.said.values().any(|said| fresh(said) && said.why == waiting.why),
        };
        if quiet {
            return Vec::new();
        }
        self.said.insert(id.clone(), Said { at_ms: now, part, why: waiting.why.clone() });
        let head = self.head(Tone::Quiet, "waiting", now.saturating_sub(task.start_ms));
        vec![format!("{head}  {}: {}", on(step, task), clean(&waiting_words(waiting)))]
    }

    pub(super) fn retrying(&self, timeline: &Timeline, id: &TaskId) -> Vec<String> {
        let Some((step, task)) = timeline.task(id) else { return Vec::new() };
        let Some(retry) = task.retries.last() else { return Vec::new() };
        let head = self.head(Tone::Warning, "retrying", timeline.now_ms.saturating_sub(task.start_ms));
        let mut said = vec![format!(
            "{head}  {}: attempt {} of {} failed, the next follows in {}",
            on(step, task),
            retry.attempt,
            retry.attempts,
            coarse(retry.delay_ms)
        )];
        said.extend(lines(&retry.message).map(|line| self.below(&format!("| {line}"))));
        said
    }

    /// All that is known about a task that failed.
    pub(super) fn failure(&mut self, timeline: &Timeline, id: &TaskId) -> Vec<String> {
        let Some((step, task)) = timeline.task(id) else { return Vec::new() };
        let Some(failure) = &task.failure else { return Vec::new() };
        let good = task.outcome.is_none_or(is_good);
        let tone = if good { Tone::Warning } else { Tone::Bad };
        let word = match (task.outcome, class(failure.class)) {
            (Some(Outcome::FailedAllowed), _) => "allowed",
            (_, "failed") => "FAILED",
            (_, "outcome unknown") => "UNKNOWN",
            (_, word) => word,
        };
        let mut said = Vec::new();
        if !good {
            said.extend(self.end_group());
            said.extend(self.annotation(&on(step, task), &failure.message));
        }
        let attempts = if task.attempts > 1 {
            format!(" after {}", count(task.attempts as usize, "attempt"))
        } else {
            String::new()
        };
        let head = self.head(tone, word, task.took_ms.unwrap_or(0));
        said.push(format!("{head}  {}{attempts}", on(step, task)));
        let texts = [&failure.message].into_iter().chain(&failure.details);
        said.extend(texts.flat_map(|text| lines(text)).map(|line| self.below(&format!("| {line}"))));
        said.extend(failure.help.iter().flat_map(|help| lines(help)).map(|line| self.below(&format!("help: {line}"))));
        said.extend(failure.place.iter().map(|place| self.below(&format!("at {}", clean(place)))));
        said
    }
}

/// A task in words: its step and target, and which element of a loop.
fn on(step: &Step, task: &Task) -> String {
    let item = task.id.item.map_or_else(String::new, |item| format!(", item {}", item + 1));
    clean(&format!("{} on {}{item}", step.name, task.id.target))
}

/// What is waited for, and how far it is.
pub(crate) fn waiting_words(waiting: &Waiting) -> String {
    let mut words = waiting.why.clone();
    if let Some(progress) = waiting.progress {
        words += &format!(", {:.0} %", progress.percent);
        if let Some(eta) = progress.eta_seconds {
            words += &format!(", about {} left", coarse(eta.saturating_mul(1000)));
        }
    }
    words
}
