//! What is printed about one task: that it waits, tries again, or failed.

use cutover_protocol::diff::Waiting;
use cutover_protocol::event::Outcome;
use cutover_protocol::failure::RecordedFailure;
use cutover_protocol::task::TaskId;
use cutover_protocol::text::Text;

use super::super::outcome::{class, is_good};
use super::super::timeline::Task;
use super::{Narration, Step, Timeline, Tone, clean, coarse, count, lines};

/// Waiting is reported again after so long, in event time.
const AGAIN_MS: u64 = 30_000;
/// Or when the percentage passes a multiple of this.
const PERCENT_STEP: f64 = 25.0;

/// What was last reported about a waiting task.
pub(super) struct Reported {
    at_ms: u64,
    part: u32,
    why: Text,
}

impl Narration {
    pub(super) fn waiting(&mut self, timeline: &Timeline, id: &TaskId, waiting: &Waiting) -> Vec<String> {
        let Some((step, task)) = timeline.task(id) else { return Vec::new() };
        let now = timeline.now_ms;
        let part = waiting.progress.map_or(0, |progress| (progress.percent / PERCENT_STEP) as u32);
        let fresh = |last: &Reported| now.saturating_sub(last.at_ms) < AGAIN_MS;
        let quiet = match self.reported.get(id) {
            Some(last) => fresh(last) && part <= last.part,
            // Many targets that wait for the same thing are reported once.
            None => part == 0 && self.reported.values().any(|last| fresh(last) && last.why == waiting.why),
        };
        if quiet {
            return Vec::new();
        }
        self.reported.insert(id.clone(), Reported { at_ms: now, part, why: waiting.why.clone() });
        let head = self.head(Tone::Quiet, "waiting", now.saturating_sub(task.start_ms));
        vec![format!("{head}  {}: {}", on(step, task), clean(&waiting_words(waiting)))]
    }

    pub(super) fn retrying(&self, timeline: &Timeline, id: &TaskId) -> Vec<String> {
        let Some((step, task)) = timeline.task(id) else { return Vec::new() };
        let Some(retry) = task.retries.last() else { return Vec::new() };
        let head = self.head(Tone::Warning, "retrying", timeline.now_ms.saturating_sub(task.start_ms));
        let mut output = vec![format!(
            "{head}  {}: attempt {} of {} failed, the next follows in {}",
            on(step, task),
            retry.attempt,
            retry.attempts,
            coarse(retry.delay_ms)
        )];
        output.extend(lines(&retry.message.to_string()).map(|line| self.below(&format!("| {line}"))));
        output
    }

    /// What is printed about a task that failed.
    pub(super) fn task_finished(&mut self, timeline: &Timeline, id: &TaskId) -> Vec<String> {
        let Some((step, task)) = timeline.task(id) else { return Vec::new() };
        let Some(failure) = &task.failure else { return Vec::new() };
        self.failure(&on(step, task), failure, task.outcome, task.attempts, task.took_ms.unwrap_or(0))
    }

    /// All that is known about a failure of something.
    pub(super) fn failure(
        &mut self,
        of: &str,
        failure: &RecordedFailure,
        outcome: Option<Outcome>,
        attempts: u32,
        took_ms: u64,
    ) -> Vec<String> {
        let good = outcome.is_none_or(is_good);
        let tone = if good { Tone::Warning } else { Tone::Bad };
        let word = match (outcome, class(failure.class)) {
            (Some(Outcome::FailedAllowed), _) => "allowed",
            (_, "failed") => "FAILED",
            (_, "outcome unknown") => "UNKNOWN",
            (_, word) => word,
        };
        let mut output = Vec::new();
        if !good {
            output.extend(self.end_group());
            output.extend(self.annotation(of, &failure.message.to_string()));
        }
        let attempts = match attempts {
            0 | 1 => String::new(),
            n => format!(" after {}", count(n as usize, "attempt")),
        };
        let head = self.head(tone, word, took_ms);
        output.push(format!("{head}  {of}{attempts}"));
        let texts = [&failure.message].into_iter().chain(&failure.details).map(Text::to_string);
        let helps = failure.help.iter().map(Text::to_string);
        output.extend(texts.flat_map(|text| split(&text)).map(|line| self.below(&format!("| {line}"))));
        output.extend(helps.flat_map(|help| split(&help)).map(|line| self.below(&format!("help: {line}"))));
        output.extend(failure.place.iter().map(|place| self.below(&format!("at {}", clean(place)))));
        output
    }
}

/// A task in words: its step, with the pass of its loop, and its target.
fn on(step: &Step, task: &Task) -> String {
    clean(&format!("{} on {}", step.name_in(&task.id), task.id.target))
}

fn split(text: &str) -> Vec<String> {
    lines(text).collect()
}

/// What is waited for, and how far it is.
pub(crate) fn waiting_words(waiting: &Waiting) -> String {
    let mut words = waiting.why.to_string();
    if let Some(progress) = waiting.progress {
        words += &format!(", {:.0} %", progress.percent);
        if let Some(eta) = progress.eta_seconds {
            words += &format!(", about {} left", coarse(eta.saturating_mul(1000)));
        }
    }
    words
}
